"""Results on stdout: tables for people, tab-separated lines for pipes, JSON for programs."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from submission.wording import json_shown, printable, shown

if TYPE_CHECKING:
    from rich.console import Console


def print_json(value: Any) -> None:
    r"""Print JSON on stdout; what could move a terminal's cursor or reorder its text is escaped as `\uXXXX`."""
    print(json_shown(value, sys.stdout.encoding))


def print_line(text: object) -> None:
    """Print a line, or several, on stdout; what could move a terminal's cursor is escaped, and long lines are cut.

    All text on stdout goes through here, `print_whole`, `print_table` or `print_json`: names in it are other people's.
    """
    print(shown(str(text)))


def print_whole(text: str) -> None:
    """Print text of which no part may be missing, such as a file to be saved; what could move a cursor is escaped."""
    print(printable(text))


def counted(n: int, noun: str) -> str:
    """Return a number of things in words: `1 image`, `2 images`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table on stdout: ruled for people at a terminal, as tab-separated lines into a pipe.

    Where the terminal is so narrow that a word would be broken, the rows are printed one below the other, since ids are
    copied from the screen.
    """
    text = [[_cell(f"{cell:.3f}" if isinstance(cell, float) else str(cell)) for cell in row] for row in rows]
    columns, title = [_cell(column) for column in columns], shown(title)
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
    widths = _widths([columns, *text], console.width - 3 * len(columns))  # 3: blanks around a column and its rule
    if widths is None:
        _print_blocks(console, columns, text)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for k, column in enumerate(columns):
        numeric = all(isinstance(row[k], int | float) or row[k] == "" for row in rows)
        table.add_column(column, justify="right" if numeric else "left", width=widths[k])
    for row in text:
        table.add_row(*row)
    console.print(table)


def _cell(text: str) -> str:
    """Return a cell as it is printed: a tab or a line's end in it would make another cell of its rest."""
    return printable(text).replace("\t", "\\t").replace("\n", "\\n")


def print_records(records: Sequence[Mapping[str, Any]]) -> None:
    """Print one or more records as the rows of a table, their keys as its headings."""
    print_table("", list(records[0]), [list(record.values()) for record in records])


def _widths(lines: Sequence[Sequence[str]], available: int) -> list[int] | None:
    """Return a width for each column, so that no word is broken, or None where they do not fit.

    What the longest words leave is shared among the columns whose longest cells are longer.
    """
    cells = list(zip(*lines, strict=True))
    words = [max(len(word) for cell in column for word in ["", *cell.split()]) for column in cells]
    more = [max(map(len, column)) - least for column, least in zip(cells, words, strict=True)]
    left = available - sum(words)
    if left < 0:
        return None
    share = min(1, left / sum(more)) if any(more) else 0
    return [least + int(share * extra) for least, extra in zip(words, more, strict=True)]


def _print_blocks(console: "Console", columns: Sequence[str], text: Sequence[Sequence[str]]) -> None:
    """Print each row as a block of lines, `heading  cell`, without empty cells."""
    from rich.table import Table

    for row in text:
        block = Table.grid(padding=(0, 2))
        block.add_column(no_wrap=True)
        block.add_column(overflow="fold")
        for column, cell in zip(columns, row, strict=True):
            if cell:
                block.add_row(column, cell)
        console.print(block)
        console.print()
