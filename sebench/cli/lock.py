"""``sebench lock``: writes down what networks cost, exactly, so that `sebench check` can tell a change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, complain, guarded, present, show_findings
from sebench.cli._options import takes_network
from sebench.errors import EXIT_GATE_FAILED, EXIT_OK, DataFileError, UsageError
from sebench.schema import (
    NO_OPTIONS,
    NetworkOptions,
    network_arguments,
)
from sebench.store import write_atomic

if TYPE_CHECKING:
    from sebench.configuration import Configuration
    from sebench.schema import Lock, LockDiff, LockedNetwork


@guarded
@takes_network(without=("weights",))
def lock(
    model: options.Models = [],  # noqa: B006 - Typer reads it, nobody mutates it
    variant: Annotated[
        list[str],
        typer.Option(
            "--variant",
            "-v",
            help=f"{options.VARIANT_HELP}; default: as configured, else se; of networks of others asis.",
        ),
    ] = [],  # noqa: B006
    image_size: options.ImageSize = None,
    input_shape: options.InputShape = None,
    network: NetworkOptions = NO_OPTIONS,
    attention: options.Attention = [],  # noqa: B006
    update: Annotated[bool, typer.Option("--update", help="Overwrite the lock file if it differs.")] = False,
    output_format: options.FormatOption = "table",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Lock file; default: as configured, else sebench.lock.json."),
    ] = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Record exact costs of networks in a file, or compare with it.

    Exits with 3 if they differ, unless --update is given.

    Without --model: the networks of the configuration, else those in the lock file. Without --variant: the
    configured variants, else se; networks of others as built. Beside variants, plain is recorded too.
    """
    from sebench.configuration import load_configuration
    from sebench.lockfile import load_lock
    from sebench.reporting.lock import lock_document, lock_json
    from sebench.runner.counting.locking import count_lock, locked_networks
    from sebench.runner.planning.inputs import parse_input_shape

    configuration = load_configuration(Path())
    path = _lock_path(configuration, output)
    old = load_lock(path) if path.exists() else None
    variants = options.with_attention(variant, attention)
    names = model or list(configuration.lock.models if configuration.lock else ())
    if names:
        networks = locked_networks(
            names,
            variants,
            usual=configuration.lock.variants if configuration.lock else ("se",),
            image_size=options.parse_image_size(image_size),
            input_shape=None if input_shape is None else parse_input_shape(input_shape),
            options=network,
        )
    else:
        given = any((variants, image_size, input_shape, network_arguments(network)))
        networks = _networks_of(old, path, options_given=given)
    new, findings = count_lock(networks)
    not_written: list[DataFileError] = []
    diff = _settle(path, old, new, update=update, not_written=not_written.append)
    present(
        output_format,
        "-",
        json=lambda: lock_json(diff),
        document=lambda: lock_document(diff),
    )
    show_findings(findings, quiet=quiet)
    if not_written:
        raise not_written[0]
    if diff.status == "differs":
        complain(f"{path} differs from what is counted now; if this is intended, accept it with --update")
        return EXIT_GATE_FAILED
    return EXIT_OK


def _lock_path(configuration: Configuration, output: Path | None) -> Path:
    path = configuration.lock_file if output is None else output
    if str(path) == "-":
        raise UsageError("--output - is not a file", hint="name a file; the difference goes to stdout")
    check_output(str(path))
    return path


def _networks_of(old: Lock | None, path: Path, *, options_given: bool) -> tuple[LockedNetwork, ...]:
    """The networks that are locked already."""
    if options_given:
        raise UsageError("the other options do not select a network", hint="name at least one --model")
    if old is None or not old.entries:
        raise UsageError(
            f"nothing to lock: no --model, none in the configuration, none in {path}",
            hint="name at least one --model",
        )
    return tuple(entry.network for entry in old.entries)


def _settle(
    path: Path,
    old: Lock | None,
    new: Lock,
    *,
    update: bool,
    not_written: Callable[[DataFileError], None],
) -> LockDiff:
    """Write the lock where there is none or where overwriting was asked for; what was found, and done."""
    from sebench.analysis.lock import lock_changes, merge_locks
    from sebench.lockfile import lock_text
    from sebench.runner.counting.locking import torch_minor
    from sebench.schema import Lock, LockDiff

    merged = new if old is None else merge_locks(old, new)
    changes = lock_changes(Lock() if old is None else old, merged)
    writes = old is None or (update and bool(changes))
    if writes:
        try:
            write_atomic(path, lock_text(merged))
        except DataFileError as error:
            writes = False
            not_written(error)
    return LockDiff(
        file=str(path),
        status="written" if writes else "differs" if changes else "unchanged",
        torch=torch_minor(),
        networks=len(merged.entries),
        changes=changes,
    )
