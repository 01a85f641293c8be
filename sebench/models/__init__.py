"""Native networks and the attention variants they come in. Importing this package does not import torch."""

from sebench.models.building import BuiltModel, build
from sebench.models.registry import ModelInfo, check_image_size, list_models, model_info
from sebench.models.resolution import resolve
from sebench.models.variants import Variant, hidden_channels, parse_variant

__all__ = [
    "BuiltModel",
    "ModelInfo",
    "Variant",
    "build",
    "check_image_size",
    "hidden_channels",
    "list_models",
    "model_info",
    "parse_variant",
    "resolve",
]
