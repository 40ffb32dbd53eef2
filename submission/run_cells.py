"""Answers made rows of cells, and everything for which they cannot be: what a run file is written from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from submission.errors import RunFileError
from submission.kinds import Column, ConstantKind, DocumentKind, FlagKind, LabelKind, RankKind, ScoreKind, plain
from submission.names import in_another_form
from submission.separators import Separator
from submission.task import Header, Labels, Subtask, Task
from submission.wording import both, either, quoted, quoted_list

Shared = Mapping[str, Any]  # heading → a value for all rows, or image id → value
Row = tuple[str, list[str]]  # id, the cells behind it

_RANKED = (DocumentKind, RankKind, ScoreKind)  # the values of a row of a ranked list, in order
_WITHOUT_LETTERS = (LabelKind, FlagKind, ScoreKind, RankKind)  # kinds whose cells are known to be writable


def cells_of_run(header: Header, ids: Sequence[str], labels: Labels, shared: Shared) -> Iterator[Row]:
    """Yield id and cells of each row, in the order of the file; arguments as for `runfile.format_run`.

    Raises RunFileError with everything that is wrong with any of them.
    """
    run = _Run(header, ids, labels, shared)
    yield from run.rows()
    if run.problems:
        raise RunFileError(*run.problems)


def answer_places(subtask: Subtask) -> list[int]:
    """Return where the columns are that are answers; of a ranked list document, rank and score, in this order."""
    kinds = [column.kind for column in subtask.columns]
    if subtask.kind != "rank":
        return list(range(len(kinds)))
    found = (next((k for k, one in enumerate(kinds) if isinstance(one, kind)), None) for kind in _RANKED)
    return [place for place in found if place is not None]


def shared_columns(header: Header) -> list[Column]:
    """Return the columns that are no answers: those that belong to no subtask, and others of a ranked list."""
    beside = [
        column
        for subtask in header.subtasks
        for place, column in enumerate(subtask.columns)
        if place not in answer_places(subtask)
    ]
    return [column for column in header.task.shared_columns if column.heading in header.headings] + beside


class _Run:
    """What is to be written; `problems` are sentences for people."""

    def __init__(self, header: Header, ids: Sequence[str], labels: Labels, shared: Shared):
        self.header = header
        self.task: Task = header.task
        self.labels = labels
        self.shared = shared
        self.unwritable = _Unwritable(self.task)
        self.problems = self._heading_problems() + self._id_problems(ids)
        self.ids = list(ids)
        self.listed = set(self.ids) if not self.problems else set()

    def rows(self) -> Iterator[Row]:
        """Yield the rows, if there are no problems."""
        coverage = self.task.layout.coverage
        of_subtasks = [self.labels.get(subtask.name) or {} for subtask in self.header.subtasks]
        if coverage == "subset":
            self.ids = [image_id for image_id in self.ids if any(image_id in of for of in of_subtasks)]
        if coverage == "extra":
            self.ids += dict.fromkeys(image_id for of in of_subtasks for image_id in of if image_id not in self.listed)
            self.problems += self._id_problems(self.ids) if not self.problems else []
        if self.task.layout.order == "sorted" and not self.problems:
            self.ids.sort()
        cells = [self._of_subtask(subtask) for subtask in self.header.subtasks]
        n_rows = {image_id: len(rows) for image_id, rows in cells[0].items()} if self.task.is_ranked else {}
        shared = self._of_shared(n_rows)
        if self.problems:
            return
        # where each column takes its cells: image id → rows, place in a row; a shared one has a cell a row
        sources: dict[str, tuple[dict[str, Any], int | None]] = {heading: (of, None) for heading, of in shared.items()}
        for subtask, of_ids in zip(self.header.subtasks, cells, strict=True):
            sources |= {subtask.headings[place]: (of_ids, k) for k, place in enumerate(answer_places(subtask))}
        columns = [sources[heading] for heading in self.header.headings if heading is not None]
        for image_id in self.ids:
            of_id = [(of[image_id], k) for of, k in columns]
            for number in range(n_rows.get(image_id, 1)):
                yield image_id, [rows[number] if k is None else rows[number][k] for rows, k in of_id]

    def _of_subtask(self, subtask: Subtask) -> dict[str, list[tuple[str, ...]]]:
        """Return image id → the cells of its rows: one row, or those of a ranked list."""
        name, labels = subtask.name, self.labels.get(subtask.name)
        if labels is None:
            self.problems.append(f"{name}: got no labels. Predict it, or leave it out of the header.")
            return {}
        if missing := [image_id for image_id in self.ids if image_id not in labels]:
            self.problems.append(
                f"{name}: got ids without a label: {quoted_list(missing)}. Every image needs an answer."
            )
        known = set(self.ids)
        if extra := [image_id for image_id in labels if image_id not in known]:
            self.problems.append(
                f"{name}: got labels for ids that are not in the test list: {quoted_list(extra)}. Predict the images "
                "of the list."
            )
        cells: dict[str, list[tuple[str, ...]]] = {}
        wrong: dict[str, list[str]] = {}  # what was expected → the ids
        is_free = not all(isinstance(column.kind, _WITHOUT_LETTERS) for column in subtask.columns)
        for image_id in self.ids:
            if image_id not in labels:
                continue
            try:
                cells[image_id] = self._cells(subtask, labels[image_id])
            except ValueError as error:
                wrong.setdefault(str(error), []).append(image_id)
                continue
            if is_free and (letters := self.unwritable.of_rows(cells[image_id])):
                wrong.setdefault(letters, []).append(image_id)
        for expected, of_ids in wrong.items():
            first, *others = of_ids
            similar = f", and similar labels for {quoted_list(others)}" if others else ""
            self.problems.append(f"{name}: got {quoted(labels[first])} for {first!r}{similar}; expected {expected}.")
        return cells

    def _cells(self, subtask: Subtask, label: object) -> list[tuple[str, ...]]:
        """Return the cells of the rows of a label. Raises ValueError, whose message is what was expected."""
        if subtask.kind != "rank":
            return [subtask.to_cells(label)]
        columns = [subtask.columns[place] for place in answer_places(subtask)]
        expected = f"rows of {', '.join(column.kind.type for column in columns)}"
        rows = plain(label)
        if not isinstance(rows, Sequence) or isinstance(rows, str) or not rows:
            raise ValueError(expected)
        cells = []
        for row in map(plain, rows):
            if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != len(columns):
                raise ValueError(expected)
            try:
                cells.append(tuple(column.kind.write(value) for column, value in zip(columns, row, strict=True)))
            except ValueError as error:
                raise ValueError(f"{expected}, each of them {error}") from None
        return cells

    def _of_shared(self, n_rows: Mapping[str, int]) -> dict[str, dict[str, list[str]]]:
        """Return the columns that are no answers: heading → image id → a cell for each row."""
        columns = {column.heading: column for column in shared_columns(self.header)}
        if unknown := [heading for heading in self.shared if heading not in columns]:
            expected = ", ".join(map(repr, columns)) or "nothing, since every column of the run is an answer"
            self.problems.append(f"shared: got {quoted_list(unknown)}; expected {expected}. Leave out what is none.")
        return {heading: self._of_column(column, n_rows) for heading, column in columns.items()}

    def _of_column(self, column: Column, n_rows: Mapping[str, int]) -> dict[str, list[str]]:
        heading, kind = column.heading, column.kind
        given = self.shared.get(heading)
        if given is None and isinstance(kind, ConstantKind) and kind.value is not None:
            given = kind.read(kind.value)
        if given is None:
            give = f"Give it: shared={{{heading!r}: …}}."
            self.problems.append(f"{heading!r}: got no value; expected {kind.expected}. {give}")
            return {}
        by_id = given if isinstance(given, Mapping) else dict.fromkeys(n_rows or self.ids, given)
        if missing := [image_id for image_id in self.ids if image_id not in by_id]:
            self.problems.append(f"{heading!r}: got no value of {quoted_list(missing)}; expected one for each id.")
        cells: dict[str, list[str]] = {}
        wrong: dict[str, list[str]] = {}
        for image_id in self.ids:
            if image_id not in by_id:
                continue
            value, n = by_id[image_id], n_rows.get(image_id, 1)
            values = value if self.task.is_ranked and isinstance(value, tuple) and len(value) == n else [value] * n
            try:
                cells[image_id] = [kind.write(one) for one in values]
            except ValueError as error:
                wrong.setdefault(str(error), []).append(image_id)
                continue
            if letters := self.unwritable.of_rows([cells[image_id]]):
                wrong.setdefault(letters, []).append(image_id)
        for expected, of_ids in wrong.items():
            first = of_ids[0]
            more = f", and others for {quoted_list(of_ids[1:])}" if len(of_ids) > 1 else ""
            self.problems.append(f"{heading!r}: got {quoted(by_id[first])} for {first!r}{more}; expected {expected}.")
        return cells

    def _heading_problems(self) -> list[str]:
        take = "Take it from Header.complete."
        header, problems = self.header, []
        first = header.cells[0] if header.cells else ""
        if not first or self.task.official_heading(first):
            problems.append(f"header: got {first!r} as its first column; expected the column of ids. {take}")
        seen: set[str] = set()
        for cell, heading in zip(header.cells[1:], header.headings, strict=True):
            if heading is None:
                problems.append(f"header: got {cell!r}; expected only columns of the task. {take}")
            elif heading in seen:
                problems.append(f"header: got {heading!r} twice; expected each column once. {take}")
            else:
                seen.add(heading)
        missing = {one.name: [heading for heading in one.headings if heading not in seen] for one in header.subtasks}
        problems += [
            f"header: got only some columns of {name}; expected all. Add {', '.join(map(repr, headings))}."
            for name, headings in missing.items()
            if headings
        ]
        if shared := [column.heading for column in self.task.shared_columns if column.heading not in seen]:
            problems.append(f"header: got no column {quoted_list(shared)}; expected all that runs share. {take}")
        if len(header.cells) < 2 or not (header.subtasks or None in header.headings):
            problems.append(
                "header: got no column of any subtask; expected those that the run covers. Name the subtasks."
            )
        if self.task.layout.header and (unwritable := list(filter(self.unwritable.held_by, header.cells))):
            problems.append(
                f"header: got headings with {self.unwritable.names('a ')}: {quoted_list(unwritable)}; expected "
                "headings that need no quotes. Rename them."
            )
        return problems

    def _id_problems(self, ids: Sequence[str]) -> list[str]:
        problems = []
        if not ids:
            problems.append("ids: got none; expected those of the test list.")
        if not_text := [image_id for image_id in ids if not isinstance(image_id, str)]:
            return [*problems, f"ids: got {quoted_list(not_text)}; expected text. Read ids as text: '007' is not 7."]
        if unwritable := list(filter(self.unwritable.held_by, ids)):
            without = self.unwritable.names("")
            problems.append(f"ids: got {quoted_list(unwritable)}; expected ids without {without}. Rename the images.")
        if blank := [image_id for image_id in ids if image_id != image_id.strip() or not image_id]:
            problems.append(
                f"ids: got {quoted_list(blank)}; expected ids that are not empty and have no blanks around. Strip them."
            )
        if surrogates := [image_id for image_id in ids if any("\ud800" <= letter <= "\udfff" for letter in image_id)]:
            problems.append(f"ids: got {quoted_list(surrogates)}; expected valid UTF-8. Rename the images.")
        seen: set[str] = set()
        repeated = []
        for image_id in ids:
            if image_id in seen:
                repeated.append(image_id)
            seen.add(image_id)
        if alike := in_another_form(dict.fromkeys(ids)):
            problems.append(
                f"ids: got {quoted_list(alike)} in two Unicode forms; expected each image once. Rename one of the two."
            )
        if repeated:
            problems.append(f"ids: got {quoted_list(repeated)} more than once; expected each image once.")
        return problems


class _Unwritable:
    """Characters that a cell cannot contain without quotes, or without looking like another id."""

    def __init__(self, task: Task):
        self._separator = Separator.of(task) if task.layout.is_table else None
        self._letters = frozenset("\r\n\0" + (f'"{self._separator.delimiter}' if self._separator else ""))

    def held_by(self, text: str) -> bool:
        """Return whether a text holds one of them."""
        return not self._letters.isdisjoint(text)

    def of_rows(self, rows: Sequence[Sequence[str]]) -> str:
        """Return what was expected where cells hold one, in words; nothing where none does."""
        return f"cells without {self.names('')}" if any(self.held_by(cell) for row in rows for cell in row) else ""

    def names(self, article: str) -> str:
        """Return them in words: `comma, quote and line end`, or `a comma, a quote or a line end`."""
        names = [
            article + name for name in (*([self._separator.letter, "quote"] if self._separator else []), "line end")
        ]
        return either(names) if article else both(names)
