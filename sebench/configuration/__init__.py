"""What a project asks of sebench: ``sebench.toml``, or ``[tool.sebench]`` in ``pyproject.toml``."""

from sebench.configuration.asked import Asked, configuration_of, lock_of, settings_of
from sebench.configuration.limits import parse_limit
from sebench.configuration.loading import dump_configuration, load_configuration
from sebench.configuration.settings import (
    BaseRefSettings,
    CaseSettings,
    CeilingSettings,
    CheckSettings,
    Configuration,
    FactoriesSettings,
    LockSettings,
    RatioLimits,
    StoredSettings,
)

__all__ = [
    "Asked",
    "BaseRefSettings",
    "CaseSettings",
    "CeilingSettings",
    "CheckSettings",
    "Configuration",
    "FactoriesSettings",
    "LockSettings",
    "RatioLimits",
    "StoredSettings",
    "configuration_of",
    "dump_configuration",
    "load_configuration",
    "lock_of",
    "parse_limit",
    "settings_of",
]
