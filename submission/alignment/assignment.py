"""The assignment problem: which row goes with which column so that the sum is largest.

The Hungarian method with potentials (Kuhn 1955, Munkres 1957; shortest augmenting paths), in plain Python: a run has
20 columns, and this package keeps to numpy. Tests compare it with scipy's.
"""

from collections.abc import Sequence

_INF = float("inf")


def best_assignment(gain: Sequence[Sequence[float]]) -> list[int]:
    """Return the column that each row of a square table goes with, each once; Σ gain[row][column] is largest."""
    n = len(gain)
    # 1-based, column 0 is where an augmenting path starts; cost is minimised
    of_row, of_column = [0.0] * (n + 1), [0.0] * (n + 1)  # potentials
    row_at = [0] * (n + 1)  # column → row
    for row in range(1, n + 1):
        row_at[0], column = row, 0
        slack, came_from, done = [_INF] * (n + 1), [0] * (n + 1), [False] * (n + 1)
        while row_at[column]:
            done[column] = True
            at, step, nearest = row_at[column], _INF, 0
            for other in range(1, n + 1):
                if done[other]:
                    continue
                reduced = -gain[at - 1][other - 1] - of_row[at] - of_column[other]
                if reduced < slack[other]:
                    slack[other], came_from[other] = reduced, column
                if slack[other] < step:
                    step, nearest = slack[other], other
            for other in range(n + 1):
                if done[other]:
                    of_row[row_at[other]] += step
                    of_column[other] -= step
                else:
                    slack[other] -= step
            column = nearest
        while column:
            row_at[column] = row_at[came_from[column]]
            column = came_from[column]
    found = [0] * n
    for column in range(1, n + 1):
        found[row_at[column] - 1] = column - 1
    return found
