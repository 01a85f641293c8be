"""What networks are fed: a shape that was said, what a function of the user's makes, or their own images."""

from __future__ import annotations

import re
from pathlib import Path

import platformdirs

from sebench import models
from sebench.errors import UsageError
from sebench.runner.planning.files import file_input
from sebench.schema import ModelSpec
from sebench.store import InputCache, KnownInput, sources_digest

LARGEST_BATCH = 2**31
# Sizes in bytes, of the input and of what a network makes of it, have to fit into 63 bits.
_MAX_ELEMENTS = 2**50
_MOST_DIMENSIONS = 8
_SHAPE = re.compile(r"[1-9]\d*(x[1-9]\d*)+", re.ASCII)


def parse_input_shape(text: str) -> tuple[int, ...]:
    """A shape as it is said: ``1x80x300``, the batch in front.

    Raises:
        UsageError: no shape, or one beyond all bounds.
    """
    if not _SHAPE.fullmatch(text):
        raise UsageError(
            f"--input-shape {text!r} is not a shape",
            hint="the batch comes first, e.g. 1x3x224x224 or 1x80x300",
        )
    shape = tuple(map(int, text.split("x")))
    if len(shape) > _MOST_DIMENSIONS:
        raise UsageError(f"--input-shape {text} has more than {_MOST_DIMENSIONS} dimensions")
    _require_room(shape)
    return shape


def batch_of(shape: tuple[int, ...] | None, batch_size: int | None) -> int | None:
    """Items per step, as the two options that can say it do; None where neither does.

    Args:
        shape: of the input, batch in front; a batch of 1 says nothing.
        batch_size: 1 says nothing either, and None is not said.

    Raises:
        UsageError: they contradict each other.
    """
    first = shape[0] if shape is not None and shape[0] > 1 else None
    if first is not None and batch_size not in (None, 1, first):
        raise UsageError(
            f"--input-shape {'x'.join(map(str, shape or ()))} is a batch of {first}, not of {batch_size}",
            hint="leave out --batch-size, or begin the shape with 1",
        )
    return batch_size if first is None else first


def input_shape(
    spec: ModelSpec,
    batch_size: int = 1,
    *,
    size: models.ImageSize | None = None,
    shape: tuple[int, ...] | None = None,
) -> tuple[int, ...]:
    """Shape of the input of a network, batch in front; of one that is fed by a function, the batch alone.

    Args:
        spec: the network.
        batch_size: items per step.
        size: of images; None is the network's own.
        shape: that was said, batch in front; None leaves it to the network.

    Raises:
        UsageError: a batch or image size that is not positive or beyond all bounds, an image too small for
            the network, or two sizes.
    """
    require_batch_size(batch_size)
    if shape is not None and size is not None:
        raise UsageError("--input-shape and --image-size both say the size", hint="leave one out")
    of_file = file_input(spec, batch_size, size=size, shape=shape)
    if of_file is not None and (shape is not None or spec.example_inputs is None):
        whole = of_file
    elif shape is not None:
        whole = (batch_size, *shape[1:])
    elif spec.example_inputs is not None:
        return (batch_size,)
    else:
        channels, *own = input_size(spec.model)
        image = tuple(own) if size is None else models.height_width(size)
        models.source_of(spec.model).check_image_size(spec.model, (image[0], image[1]))
        whole = (batch_size, channels, *image)
    _require_room(whole)
    return whole


def require_batch_size(batch_size: int) -> None:
    """Refuse what is not a number of items.

    Raises:
        UsageError: not positive, or beyond `LARGEST_BATCH`.
    """
    if batch_size < 1:
        raise UsageError(f"--batch-size {batch_size} is not positive")
    if batch_size > LARGEST_BATCH:
        raise UsageError(f"--batch-size is more than {LARGEST_BATCH}")


def input_size(name: str) -> tuple[int, int, int]:
    """Channels, height and width of the input of a network; as `Source.input_size`, and kept on disk.

    Raises:
        UnknownModelError: its source has no such network.
    """
    source = models.source_of(name)
    edition = source.edition(name)
    if not edition:  # its source knows without being imported, or is the user's
        return source.input_size(name)
    cache = InputCache(Path(platformdirs.user_cache_dir("sebench")) / "inputs")
    key = f"{sources_digest('models')} {edition} {name}"
    known = cache.get(key)
    if known is not None:
        return known.size
    size = source.input_size(name)
    cache.put(key, KnownInput(size=size))
    return size


def _require_room(shape: tuple[int, ...]) -> None:
    elements = 1
    for each in shape:
        elements *= each
    if elements > _MAX_ELEMENTS:
        batch, *rest = shape
        raise UsageError(f"--batch-size {batch} at {'x'.join(map(str, rest))} is more than any machine holds")
