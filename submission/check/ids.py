"""The ids of a run file against those of the test list.

An id that is not in the list is simplified step by step (blanks, quotes, folder, extension, Unicode form, case, number)
until it is, so that `ABC.jpg` for `abc` is reported as what it is, and not as one id missing and one too many.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property

from submission.labels import image_id
from submission.layout import Layout
from submission.names import same_name_key
from submission.problems import Findings
from submission.task import Task
from submission.wording import in_ascii, quoted

_LONGEST_NUMBER = 400  # characters
_LONGEST_NAME, _LONGEST_SUFFIX = 1000, 10  # characters
_MOST_WRAPPINGS = 4
_DIGITS = (15, 16, 17)  # that a spreadsheet or a float keeps of a number
_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]{1,17})?[eE]\+?[0-9]{2,3}")  # 1.07024E+18
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


def check_ids(
    ids: list[str], lines: Sequence[int], expected: Sequence[str] | None, task: Task, found: Findings
) -> None:
    """Report what is wrong with the ids on these lines; without `expected`, the test list, they are not compared.

    In ranked lists an id is a query, which has many lines.
    """
    layout = task.layout
    if task.is_ranked:
        lines, ids = _first_of_each(lines, ids)
    if expected is not None and layout.order == "sorted":
        expected = sorted(expected)
    if expected is None and (layout.id_pattern or layout.extension or layout.order == "sorted"):
        _check_form(ids, lines, layout, found)
    if len(set(ids)) == len(ids):  # the two ways to be sound, a hundred times as fast as to look at each id
        plain = all(map(str.isascii, ids))
        if expected is None and plain and "" not in ids and ids == list(map(str.strip, ids)):
            return
        if expected is not None and ids == list(expected):
            return
    first: dict[str, int] = {}  # image id, as the list has it → its first line
    in_file: dict[str, str] = {}  # the form in which names are compared → image id, of those that are not ASCII
    repeated = ""  # what to do about the first repeated id
    known = KnownIds(ids, expected, extension=layout.extension)
    codes: tuple[str, ...]
    for line, actual in zip(lines, ids, strict=True):
        codes, name = ((), actual) if actual in first else known.look_up(actual)
        if expected is not None and name.startswith("#") and name not in known.expected:
            report_comment(found, line, actual)
            continue
        for code in codes:
            found.count(code, line, actual, *_expected(code, layout), noun="id{s}")
        if "id-number" in codes and name not in known.expected:
            continue
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
        _compare(first, expected, layout, found)


def _first_of_each(lines: Sequence[int], ids: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return each id once, with its first line."""
    first: dict[str, int] = {}
    for line, query in zip(lines, ids, strict=True):
        if query not in first:
            first[query] = line
    return list(first.values()), list(first)


def _check_form(ids: Sequence[str], lines: Sequence[int], layout: Layout, found: Findings) -> None:
    """Report ids that do not look as the task has them, or are not sorted: what is seen without a test list."""
    pattern = layout.id_pattern
    for line, actual in zip(lines, ids, strict=True):
        name = actual.strip()
        if layout.extension and name and not _has_suffix(name):
            found.count("id-extension", line, actual, *_expected("id-extension", layout), noun="id{s}")
        elif pattern and name and pattern.matches(name) is None:
            remedy = "Take the ids from the test list, and read them as text (pandas: dtype=str)."
            found.count("id-pattern", line, actual, f"ids like {pattern.text}", remedy, noun="id{s}")
    if layout.order == "sorted":
        _compare_order(dict(zip(ids, lines, strict=True)), sorted(set(ids)), layout, found)


def _expected(code: str, layout: Layout) -> tuple[str, str]:
    """Return what was expected in place of an id with a problem, and what to do next."""
    if code == "id-extension" and layout.extension:
        return "ids with their extension, as in the test list", "Write the whole name of the file."
    return _EXPECTED[code]


def report_comment(found: Findings, line: int, text: str) -> None:
    """Report a line that is a comment and begins with `text`."""
    found.count("comment-line", line, text, "a row on every line", "Remove the comments.", noun="line{s}")


def _compare(first: dict[str, int], expected: Sequence[str], layout: Layout, found: Findings) -> None:
    listed = set(expected)
    for name, line in first.items():
        if name not in listed and layout.coverage != "extra":
            remedy = "Remove the lines; if they are of the dev set, the wrong images were predicted."
            found.count("ids-extra", line, name, "only the ids of the test list", remedy, noun="id{s}")
    for name in expected:
        if name not in first and layout.coverage != "subset":
            remedy = "Add a line for each; an image without an answer counts as wrong."
            found.count("ids-missing", None, name, "every id of the test list", remedy, noun="id{s}")
    if layout.order == "sorted" and layout.coverage == "extra":
        _compare_order(first, sorted(first), layout, found)
        return
    order = [name for name in expected if name in first]
    _compare_order({name: line for name, line in first.items() if name in listed}, order, layout, found)


def _compare_order(first: dict[str, int], order: Sequence[str], layout: Layout, found: Findings) -> None:
    """Report the first id that is not where it belongs; `first`: id → line, in the order of the file."""
    for actual, belongs in zip(first, order, strict=True):
        if actual != belongs:
            if layout.order == "sorted":
                where, expected = f"{quoted(belongs)} belongs", "rows that are sorted by their ids, as text"
                remedy = "Sort the rows by id."
            else:
                where, expected = f"the test list has {quoted(belongs)}", "the order of the test list"
                remedy = (
                    "Rows are joined by id, and the organisers give no rule; the order of the test list is the safer "
                    "one."
                    if layout.order == "any"
                    else "Write the rows in the order of the test list: the organisers may not join them by id."
                )
            fatal = layout.order != "any"
            found.add("row-order", f"{quoted(actual)} where {where}", expected, remedy, line=first[actual], fatal=fatal)
            return


class KnownIds:
    """Finds the id of the test list that an unknown one means; its tables are built for the first unknown one."""

    def __init__(self, ids: Sequence[str], expected: Sequence[str] | None, *, extension: bool = False):
        """Prepare; `extension`: whether the ids of the list are names of files with their extension."""
        self.extension = extension
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
            if self.extension and (meant := self._by_stem.get(_stem(name))) is not None:
                return (*(code for code in codes if code != "id-extension"), "id-extension"), meant
        for codes, name in steps:
            number = _number(name)
            if number is not None and number in self._by_number:
                return (*codes, "id-number"), self._by_number[number]
        for codes, name in steps:
            if name in self._by_cut:
                return (*codes, "id-number"), self._by_cut[name]
            if _SCIENTIFIC.fullmatch(name) and self._has_long_numbers:
                return (*codes, "id-number"), actual  # which one it was can no longer be known
        return (), actual

    @cached_property
    def _by_stem(self) -> dict[str, str]:
        stems = [_stem(name) for name in self.expected]
        twice = {stem for stem, times in Counter(stems).items() if times > 1}
        return {stem: name for name in self.expected if (stem := _stem(name)) not in twice}

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

    @cached_property
    def _has_long_numbers(self) -> bool:
        return any(len(name) > _DIGITS[0] and name.isdecimal() for name in self.expected)

    @cached_property
    def _by_cut(self) -> dict[str, str]:
        """Number whose last digits a spreadsheet or a float made 0 → the only id that begins so."""
        found: dict[str, list[str]] = {}
        for name in self.expected.difference(self._actual) if self._has_long_numbers else ():
            if name.isdecimal():
                for digits in _DIGITS:
                    cut = name[:digits] + "0" * (len(name) - digits)
                    if len(name) > digits and cut != name:
                        found.setdefault(cut, []).append(name)
        return {cut: names[0] for cut, names in found.items() if len(set(names)) == 1}


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


def _stem(name: str) -> str:
    return _without_suffix(image_id(name))


def _has_suffix(name: str) -> bool:
    return _without_suffix(name) != name or image_id(name) != name


def _number(name: str) -> float | None:
    if len(name) > _LONGEST_NUMBER:
        return None
    try:
        number = float(name)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
