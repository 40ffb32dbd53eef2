"""The working-notes kit: tables and run descriptions in LaTeX, each number with the hash of the run that it is of.

A hash is the first 12 digits of the sha256 of the run's manifest.json, which covers all files of the run; the ledger
holds the whole one.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediaeval.errors import DatasetError, RunFolderError
from mediaeval.files import file_digest, write_atomically
from mediaeval.records import SubtaskRecord
from mediaeval.reports.latex import document, paragraph, table
from mediaeval.reports.run_in_words import in_words
from mediaeval.runs import RunFolder
from mediaeval.steps.compare import compare_runs
from mediaeval.steps.trained_run import TrainedRun
from submission.compare import Comparison, holm
from submission.task import Subtask, Task

logger = logging.getLogger(__name__)

ABREAST = 5  # runs beside each other in a table of labels: more are wider than a page


@dataclass(frozen=True)
class Score:
    """A score of a run in a subtask; `where`: on how many images of which kind; `note`: what to read it with."""

    subtask: str
    run: str
    hash: str
    metric: str
    value: float
    interval: tuple[float, float]
    where: str
    note: str


@dataclass(frozen=True)
class Gap:
    """How much more a run scores than the first one, with its paired interval and p (see `submission.compare`)."""

    subtask: str
    run: str
    hash: str
    difference: float
    interval: tuple[float, float]
    p: float  # permutation; corrected by Holm over the runs that are compared with the first


@dataclass(frozen=True)
class LabelRow:
    """The F1 of a label, or the score of a column, in each run that has it, by name."""

    subtask: str
    label: str
    support: int | None
    scores: dict[str, float]


@dataclass(frozen=True)
class Notes:
    """What the working notes say about some runs. `hashes` and `descriptions` are by run."""

    task: str
    hashes: dict[str, str]
    scores: tuple[Score, ...]
    gaps: tuple[Gap, ...]
    labels: tuple[LabelRow, ...]
    descriptions: dict[str, list[str]]
    left_out: dict[str, str]  # part → why it is not there

    def to_dict(self) -> dict[str, Any]:
        """Return the notes for `json.dumps`."""
        return {
            "task": self.task,
            "hashes": self.hashes,
            "scores": [vars(one) for one in self.scores],
            "differences": [vars(one) for one in self.gaps],
            "labels": [vars(one) for one in self.labels],
            "descriptions": self.descriptions,
            "left_out": self.left_out,
        }


def make_notes(folders: Sequence[RunFolder], task: Task, *, seed: int = 0) -> Notes:
    """Return the notes about runs of a task, the first of which is what the others are compared with.

    Raises RunFolderError for no run, or one twice, or one whose files are not those that were recorded. Runs that
    cannot be compared have no table of differences: why is in `left_out`.
    """
    names = [folder.name for folder in folders]
    if not names or len(set(names)) < len(names):
        raise RunFolderError("notes takes one or more runs, each once: mediaeval notes first second.")
    runs = [TrainedRun.open(folder, task) for folder in folders]
    hashes = {run.name: file_digest(run.folder.manifest)[:12] for run in runs}
    comparisons, left_out = _compared(folders, task, seed)
    return Notes(
        task=task.name,
        hashes=hashes,
        scores=tuple(_score(run, name, hashes[run.name]) for name in task.names for run in runs if name in run.records),
        gaps=tuple(gap for one in comparisons for gap in _gaps(one, names[0], hashes)),
        labels=tuple(row for name in task.names for row in _labels(name, runs)),
        descriptions={run.name: in_words(run) for run in runs},
        left_out=left_out,
    )


def _compared(folders: Sequence[RunFolder], task: Task, seed: int) -> tuple[list[Comparison], dict[str, str]]:
    if len(folders) < 2:
        return [], {"differences": "There is one run; a second one is compared with it."}
    try:
        return compare_runs(list(folders), task, seed=seed), {}
    except (RunFolderError, DatasetError) as error:
        logger.info(f"The table of differences is left out: {error}")
        return [], {"differences": str(error)}


def _score(run: TrainedRun, name: str, hash_: str) -> Score:
    """Return the score out of fold, or on the validation images where there is no other."""
    record = run.records[name]
    metric = record.score.metric
    if folds := record.out_of_fold:
        where = f"{folds.n_images} dev, out of fold"
        return Score(name, run.name, hash_, metric, folds.f1, folds.interval, where, record.note)
    score = record.score
    return Score(name, run.name, hash_, metric, score.value, score.interval, f"{record.n_val} validation", record.note)


def _gaps(comparison: Comparison, first: str, hashes: dict[str, str]) -> list[Gap]:
    pairs = [pair for pair in comparison.pairs if pair.first == first]
    corrected = holm([pair.p_permutation for pair in pairs])
    return [  # a comparison's gap is that of the first run over the second; zero minus it is never minus zero
        Gap(comparison.subtask, pair.second, hashes[pair.second], 0 - pair.gap, (0 - high, 0 - low), p)
        for pair, p in zip(pairs, corrected, strict=True)
        for low, high in [pair.interval]
    ]


def _labels(name: str, runs: Sequence[TrainedRun]) -> list[LabelRow]:
    holding = [run for run in runs if name in run.records]
    if not holding:
        return []
    subtask = holding[0].task[name]
    rows: dict[str, LabelRow] = {}
    for run in holding:
        for label, (score, support) in _by_label(subtask, run.records[name]).items():
            rows.setdefault(label, LabelRow(name, label, support, {})).scores[run.name] = score
    return list(rows.values())


def _by_label(subtask: Subtask, record: SubtaskRecord) -> dict[str, tuple[float, int | None]]:
    """Return label → F1 and images that have it, or column → its score, out of fold where there is such a score."""
    of = record.out_of_fold or record.score
    if per_label := of.per_label:
        return {subtask.short(one.label): (one.f1, one.support) for one in per_label}
    return {name: (score, None) for name, score in getattr(of, "per_column", {}).items()}


def write_notes(notes: Notes, folder: Path) -> list[Path]:
    """Write notes.tex, and each of its tables as a file of its own; return the files, notes.tex first."""
    tables = {"scores": _scores_table(notes), "differences": _gaps_table(notes), "labels": _labels_tables(notes)}
    parts = {name: text for name, text in tables.items() if text}
    parts["runs"] = "\n".join(
        paragraph(f"{run} [{notes.hashes[run]}].", [f"{sentence} [{notes.hashes[run]}]" for sentence in sentences])
        for run, sentences in notes.descriptions.items()
    )
    files = {"notes.tex": document(list(parts.values()))} | {f"{name}.tex": text for name, text in parts.items()}
    for name, text in files.items():
        write_atomically(folder / name, text.encode())
    return [folder / name for name in files]


def _scores_table(notes: Notes) -> str:
    blocks: dict[str, list[list[str]]] = {}
    for one in notes.scores:
        cells = [f"{one.run}{_star(notes, one.subtask, one.run)}", one.hash, one.where, f"{one.value:.3f}"]
        blocks.setdefault(f"{one.subtask}, {one.metric}", []).append([*cells, _interval(one.interval)])
    caption = f"Scores of the runs ({notes.task}), with their 95 % intervals.{_starred(notes)}"
    columns = ["run", "hash", "images", "score", "95 % interval"]
    return table(columns, blocks, caption=caption, label="scores", numeric=2)


def _gaps_table(notes: Notes) -> str:
    if not notes.gaps:
        return ""
    blocks: dict[str, list[list[str]]] = {}
    for one in notes.gaps:
        p = "<0.001" if one.p < 0.001 else f"{one.p:.3f}"
        cells = [f"{one.run}{_star(notes, one.subtask, one.run)}", one.hash, f"{one.difference:+.3f}"]
        blocks.setdefault(one.subtask, []).append([*cells, _interval(one.interval), p])
    first = next(iter(notes.hashes))
    caption = (
        f"Difference of each run from {first} [{notes.hashes[first]}] on the same images, with its paired 95 % "
        f"interval and p (permutation, corrected by Holm over the runs of a subtask).{_starred(notes)}"
    )
    columns = ["run", "hash", "difference", "95 % interval", "p"]
    return table(columns, blocks, caption=caption, label="differences", numeric=3)


def _labels_tables(notes: Notes) -> str:
    runs, tables = list(notes.hashes), []
    for start in range(0, len(runs), ABREAST):
        some = runs[start : start + ABREAST]
        blocks: dict[str, list[list[str]]] = {}
        for one in notes.labels:
            if one.scores.keys() & some:
                cells = [one.label, "" if one.support is None else str(one.support)]
                cells += [f"{one.scores[run]:.3f}" if run in one.scores else "" for run in some]
                blocks.setdefault(one.subtask, []).append(cells)
        listed = ", ".join(f"{run} [{notes.hashes[run]}]" for run in some)
        caption = f"F1 of each label, or the score of each column, in the runs {listed}.{_starred(notes)}"
        label = f"labels-{start // ABREAST + 1}" if len(runs) > ABREAST else "labels"
        if blocks:
            columns = ["label", "images", *some]
            tables.append(table(columns, blocks, caption=caption, label=label, numeric=len(some) + 1))
    return "\n".join(tables)


def _star(notes: Notes, subtask: str, run: str) -> str:
    return " *" if any(one.note for one in notes.scores if (one.subtask, one.run) == (subtask, run)) else ""


def _starred(notes: Notes) -> str:
    """Return the sentence that says what a star means, with the runs that have one, where any has."""
    marked = dict.fromkeys(f"{one.run} ({one.subtask})" for one in notes.scores if one.note)
    said = dict.fromkeys(one.note for one in notes.scores if one.note)
    return f" *: {'; '.join(said)}, so that these scores flatter: {', '.join(marked)}." if marked else ""


def _interval(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"
