"""What a fault is: a name, what it harms, and how it changes a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submission.task import Task

if TYPE_CHECKING:
    import numpy as np

Table = list[list[str]]  # the headings, then each row's cells; the id first
Change = Callable[[Table, "np.random.Generator"], Table | str | bytes]
FORM, MEANING = "form", "meaning"


@dataclass(frozen=True)
class Fault:
    """One way to spoil a file. `change` takes the table of its cells, and gives another or the whole file's text.

    It raises LookupError for a table that gives no occasion for it. `task` is the one by whose layout the table is
    read and written; None: cells separated by commas, the headings first.
    """

    name: str
    kind: str
    change: Change
    task: Task | None = None
