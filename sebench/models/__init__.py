"""Networks by name, where they come from, and the attention variants of the native ones.

Importing this package does not import torch.
"""

from sebench.models.building import (
    as_published,
    build,
    code_files,
    code_folders,
    is_users_own,
    require,
    resolve,
    runs_here,
)
from sebench.models.checkpoints import checkpoint_findings
from sebench.models.factories import factory_running
from sebench.models.grammar import GrammarRow, grammar
from sebench.models.neighbours import is_installed, own_files, search_last
from sebench.models.references import make_inputs
from sebench.models.registry import (
    ImageSize,
    ModelInfo,
    height_width,
    image_size_text,
    list_models,
    parse_image_size,
)
from sebench.models.sources import (
    BuiltModel,
    ExportedFile,
    Source,
    exported_file,
    list_sources,
    model_info,
    names_network,
    near_names,
    source_of,
)
from sebench.models.usercode import describe, message_of, place_in_own_code
from sebench.schema import PLAIN

__all__ = [
    "PLAIN",
    "BuiltModel",
    "ExportedFile",
    "GrammarRow",
    "ImageSize",
    "ModelInfo",
    "Source",
    "as_published",
    "build",
    "checkpoint_findings",
    "code_files",
    "code_folders",
    "describe",
    "exported_file",
    "factory_running",
    "grammar",
    "height_width",
    "image_size_text",
    "is_installed",
    "is_users_own",
    "list_models",
    "list_sources",
    "make_inputs",
    "message_of",
    "model_info",
    "names_network",
    "near_names",
    "own_files",
    "parse_image_size",
    "place_in_own_code",
    "require",
    "resolve",
    "runs_here",
    "search_last",
    "source_of",
]
