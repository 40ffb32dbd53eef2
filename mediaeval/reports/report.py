"""A report as a mapping for JSON: all that the page shows but pictures, of one run or of two.

Images are named once, in `images`, and referred to by their index there. What a run or a task does not have is null or
empty, and named in `left_out` with the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mediaeval.analysis.judged import OUT_OF_FOLD, JudgedImages
from mediaeval.analysis.neighbours import nearest_training_images
from mediaeval.answers.learned import DECISIONS, form
from mediaeval.reports.facts import run_facts
from mediaeval.reports.floors import floors
from mediaeval.reports.gallery import gallery_rows
from mediaeval.reports.inputs import Inputs
from mediaeval.reports.parts import Parts, looks_of, parts_of
from mediaeval.reports.shown import HARD, HARDEST, chosen, hardest, room_for
from mediaeval.steps.trained_run import TrainedRun
from submission.kinds import SetKind
from submission.metrics.reading import metrics_of
from submission.task import Subtask

FORMAT = 1


@dataclass(frozen=True)
class Report:
    """A report and the files of the images that it shows: index in `data["images"]` → path; none where anonymous."""

    data: dict[str, Any]
    files: dict[int, Path]


def make_report(inputs: Inputs, *, anonymous: bool = False, seed: int = 0) -> Report:
    """Return the report of one run, or of two.

    anonymous  without images, their ids and paths
    seed       of the images that are drawn where not all have room, and of what parts resample
    """
    judged = list(inputs.judged[0].values())
    looks = looks_of(inputs)
    parts = {one.subtask.name: parts_of(inputs, one, looks, seed=seed) for one in judged}
    ids, shown, hard, neighbours = _shown(inputs, judged, parts, seed)
    place = {image_id: k for k, image_id in enumerate(shown)}
    gone = dict.fromkeys(inputs.dev.missing, "there is no image file")
    names = [f"image {k + 1}" if anonymous else image_id for image_id, k in place.items()]
    paths = ["" if anonymous else str(inputs.dev.image_paths[image_id]) for image_id in shown]
    of_dev = {one.subtask.name: inputs.dev.labels(one.subtask.name) for one in judged}
    data = {
        "format": FORMAT,
        "version": version("mediaeval"),
        "title": " and ".join(run.name for run in inputs.runs),
        "anonymous": anonymous,
        "task": {"name": inputs.first.task.name, "title": inputs.first.task.title or inputs.first.task.name},
        "runs": [run_facts(run, anonymous=anonymous) for run in inputs.runs],
        "images": [
            {"id": name, "path": path, "gone": gone.get(image_id)}
            for image_id, name, path in zip(shown, names, paths, strict=True)
        ],
        "sampled": _sampled(len(shown), len(ids)),
        "subtasks": [
            _subtask(inputs, one, parts[one.subtask.name], place, neighbours[one.subtask.name])
            | {"floors": floors(inputs, one, of_dev[one.subtask.name]), "hard": [place[i] for i in hard]}
            for one in judged
        ],
    }
    files = {} if anonymous else {k: inputs.dev.image_paths[image_id] for image_id, k in place.items()}
    return Report(data, {k: path for k, path in files.items() if shown[k] not in gone})


def _shown(
    inputs: Inputs, judged: Sequence[JudgedImages], parts: Mapping[str, Parts], seed: int
) -> tuple[list[str], list[str], list[str], dict[str, dict[str, list[str]] | None]]:
    """Return all images that were judged, those shown, those with a larger picture, and neighbours by subtask."""
    of_any = {image_id for one in judged for image_id in one.ids}
    ids = [image_id for image_id in inputs.dev.ids if image_id in of_any]
    hard = hardest(judged, HARD)
    named = {image_id for part in parts.values() for image_id in part.images()}
    always = {*hardest(judged, HARDEST), *hard, *named}
    shown = chosen(ids, always, room_for([len(one.subtask.labels) for one in judged]), seed=seed)
    neighbours = {one.subtask.name: _neighbours(inputs, one, shown) for one in judged}
    # of validation images, the nearest are images that were trained on, which are shown for this alone
    more = {n for found in neighbours.values() for near in (found or {}).values() for n in near}
    kept = {*shown, *more}
    return ids, [image_id for image_id in inputs.dev.ids if image_id in kept], hard, neighbours


def _neighbours(inputs: Inputs, judged: JudgedImages, shown: Sequence[str]) -> dict[str, list[str]] | None:
    """Return the training images nearest to each image that is shown, of those shown; None without features."""
    if inputs.images is None:
        return None
    own = set(judged.ids)
    if judged.folds is not None:
        candidates, fold = inputs.with_features(shown), judged.folds.to_dict()
        candidates = [i for i in candidates if i in fold]
    else:
        fold = inputs.sides()
        candidates = list(fold)
    return nearest_training_images(inputs.matrix(candidates), candidates, [i for i in shown if i in own], fold)


def _sampled(n_shown: int, n_all: int) -> dict[str, Any] | None:
    if n_shown >= n_all:
        return None
    why = (
        f"the page holds {n_shown} of {n_all} images, so that it opens quickly: those of highest loss, those that its "
        "parts name, and others drawn at random. Scores and curves are of all images; what moved thresholds lead to is "
        "of the images shown."
    )
    return {"shown": n_shown, "of": n_all, "why": why}


def _subtask(
    inputs: Inputs,
    judged: JudgedImages,
    parts: Parts,
    place: Mapping[str, int],
    neighbours: Mapping[str, Sequence[str]] | None,
) -> dict[str, Any]:
    run, subtask = inputs.first, judged.subtask
    second = inputs.judged[1].get(subtask.name) if len(inputs.judged) > 1 else None
    metric = metrics_of(subtask)[0]
    left_out = list(parts.left_out)
    if neighbours is None:
        left_out.append({"part": "neighbours", "reason": inputs.no_features})
    if second is None and len(inputs.runs) > 1:
        left_out.append({"part": "disagreement", "reason": f"{inputs.runs[1].name} does not hold {subtask.name}."})
    if judged.where != OUT_OF_FOLD:
        reason = f"there are no out-of-fold predictions. Make them: {run.folder.with_folds(subtask.name)}."
        left_out.append({"part": "new_set", "reason": reason})
    return {
        "name": subtask.name,
        "title": subtask.name if subtask.column in ("", subtask.name) else f"{subtask.name} ({subtask.column})",
        "form": form(subtask),
        "labels": [{"name": label, "short": subtask.short(label)} for label in subtask.labels],
        "where": judged.where,
        "metric": {
            "title": metric.title,
            "signature": metric.signature,
            "greater_is_better": metric.greater_is_better,
            "average": metric.average if metric.metric == "f1" and metric.average in ("weighted", "macro") else None,
        },
        "score": _score(run, judged),
        "second_score": None if second is None else _score(inputs.runs[1], second),
        "per_label": _per_label(run, judged),
        "rows": gallery_rows(judged, second, place, neighbours),
        "thresholds": _thresholds(run, judged),
        **parts.to_dict(place),
        "left_out": left_out,
    }


def _score(run: TrainedRun, judged: JudgedImages) -> dict[str, Any]:
    record = run.records[judged.subtask.name]
    found: dict[str, Any] = {"new_set": None, "n_new": None, "note": record.note or None}
    if judged.where == OUT_OF_FOLD and (of_all := record.out_of_fold):
        return found | {
            "value": of_all.f1,
            "interval": list(of_all.interval),
            "new_set": list(of_all.new_set),
            "n_images": of_all.n_images,
            "n_new": of_all.n_new,
        }
    own = record.score
    return found | {"value": own.value, "interval": list(own.interval), "n_images": own.n_images}


def _per_label(run: TrainedRun, judged: JudgedImages) -> list[dict[str, Any]]:
    record = run.records[judged.subtask.name]
    of_all = record.out_of_fold
    scores = of_all.per_label if judged.where == OUT_OF_FOLD and of_all else record.score.per_label
    return [{"label": one.label, "f1": one.f1, "support": one.support} for one in scores]


def _thresholds(run: TrainedRun, judged: JudgedImages) -> dict[str, Any] | None:
    subtask = judged.subtask
    if form(subtask) != DECISIONS:
        return None
    by_fold, record = None, run.records[subtask.name].out_of_fold
    if judged.where == OUT_OF_FOLD and record:
        by_fold = [[of_fold[label] for label in subtask.labels] for of_fold in record.thresholds]
    return {"own": run.thresholds(subtask), "by_fold": by_fold, "fitting": _fitting(subtask)}


def _fitting(subtask: Subtask) -> dict[str, Any] | None:
    """Return how many items a set may have, which its labels are made to fit."""
    kind = next((column.kind for column in subtask.columns if isinstance(column.kind, SetKind)), None)
    return None if kind is None or subtask.kind != "set" else {"most": kind.most, "empty": kind.empty}
