"""What the commands share: option types, tables for people, JSON for programs."""

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

logger = logging.getLogger(__name__)

Json = Annotated[bool, typer.Option("--json", help="Print the results as JSON.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Go on without images that cannot be decoded.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="A configuration file; without it mediaeval.toml in this folder, if any."),
]
Use = Annotated[str | None, typer.Option("--use", help="Extractors, comma separated, concatenated in this order.")]
Preset = Annotated[str | None, typer.Option("--preset", help="See: mediaeval ls presets.")]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="auto, torch, openvino, openvino-mixed or openvino-bf16: what computes networks. [default: auto]",
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Equal seeds give equal results.")]


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

    console = Console(highlight=False, markup=False)
    if title:
        console.print(title, style="bold")
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


def choose_data(dev: str) -> str:
    """Return the dev set to work on: the one given, else the drawn sample, drawn now if need be."""
    if dev:
        return dev
    from mediaeval.sample.draw import draw_sample

    folder = Path("sample")
    logger.info(f"No --data and no mediaeval.toml with [data] dev: this uses the drawn sample in {folder}/.")
    draw_sample(folder)
    return str(folder / "devset")
