"""Scores that must sum up: the nearest ones that do, within their bounds, and in decimals whose sum is exact."""

import math
from collections.abc import Sequence
from decimal import Decimal

from mediaeval.errors import ConfigError

DECIMALS = 6  # of scores that must sum up, where the total has no more


def summing_up(values: Sequence[float], bounds: Sequence[tuple[float, float]], total: float) -> list[float]:
    """Return the nearest numbers (least squared distance) within the bounds that sum up to `total`.

    They are projected onto the plane of all that do, cut at the bounds, and rounded to decimals: down, and then up
    where most was cut off, until the sum is right. So the sum of what is written is exact, without rounding.

    Raises ConfigError where no numbers within the bounds have this sum.
    """
    lows, highs = [low for low, _ in bounds], [high for _, high in bounds]
    if not math.fsum(lows) <= total <= math.fsum(highs):
        raise ConfigError(
            f"got a sum of {total:g} for {len(values)} columns of {math.fsum(lows):g} to {math.fsum(highs):g} in all; "
            "expected a sum that they can have. Correct the rule or the bounds in the task file."
        )
    unit = 10.0 ** max(DECIMALS, -int(Decimal(str(total)).as_tuple().exponent))
    exact = [value * unit for value in _projected(values, bounds, total)]
    least, most = ([bound * unit for bound in of] for of in (lows, highs))
    whole = [math.floor(x) if x - 1 >= low else math.ceil(x - 1e-6) for x, low in zip(exact, least, strict=True)]
    lacking = round(total * unit) - sum(whole)
    order = sorted(range(len(whole)), key=lambda k: (whole[k] - exact[k], k))  # the most was cut off from the first
    while lacking:
        step = 1 if lacking > 0 else -1
        movable = [k for k in order if least[k] - 1e-6 <= whole[k] + step <= most[k] + 1e-6]
        assert movable, "some numbers within the bounds have this sum"
        for k in movable[: abs(lacking)]:
            whole[k] += step
            lacking -= step
    return [number / unit for number in whole]


def _projected(values: Sequence[float], bounds: Sequence[tuple[float, float]], total: float) -> list[float]:
    """Return clip(value − shift, low, high) with the shift that gives the sum: the Euclidean projection."""

    def moved(shift: float) -> list[float]:
        return [min(max(value - shift, low), high) for value, (low, high) in zip(values, bounds, strict=True)]

    finite = [abs(bound) for pair in bounds for bound in pair if math.isfinite(bound)]
    reach = max([abs(value) for value in values] + finite) + abs(total) + 1.0
    below, above = -2 * reach, 2 * reach  # the sum falls as the shift grows
    for _ in range(64):
        middle = (below + above) / 2
        if middle in (below, above):
            break
        if math.fsum(moved(middle)) >= total:
            below = middle
        else:
            above = middle
    return moved(below)
