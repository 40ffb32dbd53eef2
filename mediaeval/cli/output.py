"""Results on stdout: tables for people, tab-separated lines for pipes, JSON for programs."""

import json
import sys
from collections.abc import Sequence
from typing import Any


def print_json(value: Any) -> None:
    """Print JSON on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table on stdout: for people at a terminal with ruled columns, into a pipe as tab-separated lines."""
    text = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        lines = [[f"# {line}"] for line in title.splitlines()]
        print("\n".join("\t".join(line) for line in [*lines, *([columns] if rows else []), *text]))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False, emoji=False)
    if title:
        console.print(title, style="bold", soft_wrap=True)
    if not rows:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    # What is one word stays whole where the terminal is wide enough: an id is copied from the screen.
    longest = [
        max(len(word) for line in [columns, *text] for word in [*line[k].split(), ""]) for k in range(len(columns))
    ]
    fits = sum(longest) + 3 * len(columns) <= console.width
    for position, column in enumerate(columns):
        numeric = all(isinstance(row[position], int | float) or row[position] == "" for row in rows)
        words = fits and not any(" " in line[position] for line in text)
        table.add_column(column, justify="right" if numeric else "left", no_wrap=words, overflow="fold")
    for row in text:
        table.add_row(*row)
    console.print(table)
