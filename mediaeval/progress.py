"""A progress bar on stderr, at a terminal only."""

import contextlib
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

STDERR = Console(stderr=True)  # looks sys.stderr up with each line


class Advance(Protocol):
    """Moves a progress bar: `done` of `total` steps, with a note behind them."""

    def __call__(self, done: int, total: int, note: str = "") -> None: ...


@contextlib.contextmanager
def progress(title: str) -> Iterator[Advance]:
    """Give a function `advance(done, total, note="")`; the bar is drawn from its first call on."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=STDERR, disable=not STDERR.is_terminal) as bar:
        task = bar.add_task(title, total=None, note="", visible=False)

        def advance(done: int, total: int, note: str = "") -> None:
            bar.update(task, completed=done, total=total, note=note, visible=True)

        yield advance
