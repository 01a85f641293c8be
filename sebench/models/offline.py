"""Weights do not matter to what a network costs, so none are asked for and nothing is fetched."""

from __future__ import annotations

import contextlib
import inspect
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, NoReturn

from sebench.errors import BuildError

_WEIGHTS = ("pretrained", "pretrained_backbone", "weights", "weights_backbone", "encoder_weights")
_PUBLISHED = re.compile(r"(?i)(default|(imagenet|coco|kinetics)\w*)")
_BY_KEYWORD = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def untrained(factory: Callable[..., Any]) -> dict[str, object]:
    """Arguments that keep a factory from asking for published weights, where its defaults would.

    Other defaults are left, such as the name of a file: what lies on the disk need not be fetched.
    """
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):  # written in C, or no function at all
        return {}
    asked = [parameters[name] for name in _WEIGHTS if name in parameters and _is_asked(parameters[name])]
    return {parameter.name: False if parameter.default is True else None for parameter in asked}


def _is_asked(parameter: inspect.Parameter) -> bool:
    default = parameter.default
    published = isinstance(default, str) and _PUBLISHED.fullmatch(default)
    return parameter.kind in _BY_KEYWORD and (default is True or isinstance(default, Enum) or bool(published))


@contextmanager
def offline(name: str) -> Iterator[None]:
    """Refuse every connection that Python code opens within the block, but for sockets that are files.

    Args:
        name: of the network whose code runs.

    Raises:
        BuildError: a connection was refused, and the code did not go on without it.
    """
    refused: list[BuildError] = []

    def refuse(host: object) -> NoReturn:
        # No OSError, which libraries answer by trying again and again.
        refused.append(
            BuildError(
                f"{name} would download something from {_text(host)}, but sebench downloads nothing",
                hint="build it without pretrained weights, or from files on this machine",
            )
        )
        raise refused[-1]

    def find(host: object, *_: object, **__: object) -> NoReturn:
        refuse(host)

    connect = socket.socket.connect

    def connect_to_file(self: socket.socket, address: Any) -> None:  # noqa: ANN401 - by family
        if self.family != socket.AF_UNIX:
            refuse(address[0] if isinstance(address, tuple) else address)
        connect(self, address)

    with _replaced(socket, "getaddrinfo", find), _replaced(socket.socket, "connect", connect_to_file):
        try:
            yield
        except Exception as error:
            if refused and error is not refused[-1]:  # in words of the library that wanted to download
                raise refused[-1] from error
            raise


def _text(host: object) -> str:
    return host.decode(errors="replace") if isinstance(host, bytes) else str(host)


@contextmanager
def _replaced(owner: Any, name: str, value: object) -> Iterator[None]:  # noqa: ANN401 - a module or class
    own = vars(owner).get(name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if own is None:  # it was inherited
            with contextlib.suppress(AttributeError):
                delattr(owner, name)
        else:
            setattr(owner, name, own)
