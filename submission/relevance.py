"""Relevance judgements, the truth of a ranked list: in the form of TREC, or as a table.

topic iteration document relevance      four cells with blanks or tabs between them, no header (qrels)
topic,doc,relevance                     a CSV whose header names the query, the document and `relevance`
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from submission.csvfile import CsvFile, Problems, read_text
from submission.kinds import DocumentKind
from submission.labels import LabelTable
from submission.task import Subtask, Task
from submission.wording import both, cut, quoted

RELEVANCE = "relevance"
_LONGEST = 9  # digits


def read_relevance(path: Path, task: Task, subtask: Subtask) -> LabelTable:
    """Return judgements as a truth: query → (document, 0, relevance) rows; the ids of the table are the queries.

    Relevance is a whole number, and more than 0 for what is relevant. Raises LabelFileError with every problem: no
    file, not UTF-8, a line of another form, a document judged twice for a query.
    """
    path = Path(path)
    document = next(column.heading for column in subtask.columns if isinstance(column.kind, DocumentKind))
    text = read_text(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    problems = Problems()
    is_table = any(cell.strip().strip('"').lower() in task.id_columns for cell in first.split(","))
    rows = _of_table(path, task, document) if is_table else _of_trec(path, text, problems)
    judged: dict[str, dict[str, tuple[int, int]]] = {}  # query → document → line and relevance
    for line, query, name, relevance in rows:
        value = _whole(relevance)
        if value is None or not query or not name:
            problems.append(
                f"{path}:{line}: got {quoted(query)}, {quoted(name)} and {quoted(relevance)}; expected a query, a "
                "document and a whole number, its relevance. Correct the line."
            )
        elif earlier := judged.setdefault(query, {}).get(name):
            problems.append(
                f"{path}:{line}: got document {quoted(name)} of query {quoted(query)} again (first on line "
                f"{earlier[0]}); expected each once. Remove one of the lines."
            )
        else:
            judged[query][name] = (line, value)
    if not judged and not problems:
        problems.append(f"{path}: got no line; expected one for each document that was judged. Check the file.")
    problems.raise_any()
    labels: dict[str, Any] = {
        query: tuple((name, 0, float(value)) for name, (_, value) in of_query.items())
        for query, of_query in judged.items()
    }
    return LabelTable(path, (task.id_column, document, RELEVANCE), tuple(judged), {subtask.name: labels})


def _of_trec(path: Path, text: str, problems: Problems) -> Iterator[tuple[int, str, str, str]]:
    """Yield line, query, document and relevance of lines in the form of TREC."""
    for line, row in enumerate(text.splitlines(), 1):
        cells = row.split()
        if len(cells) == 4:
            yield line, cells[0], cells[2], cells[3]
        elif cells:
            problems.append(
                f"{path}:{line}: got {len(cells)} cells ({cut(row)}); expected 4, with blanks between them: query, "
                "iteration (0), document, relevance. Correct the line."
            )


def _of_table(path: Path, task: Task, document: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield the same of the rows of a CSV."""
    file = CsvFile(path, task.id_columns)
    headings = [cell.strip().lower() for cell in file.header]
    missing = [heading for heading in (document, RELEVANCE) if heading.lower() not in headings]
    if missing or file.id_position is None:
        file.problems.append(
            f"{file.where}: got no column {both([quoted(heading) for heading in missing])}; expected columns "
            f"{task.id_column!r}, {document!r} and {RELEVANCE!r}. Rename the columns."
        )
        file.problems.raise_any()
        return
    places = [file.id_position, headings.index(document.lower()), headings.index(RELEVANCE)]
    for line, cells in file.rows():
        query, name, relevance = (cells[place].strip() for place in places)
        yield line, query, name, relevance.removesuffix(".0")
    if file.problems:
        file.problems.raise_any()


def _whole(cell: str) -> int | None:
    digits = cell.removeprefix("-")
    return int(cell) if digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST else None
