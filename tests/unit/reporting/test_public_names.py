"""The names of the package are loaded when they are first used, whatever was imported before."""

import importlib
from types import ModuleType

import pytest

from sebench import reporting


def test_every_name_is_what_its_module_has():
    for name, module in reporting._MODULE_OF.items():
        found = importlib.import_module(f"sebench.reporting.{module}")
        assert getattr(reporting, name) is getattr(found, name)
        assert not isinstance(getattr(reporting, name), ModuleType)
    assert sorted(reporting._MODULE_OF) == sorted(reporting.__all__)
    assert set(reporting.__all__) <= set(dir(reporting))


def test_there_is_nothing_else():
    with pytest.raises(AttributeError, match="has no attribute 'cost'"):
        reporting.cost  # noqa: B018
