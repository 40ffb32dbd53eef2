"""mediaeval.toml, the presets and --set, as one checked `Config`: every choice that changes a number.

defaults  <  preset  <  mediaeval.toml  <  --data, --use, --set
"""

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mediaeval.classifiers import CLASSIFIERS
from mediaeval.classifiers.recipes import RECIPES
from mediaeval.errors import ConfigError, choose
from mediaeval.features.extractors import EXTRACTORS, READERS, ExtractorConfig
from mediaeval.finetune import SYSTEMS, settings_of
from submission.tasks import TASKS

CONFIG_FILE = "mediaeval.toml"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=True)


class DataSection(_Section):
    dev: str = ""  # dataset folder; empty: the drawn sample
    test: str = ""  # dataset folder that `predict` takes when it is given none


class SplitSection(_Section):
    val: float = Field(default=0.2, gt=0, lt=1)  # share of the dev set; 0.2 as in Pournaras et al. 2021
    how: Literal["stratified", "random"] = "stratified"
    seed: int = Field(default=0, ge=0, lt=2**32)
    groups: str = ""  # CSV:COLUMN; images of one group stay on one side


class FeaturesSection(_Section):
    use: list[str] = ["handcrafted"]  # concatenated in this order; what systems read beside pixels, if they are trained
    scale: Literal["none", "unit", "standard"] = "standard"
    # what computes networks; part of a feature's identity
    engine: Literal["auto", "torch", "openvino", "openvino-mixed", "openvino-bf16"] = "auto"
    # scaled: large JPEGs at a half, a quarter or an eighth; part of a feature's identity too
    decoder: Literal["pillow", "scaled"] = "pillow"
    store: str = ".mediaeval/features"  # folder


class EnsembleSection(_Section):
    """What a subtask of an ensemble is made of; written by `mediaeval ensemble`."""

    how: Literal["mean", "vote"] = "mean"
    members: list[str]  # runs


class SubtaskSection(_Section):
    """How one subtask is trained: on features by a `classifier`, or end to end by a `system`.

    Either is a name, or a table with `name` and its parameters.
    """

    classifier: dict[str, Any] | None = None
    system: dict[str, Any] | None = None
    ensemble: EnsembleSection | None = None
    augment: int = Field(default=0, ge=0, le=64)  # augmented views a training image, of features
    threshold: float | Literal["tuned"] = 0.5  # probability, 0..1; tuned: a label each, on training data held out

    @field_validator("classifier", "system", mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("classifier", "system")
    @classmethod
    def _has_a_name(cls, value: dict | None, info: Any) -> dict | None:
        if value is not None and "name" not in value:
            example = {"classifier": "moe", "system": "timm"}[info.field_name]
            raise ValueError(
                f"a {info.field_name} needs its name, such as {{ name = '{example}', epochs = 100 }}"
                + (" or --system" if info.field_name == "system" else "")
            )
        return value

    @field_validator("threshold")
    @classmethod
    def _is_a_probability(cls, value: float | str) -> float | str:
        if not isinstance(value, str) and not 0 < value < 1:
            raise ValueError("a probability between 0 and 1, or 'tuned'")
        return value

    @model_validator(mode="after")
    def _is_one_of_them(self) -> "SubtaskSection":
        given = [name for name in _HOW if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"one of {', '.join(_HOW)} is wanted, {' and '.join(given) or 'none'} came")
        if self.system and self.augment:
            raise ValueError(
                "augment is of features; a system has its own augmentation, such as system.randaugment = 9"
            )
        return self


_HOW = ("classifier", "system", "ensemble")  # of which a subtask's section has one


class Config(_Section):
    preset: str = "default"
    seed: int = Field(default=0, ge=0, lt=2**32)  # of training and augmentation
    data: DataSection = Field(default_factory=DataSection)
    split: SplitSection = Field(default_factory=SplitSection)
    features: FeaturesSection = Field(default_factory=FeaturesSection)
    extractors: dict[str, ExtractorConfig] = Field(default_factory=dict)  # the user's own, beside EXTRACTORS
    subtask1: SubtaskSection
    subtask2: SubtaskSection
    subtask3: SubtaskSection

    @model_validator(mode="after")
    def _names_exist(self) -> "Config":
        for name in self.features.use:
            choose("extractor", name, self.all_extractors())
        known = self.all_extractors()
        for name, extractor in self.extractors.items():
            if extractor.source and extractor.source not in known:
                near = difflib.get_close_matches(extractor.source, known, n=1)
                hint = f" Did you mean '{near[0]}'?" if near else ""
                raise ConfigError(f"extractors.{name}.source = '{extractor.source}': no such extractor.{hint}")
            if extractor.source and known[extractor.source].kind in READERS:
                raise ConfigError(
                    f"extractors.{name}.source = '{extractor.source}', which reads vectors itself; an extractor that "
                    "looks at images is wanted."
                )
        for task in TASKS:
            section = self.subtask(task)
            if section.classifier:
                choose("classifier", section.classifier["name"], CLASSIFIERS)
            elif section.system:
                for name in settings_of(section.system, f"{task}.system").extractors():
                    choose("extractor", name, known)
        if not self.features.use and all(self.subtask(task).classifier for task in TASKS):
            raise ConfigError("features.use = []: at least one extractor is wanted, such as 'handcrafted'.")
        if len(set(self.features.use)) < len(self.features.use):
            raise ConfigError(f"features.use names an extractor twice: {', '.join(self.features.use)}.")
        return self

    def subtask(self, name: str) -> SubtaskSection:
        return getattr(self, name)

    def for_training(self, subtasks: list[str] | tuple[str, ...], use: str | None = None) -> "Config":
        """Return the configuration by which `subtasks` are trained: for systems, with the extractors that they read.

        `use`: what --use gave. Raises ConfigError when some are trained on features and others end to end, since one
        run has one set of inputs.
        """
        systems = {name: self.subtask(name).system for name in subtasks if self.subtask(name).system}
        rest = [name for name in subtasks if name not in systems]
        if systems and rest:
            raise ConfigError(
                f"{', '.join(systems)} by a system and {', '.join(rest)} on features: one run is of one kind. Train "
                "them as two runs, and put these together: mediaeval ensemble RUN RUN --run NEW."
            )
        if not systems:
            return self
        if use is not None:
            raise ConfigError(f"--use {use}: a system looks at pixels. Leave it out, or leave --system out.")
        read = dict.fromkeys(name for system in systems.values() for name in settings_of(system).extractors())
        return self.model_copy(update={"features": self.features.model_copy(update={"use": list(read)})})

    def all_extractors(self) -> dict[str, ExtractorConfig]:
        """The table's extractors and the user's. One that takes a table entry's place takes over its recorded width."""
        own = {
            name: extractor.model_copy(update={"width": extractor.width or EXTRACTORS[name].width})
            if name in EXTRACTORS
            else extractor
            for name, extractor in self.extractors.items()
        }
        return EXTRACTORS | own

    def used_extractors(self) -> dict[str, ExtractorConfig]:
        """The extractors in use, in the order in which their blocks are concatenated."""
        known = self.all_extractors()
        return {name: known[name] for name in self.features.use}


# What is measured for the default stands in the README under "Presets", with the command that measures it again.
_DEFAULT = {"lr": 1e-3, "epochs": 15, "schedule": "cosine", "batch_size": 64}
# three networks averaged: no better on average than one, but steadier from seed to seed
_SUBTASK1: dict[str, Any] = {"classifier": {"name": "moe", "ensemble": 3} | _DEFAULT}
_SUBTASKS23: dict[str, Any] = {"classifier": {"name": "dense"} | _DEFAULT, "threshold": "tuned"}

# ruff: noqa: E501 - one row a preset reads side by side
PRESETS: dict[str, dict[str, Any]] = {
    "default": {
        "summary": "15 epochs at lr 0.001 on standardised features: on few photographs better than the published rates, and quicker",
        "features": {"scale": "standard"},
        "subtask1": _SUBTASK1,
        "subtask2": _SUBTASKS23 | {"augment": 4},
        "subtask3": _SUBTASKS23 | {"augment": 4},
    },
    "open2026": {
        "summary": "the default's training on five blocks in the roles of the paper's five, all with public weights",
        "features": {
            "use": ["efficientnet_b2", "bit_resnet101", "imagenet21k_scores", "siglip", "objects"],
            "scale": "standard",
        },
        # no augmented views: four would make hours on a CPU five times as many
        "subtask1": _SUBTASK1,
        "subtask2": _SUBTASKS23,
        "subtask3": _SUBTASKS23,
    },
    "certh2021": {
        "summary": "Pournaras et al. 2021 (seed 000): its losses, learning rates, epochs, halving every 70, batches of 64",
        # 1408 + 2048 + 3862 + 2048 + 2048 = 11,414, in the order in which the paper presents them. The scale is unsaid;
        # none as in the group's MoE of the year (SMAP 2021).
        "features": {
            "use": ["efficientnet_b2", "resnet152_11k", "yt8m", "signature", "objectgraphs"],
            "scale": "none",
        },
        "split": {"how": "random"},
        **{subtask: RECIPES[f"certh2021-{subtask}"].section() for subtask in TASKS},
    },
}


def blocks_of(preset: str) -> list[str]:
    """Return the extractors that a preset uses, in the order of concatenation."""
    return PRESETS[choose("preset", preset, PRESETS)].get("features", {}).get("use") or FeaturesSection().use


def load_config(
    file: Path | None = None,
    *,
    preset: str | None = None,
    data: str | None = None,
    use: str | None = None,
    engine: str | None = None,
    system: str | None = None,
    sets: list[str] | tuple[str, ...] = (),
    subtasks: list[str] | tuple[str, ...] = tuple(TASKS),
) -> Config:
    """Return the resolved configuration.

    `file`: mediaeval.toml; None takes the one in this folder, if any. Its relative paths are meant from where it lies.
    `sets`: `KEY=VALUE`, VALUE as in TOML or a bare word; a key of a [subtaskN] section written alone, such as
    `classifier.epochs`, goes to each of `subtasks`. Raises ConfigError with every unknown key and bad value.
    """
    written = _read_toml(file)
    given = preset or written.get("preset", "default")
    if not isinstance(given, str):
        raise ConfigError(f"preset = {given!r}: a name in quotes is wanted.")
    choose("preset", given, PRESETS)
    tree: dict[str, Any] = {key: value for key, value in PRESETS[given].items() if key != "summary"}
    tree = _merge(tree, written) | {"preset": given}
    if data is not None:
        tree = _merge(tree, {"data": {"dev": data}})
    if use is not None:
        tree = _merge(tree, {"features": {"use": [name.strip() for name in use.split(",") if name.strip()]}})
    if engine is not None:
        tree = _merge(tree, {"features": {"engine": engine}})
    if system is not None:
        choose("system", system, SYSTEMS)
        for name in subtasks:
            tree = _merge(tree, {name: {"system": {"name": system}}})
    for item in sets:
        for path, value in _parse_set(item, subtasks):
            tree = _merge(tree, _nest(path, value))
    return parse_config(tree, source=" or ".join([str(file or CONFIG_FILE), *(["--set"] if sets else [])]))


def parse_config(tree: dict[str, Any], source: Path | str) -> Config:
    """Check a nested dict against the schema. Raises ConfigError with every unknown key and bad value."""
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(*(_explain(problem, source) for problem in error.errors())) from None


def _read_toml(file: Path | None) -> dict[str, Any]:
    path = Path(file) if file else Path(CONFIG_FILE)
    if not path.exists():
        if file:
            raise ConfigError(f"{file} does not exist.")
        return {}
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; a TOML file is wanted.")
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from None
    return _paths_from(path.parent, tree)


def _paths_from(folder: Path, tree: dict[str, Any]) -> dict[str, Any]:
    """Make the file's relative paths hold wherever the command is run."""

    def at(section: Any, *keys: str) -> None:
        for key in keys:
            if isinstance(section, dict) and isinstance(section.get(key), str) and section[key]:
                section[key] = str(folder / section[key])

    at(tree.get("data"), "dev", "test")
    at(tree.get("features"), "store")
    at(tree.get("split"), "groups")
    for subtask in TASKS:
        section = tree.get(subtask)
        at(section.get("system") if isinstance(section, dict) else None, "weights", "object_weights", "places_weights")
    extractors = tree.get("extractors")
    for section in extractors.values() if isinstance(extractors, dict) else ():
        at(section, "weights")
        parts = section.get("parts") if isinstance(section, dict) else None
        at(parts, *parts if isinstance(parts, dict) else ())
    return tree


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return `below` with `above` laid over it, table by table.

    Naming another classifier or system drops the parameters below; naming a system drops the classifier and what is of
    features, and the other way round.
    """
    merged = dict(below)
    if above.get("system") is not None and below.get("system") is None:
        merged = {key: value for key, value in below.items() if key not in ("classifier", "augment")}
    elif above.get("classifier") is not None:
        merged.pop("system", None)
    for key, value in above.items():
        old = merged.get(key)
        if key in ("classifier", "system"):
            value = {"name": value} if isinstance(value, str) else value
            old = {"name": old} if isinstance(old, str) else old
            if (
                isinstance(old, dict)
                and isinstance(value, dict)
                and value.get("name", old.get("name")) != old.get("name")
            ):
                old = None
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _parse_set(item: str, subtasks: list[str] | tuple[str, ...]) -> list[tuple[list[str], Any]]:
    key, equals, text = item.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {item}: KEY=VALUE is wanted, such as classifier.epochs=100.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    path = key.strip().split(".")
    if path[0] in SubtaskSection.model_fields:
        return [([subtask, *path], value) for subtask in subtasks]
    return [(path, value)]


def _nest(path: list[str], value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    return value


def _explain(problem: dict, source: Path | str) -> str:
    """Put a pydantic error into words: where, what came, what was wanted."""
    where = ".".join(str(part) for part in problem["loc"] if part not in ("float", "literal['tuned']"))
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where.rpartition(".")[2], _keys_beside(where), n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        return f"{source}: unknown key '{where}'.{hint} Known here: {', '.join(_keys_beside(where))}."
    came = problem["input"]
    return f"{source}: {where} = {came!r}: {problem['msg'].removeprefix('Value error, ')}."


def _keys_beside(where: str) -> list[str]:
    """Return the keys that exist in the section that `where` points into."""
    section: type[BaseModel] = Config
    for part in where.split(".")[:-1]:
        if section is Config and part == "extractors":
            return list(ExtractorConfig.model_fields)
        annotation = section.model_fields[part].annotation if part in section.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        section = annotation
    return list(section.model_fields)
