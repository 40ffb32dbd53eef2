"""What is wrong with a file, as problems for people: which rows or columns are not in their place."""

from __future__ import annotations

from collections.abc import Sequence

from submission.alignment.columns import ColumnRival
from submission.alignment.rows import Rival
from submission.alignment.strength import POOR, Strength
from submission.problems import Problem
from submission.wording import both, counted

_SOUND = "rows whose labels belong to their images"
_REMEDY = "Write labels and ids from one table, joined by id (mediaeval submit does)."
_CHECK = (
    "Either labels and ids were mixed up, or the predictions are no better than chance: score them on validation "
    "images, and write the run with mediaeval submit."
)
_SHOWN_PARTS = 8


def row_problem(rival: Rival, n_subtasks: int, lines: Sequence[int]) -> Problem:
    """Return what was found about the rows; `lines`: the line of the file that each row is in."""
    first, actual = 0, ""
    if rival.kind == "order":
        code, actual = "rows-reordered", f"{rival.name}, which fits the images better"
    elif rival.kind == "workers":
        code, actual = "rows-interleaved", f"{rival.name}, which fits the images better"
    elif rival.kind == "shuffled":
        code, actual = "rows-shuffled", f"labels that fit the images of other rows within batches of about {rival.size}"
    elif rival.kind == "unrelated":
        code, (part,) = "rows-unrelated", rival.parts
        first = part.first
        actual = f"labels unrelated to their images in {_span(lines, first, part.last)}, while the others fit theirs"
    else:
        code, first, actual = _moved_rows(rival, lines)
    if len(rival.subtasks) < n_subtasks:
        actual = f"of {both(rival.subtasks)} alone, {actual}"
    return _problem(code, lines, first, actual, _SOUND, _REMEDY)


def _moved_rows(rival: Rival, lines: Sequence[int]) -> tuple[str, int, str]:
    """Return the code, the first row and the description of rows that slipped, or of batches in another order."""
    parts = sorted(rival.parts, key=lambda part: part.first)
    first, n = parts[0].first, len(lines)
    told = [
        f"{_span(lines, part.first, part.last)} with the labels of the images {counted(abs(part.lag), 'row{s}')} "
        f"{'below' if part.lag > 0 else 'above'}"
        for part in parts[:_SHOWN_PARTS]
    ]
    more = [f"{len(parts) - _SHOWN_PARTS} more parts"] if len(parts) > _SHOWN_PARTS else []
    if rival.kind == "batches" or len({part.lag for part in parts}) > 1:
        code = "rows-exchanged"
    elif parts[-1].last - first + abs(parts[0].lag) + 5 >= 0.9 * (n - first):
        code = "rows-shifted"  # to the end of the file
    else:
        code = "rows-moved"
    return code, first, "; ".join([*told, *more])


def unrelated(strength: Strength, lines: Sequence[int], subtask: str = "") -> Problem:
    """Return that labels and images of the whole file, or of one subtask, are unrelated."""
    of_subtask = f"of {subtask} alone, " if subtask else ""
    actual = (
        f"{of_subtask}labels that fit their images no better than any others ({strength.z:.1f} standard deviations)"
    )
    if strength.z_own is None:
        expected = (
            f"about {strength.z_sound:.0f}, as of good predictions; 19 in 20 runs that have {POOR:.0%} of that reach "
            f"{strength.unrelated_below:.1f}"
        )
    else:
        expected = f"about {strength.z_own:.0f}, as the run's own answers for held-out dev images have"
    return _problem("rows-unrelated", lines, 0, actual, expected, _CHECK)


def below_own(strength: Strength, lines: Sequence[int]) -> Problem:
    """Return that labels fit less than the run's own answers for held-out images lead to expect."""
    assert strength.z_own is not None
    actual = f"labels that fit their images by {strength.z:.1f} standard deviations"
    expected = f"{strength.z_own:.0f} ± {strength.own_error:.0f}, as the run's own answers for held-out dev images have"
    remedy = "Compare some labels with their images: a part may belong to others. Write the run with mediaeval submit."
    return _problem("fit-below-own", lines, 0, actual, expected, remedy)


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


def column_problem(rival: ColumnRival) -> Problem:
    """Return what was found about the columns."""
    code, what, remedy = _COLUMN_CODES[rival.kind]
    columns = [column for column, _ in rival.moves]
    if rival.kind == "inverted":
        moves = ", ".join(map(str, columns))
    else:
        moves = "; ".join(f"'{column}' holds '{label}'" for column, label in rival.moves)
    names = both(list(dict.fromkeys(column.subtask.column for column in columns)))
    actual = f"{what.format(subtasks=names)}: {moves}"
    expected = "columns that hold what their headings name"
    return Problem(code, "error", None, columns[0].heading, actual, expected, remedy)


def _problem(code: str, lines: Sequence[int], first: int, actual: str, expected: str, remedy: str) -> Problem:
    return Problem(code, "error", lines[first], None, actual, expected, remedy)


def _span(lines: Sequence[int], first: int, last: int) -> str:
    return f"lines {lines[first]} to {lines[last]}"
