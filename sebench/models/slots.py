"""The attention slot: every block has one, filled or empty as the variant says.

An empty slot runs nothing, so the plain network is the same code with the same names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from sebench.models.attention import make_attention
from sebench.schema import Position, Variant


class Slots:
    """Hands each block of one network its attention module, or None."""

    def __init__(self, variant: Variant) -> None:
        self._variant = variant
        self.filled: list[nn.Module] = []
        """Attention modules handed out so far."""

    @property
    def variant(self) -> Variant:
        """That of this network."""
        return self._variant

    @property
    def position(self) -> Position:
        """Where in a block the attention sits."""
        return self._variant.position

    def fill(self, stage: int, channels: Mapping[Position, int]) -> nn.Module | None:
        """The attention module of a block in this stage, or None where its slot stays empty.

        Args:
            stage: Stage of the block, paper numbering.
            channels: Width of the tensor found at each position the block has.
        """
        variant = self._variant
        if variant.kind is None or (variant.stages is not None and stage not in variant.stages):
            return None
        attention = make_attention(channels[variant.position], variant)
        self.filled.append(attention)
        return attention


class SlottedBlock(nn.Module):
    """A block with one attention slot."""

    residual_ends: ClassVar[tuple[str, ...]] = ()
    """Convolutions that end a residual branch, by name within the block; initialised small."""

    def __init__(self, slots: Slots, stage: int, channels: Mapping[Position, int]) -> None:
        super().__init__()
        self.attention = slots.fill(stage, channels)
        self.variant = slots.variant
        self.attended_channels = channels.get(slots.position)
        self._position = slots.position

    def attend(self, position: Position, x: Tensor) -> Tensor:
        """Apply the attention if it sits at `position`, else return `x` untouched."""
        if self.attention is None or position != self._position:
            return x
        attended: Tensor = self.attention(x)
        return attended


class Attended(SlottedBlock):
    """Any body with attention on its output: the slot of networks without residual branches."""

    def __init__(self, body: nn.Module, channels: int, slots: Slots, stage: int) -> None:
        super().__init__(slots, stage, {"standard": channels})
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the body's output shape."""
        return self.attend("standard", self.body(x))
