"""When two names of images are one: Unicode writes one letter in two ways, and programs add what is not seen."""

import unicodedata
from collections.abc import Iterable

# blanks and marks that show nothing: zero width, of direction, of byte order, soft hyphens
INVISIBLE = "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff" + "".join(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
_BLANK = "".join(map(chr, (*range(9, 14), *range(28, 33), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)))) + (
    "\u2028\u2029\u202f\u205f\u3000" + INVISIBLE
)
_LONGEST = 255  # characters; file systems allow no longer names, and the time to normalise grows with the square


def same_name_key(name: str) -> str:
    r"""Return the form in which names are compared: Unicode's NFC, without what does not show at its ends.

    Names that look equal share it. A name longer than any file's is returned as it is.

    >>> same_name_key("u\u0308") == same_name_key("\u00fc") == "\u00fc"
    True
    """
    if name.isascii():
        return name.strip()
    return name if len(name) > _LONGEST else unicodedata.normalize("NFC", visible(name))


def visible(text: str) -> str:
    r"""Return text without the blanks and marks at its ends that do not show.

    >>> visible("\u200bid\xa0 ")
    'id'
    """
    return text.strip() if text.isascii() else text.strip(_BLANK)


def in_another_form(names: Iterable[str]) -> list[str]:
    """Return the names that differ from an earlier one in nothing but their Unicode form."""
    first: dict[str, str] = {}  # the form in which names are compared → name
    return [name for name in names if first.setdefault(same_name_key(name), name) != name]
