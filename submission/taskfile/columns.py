"""The columns of a task file: their kinds, and what contradicts itself in one of them or between two."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from submission.kinds import (
    Column,
    ConstantKind,
    DocumentKind,
    FlagKind,
    Kind,
    LabelKind,
    ProbabilityKind,
    RankKind,
    ScoreKind,
    SetKind,
    TextKind,
)
from submission.patterns import Pattern
from submission.patterns.nodes import Choice, Repeated
from submission.task import heading_key
from submission.taskfile.problems import Problems
from submission.taskfile.sections import Section
from submission.wording import quoted, quoted_list

_SIMPLE: dict[str, Kind] = {
    "text": TextKind(),
    "probability": ProbabilityKind(),
    "score": ScoreKind(),
    "flag": FlagKind(),
}


class WrittenColumn(NamedTuple):
    """A column, and where it is in the task file; `short`: of its labels, or of its heading."""

    column: Column
    section: Section
    short: tuple[str, ...] = ()


@dataclass
class Columns:
    """The columns that could be read, by heading.

    names     also of columns that could not
    complete  whether all could be read: what is missing for want of one is no problem of its own
    """

    by_heading: dict[str, WrittenColumn] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)
    complete: bool = True

    def kind(self, heading: str) -> Kind | None:
        """Return the kind of a column, None for one that is absent, or that could not be read."""
        written = self.by_heading.get(heading)
        return written.column.kind if written else None

    def __iter__(self) -> Iterator[WrittenColumn]:
        return iter(self.by_heading.values())


def read_columns(top: Section, problems: Problems) -> Columns:
    """Return the columns of a task file; add everything that is wrong with them."""
    columns = Columns()
    sign = separator_of(top)
    pattern = heading_pattern(top, problems)
    (ids,) = top.tables["id"]
    id_heading = ids.get("column", "id")
    keys: dict[object, str] = {}
    if pattern is None and "column" not in ids.wrong:
        keys[heading_key(id_heading, None)] = f"{id_heading!r}, the column of ids"
    _check_headings(ids, "column", [id_heading], sign, problems)
    if not top.tables["columns"] and "columns" not in top.wrong:
        problems.add((), "got no [[columns]]; expected one for each column behind the ids.")
    for section in top.tables["columns"]:
        headings = _headings(section, problems)
        _check_headings(section, "headings" if "headings" in section else "heading", headings, sign, problems)
        for heading in headings:
            key = heading_key(heading, pattern)
            if key is None:
                problem = f"got {quoted(heading)}; expected it to begin as headings.identified_by says."
                problems.add(section.at("heading"), problem)
            elif key in keys:
                problem = (
                    f"got {quoted(heading)}; expected another heading than {keys[key]}. Case and blanks do not count."
                )
                problems.add(section.at("headings" if "headings" in section else "heading"), problem)
            else:
                keys[key] = f"{heading!r}"
        columns.names.update(dict.fromkeys(headings))
        columns.complete &= bool(headings)
        kind = _kind(section, sign, problems)
        short = _short(section, headings, kind, problems)
        if kind is None:
            columns.complete = False
            continue
        for place, heading in enumerate(headings):
            own = short if isinstance(kind, LabelKind) else short[place : place + 1]
            columns.by_heading.setdefault(heading, WrittenColumn(Column(heading, kind), section, own))
    return columns


def separator_of(top: Section) -> str:
    """Return the sign between cells: one of `,`, `;`, tab and blank; nothing in JSON."""
    (file,) = top.tables["file"]
    container = file.get("container", "csv")
    separator: str = file.get("separator", ",")
    return (separator.strip(" ") or " ") if container == "csv" else "\t" if container == "tsv" else ""


def heading_pattern(top: Section, problems: Problems) -> str | None:
    r"""Return `headings.identified_by` as a regular expression whose groups identify a heading.

    A group is what a list of the pattern matches; [0-9] with a count is a number of any length: `T[0-9]{,.[0-9]{1,9}}`
    becomes `\s*T([0-9])(?:\.(\d+))?(?!\d)`.
    """
    (headings,) = top.tables["headings"]
    if "identified_by" not in headings:
        return None
    parts = []
    for node in Pattern.parse(headings.get("identified_by")).nodes:
        if isinstance(node, Repeated):
            parts.append(_group(node))
        elif isinstance(node, Choice):
            options = sorted(("".join(map(_group, option)) for option in node.options), key=len, reverse=True)
            parts.append(f"(?:{'|'.join(filter(None, options))}){'' if all(options) else '?'}")
        else:
            problem = "got '*' or a placeholder; expected text, lists and braces that identify a heading."
            problems.add(headings.at("identified_by"), problem)
            return None
    return rf"\s*{''.join(parts)}(?!\d)"


def _group(node: Repeated) -> str:
    if node.is_text:
        return re.escape(node.text)
    if node.ranges == ((ord("0"), ord("9")),) and node.low < node.high:
        return r"(\d+)"
    return f"({node.one}{'' if node.low == node.high == 1 else f'{{{node.low},{node.high}}}'})"


def _headings(section: Section, problems: Problems) -> list[str]:
    if "heading" in section and "headings" in section:
        problems.add(section.at("headings"), "got heading and headings; expected one of them. Remove the other.")
    elif section.lacks("heading") and section.lacks("headings"):
        problems.add(section.place, 'got neither heading nor headings; expected one. Write heading = "…".')
    return section.get("headings") or ([section.get("heading")] if "heading" in section else [])


def _check_headings(section: Section, key: str, headings: list[str], sign: str, problems: Problems) -> None:
    for heading in headings:
        if problem := _unwritable(heading, sign):
            problems.add(section.at(key), f"{problem} Cells are not quoted: choose another container or separator.")


def _unwritable(cell: str, sign: str) -> str:
    """Return why a text cannot be in a cell, or nothing."""
    if sign and sign in cell:
        return f"got {quoted(cell)}, which holds {sign!r}; expected text without it, since it separates cells."
    if sign and '"' in cell:
        return f"got {quoted(cell)}, which holds a quotation mark; expected text without."
    return ""


def _kind(section: Section, sign: str, problems: Problems) -> Kind | None:
    """Return the kind of a column; None where it could not be made out."""
    type_: str = section.get("type", "")
    makers: dict[str, Callable[[], Kind | None]] = {
        "label": partial(_label, section, sign, problems),
        "score": partial(_score, section, problems),
        "set": partial(_set, section, sign, problems),
        "rank": lambda: RankKind(section.get("first", 1), section.get("most")),
        "constant": partial(_constant, section, sign, problems),
        "document": DocumentKind,
    }
    if type_ in makers:
        return makers[type_]()
    return _SIMPLE.get(type_)


def _label(section: Section, sign: str, problems: Problems) -> Kind | None:
    labels = section.get("labels", [])
    if section.lacks("labels"):
        problems.add(section.place, 'got a column of labels without labels; expected labels = ["…", "…"].')
    for label in labels:
        if problem := _unwritable(label, sign):
            problems.add(section.at("labels"), problem)
    return LabelKind(tuple(labels), section.get("ordered", False)) if labels else None


def _score(section: Section, problems: Problems) -> Kind:
    low, high = section.get("low"), section.get("high")
    if low is not None and high is not None and low >= high:
        problem = f"got {low:g}, with high = {high:g}; expected the lowest value to be below the highest. Swap them."
        problems.add(section.at("low"), problem)
    return ScoreKind(low if low is None else float(low), high if high is None else float(high))


def _set(section: Section, sign: str, problems: Problems) -> Kind:
    separator, items = section.get("separator", ";"), section.get("items", [])
    pattern = Pattern.parse(section.get("pattern")) if "pattern" in section else None
    if sign and (sign in separator or '"' in separator):
        problem = f"got {separator!r}, with {sign!r} between the cells; expected another sign between the items."
        problems.add(section.at("separator"), problem)
    if pattern and pattern.slots:
        problem = f"got {{{pattern.slots[0]}}}; expected a pattern of items. Placeholders are for file names."
        problems.add(section.at("pattern"), problem)
    if pattern and (others := [item for item in items if pattern.matches(item) is None]):
        problem = f"got {quoted_list(others, 3)}; expected items that fit pattern = {quoted(pattern.text)}."
        problems.add(section.at("items"), problem)
    if joined := [item for item in items if separator in item]:
        problems.add(
            section.at("items"), f"got {quoted_list(joined, 3)}; expected none with the separator {separator!r}."
        )
    return SetKind(separator, pattern, tuple(items), section.get("most"), section.get("empty", False))


def _constant(section: Section, sign: str, problems: Problems) -> Kind:
    value, kind = section.get("value"), _SIMPLE[section.get("of", "text")]
    if value is not None and (problem := _unwritable(value, sign)):
        problems.add(section.at("value"), problem)
    elif value is not None:
        try:
            kind.read(value)
        except ValueError as error:
            problems.add(section.at("value"), f"got {quoted(value)}, with of = {quoted(kind.type)}; expected {error}.")
    return ConstantKind(value, kind)


def _short(section: Section, headings: list[str], kind: Kind | None, problems: Problems) -> tuple[str, ...]:
    short = tuple(section.get("short", ()))
    named = kind.labels if isinstance(kind, LabelKind) else tuple(headings)
    if short and len(short) != len(named):
        what = "labels" if isinstance(kind, LabelKind) else "headings"
        problem = f"got {len(short)} short names of {len(named)} {what}; expected one for each, in the same order."
        problems.add(section.at("short"), problem)
        return ()
    return short
