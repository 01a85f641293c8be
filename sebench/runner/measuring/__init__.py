"""Runs a plan: worker processes one after the other, to results."""
