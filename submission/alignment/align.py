"""Whether a run file's labels belong to its images, judged without test labels, before the file is sent.

    expectation = expect(dev_features, dev_labels, test_features, test_ids, columns_of(task.subtasks))
    alignment = align(run, expectation, orders)
    alignment.verdict      # aligned, misaligned, suspicious or cannot-tell

A file can be perfect in form and still give each image the labels that were predicted for another. The images show it:
a regression from the dev set leads to expect something of each test image, and a sound run agrees with that better than
any rearrangement of its rows (rows.py) or columns (columns.py) does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from submission.alignment.columns import find_column_rival
from submission.alignment.expectation import Expectation, label_matrix, standardise
from submission.alignment.findings import below_own, column_problem, row_problem, unrelated
from submission.alignment.headings import Headings
from submission.alignment.likelihood import Likelihood, Slopes, regress
from submission.alignment.orders import arrangements
from submission.alignment.power import Power, power
from submission.alignment.rows import find_rival
from submission.alignment.strength import ALIGNED_Z, LEAST_HELD_OUT, Strength, measure
from submission.labels import LabelTable
from submission.problems import Problem, describe
from submission.task import Label, Subtask
from submission.wording import counted

if TYPE_CHECKING:
    import numpy as np

ALIGNED, MISALIGNED, SUSPICIOUS, CANNOT_TELL = "aligned", "misaligned", "suspicious", "cannot-tell"
ANYTHING = ("any rearrangement of rows or columns",)  # `not_tested` where nothing could be tested

_POOR = 0.3  # share of the expectation's strength that a poor run has, to say how many rows would be enough


@dataclass(frozen=True)
class Alignment:
    """The verdict on one run file.

    `rows_needed` is how many rows would have been enough, where `verdict` is cannot-tell and more rows would help.
    `smallest_slip` is the least number of rows whose slip would be noticed, None if no slip would be. `tested` says
    what would have been noticed with as many rows and this evidence, `not_tested` what would not; both are empty for a
    file that is misaligned or suspicious. `z_sound` is what z is for good predictions, or by the run's own answers for
    held-out dev images where these are known.
    """

    file: str
    verdict: str
    reason: str
    n_rows: int
    rows_needed: int | None
    z: float
    z_sound: float
    smallest_slip: int | None
    columns_told_apart: float  # share of pairs of columns whose swap would have been noticed
    problems: tuple[Problem, ...]
    tested: tuple[str, ...] = ()
    not_tested: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against sending the run: it is neither misaligned nor suspicious."""
        return self.verdict not in (MISALIGNED, SUSPICIOUS)

    def text(self) -> str:
        """Return what was tested, a line for each problem, then the verdict, for people."""
        lines = [f"{self.file}: {name}: {'; '.join(sentences)}." for name, sentences in self._power() if sentences]
        lines += [describe(problem, self.file) for problem in self.problems]
        return "\n".join([*lines, f"{self.file}: {self.verdict}: {self.reason}"])

    def _power(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return ("would be noticed", self.tested), ("would NOT be noticed", self.not_tested)

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict for `json.dumps`."""
        return {
            "file": self.file,
            "verdict": self.verdict,
            "reason": self.reason,
            "n_rows": self.n_rows,
            "rows_needed": self.rows_needed,
            "z": self.z,
            "z_sound": self.z_sound,
            "smallest_slip": self.smallest_slip,
            "columns_told_apart": self.columns_told_apart,
            "tested": list(self.tested),
            "not_tested": list(self.not_tested),
            "problems": [problem.to_dict() for problem in self.problems],
        }


def align(
    run: LabelTable,
    expectation: Expectation,
    orders: Mapping[str, Sequence[str]] | None = None,
    out_of_fold: Mapping[str, Mapping[str, Label]] | None = None,
    lines: Mapping[str, int] | None = None,
) -> Alignment:
    """Judge whether the rows and columns of a run belong to the images of `expectation`.

    `orders`: sequences of ids in which labels may have been made or written by mistake (the test list, sorted, a folder
    listing); each is tried against each, and backwards. Rows with an id that the expectation lacks are left out.
    `out_of_fold`: subtask → dev image id → label, the run's own answers for dev images that were held out. They say how
    well its labels should fit; they are not used if there are fewer than 50, or not of every subtask.
    `lines`: image id → its line in the file, for messages; without, rows begin below a header and none is skipped.
    """
    import numpy as np

    place = {image_id: k for k, image_id in enumerate(expectation.ids)}
    ids = [image_id for image_id in run.ids if image_id in place]
    lines = lines or {image_id: line for line, image_id in enumerate(run.ids, start=2)}
    lines_of = [lines[image_id] for image_id in ids]
    kept = [k for k, column in enumerate(expectation.columns) if column.subtask.name in run.labels]
    columns = [expectation.columns[k] for k in kept]
    subtasks = list(dict.fromkeys(column.subtask for column in columns))
    if len(ids) < 3 or not subtasks:
        few = f"{counted(len(ids), 'row{s}')} of test images with features; expected 3 or more"
        reason = f"got {few}. Check its ids." if subtasks else "the dev set has labels for none of its subtasks."
        return _cannot_tell(run.path, reason, len(ids))
    labels = label_matrix(subtasks, run.labels, ids)
    expected = expectation.expected[np.ix_([place[image_id] for image_id in ids], kept)]
    skill = expectation.skill[kept]
    if not skill.any():
        return _cannot_tell(
            run.path,
            "from these features no label of the dev set is predicted better than by chance (or none of them varies). "
            "Choose another extractor with --use.",
            len(ids),
        )
    if not (labels.std(axis=0) * skill).any():
        return _cannot_tell(run.path, "it gives every image the same labels, which fits any order of rows.", len(ids))
    held_out = _held_out(expectation, kept, subtasks, out_of_fold or {})
    slopes = _slopes(expectation, kept, held_out)
    strength = measure(expected, skill, labels, held_out)
    places = {subtask.name: np.array([column.subtask == subtask for column in columns]) for subtask in subtasks}
    of_columns, pairs = find_column_rival(
        Headings(expected, labels, slopes), columns, expected.T @ standardise(labels) / len(labels), skill
    )
    of_rows = find_rival(Likelihood(expected, labels, slopes.mean), places, arrangements(ids, orders or {}))
    problems = []
    if of_columns and (not of_rows or of_columns.evidence > of_rows.evidence):
        problems = [column_problem(of_columns)]
    elif of_rows:
        problems = [row_problem(of_rows, len(subtasks), lines_of)]
    told_apart = sum(pair.noticed for pair in pairs) / max(len(pairs), 1)
    if problems:
        reason = "labels and images do not belong together"
        return _accused(MISALIGNED, reason, run.path, strength, ids, told_apart, problems)
    if strength.unrelated:
        reason = "labels and images show no relation, though those of a poor run would"
        return _accused(SUSPICIOUS, reason, run.path, strength, ids, told_apart, [unrelated(strength, lines_of)])
    parts = {} if len(subtasks) == 1 else _by_subtask(expected, skill, labels, held_out, places)
    if problems := [unrelated(part, lines_of, name) for name, part in parts.items() if part.unrelated]:
        reason = "labels of one subtask and images show no relation, though those of a poor run would"
        return _accused(SUSPICIOUS, reason, run.path, strength, ids, told_apart, problems)
    if strength.below_own:
        reason = "the labels fit their images far less than the run's own answers for held-out images"
        return _accused(SUSPICIOUS, reason, run.path, strength, ids, told_apart, [below_own(strength, lines_of)])
    seen = power(expected, skill, labels, slopes.mean, places, pairs, strength, parts)
    return _conclude(run.path, strength, len(ids), told_apart, seen)


def _by_subtask(
    expected: np.ndarray,
    skill: np.ndarray,
    labels: np.ndarray,
    held_out: tuple[np.ndarray, np.ndarray] | None,
    places: Mapping[str, np.ndarray],
) -> dict[str, Strength]:
    """Return how well the labels of each subtask fit; `places`: name → which columns are its.

    What to expect of a subtask is reduced by as much as the others fall short of what is expected of them.
    """

    def strength(columns: np.ndarray) -> Strength:
        own = None if held_out is None else (held_out[0][:, columns], held_out[1][:, columns])
        return measure(expected[:, columns], skill[columns], labels[:, columns], own)

    return {name: strength(columns).beside(strength(~columns)) for name, columns in places.items()}


def _held_out(
    expectation: Expectation,
    kept: Sequence[int],
    subtasks: Sequence[Subtask],
    out_of_fold: Mapping[str, Mapping[str, Label]],
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return what held-out dev images lead to expect, and the run's own answers; None if too few are known."""
    if any(subtask.name not in out_of_fold for subtask in subtasks):
        return None
    known = [
        (k, image_id)
        for k, image_id in enumerate(expectation.dev_ids)
        if all(image_id in out_of_fold[subtask.name] for subtask in subtasks)
    ]
    if len(known) < LEAST_HELD_OUT:
        return None
    answers = label_matrix(subtasks, out_of_fold, [image_id for _, image_id in known])
    return expectation.left_out[[k for k, _ in known]][:, kept], answers


def _slopes(expectation: Expectation, kept: Sequence[int], held_out: tuple[np.ndarray, np.ndarray] | None) -> Slopes:
    """Return how expectations depend on labels: those of the dev set, and the run's own answers where known."""
    import numpy as np

    left_out, labels = expectation.left_out[:, kept], expectation.truth[:, kept]
    if held_out is not None:
        left_out, labels = np.concatenate([left_out, held_out[0]]), np.concatenate([labels, held_out[1]])
    return regress(left_out, labels)


def _accused(
    verdict: str,
    reason: str,
    path: Path,
    strength: Strength,
    ids: Sequence[str],
    told_apart: float,
    problems: Sequence[Problem],
) -> Alignment:
    codes = ", ".join(problem.code for problem in problems)
    return Alignment(
        str(path),
        verdict,
        f"{reason}: {codes}.",
        len(ids),
        None,
        strength.z,
        _sound(strength),
        None,
        told_apart,
        tuple(problems),
    )


def _conclude(path: Path, strength: Strength, n_rows: int, told_apart: float, seen: Power) -> Alignment:
    sound, needed = _sound(strength), None
    known = "good predictions" if strength.z_own is None else "the run's own answers for held-out dev images"
    fits = f"{strength.z:.1f} standard deviations better than rows in random order would ({known}: about {sound:.0f})"
    if strength.related:
        verdict = ALIGNED
        reason = f"the labels fit their images {fits}, and no other arrangement fits better"
    else:
        verdict = CANNOT_TELL
        reason = f"the labels fit their images {fits}, which is too little to decide"
        if sound > 0:
            needed = max(math.ceil(n_rows * (ALIGNED_Z / max(strength.z, _POOR * sound)) ** 2), 1)
            if needed > n_rows:
                reason += f"; about {needed} rows would be enough"
            else:
                needed = None
                reason += ": the run is poor, or few of its labels vary"
    return Alignment(
        str(path),
        verdict,
        f"{reason}.",
        n_rows,
        needed,
        strength.z,
        sound,
        seen.smallest_slip,
        told_apart,
        (),
        seen.tested,
        seen.not_tested,
    )


def _sound(strength: Strength) -> float:
    return strength.z_sound if strength.z_own is None else strength.z_own


def _cannot_tell(path: Path, reason: str, n_rows: int) -> Alignment:
    return Alignment(str(path), CANNOT_TELL, reason, n_rows, None, 0.0, 0.0, None, 0.0, (), (), ANYTHING)
