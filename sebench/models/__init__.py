"""Native networks and the attention variants they come in. Importing this package does not import torch."""

from sebench.models.building import BuiltModel, build
from sebench.models.factories import factory_running
from sebench.models.foreign import check_foreign, is_foreign, is_users_own
from sebench.models.grammar import GrammarRow, grammar
from sebench.models.inputs import check_image_size, has_native_input, native_image_size, native_input
from sebench.models.libraries import near_names
from sebench.models.neighbours import is_installed, search_last
from sebench.models.registry import (
    ImageSize,
    ModelInfo,
    height_width,
    image_size_text,
    list_models,
    model_info,
    parse_image_size,
)
from sebench.models.resolution import resolve
from sebench.models.usercode import describe, message_of, place_in_own_code
from sebench.models.variants import PLAIN, Variant, hidden_channels, parse_variant

__all__ = [
    "PLAIN",
    "BuiltModel",
    "GrammarRow",
    "ImageSize",
    "ModelInfo",
    "Variant",
    "build",
    "check_foreign",
    "check_image_size",
    "describe",
    "factory_running",
    "grammar",
    "has_native_input",
    "height_width",
    "hidden_channels",
    "image_size_text",
    "is_foreign",
    "is_installed",
    "is_users_own",
    "list_models",
    "message_of",
    "model_info",
    "native_image_size",
    "native_input",
    "near_names",
    "parse_image_size",
    "parse_variant",
    "place_in_own_code",
    "resolve",
    "search_last",
]
