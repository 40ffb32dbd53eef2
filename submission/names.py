"""When two names of images are one: Unicode writes an accented letter as one character or as two that look alike."""

import unicodedata
from collections.abc import Iterable

_LONGEST = 255  # characters; file systems allow no longer names, and the time to normalise grows with the square


def same_name_key(name: str) -> str:
    r"""Return the form in which names are compared: Unicode's NFC, which equal-looking names share.

    A name longer than any file's is returned as it is.

    >>> same_name_key("u\u0308") == same_name_key("\u00fc") == "\u00fc"
    True
    """
    return name if name.isascii() or len(name) > _LONGEST else unicodedata.normalize("NFC", name)


def in_another_form(names: Iterable[str]) -> list[str]:
    """Return the names that differ from an earlier one in nothing but their Unicode form."""
    first: dict[str, str] = {}  # the form in which names are compared → name
    return [name for name in names if first.setdefault(same_name_key(name), name) != name]
