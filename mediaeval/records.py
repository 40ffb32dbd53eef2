"""The JSON files of a run folder as records: what each holds, and the one place that knows its keys.

manifest.json   RunManifest       what the run was made of
subtask.json    SubtaskRecord     how one subtask was trained, and how it scored
ensemble.json   EnsembleRecord    which runs a subtask of an ensemble is made of
test.json       PredictionRecord  which images were predicted, by which models

`from_dict` raises KeyError, TypeError or ValueError for what `to_dict` would not have written; keys that a later
version may add are passed over.
"""

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from submission.score import LabelScore, SubtaskScore

LAYOUT = 1  # of run folders, "format" in manifest.json: the only one there has been
CHOSEN_BY_HAND = "thresholds chosen by hand on these images"


@dataclass(frozen=True)
class ExtractorRecord:
    """An extractor as the run used it: numbers per image, and everything that changes them."""

    width: int
    identity: dict[str, Any]

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> "ExtractorRecord":
        return cls(_count(read["width"]), _mapping(read["identity"]))

    def to_dict(self) -> dict[str, Any]:
        return {"width": self.width, "identity": self.identity}


@dataclass(frozen=True)
class RunManifest:
    """What a run was made of.

    header      of the dev set, as run files are written
    extractors  name → extractor, in the order in which their vectors are concatenated
    images      image id → sha256 of the file's bytes
    left_out    image id → why it took no part
    files       file of the run folder → sha256 of its bytes (`mediaeval.digests`); None: made before version 0.2
    """

    FILE: ClassVar[str] = "manifest.json"

    command: str
    versions: dict[str, str]
    header: tuple[str, ...]
    extractors: dict[str, ExtractorRecord]
    images: dict[str, str]
    left_out: dict[str, str]
    files: dict[str, str] | None = None

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> "RunManifest":
        extractors = _mapping(read["extractors"])
        return cls(
            command=_text(read.get("command", "")),
            versions=_text_by_name(read.get("versions", {})),
            header=tuple(_texts(read["header"])),
            extractors={name: ExtractorRecord.from_dict(one) for name, one in extractors.items()},
            images=_text_by_name(read["images"]),
            left_out=_text_by_name(read["left_out"]),
            files=_text_by_name(read["files"]) if "files" in read else None,
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "format": LAYOUT,
            "command": self.command,
            "versions": self.versions,
            "header": list(self.header),
            "extractors": {name: one.to_dict() for name, one in self.extractors.items()},
            "images": self.images,
            "left_out": self.left_out,
        } | ({} if self.files is None else {"files": self.files})


@dataclass(frozen=True)
class OutOfFoldRecord:
    """How a subtask scored on all dev images, each predicted by a model that was trained on none of its group.

    f1          weighted F1, 0..1; of a subtask with a metric of its own the value of that
    interval    95 %, of that score
    new_set     95 %, of the score on `n_new` other images of other groups
    folds       how many
    baselines   name of a constant prediction → its score
    thresholds  of each fold, label → threshold; none where answers are numbers
    metric      its name for people, and `signature`; empty: weighted F1
    per_column  as in `MetricScore`
    choice      of a head that is chosen among several: see `SubtaskRecord.choice`; of each fold
    """

    f1: float
    interval: tuple[float, float]
    new_set: tuple[float, float]
    folds: int
    n_images: int
    n_new: int
    per_label: tuple[LabelScore, ...]
    baselines: dict[str, float]
    thresholds: tuple[dict[str, float], ...]
    metric: str = ""
    signature: str = ""
    per_column: dict[str, float] = field(default_factory=dict)
    choice: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> "OutOfFoldRecord":
        record = cls(
            f1=_number(read["value" if "metric" in read else "f1"]),
            interval=_pair(read["interval"]),
            new_set=_pair(read["new_set"]),
            folds=_count(read["folds"]),
            n_images=_count(read["n_images"]),
            n_new=_count(read["n_new"]),
            per_label=tuple(_label_score(one) for one in _list(read.get("per_label", []))),
            baselines=_number_by_name(read["baselines"]),
            thresholds=tuple(_share_by_name(one) for one in _list(read["thresholds"])),
            metric=_text(read.get("metric", "")),
            signature=_text(read.get("signature", "")),
            per_column=_number_by_name(read.get("per_column", {})),
            choice=tuple(_texts(read.get("choice", []))),
        )
        if len(record.thresholds) != record.folds:
            raise ValueError("expected thresholds for each fold")
        return record

    def to_dict(self) -> dict[str, Any]:
        own = {"metric": self.metric, "signature": self.signature, "value": self.f1}
        parts: dict[str, Any] = {"per_label": [label.to_dict() for label in self.per_label]}
        return {
            **(own if self.metric else {"f1": self.f1}),
            "interval": self.interval,
            "new_set": self.new_set,
            "folds": self.folds,
            "n_images": self.n_images,
            "n_new": self.n_new,
            **(_parts(self.per_label, self.per_column) if self.metric else parts),
            "baselines": self.baselines,
            "thresholds": list(self.thresholds),
        } | ({"choice": list(self.choice)} if self.choice else {})


@dataclass(frozen=True)
class MetricScore:
    """The score of one subtask by a metric of its own, in the metric's units.

    metric      its name for people
    signature   everything that its value depends on
    interval    95 %
    per_label   F1 of each label, 0..1; none where answers are numbers
    per_column  heading → the metric of that column alone, where answers are numbers in several columns
    """

    subtask: str
    metric: str
    signature: str
    value: float
    interval: tuple[float, float]
    per_label: tuple[LabelScore, ...]
    per_column: dict[str, float]
    n_images: int

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> "MetricScore":
        return cls(
            subtask=_text(read["subtask"]),
            metric=_text(read["metric"]),
            signature=_text(read["signature"]),
            value=_number(read["value"]),
            interval=_pair(read["interval"]),
            per_label=tuple(_label_score(one) for one in _list(read.get("per_label", []))),
            per_column=_number_by_name(read.get("per_column", {})),
            n_images=_count(read["n_images"]),
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "subtask": self.subtask,
            "metric": self.metric,
            "signature": self.signature,
            "value": self.value,
            "interval": self.interval,
            **_parts(self.per_label, self.per_column),
            "n_images": self.n_images,
        }


def _parts(per_label: tuple[LabelScore, ...], per_column: dict[str, float]) -> dict[str, Any]:
    found: dict[str, Any] = {"per_label": [label.to_dict() for label in per_label]} if per_label else {}
    return found | ({"per_column": per_column} if per_column else {})


@dataclass(frozen=True)
class ByHand:
    """Thresholds that a person chose in place of those of a training.

    run     the run that they were chosen on, by name, and `digest`: sha256 of its manifest.json then
    labels  of which labels
    """

    run: str
    digest: str
    labels: tuple[str, ...]

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> "ByHand":
        return cls(_text(read["run"]), _text(read["digest"]), tuple(_texts(read["labels"])))

    def to_dict(self) -> dict[str, Any]:
        return {"run": self.run, "digest": self.digest, "labels": list(self.labels)}


_OWN_KEYS = (
    *("subtask", "scale", "blocks", "thresholds", "fallback", "images", "validation", "choice", "out_of_fold"),
    *("models", "thresholds_by_hand"),
)


@dataclass(frozen=True)
class SubtaskRecord:
    """How one subtask was trained, and how it scored on the validation images; F1, thresholds and shares are 0..1.

    settings    the subtask's section of the configuration, with every default written out
    blocks      extractor → width, of the vectors that the model reads
    thresholds  label → threshold; none where answers are numbers
    prior       label → its share of the training images, or the mean score: what an image without features gets
    n_train, n_val  images on the two sides
    refitted    whether there is a model of the whole dev set
    baselines   name of a constant prediction → its weighted F1
    models      file → sha256 of its bytes
    out_of_fold  how it scored on all dev images; None: the split alone was scored
    choice      of a head that is chosen among several: its name, and what each scored in the training images
    by_hand     where a person chose thresholds, whose scores then flatter; see `note`
    """

    FILE: ClassVar[str] = "subtask.json"

    subtask: str
    settings: dict[str, Any]
    scale: str
    blocks: dict[str, int]
    thresholds: dict[str, float]
    prior: dict[str, float]
    n_train: int
    n_val: int
    refitted: bool
    score: SubtaskScore | MetricScore
    baselines: dict[str, float]
    models: dict[str, str] = field(default_factory=dict)
    out_of_fold: OutOfFoldRecord | None = None
    choice: dict[str, Any] = field(default_factory=dict)
    by_hand: ByHand | None = None

    @property
    def note(self) -> str:
        """What both scores must be read with, wherever they are shown; mostly nothing."""
        return CHOSEN_BY_HAND if self.by_hand else ""

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> "SubtaskRecord":
        images, validation = _mapping(read["images"]), _mapping(read["validation"])
        return cls(
            subtask=_text(read["subtask"]),
            settings={key: value for key, value in read.items() if key not in _OWN_KEYS},
            scale=_text(read["scale"]),
            blocks={name: _count(width) for name, width in _mapping(read["blocks"]).items()},
            thresholds=_share_by_name(read["thresholds"]),
            prior=(_share_by_name if read["thresholds"] else _number_by_name)(read["fallback"]),
            n_train=_count(images["train"]),
            n_val=_count(images["val"]),
            refitted=_flag(images["refit"]),
            score=MetricScore.from_dict(validation) if "metric" in validation else _score(validation),
            baselines=_number_by_name(validation.get("baselines", {})),  # the first versions had another key
            models=_text_by_name(read["models"]),
            out_of_fold=OutOfFoldRecord.from_dict(_mapping(read["out_of_fold"])) if "out_of_fold" in read else None,
            choice=_mapping(read.get("choice", {})),
            by_hand=ByHand.from_dict(_mapping(read["thresholds_by_hand"])) if "thresholds_by_hand" in read else None,
        )

    def to_dict(self) -> dict[str, Any]:
        return self.summary() | {"models": self.models}

    def summary(self) -> dict[str, Any]:
        """Return the record without the digests of files: what `--json` reports of a training."""
        return {
            "subtask": self.subtask,
            **self.settings,
            "scale": self.scale,
            "blocks": self.blocks,
            "thresholds": self.thresholds,
            **({"thresholds_by_hand": self.by_hand.to_dict()} if self.by_hand else {}),
            "fallback": self.prior,
            "images": {"train": self.n_train, "val": self.n_val, "refit": self.refitted},
            "validation": self.score.to_dict() | {"baselines": self.baselines},
            **({"choice": self.choice} if self.choice else {}),
        } | ({"out_of_fold": self.out_of_fold.to_dict()} if self.out_of_fold else {})


@dataclass(frozen=True)
class EnsembleMember:
    """One run in an ensemble: its name, the digests of its models (file → sha256), and its threshold per label."""

    run: str
    models: dict[str, str]
    thresholds: dict[str, float]

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> "EnsembleMember":
        return cls(_text(read["run"]), _text_by_name(read["models"]), _share_by_name(read["thresholds"]))

    def to_dict(self) -> dict[str, Any]:
        return {"run": self.run, "models": self.models, "thresholds": self.thresholds}


@dataclass(frozen=True)
class EnsembleRecord:
    """Which runs a subtask of an ensemble is made of, and whether their probabilities are averaged or their votes."""

    FILE: ClassVar[str] = "ensemble.json"

    how: Literal["mean", "vote"]
    members: tuple[EnsembleMember, ...]

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> "EnsembleRecord":
        if read["how"] not in ("mean", "vote"):
            raise ValueError(f"how = {read['how']!r}")
        return cls(read["how"], tuple(EnsembleMember.from_dict(_mapping(one)) for one in _list(read["members"])))

    def to_dict(self) -> dict[str, Any]:
        return {"how": self.how, "members": [one.to_dict() for one in self.members]}


@dataclass(frozen=True)
class PredictionRecord:
    """What was predicted.

    data      the test set's folder
    ids       its images, in the order of the test list
    images    image id → sha256 of the file's bytes
    failures  image id → why it has no features, and so got the prior
    config    sha256 of run.toml
    tables    subtask → sha256 of its table of probabilities
    models    subtask → sha256 of the model's file
    versions  of Python and libraries
    calibrated  subtask → sha256 of its table of calibrated probabilities; none where they were not asked for
    """

    FILE: ClassVar[str] = "test.json"

    data: str
    ids: tuple[str, ...]
    images: dict[str, str]
    failures: dict[str, str]
    config: str
    tables: dict[str, str]
    models: dict[str, str]
    versions: dict[str, str]
    calibrated: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> "PredictionRecord":
        return cls(
            data=_text(read["data"]),
            ids=tuple(_texts(read["ids"])),
            images=_text_by_name(read["images"]),
            failures=_text_by_name(read["fallback"]),
            config=_text(read["config"]),
            tables=_text_by_name(read["tables"]),
            models=_text_by_name(read["models"]),
            versions=_text_by_name(read["versions"]),
            calibrated=_text_by_name(read.get("calibrated", {})),
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "data": self.data,
            "ids": list(self.ids),
            "images": self.images,
            "fallback": self.failures,
            "config": self.config,
            "tables": self.tables,
            "models": self.models,
            "versions": self.versions,
        } | ({"calibrated": self.calibrated} if self.calibrated else {})


def _score(read: dict[str, Any]) -> SubtaskScore:
    return SubtaskScore(
        subtask=_text(read["subtask"]),
        weighted_f1=_number(read["weighted_f1"]),
        interval=_pair(read["interval"]),
        per_label=[_label_score(one) for one in _list(read["per_label"])],
        n_images=_count(read["n_images"]),
    )


def _label_score(read: Any) -> LabelScore:
    one = _mapping(read)
    return LabelScore(_text(one["label"]), _number(one["f1"]), _count(one["support"]))


def _pair(read: Any) -> tuple[float, float]:
    low, high = _list(read)
    return _number(low), _number(high)


# The types of JSON. Each raises TypeError or ValueError for another, so that a damaged record is found when it is read.


def _mapping(read: Any) -> dict[str, Any]:
    if not isinstance(read, dict):
        raise TypeError(f"got {type(read).__name__}; expected a JSON object")
    return read


def _list(read: Any) -> list[Any]:
    if not isinstance(read, list | tuple):
        raise TypeError(f"got {type(read).__name__}; expected a list")
    return list(read)


def _text(read: Any) -> str:
    if not isinstance(read, str):
        raise TypeError(f"got {type(read).__name__}; expected a string")
    return read


def _number(read: Any) -> float:
    if isinstance(read, bool) or not isinstance(read, int | float) or not math.isfinite(read):
        raise TypeError("expected a finite number")
    return float(read)


def _count(read: Any) -> int:
    if isinstance(read, bool) or not isinstance(read, int) or not 0 <= read < 2**63:
        raise TypeError("expected a whole number, 0 or more")
    return read


def _flag(read: Any) -> bool:
    if not isinstance(read, bool):
        raise TypeError("expected true or false")
    return read


def _texts(read: Any) -> list[str]:
    return [_text(one) for one in _list(read)]


def _text_by_name(read: Any) -> dict[str, str]:
    return {name: _text(one) for name, one in _mapping(read).items()}


def _number_by_name(read: Any) -> dict[str, float]:
    return {name: _number(one) for name, one in _mapping(read).items()}


def _share_by_name(read: Any) -> dict[str, float]:
    numbers = _number_by_name(read)
    if not all(0 <= number <= 1 for number in numbers.values()):
        raise ValueError("expected numbers of 0 to 1")
    return numbers
