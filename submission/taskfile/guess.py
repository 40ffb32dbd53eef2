"""What type a column of a labelled table seems to have, told from its cells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from submission.image_files import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from submission.taskfile.sniff import is_number, shown_values
from submission.taskfile.types import is_text
from submission.wording import counted

MOST_LABELS = 50  # of one column; a set may have any number of items
_FEW = 20  # rows: of fewer, one label may well occur once
_MOST_CLASSES = 10  # of whole numbers that are taken for classes
_MOST_ITEMS = 100  # that are written into the draft
_CODE = re.compile(r"([A-Za-z_-]*)([0-9]+)")
_WORD = re.compile(r"[\w:./+-]+")


@dataclass(frozen=True)
class Guess:
    """The type of a column, its further keys, and what was seen, for a comment."""

    type: str
    seen: str
    keys: dict[str, Any] = field(default_factory=dict)
    hints: tuple[str, ...] = ()  # keys that may be right, as comments


def guess(cells: Sequence[str], sign: str) -> Guess:
    """Return what a column seems to hold; `sign`: what separates the cells of the table."""
    counts = Counter(cells)
    empty = counts.pop("", 0)
    if not counts:
        return Guess("text", "every cell is empty")
    n = sum(counts.values())
    nothing = f"; {counted(empty, 'cell{s}')} empty" if empty else ""
    if counts.keys() <= {"0", "1"}:
        return Guess("flag", f"1 in {counts['1']:,} of {n:,} rows{nothing}")
    if len(counts) == 1 and n > 4 and not empty:
        return _constant(next(iter(counts)), n)
    if all(map(is_number, counts)):
        return _number(counts, n, nothing)
    if found := _set(counts, sign, empty):
        return found
    unsafe = [label for label in counts if not is_text(label) or (sign and sign in label) or '"' in label]
    if 1 < len(counts) <= min(MOST_LABELS, n / 2 if n > _FEW else n - 1) and not unsafe:
        shares = ", ".join(f"{label} {times:,}" for label, times in counts.most_common(5))
        return Guess("label", f"{len(counts)} different texts ({shares}){nothing}", {"labels": sorted(counts)})
    return Guess("text", f"{len(counts):,} different texts in {n:,} rows ({shown_values(counts)}){nothing}")


def ranked(columns: Sequence[Sequence[str]]) -> list[Guess] | None:
    """Return the types of the columns of a ranked list behind its queries, None for another table.

    It has several rows of a query, numbers that count them from 0 or 1, a document in each, and a score.
    """
    queries, *others = columns
    starts = [place for place, query in enumerate(queries) if place == 0 or query != queries[place - 1]]
    if len(starts) == len(queries) or len(set(queries)) < len(starts):
        return None
    places = [place for place, cells in enumerate(others) if _counts(cells, starts)]
    guesses = [guess(cells, "") for cells in others]
    documents = [place for place, cells in enumerate(others) if not all(map(is_number, cells))]
    scores = [place for place, cells in enumerate(others) if place not in places and all(map(is_number, cells))]
    if not (places and documents and scores):
        return None
    document = max(documents, key=lambda place: len(set(others[place])))
    first, seen = others[places[0]][0], f"{len(starts)} queries"
    kept = [
        _constant(cells[0], len(cells)) if place < document and len(set(cells)) == 1 else Guess("text", one.seen)
        for place, (cells, one) in enumerate(zip(others, guesses, strict=True))
    ]
    kept[document] = Guess("document", f"{seen}, {len(set(others[document])):,} different documents")
    kept[places[0]] = Guess("rank", f"{seen}, ranks from {first}", {"first": int(first)}, ("most = 100",))
    kept[scores[0]] = Guess("score", guesses[scores[0]].seen)
    return kept


def _counts(cells: Sequence[str], starts: Sequence[int]) -> bool:
    """Return whether cells count from the same 0 or 1 on, again at each of these places."""
    if cells[0] not in ("0", "1"):
        return False
    begin = set(starts)
    expected = 0
    for place, cell in enumerate(cells):
        expected = int(cells[0]) if place in begin else expected + 1
        if cell != str(expected):
            return False
    return True


def id_keys(cells: Sequence[str], several: bool) -> tuple[dict[str, Any], list[str], list[str]]:
    """Return keys of [id], keys that may be right, and what was noticed; `several`: whether an id has several rows."""
    keys: dict[str, Any] = {}
    notes = []
    suffixed = sum(cell.lower().endswith((*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)) for cell in cells)
    if suffixed == len(cells):
        keys["extension"] = True
    elif suffixed:
        notes.append(f"{suffixed} of {len(cells)} ids end in an extension; those of run files must be alike.")
    if not several and (repeated := len(cells) - len(set(cells))):
        notes.append(f"{counted(repeated, 'id{s}')} repeated: is the first column the one of ids?")
    hints = [f'pattern = "{pattern}"'] if (pattern := _pattern(cells)) else []
    return keys, hints, notes


def _constant(value: str, n: int) -> Guess:
    if is_number(value):
        of = "probability" if 0 <= float(value) <= 1 else "score"
        return Guess("constant", f"{value} in each of {n:,} rows", {"of": of}, (f'value = "{value}"',))
    if is_text(value):
        return Guess("constant", f"{value} in each of {n:,} rows", {"value": value})
    return Guess("text", f"one text in each of {n:,} rows")


def _number(counts: Counter[str], n: int, nothing: str) -> Guess:
    numbers = [float(cell) for cell in counts]
    low, high = min(numbers), max(numbers)
    whole = all(cell.lstrip("+-").isdigit() for cell in counts)
    seen = f"numbers of {low:g} to {high:g} in {n:,} rows{nothing}"
    classes = {"labels": sorted(counts, key=float), "ordered": True}
    if whole and 1 < len(counts) <= min(_MOST_CLASSES, n / 2):
        return Guess("label", f"whole numbers of {low:g} to {high:g}", classes, ('type = "score"',))
    if not whole and low >= 0 and high <= 1:
        return Guess("probability", seen, {}, ('type = "score"',))
    return Guess("score", seen, {}, (f"low = {low:g}", f"high = {high:g}"))


def _set(counts: Counter[str], sign: str, empty: int) -> Guess | None:
    """Return the guess of a set, None where the cells do not look like sets."""
    n = sum(counts.values())
    for separator in (";", "|", ",", " "):
        joined = sum(times for cell, times in counts.items() if separator in cell)
        if separator in (sign, sign.strip()) or joined < max(2, n / 20):
            continue
        cells = [cell.split(separator) for cell in counts]
        items = Counter(item for cell in cells for item in cell)
        if any(not is_text(item) or (sign and sign in item) for item in items) or any(
            len(set(cell)) < len(cell) for cell in cells
        ):
            continue
        words = all(map(_WORD.fullmatch, items))
        repeated = len(items) < 0.8 * sum(items.values())
        pattern = _pattern(list(items))
        if not (pattern or (repeated and (words or separator in ";|"))):
            continue
        keys: dict[str, Any] = {"separator": separator}
        hints = [f"most = {max(map(len, cells))}"]
        if pattern:
            keys["pattern"] = pattern
        if len(items) <= _MOST_ITEMS and not pattern:  # codes that look alike may be others in the test set
            keys["items"] = sorted(items)
        else:
            hints.append("items = […]")
        keys |= {"empty": True} if empty else {}
        seen = f"{len(items):,} different items, at most {max(map(len, cells))} in a cell"
        seen += f"; {counted(empty, 'cell{s}')} empty" if empty else ""
        return Guess("set", seen, keys, tuple(hints))
    return None


def _pattern(texts: Sequence[str]) -> str:
    """Return a pattern of codes: one beginning with digits behind it, or letters and digits of one length; or none."""
    found = [_CODE.fullmatch(text) for text in texts]
    codes = [match for match in found if match]
    if len(codes) == len(texts):
        beginnings = {match[1] for match in codes}
        lengths = sorted({len(match[2]) for match in codes})
        if len(beginnings) == 1:
            count = f"{{{lengths[0]}}}" if len(lengths) == 1 else f"{{1,{lengths[-1]}}}"
            count = "" if count == "{1}" else count
            return f"{beginnings.pop()}[0-9]{count}"
    lengths = sorted({len(text) for text in texts})
    if len(lengths) == 1 and 4 < lengths[0] <= 100 and all(re.fullmatch("[A-Za-z0-9_-]+", text) for text in texts):
        return f"[A-Za-z0-9_-]{{{lengths[0]}}}"
    return ""
