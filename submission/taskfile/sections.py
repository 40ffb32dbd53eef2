"""The form of a task file, checked against the table of keys: unknown keys, wrong types, wrong brackets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from submission.taskfile.keys import INNER, TABLES, TOP, Key, Table
from submission.taskfile.problems import Problems
from submission.wording import nearest_name, quoted

if TYPE_CHECKING:
    from submission.taskfile.lines import Place


class Section:
    """A table of a task file: the values that are right by themselves.

    place   of the table
    values  key → value
    wrong   keys that are there with a value that cannot be used
    tables  name → the tables within it
    """

    def __init__(self, place: Place):
        self.place = place
        self.values: dict[str, Any] = {}
        self.wrong: set[str] = set()
        self.tables: dict[str, list[Section]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value; `default` where there is none, or none that can be used."""
        return self.values.get(key, default)

    def lacks(self, key: str) -> bool:
        """Return whether a key is absent, rather than there with a wrong value."""
        return key not in self.values and key not in self.wrong

    def at(self, *keys: str | int) -> Place:
        """Return the place of a key."""
        return (*self.place, *keys)


def sections_of(tree: Mapping[str, Any], problems: Problems) -> Section:
    """Return the top of a task file with its tables, `[file]` and the like as a list of one; add what is wrong."""
    return _section(tree, TOP, (), TABLES, problems)


def _section(
    tree: Mapping[str, Any], table: Table, place: Place, inner: tuple[Table, ...], problems: Problems
) -> Section:
    section = Section(place)
    chosen = tree.get(table.by) if table.by else None
    chosen = chosen if isinstance(chosen, str) else None
    tables = {one.name: one for one in inner}
    for name, value in tree.items():
        if name in tables:
            section.tables[name] = _tables(value, tables[name], (*place, name), problems)
            section.wrong |= {name} if not section.tables[name] else set()
        elif key := table.key(name):
            _take(section, key, value, chosen, table, problems)
        else:
            problems.add((*place, name), "" if problems.full else _unknown(name, table, chosen, inner))
    for key in table.keys:
        if key.required and section.lacks(key.name) and (not key.of or chosen in key.of):
            where = f" in [{'[' * table.several}{table.name}]{']' * table.several}" if table.name else ""
            problems.add(place, f"got no key {key.name!r}{where}; expected {key.type.words}: {key.meaning}.")
    for one in inner:
        section.tables.setdefault(one.name, [] if one.several else [Section((*place, one.name))])
    return section


def _take(section: Section, key: Key, value: Any, chosen: str | None, table: Table, problems: Problems) -> None:
    """Put a value into its section, if it is one that the key may have."""
    if key.of and chosen is not None and chosen not in key.of:
        which = " or ".join(f"{table.by} = {quoted(one)}" for one in key.of)
        problem = f"got a key of {table.name} with {which}; expected none, with {table.by} = {quoted(chosen)}."
        problem += f" Remove it, or correct the {table.by}."
        problems.add(section.at(key.name), problem)
        section.wrong.add(key.name)
    elif problem := "" if problems.full else key.type.problem(value) or "":
        problems.add(section.at(key.name), problem)
        section.wrong.add(key.name)
    else:
        section.values[key.name] = value


def _tables(value: Any, table: Table, place: Place, problems: Problems) -> list[Section]:
    """Return the sections of a table, one for each where there are several."""
    inner = INNER.get(table.name, ())
    if not table.several:
        if isinstance(value, dict):
            return [_section(value, table, place, inner, problems)]
        problems.add(place, f"got {quoted(value)}; expected a table. Write [{table.name}] above its keys, once.")
        return [Section(place)]
    if isinstance(value, list) and len(value) > table.most:
        problems.add(place, f"got {len(value)} tables; expected at most {table.most}.")
        value = value[: table.most]
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return [_section(one, table, (*place, number), inner, problems) for number, one in enumerate(value)]
    brackets = ".".join(str(key) for key in place if isinstance(key, str))
    got = "a table" if isinstance(value, dict) else quoted(value)
    problems.add(place, f"got {got}; expected a list of tables. Write [[{brackets}]] above the keys of each.")
    return []


def _unknown(name: str, table: Table, chosen: str | None, inner: tuple[Table, ...]) -> str:
    """Return what to say about a key that the table does not have."""
    known = [key.name for key in table.keys if not key.of or chosen is None or chosen in key.of]
    names = [*known, *(one.name for one in inner)]
    elsewhere = {key.name: one for one in reversed((TOP, *TABLES)) for key in one.keys if one is not table}
    if near := nearest_name(name, names):
        remedy = f" Did you mean {near!r}?"
    elif name in elsewhere:
        remedy = f" It belongs {_where(elsewhere[name])}."
    elif near := nearest_name(name, elsewhere):
        remedy = f" Did you mean {near!r}, which belongs {_where(elsewhere[near])}?"
    else:
        remedy = ""
    return f"got an unknown key; expected one of {', '.join(names)}.{remedy}"


def _where(table: Table) -> str:
    return f"below {'[' * (1 + table.several)}{table.name}{']' * (1 + table.several)}" if table.name else "at the top"
