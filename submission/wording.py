"""Small pieces of messages: lists in words, the first few of many, values in quotes."""

from collections.abc import Collection, Sequence


def either(values: Sequence[str]) -> str:
    """Return a list in words: `a, b or c`."""
    return _listed(values, "or")


def both(values: Sequence[str]) -> str:
    """Return a list in words: `a, b and c`."""
    return _listed(values, "and")


def quoted_list(items: Collection[object], limit: int = 5) -> str:
    """Return the first few of some ids and how many there are: `'a', 'b', 'c', 'd', 'e' and 3 more (8)`.

    >>> quoted_list(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more (3)"
    """
    shown = ", ".join(repr(item) for item in list(items)[:limit])
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return f"{shown}{more} ({len(items)})"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, whose `{s}` becomes the plural's: `2 lines with quotes`.

    >>> counted(1, "line{s} with quotes"), counted(2, "line{s} with quotes")
    ('1 line with quotes', '2 lines with quotes')
    """
    return f"{number} {noun.format(s='' if number == 1 else 's')}"


def quoted(value: object, limit: int = 60) -> str:
    r"""Return a value on one line, text in quotes and with control characters escaped; cut where it is long.

    >>> quoted("a\n"), quoted("long", limit=3)
    ("'a\\n'", "'lo…'")
    """
    if isinstance(value, str):
        return repr(value if len(value) <= limit else value[: limit - 1] + "…")
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _listed(values: Sequence[str], word: str) -> str:
    if len(values) < 2:
        return "".join(values)
    return f"{', '.join(values[:-1])} {word} {values[-1]}"
