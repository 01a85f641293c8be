"""What is kept on disk: results with their index, counts, and files that are whole or absent."""

from sebench.store.accuracy import read_accuracy
from sebench.store.cache import (
    CountCache,
    InputCache,
    KnownInput,
    MachineCache,
    OwnCount,
    OwnCountCache,
    sources_digest,
)
from sebench.store.contents import Contents
from sebench.store.excitation import read_excitation
from sebench.store.files import (
    check_directory,
    check_writable,
    scratch_folder,
    temporary_file,
    temporary_folder,
    write_atomic,
)
from sebench.store.index import Derivation
from sebench.store.reading import ATTEMPTS, CALIBRATIONS, RESULTS, check_header, load_result
from sebench.store.resolve import resolve_results
from sebench.store.results import ResultStore
from sebench.store.selection import Criterion, criteria, parse_since, unmatched

__all__ = [
    "ATTEMPTS",
    "CALIBRATIONS",
    "RESULTS",
    "Contents",
    "CountCache",
    "Criterion",
    "Derivation",
    "InputCache",
    "KnownInput",
    "MachineCache",
    "OwnCount",
    "OwnCountCache",
    "ResultStore",
    "check_directory",
    "check_header",
    "check_writable",
    "criteria",
    "load_result",
    "parse_since",
    "read_accuracy",
    "read_excitation",
    "resolve_results",
    "scratch_folder",
    "sources_digest",
    "temporary_file",
    "temporary_folder",
    "unmatched",
    "write_atomic",
]
