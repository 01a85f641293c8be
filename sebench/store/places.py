"""Folders below the current one, where nothing else is named."""

from pathlib import Path

RESULTS = Path(".sebench/results")
"""Stored results."""
CALIBRATIONS = Path(".sebench/calibrations")
"""The noise of machines."""
ATTEMPTS = Path(".sebench/attempts")
"""Samples of gates, to be pooled when a gate is repeated."""
