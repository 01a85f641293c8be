"""Which files modules were read from."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from sebench.models.neighbours import origin, own_files


class Late(ModuleType):
    """A module that fails to load when it is asked anything."""

    def __getattr__(self, name):
        raise ImportError(f"{self.__class__.__name__} needs what is not installed")


def test_the_file_of_a_module():
    assert origin(sys.modules[__name__]) == Path(__file__).resolve()
    assert origin(sys) is None
    assert origin(None) is None  # what an import that is forbidden leaves


def test_a_module_that_loads_late_stays_unloaded():
    late = Late("late")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "late", late)
        assert origin(late) is None
        assert Path(__file__).resolve() in own_files()
