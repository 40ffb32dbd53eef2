"""The ids of a run file against those of the test list.

An id that is not in the list is simplified step by step (blanks, quotes, folder, extension, Unicode form, case, number)
until it is, so that `ABC.jpg` for `abc` is reported as what it is, and not as one id missing and one too many.
"""

import math
import re
from collections.abc import Sequence
from functools import cached_property

from submission.labels import image_id
from submission.names import same_name_key
from submission.problems import Findings
from submission.wording import in_ascii, quoted

_LONGEST_NUMBER = 400  # characters
_LONGEST_NAME, _LONGEST_SUFFIX = 1000, 10  # characters
_MOST_WRAPPINGS = 4
_WRAPPED = re.compile(r"""="(.*)"|b?'(.*)'|"(.*)"|\[(.*)\]|\((.*)\)|<(.*)>|\{(.*)\}""")
_EXACT = "the ids of the test list, byte for byte"
_EXPECTED = {  # code → expected, what to do next
    "id-blanks": ("ids without blanks around them", "Strip the ids."),
    "id-path": ("ids without a folder", "Write the name of the image without its folder."),
    "id-extension": ("ids without extension", "Write the name of the image without its extension (Path(name).stem)."),
    "id-wrapped": ("ids without quotes, brackets or a formula around them", "Write the id alone."),
    "id-unicode": (_EXACT, "Take the ids from the test list: they look the same, but their bytes differ."),
    "id-case": (_EXACT, "Take the ids from the test list."),
    "id-number": (_EXACT, "Read ids as text (pandas: dtype=str, keep_default_na=False)."),
}


def check_ids(ids: list[str], lines: Sequence[int], expected: Sequence[str] | None, found: Findings) -> None:
    """Report what is wrong with the ids on these lines; without `expected`, the test list, they are not compared."""
    if len(set(ids)) == len(ids):  # the two ways to be sound, a hundred times as fast as to look at each id
        plain = all(map(str.isascii, ids))
        if expected is None and plain and "" not in ids and ids == list(map(str.strip, ids)):
            return
        if expected is not None and ids == list(expected):
            return
    first: dict[str, int] = {}  # image id, as the list has it → its first line
    in_file: dict[str, str] = {}  # the form in which names are compared → image id, of those that are not ASCII
    repeated = ""  # what to do about the first repeated id
    known = KnownIds(ids, expected)
    codes: tuple[str, ...]
    for line, actual in zip(lines, ids, strict=True):
        codes, name = ((), actual) if actual in first else known.look_up(actual)
        if expected is not None and name.startswith("#") and name not in known.expected:
            report_comment(found, line, actual)
            continue
        for code in codes:
            found.count(code, line, actual, *_EXPECTED[code], noun="id{s}")
        if not name:
            remedy = "Write the id. (pandas reads the id 'NA' as empty: dtype=str, keep_default_na=False.)"
            found.count("id-empty", line, None, "an id on every line", remedy, noun="line{s} without id")
        elif name in first:
            if not repeated:
                repeated = f"Keep one line for each image ({quoted(actual)} is first on line {first[name]})."
            found.count("ids-duplicated", line, actual, "each id once", repeated, noun="id{s}")
        else:
            first[name] = line
            if not name.isascii() and (other := in_file.setdefault(same_name_key(name), name)) != name:
                repeated = repeated or (
                    f"Keep one line for each image ({in_ascii(other)} on line {first[other]} is the same name in "
                    "another Unicode form)."
                )
                found.count("ids-duplicated", line, actual, "each id once", repeated, noun="id{s}")
    if expected is not None:
        _compare(first, expected, found)


def report_comment(found: Findings, line: int, text: str) -> None:
    """Report a line that is a comment and begins with `text`."""
    found.count("comment-line", line, text, "a row on every line", "Remove the comments.", noun="line{s}")


def _compare(first: dict[str, int], expected: Sequence[str], found: Findings) -> None:
    listed = set(expected)
    for name, line in first.items():
        if name not in listed:
            remedy = "Remove the lines; if they are of the dev set, the wrong images were predicted."
            found.count("ids-extra", line, name, "only the ids of the test list", remedy, noun="id{s}")
    for name in expected:
        if name not in first:
            remedy = "Add a line for each; an image without an answer counts as wrong."
            found.count("ids-missing", None, name, "every id of the test list", remedy, noun="id{s}")
    order = [name for name in expected if name in first]
    for actual, belongs in zip((name for name in first if name in listed), order, strict=True):
        if actual != belongs:
            found.add(
                "row-order",
                f"{quoted(actual)} where the test list has {quoted(belongs)}",
                "the order of the test list",
                "Rows are joined by id, and the organisers give no rule; the order of the test list is the safer one.",
                line=first[actual],
            )
            return


class KnownIds:
    """Finds the id of the test list that an unknown one means; its tables are built for the first unknown one."""

    def __init__(self, ids: Sequence[str], expected: Sequence[str] | None):
        self.compares = expected is not None
        self.expected = frozenset(expected or ())
        self._actual = ids

    def look_up(self, actual: str) -> tuple[tuple[str, ...], str]:
        """Return the codes of the differences, and the id that is meant: one of the test list, else `actual`."""
        if actual in self.expected:
            return (), actual
        if not actual.strip():
            return (), ""
        if not self.compares:
            return (("id-blanks",) if actual != actual.strip() else ()), actual.strip()
        codes: tuple[str, ...] = ()
        steps = [(codes, actual)]
        name = actual
        for code, simplify in _STEPS:
            if (simpler := simplify(name)) != name:
                name = simpler
                codes = codes if code in codes else (*codes, code)
                steps.append((codes, name))
        for codes, name in steps:
            if name in self.expected:
                return codes, name
        for codes, name in steps:
            if (meant := self._by_key.get(same_name_key(name))) is not None:
                return (*codes, "id-unicode"), meant
        for codes, name in steps:
            if (meant := self._by_case.get(same_name_key(name).casefold())) is not None:
                return (*codes, "id-case"), meant
        for codes, name in steps:
            number = _number(name)
            if number is not None and number in self._by_number:
                return (*codes, "id-number"), self._by_number[number]
        return (), actual

    @cached_property
    def _by_case(self) -> dict[str, str]:
        return {same_name_key(name).casefold(): name for name in self.expected}

    @cached_property
    def _by_key(self) -> dict[str, str]:
        return {same_name_key(name): name for name in self.expected}

    @cached_property
    def _by_number(self) -> dict[float, str]:
        # only ids that are not in the file as themselves: two long numbers may be one float
        missing = self.expected.difference(self._actual)
        return {number: name for name in missing if (number := _number(name)) is not None}


def _without_folder(name: str) -> str:
    return re.split(r"[/\\]", name)[-1]


def _unwrapped(name: str) -> str:
    """Return an id without what Excel or a program put around it: `="x"`, `'x'`, `['x']`, `b'x'`."""
    for _ in range(_MOST_WRAPPINGS if len(name) <= _LONGEST_NAME else 0):
        match = _WRAPPED.fullmatch(name)
        if not match:
            break
        name = next(inner for inner in match.groups() if inner is not None)
    return name


def _without_suffix(name: str) -> str:
    """Return an id without what may be an extension, of whatever files: `x.jpg.jpg`, `x.heic`, `x.txt`."""
    stem, _, suffix = name.rpartition(".")
    is_suffix = suffix.isalnum() and not suffix.isdigit() and len(suffix) <= _LONGEST_SUFFIX
    return stem if stem and is_suffix else name


_STEPS = (
    ("id-blanks", str.strip),
    ("id-wrapped", _unwrapped),
    ("id-blanks", str.strip),
    ("id-path", _without_folder),
    ("id-extension", image_id),
    ("id-extension", _without_suffix),
    ("id-extension", _without_suffix),
)


def _number(name: str) -> float | None:
    if len(name) > _LONGEST_NUMBER:
        return None
    try:
        number = float(name)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
