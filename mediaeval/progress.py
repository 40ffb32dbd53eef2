"""Progress on stderr: a bar at a terminal; in a pipe, a line for epochs that take long."""

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from submission.wording import shown

logger = logging.getLogger(__name__)

STDERR = Console(stderr=True)  # looks sys.stderr up with each line


class Advance(Protocol):
    """Moves a progress bar: `done` of `total` steps, with a note behind them."""

    def __call__(self, done: int, total: int, note: str = "") -> None: ...


@contextlib.contextmanager
def progress(title: str) -> Iterator[Advance]:
    """Give a function `advance(done, total, note="")`; the bar is drawn from its first call on."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=STDERR, disable=not STDERR.is_terminal) as bar:
        task = bar.add_task(shown(title), total=None, note="", visible=False)

        def advance(done: int, total: int, note: str = "") -> None:
            bar.update(task, completed=done, total=total, note=shown(note), visible=True)

        yield advance


def with_epoch_lines(advance: Advance, title: str, seconds: float = 0) -> Advance:
    """Return `advance`, for epochs, so that notes of finished ones are logged where no bar shows them.

    Of many epochs about ten are, the first and the last among them. `seconds`: least time between two lines.
    """
    before, last = 0, time.monotonic()

    def advance_and_log(done: int, total: int, note: str = "") -> None:
        nonlocal before, last
        advance(done, total, note)
        finished, before = done > before, done
        shown = total <= 10 or done in (1, total) or done % (total // 10) == 0
        if finished and shown and note and not STDERR.is_terminal and time.monotonic() - last >= seconds:
            last = time.monotonic()
            logger.info(f"{title}: {note}")

    return advance_and_log
