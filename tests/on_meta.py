"""Native networks without weights, each built once for all tests that only read it."""

from __future__ import annotations

from functools import cache

from sebench.models import build
from sebench.schema import ModelSpec


@cache
def on_meta(model, variant="plain", **options):
    """The network on the meta device, as `sebench.models.build` returns it; leave it as it is."""
    return build(ModelSpec(model=model, variant=variant, **options), device="meta")
