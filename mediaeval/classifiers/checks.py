"""What a parameter may be, as data: each check has a test and the words that an error message uses for it.

A leaf: imports nothing of mediaeval, so that a configuration can be checked before anything heavy is loaded.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real


@dataclass(frozen=True)
class Check:
    """A test of one value, and the words for what passes it: "wanted {wanted}"."""

    wanted: str
    passes: Callable[[object], bool]


def number(*, above: float | None = None, least: float | None = None, below: float | None = None) -> Check:
    """A finite number, bounded as said; True and False are no numbers."""
    bounds = [
        f"{word} {bound}" for word, bound in (("above", above), ("from", least), ("below", below)) if bound is not None
    ]

    def passes(value):
        return (
            isinstance(value, Real)
            and not isinstance(value, bool)
            and abs(value) < float("inf")  # false for nan, too
            and (above is None or value > above)
            and (least is None or value >= least)
            and (below is None or value < below)
        )

    return Check(" ".join(["a number", *bounds]), passes)


def whole(least: int) -> Check:
    """A whole number from `least`."""
    return Check(
        f"a whole number from {least}",
        lambda value: isinstance(value, Integral) and not isinstance(value, bool) and value >= least,
    )


def wholes(least: int) -> Check:
    """A list of whole numbers from `least`, as in `hidden = [1000, 200]`."""
    one = whole(least)
    return Check(
        f"a list of whole numbers from {least}",
        lambda value: isinstance(value, list | tuple) and all(one.passes(item) for item in value),
    )


def word(*words: str) -> Check:
    """One of `words`."""
    return Check(" or ".join(f"'{item}'" for item in words), lambda value: isinstance(value, str) and value in words)


NOTHING = Check("none", lambda value: value is None)


def either(*checks: Check) -> Check:
    """Whatever passes one of `checks`."""
    return Check(
        " or ".join(check.wanted for check in checks), lambda value: any(check.passes(value) for check in checks)
    )


def find_problems(checks: Mapping[str, Check], values: Mapping[str, object], section: str) -> list[str]:
    """A sentence for every value that does not fit, in the order of `values`.

    >>> find_problems({"lr": number(above=0)}, {"lr": -1}, "classifier")
    ['classifier.lr: got -1, wanted a number above 0']
    """
    return list(_problems(checks, values, section))


def _problems(checks: Mapping[str, Check], values: Mapping[str, object], section: str) -> Iterable[str]:
    for name, value in values.items():
        if not checks[name].passes(value):
            yield f"{section}.{name}: got {value!r}, wanted {checks[name].wanted}"
