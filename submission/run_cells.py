"""The cells of a run file, from the answers of each subtask and the columns that are no answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from submission.kinds import Column, ConstantKind, DocumentKind, Kind, RankKind, ScoreKind, plain
from submission.layout import Layout
from submission.task import Header, Label, Subtask
from submission.wording import quoted, quoted_list

Cells = list[tuple[str, ...]]  # of an id, in the order of a subtask's headings: a tuple for each of its rows
Shared = Mapping[str, Mapping[str, str]]  # heading → image id → cell, of columns that are no answers

_RANKED: tuple[type[Kind], ...] = (DocumentKind, RankKind, ScoreKind)  # the values of a row of a ranked list, in order


def unwritable(layout: Layout) -> frozenset[str]:
    """Return the characters that a cell cannot contain without quotes, or without looking like another id."""
    return frozenset(f'{layout.separator[0]}"\r\n\0') if layout.is_table else frozenset()


def shared_cells(header: Header, ids: Sequence[str], shared: Mapping[str, object], problems: list[str]) -> Shared:
    """Return the cells of the columns that are no answers: what the task fixes, else what `shared` has.

    `shared` is heading → the value of every row, or image id → value.
    """
    ranked = [column for one in header.subtasks if one.kind == "rank" for column in _beside(one)]
    present = [column for column in header.task.shared_columns if column.heading in header.headings]
    found: dict[str, Mapping[str, str]] = {}
    for column in (*present, *ranked):
        kind, given = column.kind, shared.get(column.heading)
        if isinstance(kind, ConstantKind) and kind.value is not None and given is None:
            given = kind.read(kind.value)
        if given is None:
            give = f"Give it: shared={{{column.heading!r}: …}}."
            problems.append(f"{column.heading!r}: got no value; expected {kind.expected}. {give}")
            continue
        values = given if isinstance(given, Mapping) else dict.fromkeys(ids, given)
        found[column.heading] = _written(column, ids, values, problems)
    unknown = [heading for heading in shared if heading not in {column.heading for column in (*present, *ranked)}]
    if unknown:
        problems.append(f"shared: got {quoted_list(unknown)}; expected columns of the run that are no answers.")
    return found


def cells_by_id(
    subtask: Subtask, ids: Sequence[str], labels: Mapping[str, object] | None, shared: Shared, problems: list[str]
) -> dict[str, Cells]:
    """Return image id → its cells; what is wrong becomes problems."""
    name = subtask.name
    if labels is None:
        problems.append(f"{name}: got no labels. Predict it, or leave it out of the header.")
        return {}
    if missing := [image_id for image_id in ids if image_id not in labels]:
        problems.append(f"{name}: got ids without a label: {quoted_list(missing)}. Every image needs an answer.")
    known = set(ids)
    if extra := [image_id for image_id in labels if image_id not in known]:
        problems.append(
            f"{name}: got labels for ids that are not in the test list: {quoted_list(extra)}. Predict the images of "
            "the list."
        )
    cells: dict[str, Cells] = {}
    wrong: dict[str, list[str]] = {}  # what was expected → the ids
    for image_id in ids:
        if image_id in labels:
            try:
                cells[image_id] = _rows(subtask, image_id, labels[image_id], shared)
            except ValueError as error:
                wrong.setdefault(str(error), []).append(image_id)
    for expected, of_ids in wrong.items():
        first, *others = of_ids
        similar = f", and similar labels for {quoted_list(others)}" if others else ""
        problems.append(f"{name}: got {quoted(labels[first])} for {first!r}{similar}; expected {expected}.")
    return cells


def label_of(subtask: Subtask, cells: Sequence[str]) -> Label:
    """Return the label in the cells of a row; of a ranked list the document, the rank and the score."""
    if subtask.kind != "rank":
        return subtask.from_cells(cells)
    of_row = dict(zip(subtask.headings, cells, strict=True))
    return tuple(column.kind.read(of_row[column.heading]) for column in _ranked(subtask))


def _rows(subtask: Subtask, image_id: str, label: object, shared: Shared) -> Cells:
    if subtask.kind != "rank":
        return [subtask.to_cells(label)]
    columns = _ranked(subtask)
    expected = f"rows of {', '.join(column.kind.type for column in columns)}"
    rows = plain(label)
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not rows:
        raise ValueError(expected)
    cells = []
    for row in map(plain, rows):
        if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != len(columns):
            raise ValueError(expected)
        try:
            own = {column.heading: column.kind.write(value) for column, value in zip(columns, row, strict=True)}
        except ValueError as error:
            raise ValueError(f"{expected}, each of them {error}") from None
        cells.append(
            tuple(own.get(heading) or shared.get(heading, {}).get(image_id, "") for heading in subtask.headings)
        )
    return cells


def _ranked(subtask: Subtask) -> list[Column]:
    """Return the columns of a ranked list that are answers: document, rank and score, as far as it has them."""
    found = (next((one for one in subtask.columns if isinstance(one.kind, kind)), None) for kind in _RANKED)
    return [column for column in found if column is not None]


def _beside(subtask: Subtask) -> list[Column]:
    """Return the columns of a ranked list that are none of its answers."""
    return [column for column in subtask.columns if column not in _ranked(subtask)]


def _written(column: Column, ids: Sequence[str], values: Mapping[str, object], problems: list[str]) -> dict[str, str]:
    cells = {}
    for image_id in ids:
        try:
            cells[image_id] = column.kind.write(values[image_id])
        except KeyError:
            problems.append(f"{column.heading!r}: got no value of {image_id!r}; expected {column.kind.expected}.")
            break
        except ValueError as error:
            problems.append(f"{column.heading!r}: got {quoted(values[image_id])}; expected {error}.")
            break
    return cells
