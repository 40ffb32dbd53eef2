"""The header of a run file: what each column means, and what is wrong with the header.

A column is recognised by what identifies its heading (`Task.official_heading`), so that cells are still checked under
a header with faults.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

from submission.check.cells import cell_rules, class_names, is_answer
from submission.kinds import ConstantKind, SetKind, TextKind
from submission.problems import Findings
from submission.task import Header, Task
from submission.wording import both, cut, quoted, quoted_list

ID = "<id>"  # the meaning of the id column; that of a label column is its official heading

_INDEX = re.compile(r"(unnamed.*|index|#|no\.?)?", re.IGNORECASE | re.DOTALL)  # how libraries call row numbers
_MOST_SUBTASKS = 8  # of which every choice is tried
_SHOWN = 20  # columns whose numbers are shown


@dataclass
class Columns:
    """What the columns of a run file mean.

    `meanings` has an entry per column: `ID`, an official heading, or None for a column that is not part of the task.
    `names` holds the expected headings: meaning → cell of the expected header.
    """

    meanings: list[str | None]
    names: dict[str, str]
    has_header: bool
    subtasks: tuple[str, ...]

    @property
    def id_position(self) -> int | None:
        """Where the column of ids is, from 0."""
        return self.meanings.index(ID) if ID in self.meanings else None


def read_header(
    cells: list[str], line: int, header: Header, partial: bool, ids: Collection[str], found: Findings
) -> Columns:
    """Return what the columns with the header `cells` mean, and report every difference from `header`."""
    return _HeaderCheck(header, line, partial, found).read(cells, ids)


def names_columns(cells: Sequence[str], task: Task) -> bool:
    """Return whether cells name both the column of ids and a column of labels."""
    return any(cell.strip().lower() in task.id_columns for cell in cells) and any(map(task.official_heading, cells))


class _HeaderCheck:
    """Compares the header on line `line` with the expected one."""

    def __init__(self, header: Header, line: int, partial: bool, found: Findings):
        assert None not in header.headings, f"the expected header has columns that the task lacks: {header.cells}"
        self.header = header
        self.task: Task = header.task
        self.line = line
        self.partial = partial
        self.found = found
        self.whose = "the dev set" if self.task.layout.as_dev_set else "the task"
        meanings = (ID, *(heading for heading in header.headings if heading is not None))
        self.names = dict(zip(meanings, header.cells, strict=True))  # meaning → expected cell

    def read(self, cells: list[str], ids: Collection[str]) -> Columns:
        layout = self.task.layout
        if not layout.header:
            return self._read_without(cells, ids)
        if self._is_data(cells, ids):
            separator = layout.separator
            begins = separator.join(map(cut, self.header.cells[:3]))
            more = f"{separator}…" if len(self.header.cells) > 3 else ""
            remedy = f"Write the header of {self.whose} as the first line: {begins}{more}"
            actual = f"data in the first line ({quoted(separator.join(cells))})"
            self._report("header-absent", actual, "a header", remedy)
            meanings = self._by_width(cells)
            subtasks = self._subtasks(meanings)
            self._report_partial(subtasks)
            return Columns(meanings, self.names, False, subtasks)
        if width := _without_blanks_at_end(cells, len(self.header.cells)):
            report_trailing_delimiter(self.found, self.line, len(cells) - width)
            cells = cells[:width]
        meanings = self._meanings(cells)
        self._report_headings(cells, meanings)
        subtasks = self._subtasks(meanings)
        self._report_absent(meanings, subtasks)
        self._report_order(meanings)
        return Columns(meanings, self.names, True, subtasks)

    def _read_without(self, cells: list[str], ids: Collection[str]) -> Columns:
        """Return what the columns mean of a file that has no header, but for one that should not be there."""
        while len(cells) > len(self.names) and not cells[-1].strip():
            cells = cells[:-1]
        has_header = self._is_header(cells, ids)
        meanings = self._by_width(cells)
        if has_header:
            actual = f"a header ({quoted(','.join(cells))})"
            self._report("header-unexpected", actual, "a row of the first image", "Write the rows without a header.")
            named = self._meanings(cells)
            if set(named) == set(self.names) and len(named) == len(self.names):
                meanings = named
                self._report_order(meanings)
        subtasks = self._subtasks(meanings)
        self._report_partial(subtasks)
        return Columns(meanings, self.names, has_header, subtasks)

    def _is_header(self, cells: list[str], ids: Collection[str]) -> bool:
        """Return whether the first line names columns, in the task's words or others."""
        if cells[0] in ids:
            return False
        of_heading = cell_rules(self.task)
        named = ((self.task.official_heading(cell), cell) for cell in cells)
        if cells[0].strip().lower() in self.task.id_columns or any(
            heading and not of_heading[heading].allows(cell) for heading, cell in named
        ):
            return True
        rules = [rule for rule in of_heading.values() if not isinstance(rule.kind, TextKind)]
        classes = class_names(self.task)
        pattern = self.task.layout.id_pattern
        is_id = cells[0].isdigit() or (pattern is not None and pattern.matches(cells[0].strip()) is not None)
        answers = any(is_answer(cell, classes) or any(rule.allows(cell) for rule in rules) for cell in cells[1:])
        return len(cells) == len(self.names) > 1 and not is_id and not answers

    def _is_data(self, cells: list[str], ids: Collection[str]) -> bool:
        """Return whether the first line is a row: it names no column, and contains a known id or an answer."""
        if any(cell.strip().lower() in self.task.id_columns or self.task.official_heading(cell) for cell in cells):
            return False
        classes = class_names(self.task)
        sets = [rule for rule in cell_rules(self.task).values() if isinstance(rule.kind, SetKind | ConstantKind)]
        return cells[0] in ids or any(
            is_answer(cell, classes) or any(cell and rule.allows(cell) for rule in sets) for cell in cells[1:]
        )

    def _by_width(self, cells: list[str]) -> list[str | None]:
        """Return the meanings of a row without header, by its number of cells.

        If several choices of subtasks have this number of columns, it is the one that allows most of the cells.
        """
        rules = cell_rules(self.task)
        best: list[str | None] = list(self.names)
        most = -1
        shared = {column.heading for column in self.task.shared_columns}
        many = len(self.task.subtasks) > _MOST_SUBTASKS
        for count in range(len(self.task.subtasks), 0, -1) if not many else ():
            for subtasks in combinations(self.task.subtasks, count):
                headings = shared.union(*(subtask.headings for subtask in subtasks))
                meanings = [meaning for meaning in self.names if meaning == ID or meaning in headings]
                if len(meanings) == len(cells):
                    allowed = sum(
                        rules[meaning].allows(cell) for cell, meaning in zip(cells[1:], meanings[1:], strict=True)
                    )
                    if allowed > most:
                        best, most = [*meanings], allowed
        return best

    def _meanings(self, cells: list[str]) -> list[str | None]:
        exact = {cell: meaning for meaning, cell in self.names.items()}
        id_names = {self.names[ID].strip().lower(), *self.task.id_columns}
        meanings = [
            exact.get(cell) or self.task.official_heading(cell) or (ID if cell.strip().lower() in id_names else None)
            for cell in cells
        ]
        # an unknown column is taken as the one that is expected at its position, if that one is missing
        for place, (meaning, belongs) in enumerate(zip(list(meanings), self.names, strict=False)):
            fits = belongs == ID or len(cells) == len(self.names)
            if meaning is None and fits and belongs not in meanings:
                meanings[place] = belongs
        return meanings

    def _report_headings(self, cells: list[str], meanings: list[str | None]) -> None:
        """Report headings that are changed, repeated or unknown; a repeated or unknown column loses its meaning."""
        seen: set[str] = set()
        ids = meanings.index(ID) if ID in meanings else 0
        repeated: list[tuple[int, str]] = []  # place, heading
        extra: list[tuple[int, str]] = []
        of_index: list[tuple[int, str]] = []
        changed: list[tuple[int, str, str]] = []  # place, heading, meaning
        for place, (cell, meaning) in enumerate(zip(cells, meanings, strict=True)):
            if meaning is not None and meaning in seen:
                repeated.append((place, cell))
            elif meaning is None and place < ids and _INDEX.fullmatch(cell.strip()):
                of_index.append((place, cell))
            elif meaning is None or meaning not in self.names:
                extra.append((place, cell))
            else:
                seen.add(meaning)
                if cell != self.names[meaning]:
                    changed.append((place, cell, meaning))
        padded = [(place, cell) for place, cell, meaning in changed if cell.strip() == self.names[meaning].strip()]
        if len(padded) > 1:
            remedy = f"Write the headings of {self.whose} byte for byte, without blanks after the commas."
            self._report("heading-changed", f"{_listed(padded)} with blanks", "headings without these", remedy)
            changed = [one for one in changed if (one[0], one[1]) not in padded]
        alike = [(place, cell) for place, cell, meaning in changed if _letters(cell) == _letters(self.names[meaning])]
        if len(alike) > 2:
            remedy = f"Write the headings of {self.whose} byte for byte: they have the same letters, and other bytes."
            self._report("heading-changed", _listed(alike), f"the headings of {self.whose}", remedy)
            changed = [one for one in changed if (one[0], one[1]) not in alike]
        for _, cell, meaning in changed:
            self._report_changed(cell, meaning)
        if of_index:
            remedy = "Write the run without row numbers (pandas: to_csv(index=False))."
            self._report("index-column", f"{_listed(of_index)} before the ids", "the ids first", remedy)
        if repeated:
            one = len(repeated) == 1
            place, cell = repeated[0]
            remedy = (
                f"Remove one of the two columns (this one is column {place + 1})."
                if one
                else f"Remove {_numbers(repeated)}."
            )
            name = self.names.get(meanings[place] or "") if one else None
            self._report("column-duplicated", f"{_listed(repeated)} a second time", "each column once", remedy, name)
        if extra:
            name = cut(extra[0][1]) if len(extra) == 1 else None
            remedy = f"Remove {_numbers(extra)}."
            self._report("column-extra", _listed(extra), f"the columns of {self.whose}", remedy, name or None)
        for place, _ in (*repeated, *extra):
            meanings[place] = None

    def _report_changed(self, cell: str, meaning: str) -> None:
        name, words = self.names[meaning], self.task.words_of(cell)
        siblings = next((subtask.headings for subtask in self.task.subtasks if meaning in subtask.headings), ())
        other = next((heading for heading in siblings if self.task.words_of(heading) == words), None)
        if other not in (None, meaning):
            code = "heading-contradicts"
            remedy = (
                f"Its number or place means {meaning!r}, its name {other!r}: find out which of the two the cells hold."
            )
        else:
            code = "heading-changed"
            official = name in self.task.header.cells
            whose = "The official heading is" if official else "Your dev set's heading is"
            remedy = f"{whose} {name!r}: write it byte for byte, misspellings included."
        self._report(code, quoted(cell), quoted(name), remedy, name)

    def _subtasks(self, meanings: Sequence[str | None]) -> tuple[str, ...]:
        return tuple(
            subtask.name for subtask in self.task.subtasks if any(heading in meanings for heading in subtask.headings)
        )

    def _report_absent(self, meanings: list[str | None], subtasks: tuple[str, ...]) -> None:
        """Report columns that are missing; a subtask that is missing as a whole is reported once."""
        if ID not in meanings:
            remedy = "Add the column of image ids as the first."
            name = self.names[ID]
            self._report("column-missing", "no column of ids", quoted(name), remedy, name)
        self._report_partial(subtasks)
        expected = [
            (heading, f"Add the column; {subtask} is scored on all its labels.")
            for subtask in subtasks
            for heading in self.task[subtask].headings
        ]
        expected += [(column.heading, "Add the column; every run has it.") for column in self.task.shared_columns]
        for heading, remedy in expected:
            if heading in self.names and heading not in meanings:
                name = self.names[heading]
                self._report("column-missing", "no such column", quoted(name), remedy, name)

    def _report_partial(self, subtasks: tuple[str, ...]) -> None:
        whole = self._subtasks(list(self.names))
        if not subtasks:
            own = "the dev set's own header" if self.task.layout.as_dev_set else "the task's header"
            remedy = f"Write {own} and a label in every column."
            headings = [name for meaning, name in self.names.items() if meaning != ID]
            expected = f"{', '.join(headings[:2])} … {headings[-1]}" if len(headings) > 3 else ", ".join(headings)
            self._report("no-label-columns", "no column of any subtask", expected, remedy)
        elif not self.partial and set(subtasks) < set(whole):
            remedy = "Add the other columns, or pass --partial if the run is meant to cover only some subtasks."
            actual = f"only the columns of {both(subtasks)}"
            self._report("partial", actual, f"those of {both(whole)}", remedy)

    def _report_order(self, meanings: list[str | None]) -> None:
        actual = [meaning for meaning in meanings if meaning]
        expected = [meaning for meaning in self.names if meaning in actual]
        if actual == expected:
            return
        wrong = [
            f"{self.names[found]!r} where {self.names[belongs]!r} belongs"
            for found, belongs in zip(actual, expected, strict=True)
            if found != belongs
        ]
        order = " ".join(str(meanings.index(meaning) + 1) for meaning in expected)
        self._report(
            "columns-reordered",
            ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""),
            f"the order of {self.whose}'s header",
            f"Write the file's columns in the order {order}; if the cells are already in {self.whose}'s order under a "
            "shuffled header, replace only the header.",
        )

    def _report(self, code: str, actual: str, expected: str, remedy: str, column: str | None = None) -> None:
        self.found.add(code, actual, expected, remedy, line=self.line, column=column)


def _without_blanks_at_end(cells: Sequence[str], enough: int) -> int:
    """Return how many cells are left without the blank ones at the end, but `enough`; 0 where all stay."""
    width = len(cells)
    while width > 1 and width != enough and not cells[width - 1].strip():
        width -= 1
    return width if width < len(cells) else 0


def _letters(heading: str) -> str:
    """Return the letters and digits of a heading, in lower case."""
    return "".join(filter(str.isalnum, heading[:1000].lower()))


def _listed(columns: Sequence[tuple[int, str]]) -> str:
    """Return the headings of some columns, (place, heading), in words: the first few, and how many there are."""
    return quoted(columns[0][1]) if len(columns) == 1 else quoted_list([cell for _, cell in columns])


def _numbers(columns: Sequence[tuple[int, str]]) -> str:
    """Return where some columns are, for people: `columns 3, 4, 7, …`."""
    numbers = ", ".join(str(place + 1) for place, _ in columns[:_SHOWN])
    return f"column{'s' if len(columns) > 1 else ''} {numbers}" + (", …" if len(columns) > _SHOWN else "")


def report_trailing_delimiter(found: Findings, line: int, times: int = 1) -> None:
    """Report lines that end in a delimiter, `line` the first of them."""
    remedy, noun = "Write no delimiter after the last cell.", "line{s} with a delimiter at the end"
    found.count("trailing-delimiter", line, None, "lines that end in their last cell", remedy, times=times, noun=noun)
