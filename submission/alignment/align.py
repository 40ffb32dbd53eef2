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
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from submission.alignment.columns import ColumnFault, judge_columns
from submission.alignment.expectation import Expectation, label_matrix
from submission.alignment.rows import RowEvidence, judge_rows
from submission.labels import LabelTable
from submission.problems import Problem, describe
from submission.task import Label
from submission.wording import both, counted

if TYPE_CHECKING:
    import numpy as np

SOUND_Z = 4.0  # standard deviations from which on the rows count as belonging to their images
# A run of this share of the expectation's strength still counts as honest; below, labels count as unrelated if a run of
# that share would have reached `_UNRELATED_Z`.
_POOREST = 0.3
_UNRELATED_Z = 5.0

ALIGNED, MISALIGNED, SUSPICIOUS, CANNOT_TELL = "aligned", "misaligned", "suspicious", "cannot-tell"


@dataclass(frozen=True)
class Alignment:
    """The verdict on one run file.

    `rows_needed` is how many rows would have been enough, where `verdict` is cannot-tell and more rows would help.
    `smallest_slip` is the least number of rows whose slip would be noticed, None if no slip would be.
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
    tested: tuple[str, ...] = ()  # sentences: what would have been noticed
    not_tested: tuple[str, ...] = ()  # sentences: what would not

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against sending the run: it is neither misaligned nor suspicious."""
        return self.verdict not in (MISALIGNED, SUSPICIOUS)

    def text(self) -> str:
        """Return a line for each problem, then the verdict, for people."""
        lines = [describe(problem, self.file) for problem in self.problems]
        return "\n".join([*lines, f"{self.file}: {self.verdict}: {self.reason}"])

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
    out_of_fold: Mapping[str, Mapping[str, Label]] | None = None,  # noqa: ARG001  # taken by the next change
) -> Alignment:
    """Judge whether the rows and columns of a run belong to the images of `expectation`.

    `out_of_fold`: subtask → dev image id → label, the run's own answers on dev images that were held out.
    `orders`: sequences of ids in which labels may have been made or written by mistake (the test list, sorted, a folder
    listing); each is tried against each, and backwards. Rows with an id that the expectation lacks are left out.
    """
    import numpy as np

    place = {image_id: k for k, image_id in enumerate(expectation.ids)}
    lines = [line for line, image_id in enumerate(run.ids, start=2) if image_id in place]
    ids = [image_id for image_id in run.ids if image_id in place]
    kept = [k for k, column in enumerate(expectation.columns) if column.subtask.name in run.labels]
    columns = [expectation.columns[k] for k in kept]
    subtasks = list(dict.fromkeys(column.subtask for column in columns))
    if len(ids) < 3 or not subtasks:
        reason = (
            f"only {len(ids)} of its rows have features"
            if subtasks
            else "the dev set has labels for none of its subtasks"
        )
        return _cannot_tell(run.path, f"{reason}. Nothing can be compared.", len(ids))
    labels = label_matrix(subtasks, run.labels, ids)
    expected = expectation.expected[np.ix_([place[image_id] for image_id in ids], kept)]
    skill = expectation.skill[kept]
    if not skill.any():
        return _cannot_tell(
            run.path,
            "from the features of this extractor no label of the dev set is predicted better than by chance (or none "
            "of them varies). Choose another extractor with --use.",
            len(ids),
        )
    if not (labels.std(axis=0) * skill).any():
        return _cannot_tell(run.path, "it gives every image the same labels, which fits any order of rows.", len(ids))
    rows = judge_rows(expected, skill, labels, arrangements(ids, orders or {}))
    fault, told_apart = judge_columns(expected, skill, labels, columns)
    problems = [*_row_problems(rows, ids, lines), *_column_problems(fault)]
    if not problems and rows.z < min(rows.z_sound / 10, 3.3) and _POOREST * rows.z_sound > _UNRELATED_Z:
        problems.append(_unrelated(rows, lines))
    return _conclude(run.path, rows, told_apart, tuple(problems))


def arrangements(ids: Sequence[str], orders: Mapping[str, Sequence[str]]) -> dict[str, np.ndarray]:
    """Return what rows hold if labels made in one order are written to ids in another: name → order.

    `ids` are those of the file's rows; row i then holds the labels of the image of row order[i].
    """
    import numpy as np

    row = {image_id: k for k, image_id in enumerate(ids)}
    known = {"the file's order": list(ids)}
    for name, sequence in orders.items():
        common = [image_id for image_id in sequence if image_id in row]
        if len(common) == len(ids):
            known[name] = common
    known |= {f"{name}, backwards": sequence[::-1] for name, sequence in known.items()}
    found: dict[bytes, tuple[str, np.ndarray]] = {}
    identity = np.arange(len(ids))
    for made, made_ids in known.items():
        for written, written_ids in known.items():
            order = np.empty(len(ids), dtype=np.int64)
            order[[row[i] for i in written_ids]] = [row[i] for i in made_ids]
            if not (order == identity).all():
                found.setdefault(order.tobytes(), (f"labels in {made}, ids in {written}", order))
    return dict(found.values())


def usual_orders(ids: Sequence[str], listing: Sequence[str] = ()) -> dict[str, list[str]]:
    """Return the orders of ids that usual mistakes lead to; `listing` is the folder's own, as the disk gives it."""
    orders = {
        "the test list's order": list(ids),
        "sorted order": sorted(ids),
        "sorted order without regard to case": sorted(ids, key=str.lower),
        "numeric order": sorted(ids, key=_natural),
    }
    return orders | ({"the folder's order": list(listing)} if listing else {})


def _natural(image_id: str) -> list[tuple[int, int, str]]:
    """Return the sort key by which a2 comes before a10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"\d+|\D+", image_id)]


def _row_problems(rows: RowEvidence, ids: Sequence[str], lines: Sequence[int]) -> list[Problem]:
    """Return what was found about the rows: an order, else slipped parts, else unrelated parts."""
    remedy = "Write labels and ids from one table, joined by id (mediaeval submit does)."
    sound = "rows whose labels belong to their images"
    if rows.order and rows.order_gain >= 0.8 * sum(segment.gain for segment in rows.segments):
        return [_problem("rows-reordered", lines, 0, f"{rows.order}, which fits the images better", sound, remedy)]
    if not rows.segments:
        if rows.unrelated is None:
            return []
        first, end = rows.unrelated
        actual = f"labels unrelated to their images in {_span(lines, first, end)}, while the others fit theirs"
        return [_problem("rows-unrelated", lines, first, actual, sound, remedy)]
    segments = sorted(rows.segments, key=lambda segment: segment.first)
    where = [f"{counted(abs(s.lag), 'row{s}')} {'below' if s.lag > 0 else 'above'}" for s in segments]
    actual = "; ".join(
        f"{_span(lines, s.first, s.last)} with the labels of the images {place}"
        for s, place in zip(segments, where, strict=True)
    )
    first = segments[0].first
    if len({segment.lag for segment in segments}) > 1:
        code = "rows-exchanged"
    elif segments[-1].last - first + abs(segments[0].lag) + 5 >= 0.9 * (len(ids) - first):
        code = "rows-shifted"  # to the end of the file
    else:
        code = "rows-moved"
    return [_problem(code, lines, first, actual, sound, remedy)]


def _unrelated(rows: RowEvidence, lines: Sequence[int]) -> Problem:
    actual = f"labels that fit their images no better than any others ({rows.z:.1f} standard deviations)"
    expected = f"about {rows.z_sound:.0f}, as of good predictions, or at least a third of that"
    remedy = (
        "Either labels and ids were mixed up, or the predictions are no better than chance: score them on validation "
        "images, and write the run with mediaeval submit."
    )
    return _problem("rows-unrelated", lines, 0, actual, expected, remedy)


_COLUMN_CODES = {
    "inverted": (
        "columns-inverted",
        "labels that are the opposite of what the images show",
        "Write 1 for a label that applies, 0 for one that does not.",
    ),
    "swapped": (
        "columns-swapped",
        "two columns in each other's place",
        "Write each label under its own heading, by name.",
    ),
    "shifted": ("columns-shifted", "shifted columns", "Write each label under its own heading, by name."),
    "exchanged": (
        "columns-exchanged",
        "{subtasks} in each other's place",
        "Write the columns in the order of the dev set's header.",
    ),
    "sorted": (
        "columns-sorted",
        "columns in another order than their headings",
        "Write each label under its own heading, by name.",
    ),
    "classes": (
        "classes-permuted",
        "the classes of {subtasks} under each other's names",
        "Check which number stands for which class in training (often alphabetical).",
    ),
    "assigned": (
        "columns-permuted",
        "columns under the wrong headings",
        "Write each label under its own heading, by name.",
    ),
}


def _column_problems(fault: ColumnFault | None) -> list[Problem]:
    if fault is None:
        return []
    code, what, remedy = _COLUMN_CODES[fault.kind]
    columns = [column for column, _ in fault.moves]
    if fault.kind == "inverted":
        moves = ", ".join(map(str, columns))
    else:
        moves = "; ".join(f"'{column}' holds '{label}'" for column, label in fault.moves)
    names = both(list(dict.fromkeys(column.subtask.column for column in columns)))
    actual = f"{what.format(subtasks=names)}: {moves}, by {fault.strength:.1f} standard errors"
    expected = "columns that hold what their headings name"
    return [Problem(code, "error", None, columns[0].heading, actual, expected, remedy)]


def _conclude(path: Path, rows: RowEvidence, told_apart: float, problems: tuple[Problem, ...]) -> Alignment:
    needed = None
    fits = (
        f"{rows.z:.1f} standard deviations better than rows in random order would (good predictions: about "
        f"{rows.z_sound:.0f})"
    )
    if problems:
        codes = ", ".join(problem.code for problem in problems)
        verdict, reason = MISALIGNED, f"labels and images do not belong together: {codes}"
    elif rows.z >= SOUND_Z:
        verdict = ALIGNED
        reason = (
            f"the labels fit their images {fits}, and no other arrangement fits better. "
            f"{_noticed(rows.n_rows, rows.smallest_slip, told_apart)}"
        )
    else:
        verdict = CANNOT_TELL
        reason = f"the labels fit their images {fits}, which is too little to decide"
        if rows.z_sound > 0:
            needed = max(math.ceil(rows.n_rows * (SOUND_Z / max(rows.z, _POOREST * rows.z_sound)) ** 2), 1)
            if needed > rows.n_rows:
                reason += f"; about {needed} rows would be enough"
            else:
                needed = None
                reason += ": the run is poor, or few of its labels vary"
    return Alignment(
        str(path),
        verdict,
        reason + ".",
        rows.n_rows,
        needed,
        rows.z,
        rows.z_sound,
        rows.smallest_slip,
        told_apart,
        problems,
    )


def _noticed(n_rows: int, smallest_slip: int | None, told_apart: float) -> str:
    """Return what would have been noticed with this number of rows."""
    slips = f"slips of at least {smallest_slip} rows" if smallest_slip else "no slips of a part of the rows"
    return f"With {n_rows} rows, {slips} and {100 * told_apart:.0f} % of the column swaps would be noticed"


def _cannot_tell(path: Path, reason: str, n_rows: int) -> Alignment:
    return Alignment(str(path), CANNOT_TELL, reason, n_rows, None, 0.0, 0.0, None, 0.0, ())


def _problem(code: str, lines: Sequence[int], first: int, actual: str, expected: str, remedy: str) -> Problem:
    return Problem(code, "error", lines[first], None, actual, expected, remedy)


def _span(lines: Sequence[int], first: int, last: int) -> str:
    return f"lines {lines[first]} to {lines[last]}"
