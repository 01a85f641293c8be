"""How results show themselves: as the command line prints them, in terminals and in notebooks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sebench.reporting.formats import render

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

    from sebench.reporting.document import Document


class Display(ABC):
    """A result that ``print``, rich's consoles and notebooks show as the command line prints it."""

    __slots__ = ()

    @abstractmethod
    def document(self) -> Document:
        """What there is to say, in no format yet; `sebench.reporting.render` writes it in any."""

    def __str__(self) -> str:
        return render(self.document(), "table")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """As wide as the console is."""
        from rich.text import Text  # noqa: PLC0415 - rich itself asks for it

        shown = render(self.document(), "table", width=options.max_width, color=True)
        yield Text.from_ansi(shown.rstrip("\n"), no_wrap=True, overflow="ignore")

    def _repr_markdown_(self) -> str:
        """For notebooks."""
        return render(self.document(), "markdown")
