"""Every key of a task file: its type, its default and its meaning.

The check, the JSON Schema, `task new` and the reference in the documents are made from this table.
"""

from __future__ import annotations

from typing import NamedTuple

from submission.layout import CONTAINERS, COVERAGES, LINE_ENDS, ORDERS
from submission.metrics.definition import ABSENT, EMPTY, MEASURES
from submission.metrics.definition import ORDERS as RANKED_BY
from submission.taskfile.types import (
    ANY_TEXT,
    FILE_NAME,
    FILE_PATTERN,
    NOT_NEGATIVE,
    NUMBER,
    PAIRS,
    PATTERN,
    SIGN,
    TEXT,
    TEXTS,
    TWO_TEXTS,
    YES_NO,
    Type,
    one_of,
    whole,
)

COLUMN_TYPES = {  # type → what its cells hold
    "label": "one of a list of class names",
    "flag": "0 or 1",
    "probability": "a number of 0 to 1",
    "score": "a number, within bounds where given",
    "set": "any number of items, separated by a sign",
    "rank": "place of a document in the list of its query",
    "document": "id of a document of a ranked list",
    "constant": "the same in every row",
    "text": "free text that is not scored, such as the name of a run",
}
AVERAGES = tuple(
    dict.fromkeys(name for measure in MEASURES.values() for names in measure.averages.values() for name in names)
)
SEPARATORS = (",", ";", ", ", " ", "\t")


class Key(NamedTuple):
    """A key of a table.

    name      as it is written
    type      of its value
    meaning   a phrase for the reference
    default   in words, or as it would be written; empty: none
    required  whether the table must have it
    of        types of columns, or rules, that it belongs to; empty: all
    """

    name: str
    type: Type
    meaning: str
    default: str = ""
    required: bool = False
    of: tuple[str, ...] = ()


class Table(NamedTuple):
    """A table of a task file; `several`: written as `[[name]]`, once for each, `most` of them at most."""

    name: str
    meaning: str
    keys: tuple[Key, ...]
    several: bool = False
    by: str = ""  # key whose value decides which other keys there are
    most: int = 1000  # of such tables

    def key(self, name: str) -> Key | None:
        """Return the key with this name, None if there is none."""
        return next((key for key in self.keys if key.name == name), None)


_MANY = whole(1, 10**6)
_NUMBERS = ("score",)
TOP = Table(
    "",
    "at the top of the file",
    (
        Key("name", FILE_NAME, "what the task is called in commands and files", required=True),
        Key("title", TEXT, "what it is called in texts", "the name"),
        Key("source", TEXT, "address of the page where the organisers describe the format"),
        Key("notes", ANY_TEXT, "what is assumed, or not known"),
    ),
)
FILE = Table(
    "file",
    "how a run file is written",
    (
        Key(
            "container",
            one_of(*CONTAINERS),
            "csv: cells with a separator; tsv: with tabs; jsonl: an object a line; json: one object, id → answer",
            "csv",
        ),
        Key("separator", one_of(*SEPARATORS), "what stands between two cells of a csv", ","),
        Key(
            "header",
            YES_NO,
            "whether the first line names the columns; without, they are known by their places",
            "true",
        ),
        Key("line_end", one_of(*LINE_ENDS), "how lines end: lf (\\n), crlf (\\r\\n) or any", "lf"),
    ),
)
ID = Table(
    "id",
    "the ids, which are in the first column",
    (
        Key("column", TEXT, "heading of the column, or key in JSON", "id"),
        Key("aliases", TEXTS, "other headings that it has in dev sets and truths"),
        Key("extension", YES_NO, "whether ids are names of files with their extension, such as x.jpg", "false"),
        Key("pattern", PATTERN, "what an id looks like, such as [0-9]{19}"),
        Key("order", one_of(*ORDERS), "of the rows: any, as in the list of ids, or sorted", "any"),
        Key("coverage", one_of(*COVERAGES), "all ids of the list, a subset of them, or these and extra ones", "all"),
    ),
)
COLUMNS = Table(
    "columns",
    "the columns behind the ids, in the order of the file",
    (
        Key("heading", TEXT, "heading of the column, exactly as written; without a header a name for messages"),
        Key("headings", TEXTS, "in place of heading: headings of several columns of one type"),
        Key("type", one_of(*COLUMN_TYPES), "what its cells hold: see the types", required=True),
        Key("short", TEXTS, "shorter names of the labels, or of the headings, for tables", of=("label", "flag")),
        Key("labels", TWO_TEXTS, "the class names", of=("label",)),
        Key("ordered", YES_NO, "whether labels go from the lowest to the highest", "false", of=("label",)),
        Key("low", NUMBER, "the lowest value", of=_NUMBERS),
        Key("high", NUMBER, "the highest value", of=_NUMBERS),
        Key("separator", SIGN, "between the items", ";", of=("set",)),
        Key("pattern", PATTERN, "what an item looks like", of=("set",)),
        Key("items", TEXTS, "the items there are", "any", of=("set",)),
        Key(
            "most",
            whole(1, 10**6),
            "how many items a cell, or documents a query, may have",
            "any number",
            of=("set", "rank"),
        ),
        Key("empty", YES_NO, "whether a cell may be empty", "false", of=("set",)),
        Key("first", whole(0, 1), "the first rank", "1", of=("rank",)),
        Key("value", TEXT, "the value, where it is known", of=("constant",)),
        Key(
            "of",
            one_of("text", "probability", "score", "flag"),
            "what the value may be, where it is each team's own",
            "text",
            of=("constant",),
        ),
    ),
    several=True,
    by="type",
    most=20_000,
)
RULES = Table(
    "rules",
    "what holds across the columns of a row",
    (
        Key(
            "rule",
            one_of("threshold", "sum"),
            "threshold: label == (probability >= threshold); sum: columns sum up to total",
            required=True,
        ),
        Key("label", TEXT, "heading of the label or flag", of=("threshold",), required=True),
        Key("probability", TEXT, "heading of the probability or score", of=("threshold",), required=True),
        Key("threshold", TEXT, "heading of the threshold", of=("threshold",), required=True),
        Key("positive", TEXT, "the label that says yes", "1, of a flag", of=("threshold",)),
        Key("columns", TWO_TEXTS, "headings of the columns that are summed up", of=("sum",), required=True),
        Key("total", NUMBER, "their sum", of=("sum",), required=True),
        Key("tolerance", NOT_NEGATIVE, "how much more or less it may be", "0", of=("sum",)),
    ),
    several=True,
    by="rule",
)
METRICS = Table(
    "metrics",
    "by what the task, or a subtask, is scored; the first one ranks",
    (
        Key("metric", one_of(*MEASURES), "which one: see the metrics", required=True),
        Key("average", one_of(*AVERAGES), "over labels or columns: see the metrics", "by metric and columns"),
        Key("columns", TEXTS, "headings of the columns that it reads", "those that fit it"),
        Key("truth", TEXTS, "headings of the true labels, where columns are probabilities", "the labels beside them"),
        Key("positive", TEXT, "the positive class: required with labels", "1"),
        Key("absent", one_of(*ABSENT), "what F1 a label counts that neither truth nor run has", "zero"),
        Key("empty", one_of(*EMPTY), "with average = 'samples': what an image without labels in both counts", "one"),
        Key("k", _MANY, "how many places of a ranked list count", "all"),
        Key("threshold", NUMBER, "a probability of at least this counts as 1", "the columns hold decisions"),
        Key(
            "order",
            one_of(*RANKED_BY),
            "what orders a ranked list: scores, with ties as that program breaks them, or ranks",
            "as ir_measures does",
        ),
        Key("name", TEXT, "its name in tables and in JSON: small letters, digits and _", "made from the others"),
    ),
    several=True,
    most=50,
)
SUBTASKS = Table(
    "subtasks",
    "parts that are trained and scored each for itself; without them the task is one, with all of its columns",
    (
        Key("name", FILE_NAME, "what it is called in commands and files", required=True),
        Key("column", TEXT, "short name of its columns in messages", "the name"),
        Key("columns", TEXTS, "headings of its columns", required=True),
        Key("runs", whole(1, 1000), "how many runs a team may send", "any number"),
    ),
    several=True,
)
SCORING = Table(
    "scoring",
    "what counts where a run has problems",
    (
        Key(
            "rule",
            one_of("lenient", "strict"),
            "lenient: absent, unreadable and double answers are wrong; strict: a file with a problem is not scored",
            "lenient",
        ),
    ),
)
RUNS = Table(
    "runs",
    "kinds of runs that a team sends, and the names of their files",
    (
        Key("kind", FILE_NAME, "what the kind is called in commands", required=True),
        Key("file", FILE_PATTERN, "name of the run file", "any"),
        Key("zip", FILE_PATTERN, "name of the archive that the file is sent in", "it is sent as it is"),
        Key("inner", FILE_PATTERN, "name of the file in the archive", "as file"),
        Key("required", YES_NO, "whether each team must send one", "false"),
        Key("most", whole(1, 1000), "how many a team may send", "any number"),
        Key("about", TEXT, "what it is, for people"),
    ),
    several=True,
)
HEADINGS = Table(
    "headings",
    "headings that are not always written alike",
    (
        Key("as_dev_set", YES_NO, "whether a run has them as the user's own dev set writes them", "false"),
        Key(
            "identified_by",
            PATTERN,
            "how a heading begins, by which it is known; [0-9]{1,9} is a number, of any length",
            "the whole heading",
        ),
    ),
)
SELFTEST = Table(
    "selftest",
    "what the fault self-test tries beside faults of every task",
    (
        Key("heading_variants", PAIRS, "pairs of a heading and how people rewrite it"),
        Key("confusable_labels", PAIRS, "pairs of labels of one subtask whose columns are easily swapped"),
    ),
)
TABLES = (FILE, ID, COLUMNS, RULES, SUBTASKS, METRICS, SCORING, RUNS, HEADINGS, SELFTEST)
INNER = {"subtasks": (METRICS,)}  # tables within a table
