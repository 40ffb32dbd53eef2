"""The lines of a run file, as the check understood them, written as they must be: what has one reading alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from submission.check.body import Body
from submission.check.columns import ID
from submission.check.ids import KnownIds
from submission.check.lenient import lenient_value
from submission.errors import RunFileError
from submission.kinds import Kind
from submission.problems import Problem
from submission.runfile import format_run
from submission.task import Header

_UNWRITABLE = "\r\n\0"


@dataclass(frozen=True)
class _Column:
    """A column of the rewritten file: its heading, its place among the cells behind the id, and its kind."""

    heading: str
    place: int
    kind: Kind | None
    meaning: str | None


class Rewriting:
    """A file that is written anew; `problems` are those of the file."""

    def __init__(self, body: Body, ids: Sequence[str] | None, header: Header, problems: Sequence[Problem]):
        self.body, self.header, self.problems = body, header, problems
        self.layout = header.task.layout
        self.ids = ids
        self.moves_rows = False  # whether `data` has put rows in another order
        self._listed = {image_id: k for k, image_id in enumerate(ids or ())}
        self._known = KnownIds(body.ids, ids, extension=self.layout.extension)
        self._sure = _single_readings(ids or ())
        self.rows = self._rows()
        self.columns = self._columns()

    @property
    def letters_are_known(self) -> bool:
        """Whether every id is in the list, so that none was read in a wrong encoding."""
        return self.ids is not None and all(image_id in self._listed for image_id, _ in self.rows)

    def data(self) -> bytes | None:
        """Return the bytes of the file; None where it cannot be written, as JSON with a value that is no answer."""
        rows = self._in_order([(image_id, self._cells(cells)) for image_id, cells in self.rows])
        if not self.layout.is_table:
            return self._json(rows)
        lines = [[self.header.cells[0], *(column.heading for column in self.columns)]] if self.layout.header else []
        lines += [[image_id, *cells] for image_id, cells in rows]
        splits = set(_UNWRITABLE + (self.layout.separator.strip(" ") or " "))
        if any(splits & set(cell) for cells in lines for cell in cells):
            return None  # it would fall apart into other cells
        end = "\r\n" if self.layout.line_end == "crlf" else "\n"
        return "".join(self.layout.separator.join(cells) + end for cells in lines).encode()

    def _rows(self) -> list[tuple[str, Sequence[str]]]:
        """Return the id and the other cells of each row, the id as the list has it where it can be no other."""
        found = [(actual, *self._known.look_up(actual), cells) for _, actual, cells in self.body.cells()]
        times = Counter(meant for _, _, meant, _ in found)
        rows = []
        for actual, codes, meant, cells in found:
            unsure = {"id-case", "id-number"} & set(codes) and not self._sure.get(meant)
            other = codes and times[meant] > 1  # the row of another id, or a second answer
            rows.append((actual.strip() if unsure or other or not meant else meant, cells))
        return rows

    def _columns(self) -> list[_Column]:
        """Return the columns in the order of the expected header, then those that are no part of it, if they stay."""
        columns, position = self.body.columns, self.body.columns.id_position
        lines_cells = self.body.lines.header_cells
        missing = len(columns.meanings) - len(lines_cells)  # an index column without a heading
        headings = ["" for _ in range(missing)] + list(lines_cells)
        index = {place for place in range(position or 0) if columns.meanings[place] is None}
        kinds = self.header.task.kind_of
        contradictory = {problem.column for problem in self.problems if problem.code == "heading-contradicts"}
        found: list[_Column] = []
        for place, meaning in enumerate(columns.meanings):
            if place == position or place in index:
                continue
            at = place - (place > (position or 0))
            name = headings[place] if columns.has_header else ""
            if meaning is None:
                found.append(_Column(name, at, None, None))
                continue
            expected = columns.names[meaning]
            known = not columns.has_header or name == expected or self.header.task.official_heading(name) == meaning
            heading = expected if known and expected not in contradictory else name
            found.append(_Column(heading, at, kinds[meaning], meaning))
        order = {meaning: k for k, meaning in enumerate(columns.names) if meaning != ID}
        found.sort(key=lambda column: order.get(column.meaning or "", len(order)))
        return [column for column in found if column.meaning or not self._is_spare(column, found)]

    def _is_spare(self, column: _Column, others: Sequence[_Column]) -> bool:
        """Return whether a column that has no meaning can go: all that are expected are there, under their names.

        A second one with the heading of another goes only where all its cells are the same.
        """
        expected = [name for meaning, name in self.body.columns.names.items() if meaning != ID]
        subtasks = set(self.body.columns.subtasks)
        headings = {heading for name in subtasks for heading in self.header.task[name].headings}
        needed = {self.body.columns.names[heading] for heading in headings if heading in self.body.columns.names}
        if not needed <= {one.heading for one in others if one.meaning}:
            return False
        meaning = self.header.task.official_heading(column.heading)
        twin = next((one for one in others if one.meaning and one.meaning == meaning), None)
        if twin is None:
            return column.heading not in expected
        return all(
            len(cells) > max(column.place, twin.place) and cells[column.place].strip() == cells[twin.place].strip()
            for _, cells in self.rows
        )

    def _cells(self, cells: Sequence[str]) -> list[str]:
        """Return the cells of a row in their new order; those of a row with too many or too few as they are."""
        width = len(self.body.columns.meanings) - 1
        while len(cells) > width and not cells[-1].strip():
            cells = cells[:-1]
        if len(cells) != width:
            return list(cells)
        return [_written(cells[column.place], column.kind) for column in self.columns]

    def _in_order(self, rows: Sequence[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
        """Return the rows in the order of the list, each once where the same one is there several times."""
        if self.header.task.subtasks[0].kind == "rank":
            return list(rows)
        once = {  # rows of ids that are not in the list may be of different images
            (image_id, *cells) if not self._listed or image_id in self._listed else k: (image_id, cells)
            for k, (image_id, cells) in reversed(list(enumerate(rows)))
        }
        kept = list(once.values())[::-1]
        ordered = sorted(kept, key=lambda row: self._listed.get(row[0], len(self._listed)))
        self.moves_rows = ordered != kept
        return ordered

    def _json(self, rows: Sequence[tuple[str, list[str]]]) -> bytes | None:
        task = self.header.task
        places = {column.meaning: k for k, column in enumerate(self.columns)}
        try:
            labels = {
                subtask.name: {
                    image_id: subtask.from_cells([cells[places[heading]] for heading in subtask.headings])
                    for image_id, cells in rows
                }
                for subtask in task.subtasks
                if subtask.name in self.body.columns.subtasks
            }
            return format_run(self.header.only(labels), [image_id for image_id, _ in rows], labels)
        except (KeyError, IndexError, ValueError, RunFileError):
            return None


def _written(cell: str, kind: Kind | None) -> str:
    """Return a cell as its column expects it, if it means one value; else as it is, without blanks around it."""
    if kind is None:
        return cell.strip()
    try:
        kind.read(cell)
    except ValueError:
        value = lenient_value(cell, kind)
        return cell.strip() if value is None else kind.write(value)
    return cell


def _single_readings(ids: Sequence[str]) -> dict[str, bool]:
    """Return id → whether no other one differs from it in case alone, or is the same number."""
    folded = Counter(image_id.casefold() for image_id in ids)
    numbers = Counter(number for image_id in ids if (number := _number(image_id)) is not None)
    return {
        image_id: folded[image_id.casefold()] == 1 and ((number := _number(image_id)) is None or numbers[number] == 1)
        for image_id in ids
    }


def _number(image_id: str) -> float | None:
    try:
        return float(image_id) if len(image_id) < 400 else None
    except ValueError:
        return None
