"""The sections of mediaeval.toml and of a run's run.toml: types, ranges, defaults and meanings."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from mediaeval.classifiers.settings import Scale
from mediaeval.settings import PathText, Settings


class RunSection(Settings):
    """What a configuration builds on."""

    preset: str = Field(default="default", description="Name of the preset that the file builds on.")
    seed: int = Field(default=0, ge=0, lt=2**32, description="Seed of training and augmentation.")


class DataSection(Settings):
    """Which datasets are used where a command is given none."""

    dev: PathText = Field(default="", description="Dataset folder to train on; empty: the drawn sample.")
    test: PathText = Field(default="", description="Dataset folder that predict takes when it is given none.")


class SplitSection(Settings):
    """How the dev set is divided into training and validation images."""

    # 0.2 as in Pournaras et al. 2021
    val: float = Field(default=0.2, gt=0, lt=1, description="Share of the dev set that validates.")
    how: Literal["stratified", "random"] = Field(
        default="stratified",
        description="stratified: labels are equally frequent on both sides, as far as possible; random: by chance.",
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="Seed of the split.")
    groups: PathText = Field(
        default="", description="CSV:COLUMN of a file with ids; images with the same value stay on one side."
    )
    folds: Annotated[int, Field(ge=0, le=50)] | None = Field(
        default=None,
        description="Folds of the out-of-fold score, each held out once: the validation side is one of them if it is "
        "about as large; 0: the split alone. Unset: 5 on features, 0 for systems and the presets of papers.",
    )

    @field_validator("folds")
    @classmethod
    def _are_several(cls, folds: int | None) -> int | None:
        if folds == 1:
            raise ValueError("got 1; expected 2 or more, each held out in turn, or 0 for the split alone")
        return folds


AUTO = "auto"  # in the place of names of extractors: those that are at hand


class FeaturesSection(Settings):
    """Which features are computed, and how."""

    use: list[str] = Field(
        default=[AUTO],
        description="Extractors, concatenated in this order; auto: the strongest whose weights are at hand, two at "
        "most, or else handcrafted; where systems are trained, what they read beside pixels.",
    )
    scale: Scale = Field(
        default="standard",
        description="How blocks are scaled: none: not at all; unit: each block of each image to length 1; standard: "
        "each column to mean 0 and standard deviation 1.",
    )
    engine: Literal["auto", "torch", "torch-mixed", "torch-fp16", "openvino", "openvino-mixed", "openvino-bf16"] = (
        Field(
            default="auto",
            description="What computes networks; part of a feature's identity. auto: on a GPU torch-mixed (float16 for "
            "the networks that bear it), on a processor openvino where it is installed, else torch.",
        )
    )
    decoder: Literal["pillow", "scaled"] = Field(
        default="pillow",
        description="What decodes images: scaled: large JPEGs at a half, a quarter or an eighth; part of a feature's "
        "identity.",
    )
    store: PathText = Field(default=".mediaeval/features", description="Folder in which features are kept.")

    @field_validator("use", mode="before")
    @classmethod
    def _auto_alone(cls, value: Any) -> Any:
        return [AUTO] if value == AUTO else value


class EnsembleSection(Settings):
    """What a subtask of an ensemble is made of; written by `mediaeval ensemble`."""

    how: Literal["mean", "vote"] = Field(default="mean", description="How the members' predictions are combined.")
    members: list[str] = Field(description="Names of runs.")


class SubtaskSection(Settings):
    """How one subtask is trained: on features by a `classifier`, or end to end by a `system`.

    Either is a name, or a table with `name` and its settings.
    """

    classifier: dict[str, Any] | None = Field(
        default=None, description="Name of a classifier, or a table with its name and settings."
    )
    system: dict[str, Any] | None = Field(
        default=None, description="Name of a system, or a table with its name and settings."
    )
    ensemble: EnsembleSection | None = Field(
        default=None, description="What an ensemble is made of; written by mediaeval ensemble."
    )
    augment: int = Field(default=0, ge=0, le=64, description="Augmented views of each training image, for features.")
    threshold: Annotated[float, Field(gt=0, lt=1)] | Literal["tuned"] = Field(
        default=0.5,
        description="Probability from which a label is given; tuned: one per label, on training data held out.",
    )

    @field_validator("classifier", "system", mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("classifier", "system")
    @classmethod
    def _has_a_name(cls, value: dict[str, Any] | None, info: Any) -> dict[str, Any] | None:
        if value is not None and not isinstance(value.get("name"), str):
            example = {"classifier": "{ name = 'moe', epochs = 100 }", "system": "{ name = 'timm', epochs = 5 }"}
            or_option = " or --system" if info.field_name == "system" else ""
            raise ValueError(f"got no name; expected one, such as {example[info.field_name]}{or_option}")
        return value

    @model_validator(mode="after")
    def _is_one_of_them(self) -> "SubtaskSection":
        given = [name for name in HOW if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"got {' and '.join(given) or 'none'} of {', '.join(HOW)}; expected one of them")
        if self.system and self.augment:
            raise ValueError(
                "augment is of features; a system has its own augmentation, such as system.randaugment = 9"
            )
        return self


HOW = ("classifier", "system", "ensemble")  # of which a subtask's section has one
