"""The header of a run file: which column means what, and what is wrong with it.

A column is recognised by its `T1`, `T2.k` or `T3.k`, so that cells are still checked under a header with faults.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

from submission.check.cells import is_value
from submission.labels import ID_NAMES
from submission.problems import Findings, shown
from submission.tasks import OFFICIAL_HEADER, TASKS, official_heading

ID = "id"  # what the id column means; the others mean their official heading

_INDEX = re.compile(r"\s*(unnamed.*|index|#|no\.?)?\s*$", re.IGNORECASE)  # what libraries call a column of row numbers
_EMOTION = re.compile(r"\s*T\d(?:\.\d+)?\W*", re.IGNORECASE)  # what stands before the emotion in a heading


@dataclass
class Columns:
    """What the columns of a run file mean.

    `meanings` has an entry a column: `id`, an official heading, or None for a column that is not of the task.
    `names` says how a heading is wanted: official heading → the cell of the wanted header.
    """

    meanings: list[str | None]
    names: dict[str, str]
    has_header: bool
    subtasks: tuple[str, ...]

    @property
    def id_position(self) -> int | None:
        return self.meanings.index(ID) if ID in self.meanings else None


def read_header(
    cells: list[str],
    line: int,
    header: Sequence[str],
    partial: bool,
    ids: Collection[str],
    found: Findings,
) -> Columns:
    """What the columns mean whose header is `cells`; everything that differs from `header` is told."""
    wanted = {_wanted_meaning(place, cell): cell for place, cell in enumerate(header)}  # meaning → cell wanted
    if _is_data(cells, ids):
        remedy = "Write the header of the dev set as the first line: " + ",".join(header[:3]) + ",…"
        found.add("header-absent", f"data in the first line ({shown(','.join(cells))})", "a header", remedy, line=line)
        meanings = _by_width(len(cells), wanted)
        subtasks = _subtasks(meanings)
        _tell_partial(subtasks, wanted, partial, line, found)
        return Columns(meanings, wanted, False, subtasks)
    while len(cells) > 1 and len(cells) != len(header) and not cells[-1].strip():
        remedy = "Write no delimiter behind the last cell."
        found.count("trailing-delimiter", line, None, "a line that ends in its last cell", remedy, unit="line")
        cells = cells[:-1]
    meanings = _meanings(cells, wanted)
    _tell_names(cells, meanings, wanted, line, found)
    subtasks = _subtasks(meanings)
    _tell_absent(meanings, subtasks, wanted, partial, line, found)
    _tell_order(meanings, wanted, line, found)
    return Columns(meanings, wanted, True, subtasks)


def wanted_columns(header: Sequence[str], subtasks: Sequence[str]) -> list[str]:
    """The cells of `header` for the ids and these subtasks, in the header's order."""
    headings = {heading for subtask in subtasks for heading in TASKS[subtask].headings}
    return [cell for place, cell in enumerate(header) if place == 0 or official_heading(cell) in headings]


def _wanted_meaning(place: int, cell: str) -> str:
    meaning = official_heading(cell) if place else ID
    assert meaning, f"the wanted header holds {cell!r}, which is no heading of the task"
    return meaning


def _is_data(cells: list[str], ids: Collection[str]) -> bool:
    """Whether the first line is a row: it names no column, and holds a known id or a label."""
    if any(cell.strip().lower() in ID_NAMES or official_heading(cell) for cell in cells):
        return False
    return cells[0] in ids or any(is_value(cell) for cell in cells[1:])


def _by_width(width: int, wanted: dict[str, str]) -> list[str | None]:
    """The meanings of a row without header, by its number of cells: each choice of subtasks has its own (2 … 19)."""
    for count in range(len(TASKS), 0, -1):
        for subtasks in combinations(TASKS, count):
            columns = [ID, *(m for m in wanted if any(m in TASKS[subtask].headings for subtask in subtasks))]
            if len(columns) == width:
                return columns
    return list(wanted)


def _meanings(cells: list[str], wanted: dict[str, str]) -> list[str | None]:
    exact = {cell: meaning for meaning, cell in wanted.items()}
    id_names = {wanted[ID].strip().lower(), *ID_NAMES}
    meanings = [
        exact.get(cell) or official_heading(cell) or (ID if cell.strip().lower() in id_names else None)
        for cell in cells
    ]
    # a column that its name does not tell is taken for the one that belongs in its place, where that one is missing
    for place, (meaning, belongs) in enumerate(zip(list(meanings), wanted, strict=False)):
        fits = belongs == ID or len(cells) == len(wanted)
        if meaning is None and fits and belongs not in meanings:
            meanings[place] = belongs
    return meanings


def _tell_names(
    cells: list[str], meanings: list[str | None], wanted: dict[str, str], line: int, found: Findings
) -> None:
    """Tell the headings that are changed, doubled or foreign; a doubled or foreign column loses its meaning."""
    told: set[str] = set()
    ids = meanings.index(ID) if ID in meanings else 0
    for place, (cell, meaning) in enumerate(zip(cells, meanings, strict=True)):
        where = {"line": line, "column": wanted.get(meaning or "")}
        if meaning in told:
            remedy = f"Remove one of the two columns (this one is column {place + 1})."
            found.add("column-duplicated", f"{shown(cell)} a second time", "each column once", remedy, **where)
            meanings[place] = None
        elif meaning is None and place < ids and _INDEX.match(cell):
            remedy = "Write the run without row numbers (pandas: to_csv(index=False))."
            found.add("index-column", f"{shown(cell)} before the ids", "the ids first", remedy, line=line)
        elif meaning is None or meaning not in wanted:
            remedy = f"Remove column {place + 1}."
            found.add("column-extra", shown(cell), "the columns of the dev set", remedy, line=line, column=cell or None)
            meanings[place] = None
        else:
            told.add(meaning)
            if cell != wanted[meaning]:
                _tell_changed(cell, meaning, wanted[meaning], line, found)


def _tell_changed(cell: str, meaning: str, name: str, line: int, found: Findings) -> None:
    emotion = _emotion(cell)
    siblings = next((task.headings for task in TASKS.values() if meaning in task.headings), ())
    other = next((heading for heading in siblings if _emotion(heading) == emotion), None)
    if meaning not in (ID, "T1") and other not in (None, meaning):
        remedy = (
            f"Its number or place says {meaning!r}, its emotion {other!r}: find out which of the two the cells hold."
        )
        found.add("heading-contradicts", shown(cell), shown(name), remedy, line=line, column=name)
        return
    whose = "The official heading is" if name in OFFICIAL_HEADER else "Your dev set's heading is"
    remedy = f"{whose} {name!r}: write it byte for byte, slips included."
    found.add("heading-changed", shown(cell), shown(name), remedy, line=line, column=name)


def _emotion(heading: str) -> str:
    return "".join(_EMOTION.sub("", heading, count=1).lower().split())


def _subtasks(meanings: list[str | None]) -> tuple[str, ...]:
    return tuple(task.name for task in TASKS.values() if any(heading in meanings for heading in task.headings))


def _tell_absent(
    meanings: list[str | None],
    subtasks: tuple[str, ...],
    wanted: dict[str, str],
    partial: bool,
    line: int,
    found: Findings,
) -> None:
    """Tell columns that are missing; a subtask that is missing as a whole is told once."""
    if ID not in meanings:
        remedy = "Add the column of image ids as the first."
        found.add("column-missing", "no column of ids", shown(wanted[ID]), remedy, line=line, column=wanted[ID])
    _tell_partial(subtasks, wanted, partial, line, found)
    for subtask in subtasks:
        for heading in TASKS[subtask].headings:
            if heading in wanted and heading not in meanings:
                name = wanted[heading]
                remedy = f"Add the column; {subtask} is scored on all its labels."
                found.add("column-missing", "no such column", shown(name), remedy, line=line, column=name)


def _tell_partial(subtasks: tuple[str, ...], wanted: dict[str, str], partial: bool, line: int, found: Findings) -> None:
    whole = _subtasks(list(wanted))
    if not subtasks:
        remedy = "Write the dev set's own header and a label in every column."
        found.add("no-label-columns", "no column of any subtask", "T1, T2.1 … T3.10", remedy, line=line)
    elif not partial and set(subtasks) < set(whole):
        remedy = "Add the other columns; or say that a run of some subtasks is meant (--partial)."
        found.add("partial", f"the columns of {_and(subtasks)} only", _and(whole), remedy, line=line)


def _and(subtasks: Sequence[str]) -> str:
    return " and ".join((", ".join(subtasks[:-1]), subtasks[-1]) if len(subtasks) > 1 else subtasks)


def _tell_order(meanings: list[str | None], wanted: dict[str, str], line: int, found: Findings) -> None:
    came = [meaning for meaning in meanings if meaning]
    belongs = [meaning for meaning in wanted if meaning in came]
    if came == belongs:
        return
    wrong = [
        f"{wanted[is_]!r} where {wanted[should]!r} belongs"
        for is_, should in zip(came, belongs, strict=True)
        if is_ != should
    ]
    order = " ".join(str(meanings.index(meaning) + 1) for meaning in belongs)
    found.add(
        "columns-reordered",
        ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""),
        "the order of the dev set's header",
        f"Take the file's columns in the order {order}; where the cells already stand in the dev set's order under a "
        "shuffled header, replace the header alone.",
        line=line,
    )
