"""The format of a task as its organisers would write it, and an example that keeps to it."""

import csv
import io

import pytest

from benchmarks.drawing import draw
from submission.check import find_problems
from submission.problems import describe
from submission.taskfile import load_task, parse_task, task_names
from submission.taskfile.example import example_ids, example_run
from submission.taskfile.show import as_text, to_dict


def rows_of(task):
    data = example_run(task, rows=6).decode()
    separator = task.layout.separator
    lines = [line.split(separator) for line in data.splitlines()]
    return lines[1:] if task.layout.header else lines


@pytest.mark.parametrize("name", task_names())
def test_the_example_keeps_to_its_task(name):
    task = load_task(name)
    for id_, *cells in rows_of(task):
        assert task.layout.id_pattern is None or task.layout.id_pattern.matches(id_) is not None
        values = {column.heading: column.kind.read(cell) for column, cell in zip(task.columns, cells, strict=True)}
        assert [rule.problem(values) for rule in task.rules] == [None] * len(task.rules)


def test_a_task_is_shown_as_its_organisers_would_write_it():
    assert (
        as_text(load_task("synthim2025"))
        == """\
MediaEval 2025, Synthetic Images: detection (task A)
https://multimediaeval.github.io/editions/2025/tasks/synthim/
The organisers do not say what holds where prob equals threshold: label = 1 is assumed.

File
  CSV in UTF-8 without byte-order mark, without quotes; lines end with \\n.
  Between two cells: a comma.
  First line, exactly:
    image_id,prob,label,threshold
  Rows: every id of the list once; in any order.

Columns
  1  image_id   id           the image's file name, with extension
  2  prob       probability  a number of 0 to 1
  3  label      flag         0 or 1
  4  threshold  constant     a number of 0 to 1, the same in every row

In each row
  'label' is 1 where 'prob' >= 'threshold', and only there

Runs
  constrained (required): {team}_constrained.zip with *.csv in it; trained on the organisers' data alone
  open (required): {team}_open.zip with *.csv in it; trained on any data

Scores, the first of which ranks
  F1 of the positive class (1) of 'label'
    f1|average:positive|positive:1|absent:zero|columns:label|v:1
  AUC of the positive class (1) of 'prob', against 'label' of the truth
    auc|average:positive|positive:1|columns:prob|truth:label|v:1
  AP of the positive class (1) of 'prob', against 'label' of the truth
    ap|average:positive|positive:1|columns:prob|truth:label|v:1
  EER of the positive class (1) of 'prob', against 'label' of the truth
    eer|average:positive|positive:1|columns:prob|truth:label|v:1
  accuracy of 'label': mean over the images
    accuracy|average:samples|columns:label|v:1
  An absent, unreadable or double answer is a wrong one; ids that are not in the list are ignored.

Example
  image_id,prob,label,threshold
  image1.jpg,0.75,1,0.5
  image2.jpg,0.25,0,0.5
  image3.jpg,0.75,1,0.5"""
    )


def test_the_same_as_data():
    shown = to_dict(load_task("flood2020"))
    assert shown["file"] == {"container": "csv", "separator": ",", "header": None, "line_end": "lf"}
    assert shown["runs"][0]["file"] == "ME20FMT_{team}_001.txt"
    assert shown["subtasks"][0]["metrics"][0]["signature"] == (
        "f1|average:positive|positive:1|absent:zero|columns:relevant|v:1"
    )
    assert shown["example"] == "0,0\n1,1\n2,0\n"


@pytest.mark.parametrize(
    ("container", "example"),
    [
        ("jsonl", '{"image":"image1","concepts":["C1"]}\n'),
        ("json", "{"),
        ("tsv", "image\tconcepts\nimage1\tC1\n"),
    ],
)
def test_examples_of_every_container(container, example):
    text = f'name = "a"\n[file]\ncontainer = "{container}"\n[id]\ncolumn = "image"\n'
    text += '[[columns]]\nheading = "concepts"\ntype = "set"\nitems = ["C1", "C2"]\n'
    assert example_run(parse_task(text, "a"), rows=1).decode().replace(" ", "").startswith(example)


def test_bounds_of_columns_that_sum_up_are_kept():
    text = 'name = "a"\n[[columns]]\nheading = "a"\ntype = "score"\nlow = 0\nhigh = 5\n'
    text += '[[columns]]\nheading = "b"\ntype = "score"\nlow = 0\nhigh = 95\n'
    text += '[[rules]]\nrule = "sum"\ncolumns = ["a", "b"]\ntotal = 100\n'
    assert rows_of(parse_task(text, "a"))[0][1:] == ["5", "95"]


def test_no_cell_of_an_example_needs_quotes():
    for name in task_names():
        task = load_task(name)
        read = list(csv.reader(io.StringIO(example_run(task).decode()), delimiter=task.layout.separator[0]))
        assert all(len(row) == len(task.columns) + 1 for row in read)


def problems_of_example(task) -> list[str]:
    ids = example_ids(task, 1 if task.subtasks[0].kind == "rank" else 5)
    return [describe(problem, "run") for problem in find_problems(example_run(task, 5), ids, task.header)]


@pytest.mark.parametrize("name", task_names())
def test_the_example_passes_the_check(name):
    assert problems_of_example(load_task(name)) == []


@pytest.mark.parametrize(
    "seeds", [range(40), pytest.param(range(40, 1000), marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_examples_of_drawn_tasks_pass_the_check(seeds):
    wrong = {}
    for seed in seeds:
        task = draw(seed).task
        assert as_text(task)
        if found := problems_of_example(task):
            wrong[seed] = found
    assert wrong == {}
