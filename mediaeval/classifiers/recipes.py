"""The published training settings, each written once: presets and experiments refer to them.

Importing this table imports neither torch nor scikit-learn.
"""

from dataclasses import dataclass, field
from typing import Any

from mediaeval.classifiers.settings import Scale


@dataclass(frozen=True)
class PublishedRecipe:
    """One published way to train a classifier on features.

    scale      how each block of features is scaled before the concatenation (see `BlockScaler`)
    augment    augmented views of each training image; None: the paper has none, and the configuration's default holds
    threshold  probability from which a label is given where there may be several; None: not stated, or one label
    """

    classifier: str  # name in CLASSIFIERS
    params: dict[str, Any] = field(repr=False)
    scale: Scale
    source: str
    augment: int | None = None
    threshold: float | None = None

    def section(self) -> dict[str, Any]:
        """Return the recipe as a [subtaskN] section of a configuration."""
        optional = {"augment": self.augment, "threshold": self.threshold}
        return {"classifier": {"name": self.classifier} | self.params} | {
            key: value for key, value in optional.items() if value is not None
        }


_CERTH = "Pournaras et al. 2021, MediaEval working note"
_SMAP = "Pournaras et al. 2021, SMAP, section IV B"

# Not stated for certh2021: the scale (none, as in the group's mixture of experts of the same year) and the number of
# augmented views (four per training image; each epoch takes one of the five versions).
_HALVED = {"lr_step": 70, "batch_size": 64}
_TENTHS = {"lr": 1e-4, "lr_gamma": 0.1, "batch_size": 256, "weight_decay": 1e-3}  # coupled: see `TorchClassifier`
_SMALL = {"lr": 1e-4, "epochs": 20, "batch_size": 8}

RECIPES: dict[str, PublishedRecipe] = {
    "certh2021-subtask1": PublishedRecipe("moe", {"lr": 1e-5, "epochs": 300} | _HALVED, "none", _CERTH),
    "certh2021-subtask2": PublishedRecipe("dense", {"lr": 3e-6, "epochs": 300} | _HALVED, "none", _CERTH, augment=4),
    "certh2021-subtask3": PublishedRecipe("dense", {"lr": 5e-6, "epochs": 200} | _HALVED, "none", _CERTH, augment=4),
    # a single feature goes in as it is; of the combination each block of each image has unit length
    "smap2021-nn": PublishedRecipe("small", _SMALL, "none", _SMAP),
    "smap2021-nn-combined": PublishedRecipe("small", _SMALL, "unit", _SMAP),
    "smap2021-moe1": PublishedRecipe("moe", {"epochs": 120, "lr_step": 40} | _TENTHS, "none", _SMAP),
    "smap2021-moe2": PublishedRecipe("moe", {"epochs": 60, "lr_step": 20} | _TENTHS, "none", _SMAP),
}
