"""Small pieces of messages: lists in words, the first few of many, values in quotes."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from itertools import islice

LONGEST_LINE = 2000  # characters of a message; a stranger's heading may be as long as the file
_UNPRINTABLE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")  # Unicode categories: controls, format characters, surrogates


def either(values: Sequence[str]) -> str:
    """Return a list in words: `a, b or c`."""
    return _listed(values, "or")


def both(values: Sequence[str]) -> str:
    """Return a list in words: `a, b and c`."""
    return _listed(values, "and")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'X'?` with the name that is most like `name`, or nothing."""
    near = nearest_name(name, known)
    return f" Did you mean '{near}'?" if near else ""


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Return the name that is most like `name`, or nothing."""
    from difflib import get_close_matches  # slow to import, and of errors alone

    return next(iter(get_close_matches(name[:100], islice(known, 1000), n=1)), "")  # of more it takes seconds


def quoted_list(items: Collection[object], limit: int = 5) -> str:
    """Return the first few of some ids and how many there are: `'a', 'b', 'c', 'd', 'e' and 3 more (8)`.

    >>> quoted_list(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more (3)"
    """
    shown = ", ".join(quoted(item) for item in list(items)[:limit])
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
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python's limit of a number's digits; tables within tables
        text = f"a {type(value).__name__} that is too large to show"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def cut(text: str, limit: int = 60) -> str:
    r"""Return text on one line without quotes, with control characters escaped; cut where it is long.

    >>> cut("a\n"), cut("long", limit=3)
    ('a\\n', 'lo…')
    """
    return quoted(text, limit)[1:-1]


def in_ascii(text: str, limit: int = 60) -> str:
    r"""Return text in quotes with all letters beyond ASCII escaped: what tells two apart that look alike.

    >>> in_ascii("u\u0308")
    "'u\\u0308'"
    """
    return ascii(text if len(text) <= limit else text[: limit - 1] + "…")


def printable(text: str) -> str:
    r"""Return text as it may go to a terminal: what would move the cursor, colour or reorder it is escaped.

    Line ends and tabs stay; other control characters, bidirectional controls and lone surrogates become `\\x1b`,
    `\\u202e` and so on.

    >>> printable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter in "\n\t" or unicodedata.category(letter) not in _UNPRINTABLE else _escaped(letter)
        for letter in text
    )


def shown(text: str, limit: int = LONGEST_LINE) -> str:
    r"""Return text for people, `printable`, with each of its lines cut after `limit` characters.

    >>> shown("a\x1b[2J\n123456", limit=5)
    'a\\x1…\n1234…'
    """
    return "\n".join(_cut(printable(line[: limit + 1]), limit) for line in text.split("\n"))


def _cut(line: str, limit: int) -> str:
    return line if len(line) <= limit else line[: limit - 1] + "…"


def json_shown(value: object, encoding: str | None = "utf-8") -> str:
    r"""Return indented JSON that may go to a terminal: letters as they are, what `printable` escapes as `\uXXXX`.

    `encoding`: of where it is printed; other letters than ASCII are escaped where it is not UTF-8.

    >>> json_shown(["é\u202e"]), json_shown(["é"], "ascii")
    ('[\n  "é\\u202e"\n]', '[\n  "\\u00e9"\n]')
    """
    import json

    ascii_only = (encoding or "ascii").lower().replace("-", "") != "utf8"
    return re.sub(r"[^ -~\n]", _json_letter, json.dumps(value, indent=2, ensure_ascii=ascii_only))


def _json_letter(found: re.Match[str]) -> str:
    letter = found.group()
    if unicodedata.category(letter) not in _UNPRINTABLE:
        return letter
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[k : k + 4]}" for k in range(0, len(units), 4))


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def _listed(values: Sequence[str], word: str) -> str:
    if len(values) < 2:
        return "".join(values)
    return f"{', '.join(values[:-1])} {word} {values[-1]}"
