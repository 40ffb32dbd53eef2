"""Files spoilt at random: bytes, JSON and the parts of archives, whose checksums and lengths are put right again.

A mutation of a zip archive's bytes ends at its checksum, so that nothing behind it would be tried; a `Base` is
therefore kept in parts, and packed after one of them was changed.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

NUMBERS = (0, 1, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
TEXTS = ("", "a", "../../X", "\0", "\x1b[31m", "\u202e", "é" * 300, "x" * 100_000, "NaN", "-1", "1e999", "nul")


@dataclass(frozen=True)
class Base:
    """A sound file in parts. `pack` makes one file of them; `text`: the parts that are JSON or another text."""

    parts: tuple[bytes, ...]
    pack: Callable[[Sequence[bytes]], bytes] = b"".join
    text: frozenset[int] = frozenset()

    def whole(self) -> bytes:
        """Return the file as it is."""
        return self.pack(self.parts)

    def mutated(self, rng: random.Random) -> bytes:
        """Return the file with one to three changes, of the whole or of a part."""
        if rng.random() < 0.3:
            return spoilt_bytes(self.whole(), rng)
        parts = list(self.parts)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            place = rng.randrange(len(parts))
            spoil = spoilt_text if place in self.text and rng.random() < 0.8 else spoilt_bytes
            parts[place] = spoil(parts[place], rng)
        return self.pack(parts)


def spoilt_bytes(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with one change: flipped, cut, doubled, removed, exchanged, or a number that lies at a limit."""
    if not data:
        return rng.randbytes(rng.randrange(20))
    # most of what matters is at the beginning
    place = int(len(data) * rng.random() ** rng.choice((1, 3)))
    other = rng.randrange(len(data))
    length = rng.choice((1, 2, 4, 8, 16, 64, 1000))
    match rng.randrange(9):
        case 0:
            return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]
        case 1:
            return data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]
        case 2:
            return data[:place]
        case 3:
            return data[:place] + data[other : other + length] + data[place:]
        case 4:
            return data[:place] + data[place + length :]
        case 5:
            return data[:place] + data[other : other + length] + data[place + length :]
        case 6:
            size = rng.choice((1, 2, 4, 8))
            number = rng.choice(NUMBERS) % 2 ** (8 * size)
            return data[:place] + number.to_bytes(size, rng.choice(("little", "big"))) + data[place + size :]
        case 7:
            return data[:place] + rng.randbytes(length) + data[place + length :]
        case _:
            return data[:place] + data[place : place + length] * rng.choice((2, 100)) + data[place + length :]


def spoilt_text(data: bytes, rng: random.Random) -> bytes:
    """Return JSON, or lines of text, with one change of a value, a key, a line or a word."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return _spoilt_lines(data, rng)
    if rng.random() < 0.05:
        return rng.choice((b"[" * 100_000, b'{"a":' * 50_000, b"1" * 6_000, b'"\\ud800"', b"{}", b"null"))
    return json.dumps(_spoilt(document, rng)).encode()


def _spoilt(document: Any, rng: random.Random) -> Any:
    places = list(_places(document))
    if not places:
        return _odd(rng)
    holder, key = places[rng.randrange(len(places))]
    match rng.randrange(5):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[rng.choice(TEXTS)] = holder.pop(key)
        case 2:
            other, name = places[rng.randrange(len(places))]
            if name in other if isinstance(other, dict) else name < len(other):
                holder[key] = json.loads(json.dumps(other[name]))
        case _:
            holder[key] = _odd(rng)
    return document


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (dict or list, key or place) of everything in nested JSON."""
    if not isinstance(document, dict | list):
        return
    for key, value in list(document.items() if isinstance(document, dict) else enumerate(document)):
        yield document, key
        yield from _places(value)


def _odd(rng: random.Random) -> Any:
    return rng.choice(
        (
            *(None, True, [], {}, [[]], {"a": 1}, -1, 0.5, 1e308, float("nan"), float("inf")),
            *(10**400, "9" * 10, [1] * 1000, rng.choice(NUMBERS), -rng.choice(NUMBERS), rng.choice(TEXTS)),
        )
    )


def _spoilt_lines(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    place, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    odd = json.dumps(_odd(rng)).encode()
    match rng.randrange(6):
        case 0:
            del lines[place]
        case 1:
            lines[place], lines[other] = lines[other], lines[place]
        case 2:
            lines.insert(place, lines[other])
        case 3:
            lines[place] = lines[place].partition(b"=")[0] + b"= " + odd
        case 4:
            words = lines[place].split(b",")
            words[rng.randrange(len(words))] = odd
            lines[place] = b",".join(words)
        case _:
            return spoilt_bytes(data, rng)
    return b"\n".join(lines)
