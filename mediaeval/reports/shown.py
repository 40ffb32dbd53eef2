"""Which images a report shows: all of them, or as many as its size allows."""

from collections.abc import Collection, Sequence

import numpy as np

from mediaeval.analysis.judged import JudgedImages

LIMIT = 5_000_000  # bytes of a page, as `write_page` has it
_TEXT = 0.5  # of these for texts and numbers; the rest for pictures
_AN_IMAGE, _A_ROW, _AN_OUTPUT = 120, 70, 18  # bytes of an image, of its row in a subtask, and of each output
HARD = 60  # images of highest loss that have a larger picture
HARDEST = 300  # images of highest loss that are always shown


def room_for(labels: Sequence[int], *, limit: int = LIMIT) -> int:
    """Return how many images a page has room for; `labels`: how many outputs each subtask has.

    >>> room_for([3, 7, 10])
    3623
    """
    each = _AN_IMAGE + sum(_A_ROW + n * _AN_OUTPUT for n in labels)
    return int(limit * _TEXT / each)


def hardest(judged: Sequence[JudgedImages], n: int) -> list[str]:
    """Return the n images of highest loss in any subtask, taken from the subtasks in turn."""
    orders = [one.losses().sort_values(ascending=False, kind="stable").index.tolist() for one in judged]
    found: dict[str, None] = {}
    for k in range(max(map(len, orders), default=0)):
        for order in orders:
            if k < len(order) and len(found) < n:
                found.setdefault(order[k])
    return list(found)


def chosen(ids: Sequence[str], always: Collection[str], room: int, *, seed: int = 0) -> list[str]:
    """Return the images that are shown, in their order: all, or `always` and as many others at random as fit."""
    if len(ids) <= room:
        return list(ids)
    kept = set(always)
    others = [i for i in ids if i not in kept]
    n_others = min(max(room - len(kept), 0), len(others))
    drawn = np.random.default_rng(seed).choice(len(others), n_others, replace=False)
    kept |= {others[k] for k in drawn}
    return [i for i in ids if i in kept]
