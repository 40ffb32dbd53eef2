"""The assignment problem: which row goes with which column so that the sum is largest.

The Hungarian method with potentials (Kuhn 1955, Munkres 1957; shortest augmenting paths), a row of the table at a time:
a run has 20 columns or up to 150 batches of rows, and this package keeps to numpy. Tests compare it with scipy's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def best_assignment(gain: np.ndarray | Sequence[Sequence[float]]) -> list[int]:
    """Return the column that each row of a square table goes with, each once; Σ gain[row][column] is largest."""
    import numpy as np

    cost = -np.asarray(gain, dtype=np.float64)
    n = len(cost)
    # 1-based, column 0 is where an augmenting path starts
    of_row, of_column = np.zeros(n + 1), np.zeros(n + 1)  # potentials
    row_at = np.zeros(n + 1, dtype=np.int64)  # column → row
    for row in range(1, n + 1):
        row_at[0], column = row, 0
        slack, came_from, done = np.full(n + 1, np.inf), np.zeros(n + 1, np.int64), np.zeros(n + 1, bool)
        while row_at[column]:
            done[column] = True
            at = row_at[column]
            reduced = cost[at - 1] - of_row[at] - of_column[1:]
            nearer = ~done[1:] & (reduced < slack[1:])
            slack[1:][nearer], came_from[1:][nearer] = reduced[nearer], column
            nearest = 1 + int(np.where(done[1:], np.inf, slack[1:]).argmin())
            step = slack[nearest]
            of_row[row_at[done]] += step
            of_column[done] -= step
            slack[~done] -= step
            column = nearest
        while column:
            row_at[column] = row_at[came_from[column]]
            column = int(came_from[column])
    found = [0] * n
    for column in range(1, n + 1):
        found[row_at[column] - 1] = column - 1
    return found
