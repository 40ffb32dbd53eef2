"""How run files of a task are laid out: their container, separators and ids, and what their files are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from submission.patterns import Pattern

CONTAINERS = ("csv", "tsv", "jsonl", "json")
SEPARATORS = (",", "\t", ";", ", ", " ")
LINE_ENDS = ("lf", "crlf", "any")
ORDERS = ("any", "list", "sorted")
COVERAGES = ("all", "subset", "extra")
LENIENT, STRICT = "lenient", "strict"
RULES = (LENIENT, STRICT)  # of scoring: see `Task.scoring`


@dataclass(frozen=True)
class RunKind:
    """One kind of run that a team may send, and its files.

    kind      in commands and messages, such as `open`
    file      name of the run file; None: any
    zip       name of the archive that the file is sent in; None: it is sent as it is
    inner     name of the file inside the archive; None: as `file`
    required  whether each team must send one
    most      how many a team may send; None: any number
    about     what it is, for people
    """

    kind: str
    file: Pattern | None = None
    zip: Pattern | None = None
    inner: Pattern | None = None
    required: bool = False
    most: int | None = None
    about: str = ""


@dataclass(frozen=True)
class Layout:
    r"""How a run file is written.

    container      `csv` (any separator), `tsv`, `jsonl` (an object a line), `json` (one object, id → answer)
    separator      between cells, one of `SEPARATORS`; a tab in `tsv`, without meaning in JSON
    header         whether the first line names the columns; without it they are known by their places
    line_end       `lf`, `crlf` or `any`
    extension      whether ids are the names of files with their extension; without, an extension is a fault
    order          of the rows: `any` (another one than the test list's is a warning), `list` or `sorted`
    coverage       `all` ids of the test list; a `subset` of them; or these with `extra` ones
    id_pattern     what each id must look like; None: anything
    as_dev_set     whether headings are written as in the user's own dev set where it differs from the official ones
    """

    container: str = "csv"
    separator: str = ","
    header: bool = True
    line_end: str = "lf"
    extension: bool = False
    order: str = "any"
    coverage: str = "all"
    id_pattern: Pattern | None = None
    as_dev_set: bool = False

    def __post_init__(self) -> None:
        if self.container == "tsv":
            object.__setattr__(self, "separator", "\t")
        for value, allowed in (
            (self.container, CONTAINERS),
            (self.separator, SEPARATORS),
            (self.line_end, LINE_ENDS),
            (self.order, ORDERS),
            (self.coverage, COVERAGES),
        ):
            assert value in allowed, f"got {value!r}; expected one of {allowed}"

    @property
    def is_table(self) -> bool:
        """Whether a run file consists of lines of cells, not of JSON."""
        return self.container in ("csv", "tsv")

    @property
    def largest(self) -> int:
        """How many bytes a run file may have: of JSON more, where each row repeats the headings."""
        return 100_000_000 if self.is_table else 250_000_000
