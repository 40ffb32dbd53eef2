"""Orders in which labels may have been made or written by mistake: sorted, backwards, from several workers.

An arrangement is what the rows of a file then hold: row i has the labels of the image of row order[i].
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

MOST_WORKERS = 32


def usual_orders(ids: Sequence[str], listing: Sequence[str] = ()) -> dict[str, list[str]]:
    """Return the orders of ids that usual mistakes lead to; `listing` is the folder's own, as the disk gives it."""
    orders = {
        "the test list's order": list(ids),
        "sorted order": sorted(ids),
        "sorted order without regard to case": sorted(ids, key=str.lower),
        "numeric order": sorted(ids, key=_natural),
    }
    return orders | ({"the folder's order": list(listing)} if listing else {})


def arrangements(ids: Sequence[str], orders: Mapping[str, Sequence[str]]) -> dict[str, np.ndarray]:
    """Return what rows hold if labels made in one order are written to ids in another: name → order.

    `ids` are those of the file's rows; row i then holds the labels of the image of row order[i].
    """
    import numpy as np

    row = {image_id: k for k, image_id in enumerate(ids)}
    identity = np.arange(len(ids))
    known = {"the file's order": identity}
    for name, sequence in orders.items():
        common = [row[image_id] for image_id in sequence if image_id in row]
        if len(common) == len(ids):
            known[name] = np.array(common)
    known |= {f"{name}, backwards": rows[::-1] for name, rows in known.items()}
    found: dict[bytes, tuple[str, np.ndarray]] = {}
    for made, made_rows in known.items():
        for written, written_rows in known.items():
            order = np.empty(len(ids), dtype=np.int64)
            order[written_rows] = made_rows
            if not (order == identity).all():
                key = hashlib.blake2b(order.tobytes(), digest_size=16).digest()
                found.setdefault(key, (f"labels in {made}, ids in {written}", order))
    return dict(found.values())


@lru_cache(maxsize=4)  # all files of one length share them
def interleavings(n: int) -> dict[str, np.ndarray]:
    """Return what `n` rows hold if several workers' labels were put together in another order than their images.

    Each of W workers takes every W-th image, or a contiguous part (all parts of one size, or the first ones longer by
    one), and labels are written part by part under ids in turn, or in turn under ids part by part.
    """
    import numpy as np

    found: dict[bytes, tuple[str, np.ndarray]] = {}
    rows = np.arange(n)
    for workers in range(2, min(MOST_WORKERS, n // 2) + 1):
        in_turn = np.concatenate([rows[worker::workers] for worker in range(workers)])
        parts = np.array_split(rows, workers)
        equal = -(-n // workers)
        of_equal = np.array([k + part * equal for k in range(equal) for part in range(workers)])
        of_equal = of_equal[of_equal < n]
        of_parts = np.concatenate([[part[k] for part in parts if k < len(part)] for k in range(len(parts[0]))])
        collected, dealt = (
            f"the labels of {workers} workers one after another, the ids in turn",
            (f"the labels of {workers} workers in turn, the ids one worker after another"),
        )
        for name, order in (
            (collected, in_turn),
            (dealt, of_parts),
            (collected, np.argsort(of_equal)),
            (dealt, of_equal),
        ):
            found.setdefault(order.tobytes(), (name, order))
    named: dict[str, np.ndarray] = {}
    for name, order in found.values():
        named[name if name not in named else f"{name}, the last with fewer"] = order
    return named


def _natural(image_id: str) -> list[tuple[int, int, str]]:
    """Return the sort key by which a2 comes before a10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"\d+|\D+", image_id)]
