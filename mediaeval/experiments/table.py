"""What every experiment gives: one record a cell of the published table, and the table for people and programs."""

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from mediaeval.files import write_atomically

CSV_FILE, MARKDOWN_FILE = "results.csv", "results.md"


@dataclass(frozen=True)
class Result:
    """One cell of the table. Numbers are in the report's unit; None: not computed, or not published.

    `low`, `high`: the interval that 95 % of the bootstrap samples over test images fall in. `baseline`: the majority's
    score in the same protocol. `n`: test images, each counted once. `note`: what is to be known, or why it was skipped.
    """

    experiment: str
    row: str
    column: str
    ours: float | None = None
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    published: float | None = None
    n: int = 0
    note: str = ""


@dataclass(frozen=True)
class Report:
    """The records of one experiment, in the order of the published table, and what is to be known of all of them."""

    experiment: str
    title: str
    metric: str  # with its unit
    digits: int  # decimals that are printed
    results: list[Result]
    columns: dict[str, str]  # column → what it is, in words
    notes: list[str]
    settings: dict[str, Any]  # every choice that changes a number

    def tables(self) -> Iterator[tuple[str, list[str], list[list[str]]]]:
        """Yield (title, headings, rows of text) for each column of the published table that has results."""
        for column, about in self.columns.items():
            results = [r for r in self.results if r.column == column]
            if not results:
                continue
            headings = ["method", "ours", "95 % interval", "majority", "published", "images"]
            rows = [self._cells(r) for r in results]
            if any(r.note for r in results):
                headings.append("note")
                rows = [[*cells, r.note] for cells, r in zip(rows, results, strict=True)]
            yield f"{column}: {about}", headings, rows

    def _cells(self, r: Result) -> list[str]:
        def text(value: float | None) -> str:
            return "–" if value is None else f"{value:.{self.digits}f}"

        interval = "–" if r.low is None else f"{text(r.low)} to {text(r.high)}"
        return [r.row, text(r.ours), interval, text(r.baseline), text(r.published), str(r.n) if r.n else "–"]

    def as_json(self) -> dict[str, Any]:
        """Return everything as a dictionary for `json.dumps`; numbers unrounded."""
        return asdict(self)

    def as_csv(self) -> str:
        """Return a line a record; numbers with all their digits, empty where there is none."""
        text = io.StringIO()
        names = [f.name for f in fields(Result)]
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(result) for result in self.results)
        return text.getvalue()

    def as_markdown(self) -> str:
        """Return the tables, the notes and the settings as Markdown."""
        lines = [f"# {self.experiment}", "", f"{self.title}. {self.metric}.", ""]
        for title, headings, rows in self.tables():
            lines += [
                f"## {_escaped(title)}",
                "",
                _line(headings),
                _line(["---"] * len(headings)),
                *map(_line, rows),
                "",
            ]
        if self.notes:
            lines += ["## Notes", "", *(f"- {_escaped(note)}" for note in self.notes), ""]
        settings = [f"- {name}: {_escaped(_words(value))}" for name, value in self.settings.items()]
        return "\n".join([*lines, "## Settings", "", *settings, ""])

    def write(self, out: Path) -> list[Path]:
        """Write the CSV and the Markdown file into a folder, each whole or not at all; return their paths."""
        texts = {out / CSV_FILE: self.as_csv(), out / MARKDOWN_FILE: self.as_markdown()}
        for path, text in texts.items():
            write_atomically(path, text.encode())
        return list(texts)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(inner)}" for key, inner in value.items())
    return " + ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
