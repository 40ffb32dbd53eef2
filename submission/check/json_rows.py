"""The rows of a run file in JSON: an object a line (`jsonl`), or one object id → answer (`json`).

    {"image_id": "a.jpg", "prob": 0.73, "label": 1}            jsonl: headings are keys, in any order
    {"a.jpg": {"prob": 0.73, "label": 1}, …}                   json
    {"a.jpg": "positive", …}                                   json, of a task with a single column

Numbers and flags are JSON numbers, class names and other text is text, and a set is a list of text. Each fault of these
is reported; what is left are rows of cells as of any other container.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from submission.check.columns import ID, Columns
from submission.check.json_cells import JsonCells
from submission.check.json_keys import JsonKeys
from submission.check.json_usual import UsualForm
from submission.jsonfile import JsonError, JsonText, Pairs, Run
from submission.problems import Findings
from submission.task import Header
from submission.wording import counted

_PEEKED = 100  # objects whose keys say which subtasks the run covers

Row = tuple[int, str, Sequence[str] | None]  # line, id, the other cells; None where they are unreadable


@dataclass(frozen=True)
class Rows:
    """Rows that follow each other: their lines, their ids, and the cells of each column."""

    lines: Sequence[int]
    ids: Sequence[str]
    cells: list[Sequence[str]]


class JsonRows:
    """The rows of a text of JSON, in the order of the file; what is wrong with each is reported as it is read.

    columns   what the cells of the rows mean
    complete  whether the text could be read to its end
    """

    def __init__(self, text: str, header: Header, partial: bool, found: Findings):
        self.found = found
        self.complete = True
        self._source = JsonText(text)
        self._by_id = header.task.layout.container == "json"
        kinds = header.task.kind_of
        self._scalar = self._by_id and len(kinds) == 1
        self._invalid: list[JsonError] = []  # the first one
        self._n_invalid = 0
        self._objects = self._all_objects()
        self._first = list(islice(self._objects, _PEEKED))
        self._keys = JsonKeys(header, not self._by_id, found)
        objects = [answer for _, _, answer in self._first if isinstance(answer, Pairs) and not self._scalar]
        self.columns: Columns = self._keys.find_columns(objects, partial)
        self._headings = [one for one in self._keys.meanings if one != ID]
        self._cells = JsonCells([(self.columns.names[one], kinds[one]) for one in self._headings], found)

    def __iter__(self) -> Iterator[Row]:
        """Yield each row; once, and if `parts` is not used."""
        for part in self.parts():
            if isinstance(part, Rows):
                yield from zip(part.lines, part.ids, zip(*part.cells, strict=True), strict=True)
            else:
                yield part

    def parts(self) -> Iterator[Row | Rows]:
        """Yield each row, or many rows at once; once."""
        usual = self._usual_form()
        self._source.known = usual.match if usual else None
        for line, image_id, answer in chain(self._first, self._objects):
            if usual and isinstance(answer, Run):
                ids, *cells = usual.columns(answer.groups)
                yield Rows(answer.lines, ids, cells)
            else:
                yield (line, *self._row(line, image_id, answer))
        self._keys.report()
        self._report_invalid()
        if self._source.blank_lines:
            line, times = self._source.blank_lines
            expected, remedy = "an object on every line", "Remove the blank lines."
            self.found.count("blank-line", line, None, expected, remedy, times=times, noun="blank line{s}")

    def _all_objects(self) -> Iterator[tuple[int, str, Any]]:
        """Yield line, id and answer; of `jsonl`, where the id is in the answer, an empty id."""
        if not self._by_id:
            for line, value in self._source.lines():
                if isinstance(value, JsonError):
                    self._count_invalid(value)
                else:
                    yield line, "", value
            return
        try:
            yield from self._source.entries()
        except JsonError as error:
            self._count_invalid(error)
            self.complete = False

    def _row(self, line: int, image_id: str, answer: Any) -> tuple[str, Sequence[str] | None]:
        """Return the id and the cells of one answer."""
        if self._by_id:
            image_id = self._cells.text(image_id, line)
        if self._scalar:
            return image_id, self._cells.of_row([answer], line)
        if not isinstance(answer, Pairs):
            keys = ", ".join(f'"{key}": …' for key in self._expected_keys())
            self._cells.report_type(answer, line, f"an object such as {{{keys}}}", "Write an object.")
            return image_id, None
        shape = self._keys.shape(answer, line)
        values = shape.values(answer)
        places = shape.places
        if not self._by_id and self._has_id:
            image_id = self._cells.of_id(values.pop(0), line, self.columns.names[ID])
            places = places[1:]
        return image_id, None if None in places else self._cells.of_row(values, line)

    @property
    def _has_id(self) -> bool:
        return ID in self._keys.meanings

    def _expected_keys(self) -> list[str]:
        return [self.columns.names[meaning] for meaning in self._keys.meanings][:3]

    def _count_invalid(self, error: JsonError) -> None:
        self._n_invalid += 1
        self._invalid = self._invalid or [error]

    def _report_invalid(self) -> None:
        for error in self._invalid:
            others = f", as in {counted(self._n_invalid - 1, 'other line{s}')}" if self._n_invalid > 1 else ""
            expected = "one object, id → answer" if self._by_id else "an object on each line"
            remedy = "Write the file with a library for JSON (Python: json.dumps)."
            self.found.add(
                "json-invalid", f"text that is not JSON ({error.reason}){others}", expected, remedy, line=error.line
            )

    def _usual_form(self) -> UsualForm | None:
        """Return the form of the first object, if it has each key once and as expected."""
        answer = next((one for _, _, one in self._first), None)
        kinds = dict(zip(self._headings, self._cells.kinds, strict=True))
        if self._scalar:
            return UsualForm([(None, kinds[self._headings[0]])], (0,), self._by_id)
        if not isinstance(answer, Pairs):
            return None
        keys = [key for key, _ in answer]
        expected = [self.columns.names[meaning] for meaning in self._keys.meanings]
        if sorted(keys) != sorted(expected) or not (self._by_id or self._has_id):
            return None
        meanings = {self.columns.names[meaning]: meaning for meaning in self._keys.meanings}
        members = [(key, kinds.get(meanings[key])) for key in keys]
        return UsualForm(members, tuple(keys.index(key) for key in expected), self._by_id)
