"""The settings of the pretrainers: types, ranges, defaults and meanings. Importing it needs no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field

from mediaeval.errors import ConfigError
from mediaeval.settings import Settings, parse_settings, setting_problems
from mediaeval.training.output import file_problems

LARGEST_SEED = 2**64 - 1  # that torch takes
WIDEST = 2**16  # of a layer; a recurrent one of that width has 50 GB

Epochs = Annotated[int, Field(ge=1, description="Passes over the training examples.")]
LearningRate = Annotated[float, Field(gt=0, description="Learning rate of the first epoch.")]
BatchSize = Annotated[int, Field(ge=1, description="Examples per step.")]
Width = Annotated[int, Field(ge=1, le=WIDEST)]


class PretrainSettings(Settings):
    """What all pretrainers have; the defaults are those of the public code, unless stated otherwise."""

    epochs: Epochs
    lr: LearningRate
    batch_size: BatchSize


class YouTube8MSettings(PretrainSettings):
    """The YouTube-8M classifier."""

    epochs: Epochs = 2
    lr: LearningRate = 1e-3
    batch_size: BatchSize = 512
    # of 32,768 weights each
    classes: int = Field(default=3862, ge=1, le=10**6, description="Number of classes; labels are 0 to classes − 1.")
    # the public code sets .005 for both kernels, but the loss that it minimises does not include it
    l2: float = Field(
        default=0.0, ge=0, description="Factor of Σw² of the two kernels, which is added to the loss of each batch."
    )
    buffer: int = Field(
        default=10_000, ge=1, description="Number of examples from which the next one is drawn; 10,000 take 42 MB."
    )


class SignatureSettings(PretrainSettings):
    """The visual branch of dual encoding."""

    epochs: Epochs = 20
    lr: LearningRate = 1e-4  # the README of Galanopoulos and Mezaris has 1e-5
    batch_size: int = Field(default=128, ge=2, description="Pairs per step, which the loss compares.")
    feature: str | None = Field(
        default=None, description="Name of the feature folder, if FOLDER/FeatureData has several."
    )
    val: float = Field(
        default=0.05, gt=0, lt=1, description="Share of videos held out if there is no caption file for validation."
    )
    min_count: int = Field(
        default=5, ge=1, description="How often a word must occur in the training captions to be in the vocabulary."
    )
    margin: float = Field(default=0.2, ge=0, le=2, description="Margin of the triplet loss, a difference of cosines.")
    dropout: float = Field(default=0.2, ge=0, lt=1, description="Share of units dropped in training.")
    clip: float = Field(default=2.0, gt=0, description="Largest norm of the gradient.")
    hidden: Width = Field(default=1024, description="Units of both branches' recurrent layer, per direction.")
    filters: Width = Field(default=512, description="Filters per size of both branches' convolutions.")
    space: Width = Field(default=2048, description="Width of the space that videos and captions share.")


class ObjectGraphsSettings(PretrainSettings):
    """The event network whose graph over objects is kept."""

    epochs: Epochs = 60
    lr: LearningRate = 1e-4
    batch_size: BatchSize = 64  # of 9 × 50 × 2048 objects: 236 MB


class _Seed(Settings):
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED)


P = TypeVar("P", bound=PretrainSettings)


def check_training(model: type[P], values: Mapping[str, Any], *, seed: int, out: Path, resume: bool) -> P:
    """Return the settings of a training that may begin.

    Raises ConfigError, all problems at once, for settings that do not fit and for a file that cannot be written.
    """
    problems = setting_problems(model, values) + setting_problems(_Seed, {"seed": seed}) + file_problems(out, resume)
    if problems:
        raise ConfigError(*problems)
    return parse_settings(model, values)
