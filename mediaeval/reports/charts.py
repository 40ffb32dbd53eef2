"""Coordinates of a page's charts: axes with their ticks, paths, ranks; the templates draw them as SVG."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

Point = Sequence[float]


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers within low..high, about so many.

    >>> ticks(0.31, 0.72)
    [0.4, 0.5, 0.6, 0.7]
    """
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    rough = span / about
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * k for k in (1, 2, 5, 10) if unit * k >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class Axes:
    """A square of a chart: values → pixels of its picture, whose size is `side` and a margin for the ticks."""

    x_low: float = 0.0
    x_high: float = 1.0
    y_low: float = 0.0
    y_high: float = 1.0
    side: int = 150
    left: int = 30
    top: int = 6
    bottom: int = 32
    right: int = 8

    @classmethod
    def around(cls, points: Sequence[Point], *, equal: bool) -> "Axes":
        """Return axes that hold all points; `equal`: the same range on both."""
        xs, ys = [p[0] for p in points] or [0.0], [p[1] for p in points] or [0.0]
        if equal:
            xs = ys = [*xs, *ys]
        return cls(*_padded(xs), *_padded(ys))

    @property
    def width(self) -> int:
        return self.left + self.side + self.right

    @property
    def height(self) -> int:
        return self.top + self.side + self.bottom

    def x(self, value: float) -> str:
        return _short(self.left + self.side * (value - self.x_low) / (self.x_high - self.x_low))

    def y(self, value: float) -> str:
        return _short(self.top + self.side * (self.y_high - value) / (self.y_high - self.y_low))

    def line(self, points: Iterable[Point]) -> str:
        """Return the path of a line through points, for `d`."""
        return " ".join(f"{'L' if k else 'M'}{self.x(x)} {self.y(y)}" for k, (x, y) in enumerate(points))

    def dots(self, points: Iterable[Point]) -> str:
        """Return a path of lines without length, which a round cap makes dots."""
        return "".join(f"M{self.x(x)} {self.y(y)}h0" for x, y in points)

    @property
    def x_ticks(self) -> list[float]:
        return ticks(self.x_low, self.x_high, 4)

    @property
    def y_ticks(self) -> list[float]:
        return ticks(self.y_low, self.y_high, 4)


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = (high - low) * 0.04 or 0.5
    return low - margin, high + margin


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def ranks(points: Sequence[Point]) -> list[tuple[float, float]]:
    """Return the ranks of both coordinates, 1 of the least; equals share their mean."""
    if not points:
        return []
    columns = np.asarray(points, dtype=float).T
    return list(zip(*(rankdata(column).tolist() for column in columns), strict=True))


def score_lines(subtask: Mapping[str, Any], runs: Sequence[str]) -> dict[str, Any]:
    """Return the rows of a subtask's score table, and the range that all of its intervals lie in.

    A row: kind ("run", "second", "new" or "floor"), name, value, interval, reason where it was not computed. Places are
    in per cent of the range.
    """
    score = subtask["score"]
    rows = [{"kind": "run", "name": runs[0], "value": score["value"], "interval": score["interval"]}]
    if second := subtask.get("second_score"):
        rows.append({"kind": "second", "name": runs[1], **second})
    if score.get("new_set"):
        n_new = score.get("n_new")
        name = f"on {n_new} new images" if n_new else "on new images"
        rows.append({"kind": "new", "name": name, "value": None, "interval": score["new_set"]})
    rows += [{"kind": "floor", **floor} for floor in subtask.get("floors") or ()]
    known = [v for row in rows for v in (row["value"], *(row.get("interval") or ())) if v is not None]
    low, high = _padded(known) if known else (0.0, 1.0)
    if known and min(known) >= 0 and max(known) <= 1:
        low, high = max(low, 0.0), min(high, 1.0)

    def place(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    for row in rows:
        interval = row.get("interval")
        row["at"] = None if row["value"] is None else place(row["value"])
        row["from_to"] = [place(v) for v in interval] if interval else None
    return {"rows": rows, "ticks": [(place(t), f"{t:g}") for t in ticks(low, high, 4)]}


def spread(outputs: Sequence[float], truth: Sequence[float], bins: int = 50) -> tuple[str, str]:
    """Return two paths, 100 wide and 12 high each: how outputs, 0..1, lie of images without a label, and of those with.

    The first hangs down from the middle of a box of 100 × 24, the second stands on it. Heights are square roots of
    shares, so that a few images are seen beside many.
    """
    P, has = np.asarray(outputs, dtype=float), np.asarray(truth, dtype=float) >= 0.5
    paths = []
    for chosen, sign in ((~has, 1), (has, -1)):
        counts = np.histogram(P[chosen], bins=bins, range=(0, 1))[0]
        heights = 11 * np.sqrt(counts / max(counts.max(), 1))
        bars = [
            f"M{100 * k / bins:g} 12v{_short(sign * height)}h{100 / bins:g}V12"
            for k, height in enumerate(heights.tolist())
            if height > 0
        ]
        paths.append("".join(bars))
    return paths[0], paths[1]
