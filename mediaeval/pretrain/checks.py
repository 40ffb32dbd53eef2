"""What a training is told before it begins: options that cannot be, and a file that could not be written."""

import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple

from mediaeval.errors import ConfigError
from mediaeval.training.output import file_problems

LARGEST_SEED = 2**64 - 1  # that torch takes
WIDEST = 2**16  # of a layer; a recurrent one of that width has 50 GB


class Wanted(NamedTuple):
    """What values of an option are like, in words and as a test."""

    words: str
    holds: Callable[[Any], bool]


def whole(least: int, most: float = math.inf) -> Wanted:
    """Whole numbers from `least` to `most`."""
    words = f"{least} or more" if most == math.inf else f"a whole number from {least} to {most}"
    return Wanted(words, lambda n: isinstance(n, Integral) and not isinstance(n, bool) and least <= n <= most)


def number(words: str, holds: Callable[[Any], bool]) -> Wanted:
    """Finite numbers for which `holds` is true."""
    return Wanted(words, lambda x: isinstance(x, Real) and math.isfinite(x) and bool(holds(x)))


PAIRS = whole(2)._replace(words="a number of pairs of 2 or more, for the loss to compare,")

# Options of all trainers, those of the command and their own; one that takes a name is checked where names are known.
OPTIONS = {
    "epochs": whole(1),
    "lr": number("a finite rate above 0", lambda x: x > 0),
    "batch_size": whole(1),
    "seed": whole(0, LARGEST_SEED),
    # yt8m
    "classes": whole(1, 10**6),  # of 32,768 weights each
    "l2": number("a finite number of 0 or more", lambda x: x >= 0),
    "buffer": whole(1),
    # signature
    "val": number("a share of the videos above 0 and below 1, such as 0.05,", lambda x: 0 < x < 1),
    "min_count": whole(1),
    "margin": number("a difference of cosines, from 0 to 2,", lambda x: 0 <= x <= 2),
    "dropout": number("a share from 0 to below 1", lambda x: 0 <= x < 1),
    "clip": number("a finite norm above 0", lambda x: x > 0),
    "hidden": whole(1, WIDEST),
    "filters": whole(1, WIDEST),
    "space": whole(1, WIDEST),
}


def check_training(values: Mapping[str, Any], out: Path, resume: bool, **other: Wanted) -> None:
    """Raise ConfigError, all problems at once, for options that cannot be and for a file that cannot be written.

    values   option → its value; what is wanted says OPTIONS
    other    option → what one trainer wants instead
    """
    table = OPTIONS | other
    problems = [
        f"{name} {value}: {table[name].words} is wanted."
        for name, value in values.items()
        if not table[name].holds(value)
    ]
    if problems := problems + file_problems(out, resume):
        raise ConfigError(*problems)
