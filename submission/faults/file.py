"""Faults of a table of text as a file: its encoding, its line ends, its separators, its header, its lines."""

from __future__ import annotations

from functools import partial

from submission.faults.fault import FORM, Change, Fault, Table
from submission.faults.sheet import write_sheet
from submission.task import Task

_SEPARATORS = {
    "commas": ",",
    "semicolons": ";",
    "tabs": "\t",
    "bars": "|",
    "single blanks": " ",
    "commas and blanks": ", ",
    "two blanks": "  ",
}


def faults_of_file(task: Task) -> list[Fault]:
    """Return the faults that are of no single column."""
    layout = task.layout
    text = partial(write_sheet, task=task)
    end = "\r\n" if layout.line_end == "crlf" else "\n"

    def form(name: str, change: Change) -> Fault:
        return Fault(name, FORM, change, task)

    faults = [
        form("byte-order mark", lambda table, rng: "\ufeff" + text(table)),
        form("UTF-16", lambda table, rng: text(table).encode("utf-16")),
        form("CR line ends", lambda table, rng: text(table).replace(end, "\r")),
        form("no last line end", lambda table, rng: text(table).removesuffix(end)),
        form("everything quoted", lambda table, rng: text(table, quote='"')),
        form("empty file", lambda table, rng: ""),
        form("comment line", lambda table, rng: f"# run 1{end}" + text(table)),
        form("blank line", lambda table, rng: text(table) + end),
        form("separator at the end of lines", lambda table, rng: [[*cells, ""] for cells in table]),
        form("a line without its last cell", lambda table, rng: [*table[:-1], table[-1][:-1]]),
        form("a line with one cell more", lambda table, rng: [*table[:-1], [*table[-1], table[-1][-1]]]),
        form("a NUL byte", lambda table, rng: text(table).replace(table[-1][-1], f"{table[-1][-1]}\0")),
        form("a line for Excel", lambda table, rng: f"sep={layout.separator[0]}{end}" + text(table)),
        form("letters of Western Europe", lambda table, rng: _in_latin(text(table))),
        form("two files in one", lambda table, rng: text(table) + text(table)),
        form("a line of web page", lambda table, rng: f"<html>{end}" + text(table)),
    ]
    if layout.line_end == "lf":
        faults.append(form("CR LF line ends", lambda table, rng: text(table).replace("\n", "\r\n")))
    if layout.line_end == "crlf":
        faults.append(form("LF line ends", lambda table, rng: text(table).replace("\r\n", "\n")))
    faults += [
        form(f"{name} between cells", _separated(task, separator))
        for name, separator in _SEPARATORS.items()
        if separator != layout.separator
    ]
    if layout.header:
        faults += [
            form("header only", lambda table, rng: table[:1]),
            form("no header", lambda table, rng: table[1:]),
            form("header twice", lambda table, rng: [*table, table[0]]),
        ]
    else:
        faults.append(form("a header", lambda table, rng: text(table, header=True)))
    return faults


def _in_latin(text: str) -> bytes:
    if text.isascii():
        raise LookupError("all letters are the same in UTF-8")
    return text.encode("latin-1", errors="replace")


def _separated(task: Task, separator: str) -> Change:
    def change(table: Table, rng: object) -> str:
        own = task.layout.separator
        if separator.strip() == own.strip() and separator.strip():
            return write_sheet(table, task, separator=separator)
        if any(separator in cell for cells in table for cell in cells):
            raise LookupError("the separator is in cells")
        return write_sheet(table, task, separator=separator)

    return change
