"""Truths and lists of ids in the layout of a task's run files, or in JSON."""

import pytest

from submission.errors import LabelFileError
from submission.labels import read_ids, read_labels
from submission.taskfile import load_task, parse_task

MEMES = """
name = "memes"
[file]
container = "tsv"
header = false
[id]
column = "file"
extension = true
[[columns]]
headings = ["rude", "loud"]
type = "flag"
"""
CONCEPTS = """
name = "concepts"
[id]
column = "ID"
[[columns]]
heading = "codes"
type = "set"
empty = true
"""
WIND = 'name = "wind"\n[file]\nseparator = ";"\n[[columns]]\nheadings = ["a", "b"]\ntype = "score"\n'


@pytest.fixture
def labels(tmp_path):
    """labels(task file, text) → the table of labels in a file with this text."""

    def read(task: str, text: str, name: str = "truth.txt", reader=read_labels):
        (tmp_path / name).write_text(text, encoding="utf-8")
        loaded = parse_task(task, "task.toml") if "\n" in task else load_task(task)
        return reader(tmp_path / name, loaded)

    return read


@pytest.mark.parametrize(
    "text",
    [
        "a.jpg\t1\t0\nb.jpg\t0\t1\n",
        "file\trude\tloud\na.jpg\t1\t0\nb.jpg\t0\t1\n",
        "file,rude,loud\na.jpg,1,0\nb.jpg,0,1\n",
        "loud\tfile\trude\n0\ta.jpg\t1\n1\tb.jpg\t0\n",
    ],
)
def test_cells_by_their_places_or_by_a_header(labels, text):
    table = labels(MEMES, text)
    assert table.ids == ("a.jpg", "b.jpg")
    assert table.labels == {"memes": {"a.jpg": (1, 0), "b.jpg": (0, 1)}}


def test_another_separator(labels):
    assert labels(WIND, "id;a;b\nx;1.5;2\n").labels == {"wind": {"x": (1.5, 2.0)}}


def test_a_list_of_ids_needs_no_header_where_run_files_have_none(labels):
    assert labels(MEMES, "a.jpg\nb.jpg\n", reader=read_ids) == ["a.jpg", "b.jpg"]
    assert labels(MEMES, "a.jpg\t1\t0\n", reader=read_ids) == ["a.jpg"]


@pytest.mark.parametrize(
    ("task", "text", "expected"),
    [
        ("flood2020", '[{"912629686458568704": 0}, {"2": 1}]', {"912629686458568704": (0,), "2": (1,)}),
        ("flood2020", '{"1": 0,\n"2": true}', {"1": (0,), "2": (1,)}),
        (CONCEPTS, '{"ID": "x", "codes": ["C1", "C2"]}\n{"ID": "y", "codes": []}\n', {"x": ("C1", "C2"), "y": ()}),
        (CONCEPTS, '[{"id": "x", "codes": "C1;C2"}]', {"x": ("C1", "C2")}),
        (WIND, '{"x": {"a": 1.5, "b": 2}}', {"x": (1.5, 2.0)}),
    ],
)  # fmt: skip
def test_json(labels, task, text, expected):
    (found,) = labels(task, text, "truth.json").labels.values()
    assert found == {key: value if task != CONCEPTS else (value,) for key, value in expected.items()}


def test_json_of_ids_alone(labels):
    assert labels("flood2020", '["1", "2"]', "ids.json", read_ids) == ["1", "2"]


@pytest.mark.parametrize(
    ("task", "text", "message"),
    [
        (
            MEMES,
            "a.jpg\t1\n",
            r"truth.txt:1: got 2 cells \(a.jpg\\t1\); expected 1 or 3: the id, then 'rude' and 'loud'.",
        ),
        (MEMES, "a.jpg\t1\t0\nb.jpg\t1\n", "truth.txt:2: got 2 cells; expected 3. Look for an extra or a missing"),
        (MEMES, "a.jpg\t1\t0\nb.jpg\t1\t2\n", "truth.txt:2: loud: got '2'; expected 0 or 1."),
        (MEMES, "a.jpg\t1\t0\na.jpg\t1\t1\n", "truth.txt:2: got the id 'a.jpg' again"),
        ("flood2020", '[{"1": 0},\n{"2": 3}]', "truth.txt:2: relevant: got '3'; expected 0 or 1."),
        ("flood2020", '[{"1": 0},\n{"1": 1}]', "truth.txt:2: got the id '1' again"),
        ("flood2020", '[{"1": 0},\n{"2" 3}]', "truth.txt:2: the JSON is damaged: "),
        ("flood2020", "[3.5, [1]]", r"truth.txt:1: the JSON is damaged: got .*; expected an id, or an object"),
        (WIND, '{"x": 1.5}', "truth.txt:1: got one answer an id; expected an object with 'a' and 'b'."),
    ],
)
def test_what_is_wrong_has_its_line(labels, task, text, message):
    with pytest.raises(LabelFileError, match=message):
        labels(task, text)
