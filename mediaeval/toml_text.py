"""Reading TOML that anybody may have written: what it holds is plain, bounded and finite, or ConfigError says why not.

tomllib itself ends in a traceback on numbers of thousands of digits and on deep nesting, and takes time that grows with
the square of a dotted key's parts.
"""

import math
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from mediaeval.errors import ConfigError, first_problems
from submission.reading import open_regular
from submission.wording import printable, quoted

MAX_BYTES = 2**18  # of a file; a run's own is a hundredth of that
MAX_DEPTH = 16  # tables and lists within one another; the settings have four
MAX_PARTS = 200  # dots in a line
MAX_INTEGER = 2**32 - 1  # the largest seed; nothing is counted so far
LEAST, MOST = 1e-37, 1e37  # of numbers but 0: networks compute in float32, which holds no others


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises ConfigError for what cannot be read, is no TOML, or holds values that no setting has, all of these at once.
    """
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist.") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder; expected a TOML file.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. Give a TOML file.") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_BYTES // 1024} KiB; expected a file of settings.")
    try:
        text = data.decode("utf-8-sig")  # editors on Windows begin a file with U+FEFF
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path} is not TOML: line {line} is not UTF-8. Save it as UTF-8.") from None
    return parse_toml(text, f"{path}")


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Return what TOML text holds; `source`: where it is from, for messages. Raises ConfigError as `read_toml` does."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.count(".") > MAX_PARTS:
            raise ConfigError(
                f"{source}: line {number} has {line.count('.')} dots; no setting's name has so many parts."
            )
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NotTomlError(f"{source} is not TOML: {error}.") from None
    except ValueError:  # Python's limit of the digits of a number; a date that does not exist
        raise ConfigError(f"{source} is not TOML: got a number or date that is out of range.") from None
    except RecursionError:
        raise ConfigError(f"{source}: got tables or lists nested too deeply; expected at most {MAX_DEPTH}.") from None
    require_plausible(tree, source)
    return tree


class NotTomlError(ConfigError):
    """Text that is not TOML by its form."""


def require_plausible(tree: Mapping[str, Any], source: str) -> None:
    """Raise ConfigError for values in a nested table that no setting has: dates, huge numbers, NUL, deep nesting."""
    if problems := list(_implausible(tree)):
        raise ConfigError(*(f"{source}: {problem}" for problem in first_problems(problems)))


def _implausible(tree: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for every value that no setting has."""
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
        # NaN and infinity are left to the setting, which says what it expects
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
