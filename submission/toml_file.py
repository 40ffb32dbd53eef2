"""Reading TOML that anybody may have written: what it holds is plain, bounded and finite, or TomlError says why not.

tomllib itself ends in a traceback on numbers of thousands of digits and on deep nesting, and takes time that grows with
the square of a dotted key's parts.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, NamedTuple

from submission.errors import UserError
from submission.reading import open_regular
from submission.wording import printable, quoted

MAX_DEPTH = 16  # tables and lists within one another; settings have four
MAX_INTEGER = 2**32 - 1  # the largest seed; nothing is counted so far
LEAST, MOST = 1e-37, 1e37  # of numbers but 0: networks compute in float32, which holds no others
_SHOWN_PROBLEMS = 5
_PLACE = re.compile(r"\s*\(at (?:line ([0-9]+), column [0-9]+|end of document)\)$")


class Limits(NamedTuple):
    """What a file may have: bytes, dots in a line; and what it and its keys are called in messages."""

    most_bytes: int
    most_dots: int
    file: str
    key: str


class TomlError(UserError):
    """A TOML file that cannot be read, or that holds values that no key has; `line`: where, if it is known."""

    def __init__(self, *problems: str, line: int | None = None):
        super().__init__(*problems)
        self.line = line


class NotTomlError(TomlError):
    """Text that is not TOML by its form; `reason`: in the words of Python's reader, without the place."""

    def __init__(self, problem: str, reason: str, line: int | None):
        super().__init__(problem, line=line)
        self.reason = reason


def read_text(path: Path, limits: Limits) -> str:
    """Return the text of a TOML file. Raises TomlError for what is absent, too large, no file, or not UTF-8."""
    try:
        with open_regular(path) as file:
            data = file.read(limits.most_bytes + 1)
    except FileNotFoundError:
        raise TomlError(f"{path} does not exist.") from None
    except IsADirectoryError:
        raise TomlError(f"{path} is a folder; expected a TOML file.") from None
    except OSError as error:
        raise TomlError(f"{path} cannot be read: {error.strerror}. Give a TOML file.") from None
    if len(data) > limits.most_bytes:
        raise TomlError(f"{path} is larger than {limits.most_bytes // 1024} KiB; expected {limits.file}.")
    try:
        return data.decode("utf-8-sig")  # editors on Windows begin a file with U+FEFF
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TomlError(f"{path} is not TOML: line {line} is not UTF-8. Save it as UTF-8.", line=line) from None


def parse_toml(text: str, source: str, limits: Limits) -> dict[str, Any]:
    """Return what TOML text holds; `source`: where it is from, for messages.

    Raises NotTomlError for text that is no TOML, and TomlError for values that no key has, all of these at once.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if line.count(".") > limits.most_dots:
            raise TomlError(
                f"{source}: line {number} has {line.count('.')} dots; no {limits.key}'s name has so many parts.",
                line=number,
            )
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        at = None if place is None else int(place[1]) if place[1] else text.rstrip().count("\n") + 1
        raise NotTomlError(f"{source} is not TOML: {error}.", _PLACE.sub("", str(error)), at) from None
    except ValueError:  # Python's limit of the digits of a number; a date that does not exist
        raise TomlError(f"{source} is not TOML: got a number or date that is out of range.") from None
    except RecursionError:
        raise TomlError(f"{source}: got tables or lists nested too deeply; expected at most {MAX_DEPTH}.") from None
    require_plausible(tree, source)
    return tree


def require_plausible(tree: Mapping[str, Any], source: str) -> None:
    """Raise TomlError for values in a nested table that no key has: dates, huge numbers, NUL, deep nesting."""
    if problems := list(_implausible(tree)):
        shown = problems[:_SHOWN_PROBLEMS]
        if len(problems) > len(shown):
            shown.append(f"… and {len(problems) - len(shown)} more")
        raise TomlError(*(f"{source}: {problem}" for problem in shown))


def _implausible(tree: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for every value that no key has."""
    todo: list[tuple[tuple[str, ...], Any]] = [((), tree)]
    while todo:
        place, value = todo.pop()
        name = printable(".".join(place))[:200]
        if isinstance(value, dict | list):
            if len(place) >= MAX_DEPTH:
                yield f"{name}: got tables or lists nested too deeply; expected at most {MAX_DEPTH}."
                continue
            items = value.items() if isinstance(value, dict) else enumerate(value, start=1)
            todo += [((*place, str(key)), item) for key, item in items]
            for key in value if isinstance(value, dict) else ():
                if problem := _unwritable(str(key)):
                    yield f"{name or 'top level'}: got {quoted(key)} as a name, with {problem}."
        elif isinstance(value, datetime | date | time):
            yield f"{name}: got {value.isoformat()}, a date or time; expected a number, or text in quotes."
        elif isinstance(value, int) and abs(value) > MAX_INTEGER:
            yield f"{name}: got a number of {value.bit_length()} bits; expected at most {MAX_INTEGER}."
        # NaN and infinity are left to who reads the key, and says what it expects
        elif isinstance(value, float) and value and math.isfinite(value) and not LEAST <= abs(value) <= MOST:
            yield f"{name}: got {value}; expected 0, or a number of {LEAST} to {MOST}, or the same below 0."
        elif isinstance(value, str) and (problem := _unwritable(value)):
            yield f"{name}: got {quoted(value)}, with {problem}."


def _unwritable(text: str) -> str:
    """Return what makes text one that no file name has and no file can hold, or nothing."""
    if "\0" in text:
        return "the character U+0000"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "bytes that are not UTF-8"
    return ""
