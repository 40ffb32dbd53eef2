"""A draft of a task file, made from a labelled table: each guess with what was seen, for people to confirm."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submission.errors import LabelFileError
from submission.task import heading_key
from submission.taskfile.guess import Guess, guess, id_keys, ranked
from submission.taskfile.keys import COLUMN_TYPES, TABLES, TOP, Key, Table
from submission.taskfile.sniff import SniffedTable, slug, sniff
from submission.taskfile.subtasks import RESERVED
from submission.taskfile.types import is_text
from submission.wording import counted, quoted

_USUAL = ("devset", "dev", "train", "training", "labels", "truth", "gt", "data")  # names that say nothing of the task
_METRICS: dict[str, dict[str, Any]] = {  # type of the columns → the usual metric
    "label": {"metric": "f1", "average": "weighted"},
    "flag": {"metric": "f1", "average": "positive"},
    "flags": {"metric": "f1", "average": "weighted"},
    "set": {"metric": "f1", "average": "samples"},
    "probability": {"metric": "mae"},
    "score": {"metric": "spearman"},
    "trio": {"metric": "f1", "average": "positive"},  # a label, its probability and the threshold
    "rank": {"metric": "mrr", "k": 10},
}
_FILLED = {"name": '"mytask"', "heading": '"label"', "type": '"flag"'}  # what a file must have
_EXAMPLES = {"string": '"…"', "boolean": "true", "integer": "1", "number": "1.0", "array": '["…", "…"]'}
_TOLERANCE = 0.011  # of sums of numbers with two decimals


@dataclass(frozen=True)
class _Group:
    """Columns side by side of one type."""

    headings: tuple[str, ...]
    guess: Guess
    seen: tuple[str, ...]


def draft_from(path: Path) -> str:
    """Return a task file for the runs of a task whose labelled table this is. Raises LabelFileError as `sniff` does."""
    table = sniff(path)
    sign = "" if table.container in ("json", "jsonl") else table.separator.strip(" ") or " "
    headings, notes = _headings(table, sign)
    guesses = ranked(table.columns) or [guess(column, sign) for column in table.columns[1:]]
    if not {one.type for one in guesses} & {*_METRICS, "rank"}:
        raise LabelFileError(
            f"{path}: got columns of ids and text alone; expected one of labels, of 0 and 1, of numbers or of sets. "
            "Give the dev set with its labels, or write the task file by hand: mediaeval task new"
        )
    groups = _groups(headings[1:], guesses)
    columns = dict(zip(headings, table.columns, strict=True))
    name = slug(path.stem if path.stem.lower() not in _USUAL else path.absolute().parent.name)
    return "\n".join(
        [
            f"# A draft, made from {_comment(path.name)}: {counted(table.n_rows, 'row{s}')}. Confirm each guess, then:",
            "# mediaeval task check THIS_FILE",
            *(f"# Notice: {_comment(note)}" for note in (*table.notes, *notes)),
            f"name = {_toml(f'{name}_task' if name in RESERVED else name)}",
            '# title = "…"',
            '# source = "https://…"',
            *_file(table),
            *_id(headings[0], table, any(one.type == "rank" for one in guesses)),
            *(line for group in groups for line in _columns(group)),
            *_rules(groups, columns),
            *_scored(groups),
            "",
        ]
    )


def template() -> str:
    """Return an empty task file: every table with its keys, their defaults and meanings, as comments."""
    lines = [
        "# A task file: fill in what the organisers say, and remove the rest. Then: mediaeval task check THIS_FILE"
    ]
    for table in (TOP, *TABLES[:-1]):  # the last one is for developers
        lines += ["", *([f"# {table.meaning}"] if table.name else [])]
        if table.name:
            brackets = f"[[{table.name}]]" if table.several else f"[{table.name}]"
            lines.append(brackets if table.name == "columns" else f"# {brackets}")
        lines += [_of_key(key, table) for key in table.keys]
    return "\n".join(lines) + "\n"


def _of_key(key: Key, table: Table) -> str:
    if key.name in _FILLED and table.name in ("", "columns"):
        return f"{key.name} = {_FILLED[key.name]}  # {_about(key)}"
    values = key.type.schema.get("enum", ())
    value = _toml(values[0]) if values else _EXAMPLES.get(key.type.schema["type"], "…")
    return f"# {key.name} = {value}  # {_about(key)}"


def _about(key: Key) -> str:
    of = f"{' or '.join(key.of)}: " if key.of else ""
    if key.type.schema.get("enum") == list(COLUMN_TYPES):
        return ", ".join(COLUMN_TYPES)
    return f"{of}{key.meaning}" + (f"; default: {key.default}" if key.default else "")


def _headings(table: SniffedTable, sign: str) -> tuple[list[str], list[str]]:
    """Return a heading that a task file may have for each column, and what was changed."""
    notes: list[str] = []
    if table.header is None:
        return ["id", *(f"column{number}" for number in range(2, len(table.columns) + 1))], notes
    headings: list[str] = []
    taken: set[object] = set()
    for number, heading in enumerate(table.header, 1):
        safe = is_text(heading) and '"' not in heading and not (sign and sign in heading)
        own = heading if safe else f"column{number}"
        while heading_key(own, None) in taken:
            own = f"column{number}" if own == heading else f"{own}_"
        taken.add(heading_key(own, None))
        if own != heading:
            notes.append(f"Column {number} has the heading {quoted(heading, 40)}, which it cannot have here: {own}.")
        headings.append(own)
    if table.header[0] in ("", "Unnamed: 0"):
        notes.append("The first column looks like an index that a program wrote: save the table without it, try again.")
    return headings, notes


def _groups(headings: Sequence[str], guesses: Sequence[Guess]) -> list[_Group]:
    """Return the columns, those side by side of one type and with the same keys together."""
    groups: list[_Group] = []
    for heading, found in zip(headings, guesses, strict=True):
        last = groups[-1] if groups else None
        if last and (last.guess.type, last.guess.keys) == (found.type, found.keys) and found.type != "text":
            groups[-1] = _Group((*last.headings, heading), last.guess, (*last.seen, found.seen))
        else:
            groups.append(_Group((heading,), found, (found.seen,)))
    return groups


def _file(table: SniffedTable) -> Iterator[str]:
    yield ""
    yield "[file]"
    yield f"container = {_toml(table.container)}"
    if table.container == "csv":
        yield f"separator = {_toml(table.separator)}"
    if table.header is None:
        yield "header = false  # the first line looks like a row. Confirm; the headings below are names for messages"


def _id(heading: str, table: SniffedTable, several: bool) -> Iterator[str]:
    keys, hints, notes = id_keys(table.columns[0], several)
    yield ""
    yield "[id]"
    yield from (f"# Notice: {note}" for note in notes)
    yield f"column = {_toml(heading)}"
    yield from (f"{key} = {_toml(value)}  # all ids have one. Confirm" for key, value in keys.items())
    yield from (f"# {hint}  # all ids look like this: confirm, and remove the first sign" for hint in hints)


def _columns(group: _Group) -> Iterator[str]:
    yield ""
    yield "[[columns]]"
    if len(group.headings) == 1:
        yield f"heading = {_toml(group.headings[0])}"
    else:
        yield "headings = ["
        yield from (
            f"    {_toml(heading)},  # {seen}" for heading, seen in zip(group.headings, group.seen, strict=True)
        )
        yield "]"
    seen = group.seen[0] if len(group.headings) == 1 else f"{len(group.headings)} columns"
    yield f"type = {_toml(group.guess.type)}  # {_comment(seen)}. Confirm"
    yield from (f"{key} = {_toml(value)}" for key, value in group.guess.keys.items())
    if len(group.headings) == 1:
        yield from (f"# {_comment(hint)}" for hint in group.guess.hints)


def _rules(groups: Sequence[_Group], columns: dict[str, list[str]]) -> Iterator[str]:
    """Write the rules that every row obeys."""
    for group in groups:
        if group.guess.type in ("score", "probability") and len(group.headings) > 1:
            sums = [sum(map(float, row)) for row in zip(*(columns[h] for h in group.headings), strict=True) if all(row)]
            total = round(sums[0]) if sums else 0
            if total and all(abs(one - total) <= _TOLERANCE for one in sums):
                yield from ("", f"[[rules]]  # holds in all of {len(sums):,} rows. Confirm", 'rule = "sum"')
                yield f"columns = {_toml(list(group.headings))}"
                yield from (f"total = {total}", "tolerance = 0.01")
    if trio := _decided(groups):
        label, probability, threshold = (columns[heading] for heading in trio)
        rows = list(zip(label, probability, threshold, strict=True))
        if all(all(row) and (row[0] == "1") == (float(row[1]) >= float(row[2])) for row in rows):
            yield from ("", f"[[rules]]  # holds in all of {len(rows):,} rows. Confirm", 'rule = "threshold"')
            names = ("label", "probability", "threshold")
            yield from (f"{name} = {_toml(heading)}" for name, heading in zip(names, trio, strict=True))


def _decided(groups: Sequence[_Group]) -> tuple[str, str, str] | None:
    """Return the headings of a flag, its probability and the threshold, where there is one of each."""
    found: dict[str, list[str]] = {}
    for group in groups:
        of = f" {group.guess.keys['of']}" if "of" in group.guess.keys else ""
        found.setdefault(f"{group.guess.type}{of}", []).extend(group.headings)
    parts = [found.get(type_, []) for type_ in ("flag", "probability", "constant probability")]
    return (parts[0][0], parts[1][0], parts[2][0]) if all(len(part) == 1 for part in parts) else None


def _scored(groups: Sequence[_Group]) -> Iterator[str]:
    """Write the metric of the task, or a subtask for each type of columns with the metric of each."""
    parts = _parts(groups)
    names: list[str] = []
    for headings, metric in parts:
        if len(parts) == 1:
            yield from _metric("[[metrics]]", metric)
            return
        name = slug(headings[0], names)
        names.append(slug(f"{name}_part", names) if name in RESERVED else name)
        yield from ("", "[[subtasks]]", f"name = {_toml(names[-1])}", f"columns = {_toml(headings)}")
        yield from _metric("[[subtasks.metrics]]", metric)


def _parts(groups: Sequence[_Group]) -> list[tuple[list[str], dict[str, Any]]]:
    """Return what is answered for itself: headings, and the usual metric."""
    trio = _decided(groups) or ()
    by_type: dict[object, tuple[str, list[str]]] = {}
    for group in groups:
        for heading in group.headings:
            type_ = group.guess.type
            if heading in trio:
                by_type.setdefault("trio", ("trio", []))[1].append(heading)
            elif type_ in ("document", "rank") or (type_ == "score" and "rank" in by_type):
                by_type.setdefault("rank", ("rank", []))[1].append(heading)
            elif type_ in ("label", "set"):  # each for itself
                by_type[heading] = (type_, [heading])
            elif type_ in _METRICS:
                by_type.setdefault((type_,), (type_, []))[1].append(heading)
    parts = []
    for type_, headings in by_type.values():
        metric = _METRICS["flags" if type_ == "flag" and len(headings) > 1 else type_]
        parts.append((headings, metric | ({"columns": [trio[0]]} if trio and type_ == "trio" else {})))
    return parts


def _metric(table: str, metric: dict[str, Any]) -> Iterator[str]:
    yield from ("", f"{table}  # a usual one. Confirm: by what do the organisers rank?")
    yield from (f"{key} = {_toml(value)}" for key, value in metric.items())


def _toml(value: Any) -> str:
    """Return a value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        items = [_toml(item) for item in value]
        line = f"[{', '.join(items)}]"
        return line if len(line) <= 100 else "[\n" + "".join(f"    {item},\n" for item in items) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    """Return text that may stand in a comment: on one line, without signs that TOML forbids there."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
