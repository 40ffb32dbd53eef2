"""What every experiment returns: one record per cell of the published table, and the table for people and programs."""

import csv
import io
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediaeval.errors import ConfigError
from mediaeval.files import write_atomically

if TYPE_CHECKING:
    from mediaeval.experiments.datasets.splits import Split

CSV_FILE, MARKDOWN_FILE = "results.csv", "results.md"


@dataclass(frozen=True)
class TableCell:
    """One cell of the table. Numbers are in the report's unit; None: not computed, or not published.

    low, high      the interval that holds 95 % of the bootstrap samples over test images
    baseline       score of predicting the majority class, in the same protocol
    n              number of test images, each counted once
    note           remarks, or why the cell was skipped
    std            standard deviation over the splits (divided by their number)
    published_std  as published
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
    std: float | None = None
    published_std: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "experiment": self.experiment,
            "row": self.row,
            "column": self.column,
            "ours": self.ours,
            "low": self.low,
            "high": self.high,
            "baseline": self.baseline,
            "published": self.published,
            "n": self.n,
            "note": self.note,
            "std": self.std,
            "published_std": self.published_std,
        }


@dataclass(frozen=True)
class TableReport:
    """The cells of one experiment, in the order of the published table, and what is common to all of them."""

    experiment: str
    title: str
    metric: str  # with its unit
    digits: int  # decimals that are printed
    results: list[TableCell]
    columns: dict[str, str]  # column → what it is, in words
    notes: list[str]
    settings: dict[str, Any]  # every choice that influences a number
    splits: dict[str, list["Split"]] = field(default_factory=dict, repr=False)  # column → its splits

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

    def _cells(self, r: TableCell) -> list[str]:
        def text(value: float | None) -> str:
            return "–" if value is None else f"{value:.{self.digits}f}"

        def spread(value: float | None, std: float | None) -> str:
            return text(value) if std is None else f"{text(value)} ± {text(std)}"

        interval = "–" if r.low is None else f"{text(r.low)} to {text(r.high)}"
        ours, published = spread(r.ours, r.std), spread(r.published, r.published_std)
        return [r.row, ours, interval, text(r.baseline), published, str(r.n) if r.n else "–"]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the splits for `json.dumps`; numbers unrounded."""
        return {
            "experiment": self.experiment,
            "title": self.title,
            "metric": self.metric,
            "digits": self.digits,
            "results": [cell.to_dict() for cell in self.results],
            "columns": self.columns,
            "notes": self.notes,
            "settings": self.settings,
        }

    def as_csv(self) -> str:
        """Return a line per cell; numbers with all their digits, empty where there is none."""
        text = io.StringIO()
        names = [f.name for f in fields(TableCell)]
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(cell.to_dict() for cell in self.results)
        return text.getvalue()

    def as_markdown(self) -> str:
        """Return the tables, the notes, the names of the splits' files and the settings as Markdown."""
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
        if self.splits:
            named = [f"- {_escaped(column)}: {name}" for column, name in self.split_files().items()]
            lines += ["## Splits", "", *named, ""]
        settings = [f"- {name}: {_escaped(_words(value))}" for name, value in self.settings.items()]
        return "\n".join([*lines, "## Settings", "", *settings, ""])

    def split_files(self) -> dict[str, str]:
        """Return column → name of the file of its splits, splits-NAME.csv, with safe characters and all different."""
        names: dict[str, str] = {}
        for column in self.splits:
            stem = f"splits-{re.sub(r'[^A-Za-z0-9._-]+', '-', column)[:80]}"
            taken = {name.lower() for name in names.values()}  # some file systems ignore case
            numbered = (f"{stem}{f'-{k}' if k > 1 else ''}.csv" for k in count(1))
            names[column] = next(name for name in numbered if name.lower() not in taken)
        return names

    def write(self, out: Path) -> list[Path]:
        """Write the CSV, the Markdown file and the splits into a folder, each atomically; return their paths.

        A file of splits of a sentiment set, copied into its folder as splits.csv, is read by the protocol `stored`.
        """
        from mediaeval.experiments.datasets.splits import write_splits  # numpy: not for a list of experiments

        texts = {out / CSV_FILE: self.as_csv(), out / MARKDOWN_FILE: self.as_markdown()}
        for path, text in texts.items():
            write_atomically(path, text.encode())
        splits = {out / name: self.splits[column] for column, name in self.split_files().items()}
        for path, of_column in splits.items():
            write_splits(path, of_column)
        return [*texts, *splits]


def require_writable(out: Path) -> None:
    """Raise ConfigError when a folder for results cannot be created or written; nothing is created.

    Call it before hours of training, not after them.
    """
    place = out
    try:
        while not place.exists() and not place.is_symlink() and place != place.parent:
            place = place.parent
        if not place.is_dir():
            what = "a file" if place.is_file() else "not a folder"
            raise ConfigError(f"--out {out}: {place} is {what}; expected a folder. Nothing was computed.")
        taken = [out / name for name in (CSV_FILE, MARKDOWN_FILE) if (out / name).is_dir()]
        if taken:
            raise ConfigError(f"--out {out}: {taken[0]} is a folder. Give another --out. Nothing was computed.")
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise ConfigError(
            f"--out {out}: cannot be written ({error.strerror}). Give another folder. Nothing was computed."
        ) from None


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(inner)}" for key, inner in value.items())
    return " + ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
