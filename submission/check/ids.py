"""The ids of a run file against those of the test list.

An id that is not in the list is undone step by step (blanks, folder, extension, case, number) until it is, so that
`ABC.jpg` for `abc` is told as what it is, and not as one id missing and one too many.
"""

import math
import re
from collections.abc import Sequence

from submission.labels import image_id
from submission.problems import Findings

COMMENT = ("a row on every line", "Remove the comments.")  # wanted, what to do next

_TOLD = {  # code → wanted, what to do next
    "id-blanks": ("ids without blanks around them", "Strip the ids."),
    "id-path": ("bare ids", "Write the name of the image without its folder."),
    "id-extension": ("ids without extension", "Write the name of the image without its extension (Path(name).stem)."),
    "id-case": ("the ids of the test list, byte for byte", "Take the ids from the test list."),
    "id-number": (
        "the ids of the test list, byte for byte",
        "Read ids as text (pandas: dtype=str, keep_default_na=False).",
    ),
}


def check_ids(ids: list[str], lines: Sequence[int], expected: Sequence[str] | None, found: Findings) -> None:
    """Tell what is wrong with the ids that came, on these lines; without `expected` they are not compared."""
    if len(set(ids)) == len(ids):  # the two ways to be sound, a hundred times as fast as to look at each id
        if expected is None and "" not in ids and ids == list(map(str.strip, ids)):
            return
        if expected is not None and ids == list(expected):
            return
    first: dict[str, int] = {}  # image id, as the list has it → the line it came on first
    meant = _Meant(ids, expected)
    for line, came in zip(lines, ids, strict=True):
        codes, name = meant.look_up(came)
        if expected is not None and name.startswith("#") and name not in meant.expected:
            found.count("comment-line", line, came, *COMMENT, unit="line")
            continue
        for code in codes:
            found.count(code, line, came, *_TOLD[code], unit="id")
        if not name:
            remedy = "Write the id. (pandas reads the id 'NA' as empty: dtype=str, keep_default_na=False.)"
            found.count("id-empty", line, None, "an id on every line", remedy, unit="line")
        elif name in first:
            remedy = f"Keep one line for each image ({came[:60]!r} came first on line {first[name]})."
            found.count("ids-duplicated", line, came, "each id once", remedy, unit="id")
        else:
            first[name] = line
    if expected is not None:
        _compare(first, expected, found)


def _compare(first: dict[str, int], expected: Sequence[str], found: Findings) -> None:
    wanted = set(expected)
    for name, line in first.items():
        if name not in wanted:
            remedy = "Remove the lines; if they are of the dev set, the wrong images were predicted."
            found.count("ids-extra", line, name, "the ids of the test list only", remedy, unit="id")
    for name in expected:
        if name not in first:
            remedy = "Add a line for each; an image without an answer counts as wrong."
            found.count("ids-missing", None, name, "every id of the test list", remedy, unit="id")
    order = [name for name in expected if name in first]
    for came, belongs in zip((name for name in first if name in wanted), order, strict=True):
        if came != belongs:
            found.add(
                "row-order",
                f"{came!r} where the test list has {belongs!r}",
                "the order of the test list",
                "Rows are joined by id, and the organisers give no rule; the order of the test list is the safer one.",
                line=first[came],
            )
            return


class _Meant:
    """Which id of the test list a strange one stands for; tables are built when the first strange one comes."""

    def __init__(self, ids: Sequence[str], expected: Sequence[str] | None):
        self.compares = expected is not None
        self.expected = frozenset(expected or ())
        self._came = ids
        self._by_case: dict[str, str] | None = None
        self._by_number: dict[float, str] = {}

    def look_up(self, came: str) -> tuple[tuple[str, ...], str]:
        """The codes of what differs, and the id meant: the test list's own, or what came where the list has none."""
        if came in self.expected:
            return (), came
        if not came.strip():
            return (), ""
        if not self.compares:
            return (("id-blanks",) if came != came.strip() else ()), came.strip()
        codes: tuple[str, ...] = ()
        steps = [((), came)]
        name = came
        for code, undone in (("id-blanks", str.strip), ("id-path", _without_folder), ("id-extension", image_id)):
            if undone(name) != name:
                name = undone(name)
                codes = (*codes, code)
                steps.append((codes, name))
        self._build()
        for codes, name in steps:
            if name in self.expected:
                return codes, name
        for codes, name in steps:
            if name.casefold() in self._by_case:
                return (*codes, "id-case"), self._by_case[name.casefold()]
        number = _number(name)
        if number in self._by_number:
            return (*codes, "id-number"), self._by_number[number]
        return (), came

    def _build(self) -> None:
        if self._by_case is not None:
            return
        self._by_case = {name.casefold(): name for name in self.expected}
        # only ids that did not come as themselves: two long numbers may be one float
        missing = self.expected.difference(self._came)
        self._by_number = {number: name for name in missing if (number := _number(name)) is not None}


def _without_folder(name: str) -> str:
    return re.split(r"[/\\]", name)[-1]


def _number(name: str) -> float | None:
    try:
        number = float(name)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
