"""Problems of a run file: their stable codes, how they are collected, and how they are told."""

from dataclasses import asdict, dataclass

CODES: dict[str, str] = {
    # the file
    "file-absent": "there is no such file",
    "file-unreadable": "the file cannot be read, or is a folder",
    "file-empty": "the file holds nothing",
    "not-utf8": "the file is not UTF-8",
    "nul-bytes": "the file holds NUL bytes",
    "bom": "the file begins with a byte-order mark",
    "line-ends-crlf": "lines end in CR LF",
    "line-ends-cr": "lines end in a lone CR",
    "no-final-newline": "the last line has no line end",
    "delimiter": "cells are separated by something other than a comma",
    "quoted": "cells stand in quotes",
    "quotes-unbalanced": "a quote is opened and not closed, or stands within a cell",
    # the header
    "header-absent": "the first line is data",
    "header-repeated": "the header comes again further down",
    "heading-changed": "a heading differs from the one wanted",
    "heading-contradicts": "a heading's number and its emotion name two different labels",
    "columns-reordered": "the columns stand in another order",
    "column-missing": "a column is missing",
    "column-extra": "a column is not part of the task",
    "column-duplicated": "a column comes twice",
    "index-column": "a column of row numbers stands before the ids",
    "partial": "the run leaves out whole subtasks",
    "no-label-columns": "the file has no column of any subtask",
    # the lines
    "no-rows": "the file has a header and no rows",
    "blank-line": "a line is blank",
    "comment-line": "a line is a comment",
    "trailing-delimiter": "a line ends in a delimiter",
    "cell-count": "a line has more or fewer cells than the header",
    # the cells
    "cell-empty": "a cell is empty",
    "cell-nan": "a cell says that a value is missing",
    "cell-blanks": "a cell has blanks around its value",
    "cell-case": "a label is written in other case",
    "cell-float": "a 0 or 1 is not written as one digit",
    "cell-boolean": "a 0 or 1 is written as a word",
    "cell-probability": "a probability stands where a decision belongs",
    "cell-number": "a number other than 0 and 1",
    "cell-word": "a word that is no label of the task",
    "label-in-number-column": "a label stands in a column of 0 and 1",
    "number-in-label-column": "a number stands in the column of T1",
    # the ids
    "id-empty": "a line has no id",
    "id-blanks": "an id has blanks around it",
    "id-path": "an id carries a folder",
    "id-extension": "an id carries the extension of the image",
    "id-case": "an id is written in other case",
    "id-number": "an id was read as a number and written differently",
    "ids-duplicated": "an id comes more than once",
    "ids-missing": "ids of the test list are not in the run",
    "ids-extra": "ids of the run are not in the test list",
    "row-order": "the rows stand in another order than the test list",
}

# Told of a well-formed file that is held against the images (alignment.py).
IMAGE_CODES: dict[str, str] = {
    "rows-shifted": "labels stand some rows away from their images, from a line to the end",
    "rows-moved": "labels of a part of the file stand some rows away from their images",
    "rows-exchanged": "parts of the file stand in each other's place",
    "rows-reordered": "labels stand in one order, ids in another",
    "rows-unrelated": "labels have nothing to do with the images",
    "columns-inverted": "labels say the opposite of the images",
    "columns-swapped": "two labels stand under each other's heading",
    "columns-shifted": "labels stand some headings away from their own",
    "columns-exchanged": "the labels of T2 and T3 stand in each other's place",
    "columns-sorted": "labels stand in another order than their headings",
    "columns-permuted": "labels stand under headings that are not theirs",
    "classes-permuted": "the classes of T1 are called by each other's names",
}

# Warnings on what is odd beside the dev set (plausibility.py).
ODDITY_CODES: dict[str, str] = {
    "label-constant": "a label that varies in the dev set never does in the run",
    "label-share": "a label is given much more or less often than in the dev set",
    "rows-without-label": "many more images than in the dev set have no label",
    "labels-never-together": "labels stand together that never do in the dev set",
}

WARNINGS = frozenset({"row-order"})  # told, but no reason to refuse a run: rows are joined by id

_SHOWN_VALUES = 5  # distinct values shown of one problem; the others are counted


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a run file: what came, what was wanted, what to do next.

    `code` is a key of `CODES`; `severity` is `error` or `warning`; `line` counts from 1 and is None for the file as a
    whole; `column` is the wanted heading. The same problem on many lines is one Problem, with its first line.
    """

    code: str
    severity: str
    line: int | None
    column: str | None
    came: str
    wanted: str
    remedy: str


def describe(problem: Problem, file: object = "run") -> str:
    """One line for people: `run.csv:12: T2.3: Fear: came '0.73'; wanted 0 or 1. Write … [cell-probability]`."""
    place = ":".join(str(part) for part in (file, problem.line) if part is not None)
    column = f" {problem.column}:" if problem.column else ""
    warning = " warning:" if problem.severity == "warning" else ""
    return f"{place}:{column}{warning} came {problem.came}; wanted {problem.wanted}. {problem.remedy} [{problem.code}]"


def as_json(problem: Problem) -> dict[str, str | int | None]:
    """The problem as a dictionary of its fields, for `json.dumps`."""
    return asdict(problem)


def shown(value: str | int, limit: int = 60) -> str:
    """The text in quotes on one line, control characters escaped, cut where it is long; a number is one of cells."""
    if isinstance(value, int):
        return f"{value} cells"
    return repr(value if len(value) <= limit else value[: limit - 1] + "…")


class Findings:
    """Collects problems; those of one code and column that come on many lines are counted into one."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._counted: dict[tuple[str, str | None], _Counted] = {}

    def add(
        self, code: str, came: str, wanted: str, remedy: str, *, line: int | None = None, column: str | None = None
    ) -> None:
        """Add a problem that comes once."""
        assert code in CODES, f"{code!r} is not in the table of codes"
        severity = "warning" if code in WARNINGS else "error"
        self._problems.append(Problem(code, severity, line, column, came, wanted, remedy))

    def count(
        self,
        code: str,
        line: int | None,
        value: str | int | None,
        wanted: str,
        remedy: str,
        *,
        column: str | None = None,
        times: int = 1,
        unit: str = "cell",
    ) -> None:
        """Count a problem that may come on many lines; `value` is one that came, `times` how often it did."""
        counted = self._counted.get((code, column))
        if counted is None:
            counted = self._counted[code, column] = _Counted(unit, wanted, remedy)
        counted.times += times
        if line is not None and (counted.line is None or line < counted.line):
            counted.line = line
        if value is not None and len(counted.values) <= _SHOWN_VALUES:
            counted.values[value] = None

    def problems(self) -> list[Problem]:
        """All problems: of the file as a whole first, then by line; warnings last."""
        for (code, column), counted in self._counted.items():
            self.add(code, counted.came(), counted.wanted, counted.remedy, line=counted.line, column=column)
        self._counted.clear()
        return sorted(self._problems, key=lambda problem: (problem.severity == "warning", problem.line or 0))


class _Counted:
    def __init__(self, unit: str, wanted: str, remedy: str):
        self.unit = unit
        self.wanted = wanted
        self.remedy = remedy
        self.times = 0
        self.line: int | None = None
        self.values: dict[str | int, None] = {}  # a few distinct ones, in the order they came

    def came(self) -> str:
        """`'1.0' in 1199 cells, first on line 2`, or `7 ids, first on line 9: 'a.jpg', 'b.jpg', …`."""
        values = ", ".join(shown(value) for value in list(self.values)[:_SHOWN_VALUES])
        values += ", …" if len(self.values) > _SHOWN_VALUES else ""
        noun, _, rest = self.unit.partition(" ")  # "line with quotes" → "3 lines with quotes"
        count = f"{self.times} {noun}{'s' if self.times != 1 else ''}{' ' + rest if rest else ''}"
        first = f", first on line {self.line}" if self.times > 1 and self.line is not None else ""
        if self.unit == "id":
            return f"{count}{first}: {values}"
        if not values:
            return f"{count}{first}"
        return values if self.times == 1 else f"{values} in {count}{first}"
