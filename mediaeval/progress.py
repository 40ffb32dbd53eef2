"""Progress on stderr, for people at a terminal; silent where nobody watches."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

STDERR = Console(stderr=True)


@contextlib.contextmanager
def progress(title: str) -> Iterator[Callable[..., None]]:
    """Give `advance(done, total, note="")`, which draws a bar from its first call on."""
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
