"""Task files that are drawn: their sound runs pass and are read as they are written, every fault of form is found."""

import pytest

from benchmarks.drawing import DrawnTask, draw
from benchmarks.drawn_tasks import Outcome, try_task
from submission.kinds import ConstantKind
from submission.runfile import format_run, read_run

FEW, MANY = (0, 4, 5, 16, 18, 20, 27, 35), range(300)
assert {draw(seed).task.layout.container for seed in FEW} == {"csv", "tsv", "jsonl", "json"}


@pytest.mark.parametrize("seeds", [FEW, pytest.param(MANY, marks=pytest.mark.slow)], ids=["few", "many"])
def test_a_sound_run_passes_and_every_fault_of_form_is_found(seeds):
    outcome = Outcome()
    for seed in seeds:
        try_task(seed, outcome)
    assert not outcome.wrong, outcome.text()
    assert outcome.tried["form"] > 50 * len(seeds) and outcome.tried["meaning"] > 5 * len(seeds)


@pytest.mark.parametrize("seeds", [FEW, pytest.param(MANY, marks=pytest.mark.slow)], ids=["few", "many"])
def test_what_is_read_is_what_is_written(seeds, tmp_path):
    for seed in seeds:
        drawn = draw(seed)
        path = tmp_path / "run"
        path.write_bytes(drawn.data)
        table = read_run(path, drawn.task.header)
        path.write_bytes(format_run(drawn.task.header, table.ids, table.labels, shared(drawn)))
        again = read_run(path, drawn.task.header)
        assert (again.ids, again.labels) == (table.ids, table.labels), drawn.text


def shared(drawn: DrawnTask) -> dict[str, object]:
    """The values of the columns that are no answers and that the task does not fix."""
    of_lists = [column for one in drawn.task.subtasks if one.kind == "rank" for column in one.columns]
    found = {}
    for column in (*drawn.task.shared_columns, *of_lists):
        fixed = isinstance(column.kind, ConstantKind) and column.kind.value is not None
        if column.kind.type in ("text", "constant") and not fixed:
            place = drawn.table[0].index(column.heading)
            found[column.heading] = {cells[0]: column.kind.read(cells[place]) for cells in drawn.table[1:]}
    return found
