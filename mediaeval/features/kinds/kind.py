"""What is known of a kind of extractor before anything heavy is imported."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from mediaeval.settings import Settings
from mediaeval.weights.files import WeightFile


@dataclass(frozen=True)
class ExtractorKind:
    """One kind of extractor: the single place that a new kind is entered in, beside its own file.

    builder        "module:function"; the function takes (name, ExtractorConfig, Engine, NetworkLookup) and returns the
                   `FeatureExtractor`
    settings       what a section [extractors.NAME] of this kind may set
    weights        who gives its weights, in a few words for a table
    files          its published weight files; where a library has to be asked, "module:function", which takes the
                   `ExtractorConfig` and returns the `WeightFile`
    file_name      where a library has to be asked for its files: from a network's name to the name of the file, as far
                   as that is known without asking; "" where it is not
    finds_objects  whether it runs a detector, which takes seconds for each image
    reads_vectors  whether it reads the vectors of its `source` and no images
    uses_engine    whether an engine computes it; what uses none has the same features on every machine
    """

    builder: str
    settings: type[Settings]
    weights: str = "none needed"
    files: tuple[WeightFile | str, ...] = ()
    file_name: Callable[[str], str] | None = None
    finds_objects: bool = False
    reads_vectors: bool = False
    uses_engine: bool = True


def import_function(reference: str) -> Callable[..., Any]:
    """Return the function that "module:function" names, importing the module now."""
    module, _, function = reference.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found
