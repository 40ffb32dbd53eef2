"""A run file in JSON, read for the check: its text, and its rows as those of any other container."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from submission.check.body import Body
from submission.check.json_rows import JsonRows, Rows
from submission.check.text import Lines, decoded
from submission.csvfile import MOST_LINES
from submission.filekind import file_kind
from submission.jsonfile import JsonError, JsonText, Pairs
from submission.problems import Findings
from submission.separators import Separator
from submission.task import Header
from submission.wording import quoted


def read_json(data: bytes, header: Header, partial: bool, expected: frozenset[str], found: Findings) -> JsonBody | None:
    """Return the rows of a run file in JSON, and report what is wrong with them; None where it holds none."""
    kind = file_kind(data)
    if kind and kind.name != "JSON":
        found.add("not-csv", kind.name, "JSON", kind.remedy)
        return None
    if (lines := data.count(b"\n")) > MOST_LINES:
        limit = f"no more than {MOST_LINES:,}"
        found.add("file-unreadable", f"{lines:,} lines", limit, "Check that it is the run file.")
        return None
    text = decoded(data, found)
    if not text.strip():
        found.add("file-empty", "an empty file", "an answer for each image", "Check that the run was written.")
        return None
    if not _is_as_expected(text, header, found):
        return None
    body = JsonBody(text, header, partial, expected, found)
    body.read()
    return body


def _is_as_expected(text: str, header: Header, found: Findings) -> bool:
    """Return whether a text begins as the container of the task does; report what it is otherwise."""
    by_id = header.task.layout.container == "json"
    expected = "one object, id → answer" if by_id else "an object on each line"
    start = text.lstrip()
    if start[0] not in "{[":
        remedy = "Write the file with a library for JSON (Python: json.dumps)."
        found.add("json-invalid", f"text that is not JSON ({quoted(start[:20])})", expected, remedy, line=1)
        return False
    first, _, others = start.partition("\n")
    line = next(iter(JsonText(first).lines()))[1]
    actual = None
    if start[0] == "[":
        actual = "a list"
    elif by_id and others.lstrip()[:1] == "{" and isinstance(line, Pairs):
        actual = "an object on each line"
    elif not by_id and ((isinstance(line, JsonError) and first.rstrip() == "{") or _is_mapping(line)):
        actual = "one object over all images"
    if actual:
        remedy = "Write one object" if by_id else "Write each object on a line of its own"
        remedy += f" (pandas: to_json({'' if by_id else 'lines=True, '}orient={'index' if by_id else 'records'!r}))."
        found.add("json-layout", actual, expected, remedy, line=1)
    return not actual


def _is_mapping(value: object) -> bool:
    """Return whether a value is an object of objects: id → answer."""
    return isinstance(value, Pairs) and bool(value) and all(isinstance(answer, Pairs) for _, answer in value)


class JsonBody(Body):
    """The rows of a run file in JSON."""

    def __init__(self, text: str, header: Header, partial: bool, expected: frozenset[str], found: Findings):
        self._source = JsonRows(text, header, partial, found)
        self._text = text
        self._header = header
        columns = self._source.columns
        cells = [columns.names[one] for one in columns.meanings if one]
        lines = Lines([], 0, cells, "", False, Separator(",", "", 0, False))
        super().__init__(lines, columns, header, expected, found)

    def read(self) -> None:
        """Read every row: keep its id, check its cells."""
        numbers = array("Q")
        for part in self._source.parts():
            if isinstance(part, Rows):
                self._check_rows()  # those before it come first
                self.check.add(part.lines, part.ids, part.cells)
                self.ids += part.ids
                numbers.extend(part.lines)
                continue
            line, image_id, cells = part
            self.ids.append(image_id)
            numbers.append(line)
            self._keep(self.others if cells is None else self.sound, line, image_id, () if cells is None else cells)
        self._check_rows()
        self.check.finish()
        self.complete = self._source.complete
        self.numbers = numbers
        self.rows = len(self.ids)

    def _check_rows(self) -> None:
        if self.sound.rests:
            columns = [list(cells) for cells in zip(*self.sound.rests, strict=True)]
            self.check.add(self.sound.numbers, self.sound.ids, columns)
            self.sound.clear()
        super()._check_rows()

    def cells(self) -> Iterator[tuple[int, str, Sequence[str]]]:
        """Yield the line, the id and the other cells of each row; none where they are unreadable."""
        for line, image_id, cells in JsonRows(self._text, self._header, True, Findings()):
            yield line, image_id, cells or ()

    def columns_of_cells(self) -> Sequence[Sequence[str]]:
        """Return the cells of each column but that of the ids, of a file without problems."""
        return list(zip(*(cells for _, _, cells in self.cells()), strict=True))

    def _find_index_column(self) -> None:
        """There is none: keys name the values."""
