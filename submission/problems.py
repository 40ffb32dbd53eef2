"""Problems of a run file: their stable codes, how they are collected, and how they are printed."""

from collections.abc import Sequence
from dataclasses import dataclass

from submission.wording import counted, cut, printable, quoted

CODES: dict[str, str] = {
    # the file
    "file-absent": "there is no such file",
    "file-unreadable": "the file cannot be read, or is a folder",
    "file-empty": "the file is empty",
    "not-csv": "the file is of another kind, such as an archive, a workbook or a web page",
    "not-utf8": "the file is not UTF-8",
    "nul-bytes": "the file contains NUL bytes",
    "bom": "the file begins with a byte-order mark",
    "line-ends-crlf": "lines end in CR LF",
    "line-ends-cr": "lines end in a lone CR",
    "line-ends-lf": "lines end in a lone LF where the task has CR LF",
    "no-final-newline": "the last line has no line end",
    "sep-line": "the first line is one for Excel, which names the delimiter",
    "delimiter": "cells are separated by something other than the task's separator, a comma in 2021",
    "quoted": "cells are quoted",
    "quotes-unbalanced": "a quote is opened and not closed, or is inside a cell",
    # the header
    "header-absent": "the first line is data",
    "header-unexpected": "the first line is a header where the task has none",
    "header-repeated": "the header is repeated further down",
    "heading-changed": "a heading differs from the expected one",
    "heading-contradicts": "the number and the name in a heading belong to two different labels",
    "columns-reordered": "the columns are in another order",
    "column-missing": "a column is missing",
    "column-extra": "a column is not part of the task",
    "column-duplicated": "a column occurs twice",
    "index-column": "there is a column of row numbers before the ids",
    "partial": "the run leaves out whole subtasks",
    "no-label-columns": "the file has no column of any subtask",
    # the lines
    "no-rows": "the file has a header and no rows",
    "blank-line": "a line is blank",
    "comment-line": "a line is a comment, or a title above the header",
    "trailing-delimiter": "a line ends in a delimiter",
    "cell-count": "a line has more or fewer cells than the header",
    # the cells
    "cell-empty": "a cell is empty",
    "cell-nan": "a cell contains a missing value, such as nan",
    "cell-blanks": "a cell has blanks around its value",
    "cell-case": "a class name differs in upper and lower case",
    "cell-float": "a 0 or 1, or another whole number, is not written as an integer",
    "cell-boolean": "a 0 or 1, or another number, is written as a word",
    "cell-probability": "a probability is written in place of a decision",
    "cell-number": "a number other than 0 and 1, or than those that are labels",
    "cell-word": "a word that is not a label of the task",
    "cell-not-number": "something other than a number is in a column of numbers",
    "cell-range": "a number is below or above the bounds of its column",
    "label-in-number-column": "a class name is in a column of numbers",
    "number-in-label-column": "a number is in a column of class names",
    "set-item": "an item of a set is not one of the allowed ones, or is empty",
    "set-repeated": "an item occurs twice in a set",
    "set-too-many": "a set has more items than allowed",
    "constant-wrong": "a column has another value than the one that the task fixes",
    "constant-varies": "a column varies that is the same in every row",
    # the rows
    "rule-sum": "columns of a row do not sum up to what they must",
    "rule-threshold": "a label contradicts its probability and the threshold",
    "rank-gap": "the ranks of a query leave one out",
    "rank-repeated": "two documents of a query have one rank",
    "rank-score-increases": "a document has a higher score than one that is ranked above it",
    "rank-too-many": "a query has more documents than allowed",
    "rank-document-repeated": "a query has a document twice",
    # the ids
    "id-empty": "a line has no id",
    "id-blanks": "an id has blanks around it",
    "id-path": "an id contains a folder",
    "id-extension": "an id contains the extension of the image, or lacks it where the task has it",
    "id-wrapped": "an id has quotes, brackets or a formula around it",
    "id-unicode": "an id is written in another Unicode form",
    "id-case": "an id differs in upper and lower case",
    "id-pattern": "an id does not look like those of the task",
    "id-number": "an id was read as a number and written differently",
    "ids-duplicated": "an id occurs more than once",
    "ids-missing": "ids of the test list are not in the run",
    "ids-extra": "ids of the run are not in the test list",
    "row-order": "the rows are in another order than the test list",
}

# Reported of run files in JSON (check/json_rows.py), as they are sent (check/sent.py), and of a team (check/team.py).
CONTAINER_CODES: dict[str, str] = {
    "json-invalid": "the text, or a line of it, is not JSON",
    "json-layout": "JSON is laid out otherwise: a list, an object a line, or one object of all ids",
    "json-duplicate-key": "an object has a key twice",
    "json-type": "a value is of another type of JSON, such as a number written as text",
    # the name and the archive in which a run is sent
    "file-name": "a name fits no kind of run of the task",
    "zip-invalid": "the archive is damaged",
    "zip-empty": "the archive holds no file",
    "zip-files": "the archive holds more than the run file",
    "zip-system-files": "the archive holds files that a system adds, such as __MACOSX",
    "zip-folder": "the run file is in a folder of the archive, or the archive holds one",
    "zip-path": "a path in the archive leads out of it",
    "zip-link": "the archive holds a link",
    "zip-encrypted": "the file in the archive is encrypted",
    "zip-method": "the file is packed by a method that not every program reads",
    "zip-too-large": "the file unpacks to more than a run may have",
    "zip-inner-name": "the file in the archive has another name than the task wants",
    # the runs of a team
    "runs-kind-missing": "a kind of run that every team must send is absent",
    "runs-too-many": "there are more runs of a kind than a team may send",
}

# Reported of a well-formed file that is checked against the images (alignment/).
IMAGE_CODES: dict[str, str] = {
    "rows-shifted": "labels are some rows away from their images, from a line to the end",
    "rows-moved": "labels of a part of the file are some rows away from their images",
    "rows-exchanged": "parts of the file are in each other's place",
    "rows-reordered": "labels are in one order, ids in another",
    "rows-interleaved": "labels of several workers are put together in another order than their images",
    "rows-shuffled": "labels are shuffled inside batches of rows",
    "rows-unrelated": "labels are unrelated to the images",
    "fit-below-own": "labels fit the images far less than the run's own answers for held-out images",
    "columns-inverted": "labels are the opposite of what the images show",
    "columns-swapped": "two labels are under each other's heading",
    "columns-shifted": "labels are some headings away from their own",
    "columns-exchanged": "the columns of whole subtasks are in each other's place",
    "columns-sorted": "labels are in another order than their headings",
    "columns-permuted": "labels are under the wrong headings",
    "classes-permuted": "class names are swapped",
}

# Warnings on what is unusual compared with the dev set (alignment/plausibility.py).
ODDITY_CODES: dict[str, str] = {
    "label-constant": "a label that varies in the dev set never varies in the run; an error where a fifth of the dev "
    "images have it and none of the run's, or where all answers of a subtask are the same",
    "label-share": "a label is given much more or less often than in the dev set",
    "rows-without-label": "many more images than in the dev set have no label",
    "labels-never-together": "labels occur together that never do in the dev set",
}

WARNINGS = frozenset({"row-order"})  # codes that are reported, but are no reason to refuse a run

_SHOWN_VALUES = 5  # distinct values shown of one problem; the others are counted
_NAMED = ("id{s}", "ranked list{s}")  # what is named by the values, which come after their number
_SHOWN_COLUMNS = 20  # columns named of one problem; the others are counted


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a run file: what it got, what was expected, what to do next.

    `code` is a key of `CODES`; `severity` is `error` or `warning`; `line` counts from 1 and is None for the file as a
    whole; `column` is the expected heading. The same problem on many lines is one Problem, with its first line; in
    several columns it is one as well, which names them in `actual` and has no `column`.
    """

    code: str
    severity: str
    line: int | None
    column: str | None
    actual: str
    expected: str
    remedy: str

    def to_dict(self) -> dict[str, str | int | None]:
        """Return the problem for `json.dumps`."""
        return {
            "code": self.code,
            "severity": self.severity,
            "line": self.line,
            "column": self.column,
            "came": self.actual,
            "wanted": self.expected,
            "remedy": self.remedy,
        }


def describe(problem: Problem, file: object = "run") -> str:
    """Return one line for people: `run.csv:12: T2.3: Fear: got '0.73'; expected 0 or 1. Write … [cell-probability]`."""
    place = ":".join(printable(str(part)) for part in (file, problem.line) if part is not None)
    column = f" {cut(problem.column)}:" if problem.column else ""
    warning = " warning:" if problem.severity == "warning" else ""
    found = f"got {problem.actual}; expected {problem.expected}."
    return f"{place}:{column}{warning} {found} {problem.remedy} [{problem.code}]"


class Findings:
    """Collects problems; those of one code that occur on many lines, and in several columns, are counted into one."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._repeated: dict[tuple[str, str | None, str], _RepeatedProblem] = {}  # code, column, what is expected

    def add(
        self,
        code: str,
        actual: str,
        expected: str,
        remedy: str,
        *,
        line: int | None = None,
        column: str | None = None,
        fatal: bool = False,
    ) -> None:
        """Add a problem that occurs once; `fatal` if it is an error although its code is a warning elsewhere."""
        assert code in CODES or code in CONTAINER_CODES, f"{code!r} is not in the table of codes"
        severity = "warning" if code in WARNINGS and not fatal else "error"
        self._problems.append(Problem(code, severity, line, column, actual, expected, remedy))

    def count(
        self,
        code: str,
        line: int | None,
        value: str | int | None,
        expected: str,
        remedy: str,
        *,
        column: str | None = None,
        times: int = 1,
        noun: str = "cell{s}",
    ) -> None:
        """Count a problem that may occur on many lines.

        `value` is one that was found (a number is one of cells), `times` how often; `noun` is what is counted, see
        `wording.counted`.
        """
        repeated = self._repeated.get((code, column, expected))
        if repeated is None:
            repeated = self._repeated[code, column, expected] = _RepeatedProblem(noun, expected, remedy)
        repeated.add(line, value, times)

    def problems(self) -> list[Problem]:
        """Return all problems: of the file as a whole first, then by line; warnings last."""
        causes: dict[tuple[str, str, str], dict[str | None, _RepeatedProblem]] = {}
        for (code, column, _), repeated in self._repeated.items():
            causes.setdefault((code, repeated.expected, repeated.remedy), {})[column] = repeated
        for (code, expected, remedy), of_columns in causes.items():
            columns = list(of_columns)
            repeated, *others = of_columns.values()
            for other in others:
                repeated.join(other)
            actual = repeated.actual([column for column in columns if column is not None])
            column = columns[0] if len(columns) == 1 else None
            self.add(code, actual, expected, remedy, line=repeated.line, column=column)
        self._repeated.clear()
        return sorted(self._problems, key=lambda problem: (problem.severity == "warning", problem.line or 0))


class _RepeatedProblem:
    def __init__(self, noun: str, expected: str, remedy: str):
        self.noun = noun
        self.expected = expected
        self.remedy = remedy
        self.times = 0
        self.line: int | None = None
        self.values: dict[str | int, None] = {}  # a few distinct ones, in the order in which they were found

    def add(self, line: int | None, value: str | int | None, times: int) -> None:
        """Count it once more, on a line, with a value."""
        self.times += times
        if line is not None and (self.line is None or line < self.line):
            self.line = line
        if value is not None and len(self.values) <= _SHOWN_VALUES:
            self.values[value] = None

    def join(self, other: "_RepeatedProblem") -> None:
        """Add what was counted of the same problem in another column."""
        self.add(other.line, None, other.times)
        self.values |= other.values

    def actual(self, columns: Sequence[str] = ()) -> str:
        """Return `'1.0' in 1199 cells, first on line 2`, or `7 ids, first on line 9: 'a.jpg', 'b.jpg', …`.

        Several columns are named: `'1.0' in 1199 cells of 2 columns (T2.1: Joy, T2.3: Fear), first on line 2`.
        """
        values = ", ".join(map(_cells_or_text, list(self.values)[:_SHOWN_VALUES]))
        values += ", …" if len(self.values) > _SHOWN_VALUES else ""
        first = f", first on line {self.line}" if self.times > 1 and self.line is not None else ""
        count = counted(self.times, self.noun) + _of_columns(columns) + first
        if not values:
            return count
        if self.noun in _NAMED:
            return f"{count}: {values}"
        return values if self.times == 1 else f"{values} in {count}"


def _of_columns(columns: Sequence[str]) -> str:
    if len(columns) < 2:
        return ""
    names = ", ".join(map(cut, columns[:_SHOWN_COLUMNS])) + (", …" if len(columns) > _SHOWN_COLUMNS else "")
    return f" of {len(columns)} columns ({names})"


def _cells_or_text(value: str | int) -> str:
    return counted(value, "cell{s}") if isinstance(value, int) else quoted(value)
