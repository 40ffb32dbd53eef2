"""What the value of a key in a task file may be: a type checks it, names it in messages, and is its own JSON Schema."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from submission.patterns import Pattern, PatternError
from submission.wording import either, nearest, quoted

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_WINDOWS_NAMES = re.compile(r"(?i)con|prn|aux|nul|(com|lpt)[0-9]")  # no file may have them there


class Type(NamedTuple):
    """The type of a key.

    words    what is expected: `text in quotes`
    problem  of a value: what is wrong with it, as a sentence that begins with `got`; None if nothing is
    schema   JSON Schema of the values
    """

    words: str
    problem: Callable[[Any], str | None]
    schema: dict[str, Any]


def _of_kind(words: str, fits: Callable[[Any], bool], schema: dict[str, Any]) -> Type:
    return Type(words, lambda value: None if fits(value) else f"got {quoted(value)}; expected {words}.", schema)


def is_text(value: Any) -> bool:
    """Return whether a value is text that a heading, a label or an item may be: one line, no blanks around it."""
    return isinstance(value, str) and value != "" and value == value.strip() and value.isprintable()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _name_problem(value: Any) -> str | None:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        return f"got {quoted(value)}; expected a name of at most 64 letters, digits, '-' and '_'. It names files, too."
    if _WINDOWS_NAMES.fullmatch(value):
        return f"got {quoted(value)}; expected another name, since no file may have this one on Windows."
    return None


def _pattern_problem(value: Any) -> str | None:
    if not isinstance(value, str):
        return f"got {quoted(value)}; expected a pattern in quotes, such as '*.csv' or '[0-9]{{19}}'."
    try:
        Pattern.parse(value)
    except PatternError as error:
        return str(error)
    return None


def _file_pattern_problem(value: Any) -> str | None:
    if problem := _pattern_problem(value):
        return problem
    if "/" in value or "\\" in value:
        return f"got {quoted(value)}, which matches the name of no file; expected a name without folders."
    return None


def _list_problem(words: str, fits: Callable[[Any], bool], least: int) -> Callable[[Any], str | None]:
    def problem(value: Any) -> str | None:
        if not isinstance(value, list) or len(value) < least:
            return f"got {quoted(value)}; expected {words}."
        others = [item for item in value if not fits(item)]
        if others:
            return f"got {quoted(others[0])} in the list; expected {words}."
        seen: set[str] = set()
        for item in map(str, value):
            if item in seen:
                return f"got {quoted(item)} twice in the list; expected each once."
            seen.add(item)
        return None

    return problem


def texts(words: str, least: int = 1) -> Type:
    """Return the type of a list of texts, each once."""
    schema = {"type": "array", "items": {"type": "string", "minLength": 1}, "uniqueItems": True, "minItems": least}
    return Type(words, _list_problem(words, is_text, least), schema)


def one_of(*values: str) -> Type:
    """Return the type of one of several texts."""
    words = f"one of {', '.join(map(repr, values))}" if len(values) > 2 else either([repr(value) for value in values])

    def problem(value: Any) -> str | None:
        if isinstance(value, str) and value in values:
            return None
        return f"got {quoted(value)}; expected {words}.{nearest(value, values) if isinstance(value, str) else ''}"

    return Type(words, problem, {"enum": list(values)})


def whole(low: int, high: int) -> Type:
    """Return the type of a whole number within bounds."""
    return _of_kind(
        f"a whole number of {low} to {high}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
        {"type": "integer", "minimum": low, "maximum": high},
    )


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_text, value)) and value[0] != value[1]


TEXT = _of_kind("text in quotes, on one line", is_text, {"type": "string", "minLength": 1})
ANY_TEXT = _of_kind("text in quotes", lambda value: isinstance(value, str), {"type": "string"})
YES_NO = _of_kind("true or false", lambda value: isinstance(value, bool), {"type": "boolean"})
NUMBER = _of_kind("a number", _is_number, {"type": "number"})
NOT_NEGATIVE = _of_kind(
    "a number of at least 0", lambda value: _is_number(value) and value >= 0, {"type": "number", "minimum": 0}
)
SIGN = _of_kind(
    "text that separates items, such as ';'",
    lambda value: isinstance(value, str) and 0 < len(value) <= 8 and value.isprintable(),
    {"type": "string", "minLength": 1, "maxLength": 8},
)
FILE_NAME = Type("a name for files", _name_problem, {"type": "string", "pattern": f"^{NAME.pattern}$"})
PATTERN = Type("a pattern", _pattern_problem, {"type": "string", "minLength": 1})
FILE_PATTERN = Type("a pattern of file names", _file_pattern_problem, {"type": "string", "pattern": r"^[^/\\]+$"})
TEXTS = texts('a list of texts, such as ["a", "b"]')
TWO_TEXTS = texts('a list of at least two texts, such as ["a", "b"]', least=2)
PAIRS = Type(
    'a list of pairs, such as [["a", "b"]]',
    _list_problem('a list of pairs, such as [["a", "b"]]', _is_pair, 1),
    {
        "type": "array",
        "items": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
        "minItems": 1,
    },
)
