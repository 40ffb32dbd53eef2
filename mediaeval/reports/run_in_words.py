"""A run in sentences, for the working notes: what it was made of, and how it scored, from its own records."""

from collections.abc import Mapping
from typing import Any

from mediaeval.answers.learned import DECISIONS, form
from mediaeval.records import OutOfFoldRecord, SubtaskRecord
from mediaeval.steps.trained_run import TrainedRun
from submission.task import Subtask
from submission.wording import both

_SCALES = {
    "none": "as they are",
    "unit": "each block of each image scaled to length 1",
    "standard": "each column scaled to mean 0 and standard deviation 1",
}
_BASELINES = {"the most common": "the most common answer", "every label": "every label", "the mean": "the mean"}


def in_words(run: TrainedRun) -> list[str]:
    """Return what a methods section says of a run, in sentences of plain text: its inputs, then each subtask."""
    sentences = _inputs(run)
    for subtask in run.subtasks:
        record = run.records[subtask.name]
        sentences += [f"{subtask.name}: {sentence}" for sentence in _subtask(subtask, record)]
    return sentences


def _inputs(run: TrainedRun) -> list[str]:
    config, manifest = run.config, run.manifest
    sentences = []
    if blocks := manifest.extractors:
        parts = [extractor_in_words(name, one.width, one.identity) for name, one in blocks.items()]
        together = f", concatenated to {sum(one.width for one in blocks.values())}" if len(parts) > 1 else ""
        sentences.append(f"Its features are {both(parts)}{together}, {_SCALES[config.features.scale]}.")
    left_out = f", {len(manifest.left_out)} more left out that could not be decoded" if manifest.left_out else ""
    kept = "duplicates and groups" if config.split.groups else "duplicates"
    if "--split" in manifest.command.split():
        split = "The split is one that was given"
    else:
        how = "stratified by label" if config.split.how == "stratified" else "random"
        split = f"The split is {how} (a share of {config.split.val:g} validates, seed {config.split.seed})"
    sentences += [
        f"The dev set has {len(manifest.images)} images{left_out}.",
        f"{split}, {kept} were not divided, and the seed of training is {config.seed}.",
    ]
    versions = manifest.versions
    made = [f"{name} {versions[name]}" for name in ("mediaeval", "torch", "scikit-learn") if name in versions]
    return [*sentences, f"It was made by {both(made)}."] if made else sentences


def extractor_in_words(name: str, width: int, identity: Mapping[str, Any]) -> str:
    """Return an extractor as text: `mobilenet (timm mobilenetv2_100, 1280 numbers)`."""
    network = " ".join(str(identity[key]) for key in ("kind", "model") if identity.get(key))
    return f"{name} ({network}, {width} numbers)" if network and network != name else f"{name} ({width} numbers)"


def _subtask(subtask: Subtask, record: SubtaskRecord) -> list[str]:
    sentences = [model_in_words(record)]
    if form(subtask) == DECISIONS:
        sentences.append(_thresholds(subtask, record))
    refitted = "; the model of the test images is trained on both" if record.refitted else ""
    sentences.append(f"{record.n_train} images train and {record.n_val} validate{refitted}.")
    metric, note = record.score.metric, f" ({record.note})" if record.note else ""
    low, high = record.score.interval
    sentences.append(
        f"{metric} {record.score.value:.3f} (95 % interval {low:.3f} to {high:.3f}) on the validation images{note}."
    )
    if record.out_of_fold:
        sentences.append(_folds(metric, record.out_of_fold, note))
    return sentences


def model_in_words(record: SubtaskRecord) -> str:
    """Return what a subtask is answered by, a sentence: `the classifier is logistic (C = 1).`."""
    settings = record.settings
    if ensemble := settings.get("ensemble"):
        how = "votes" if ensemble["how"] == "vote" else "the mean of the probabilities"
        return f"it answers by {how} of the runs {both(list(ensemble['members']))}."
    is_system = "system" in settings
    of: Mapping[str, Any] = settings["system" if is_system else "classifier"]
    own = [f"{key} = {_shown(one)}" for key, one in of.items() if key != "name"]
    views = settings.get("augment") or 0
    said = f"the {'system' if is_system else 'classifier'} is {of['name']}"
    said += f" ({', '.join(own)})" if own else ""
    if chosen := record.choice.get("head"):
        said += f", which chose {chosen}"
    return f"{said}, trained on {views} augmented views of each image." if views else f"{said}."


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {_shown(one)}' for key, one in value.items())}}}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _thresholds(subtask: Subtask, record: SubtaskRecord) -> str:
    listed = ", ".join(f"{subtask.short(label)} {one:.3f}" for label, one in record.thresholds.items())
    if record.by_hand:
        chosen = [subtask.short(label) for label in record.by_hand.labels]
        of = f"{record.by_hand.run} [{record.by_hand.digest[:12]}]"
        how = f"of the run {of}, those of {both(chosen)} chosen by hand on the images that are scored"
    elif record.settings.get("threshold") == "tuned":
        how = "tuned on training images that the models had not seen"
    else:
        how = "set"
    return f"a label is given from its threshold on; thresholds ({how}): {listed}."


def _folds(metric: str, record: OutOfFoldRecord, note: str) -> str:
    low, high = record.interval
    of_new = f"{record.new_set[0]:.3f} to {record.new_set[1]:.3f} on {record.n_new} other images"
    constant = ", ".join(f"{_BASELINES.get(name, name)} {one:.3f}" for name, one in record.baselines.items())
    return (
        f"{metric} {record.f1:.3f} (95 % interval {low:.3f} to {high:.3f}; {of_new}) out of fold on "
        f"{record.n_images} dev images in {record.folds} folds{note}"
        + (f"; constant predictions score: {constant}." if constant else ".")
    )
