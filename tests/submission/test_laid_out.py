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


@pytest.mark.parametrize(
    "text", ["a.jpg,1,0\nb.jpg,0,1\n", "a.jpg;1;0\r\nb.jpg;0;1\r\n", '"a.jpg"\t"1"\t0\nb.jpg\t0\t1\n']
)
def test_a_usual_separator_in_place_of_the_tasks(labels, text):
    assert labels(MEMES, text).labels == {"memes": {"a.jpg": (1, 0), "b.jpg": (0, 1)}}
    assert labels(MEMES, text, reader=read_ids) == ["a.jpg", "b.jpg"]


def test_quotes_that_do_not_close_have_their_line(labels):
    with pytest.raises(LabelFileError, match=r"truth.txt:1: the quotes cannot be read"):
        labels(MEMES, 'a.jpg\t"1\t0\n')


@pytest.mark.parametrize(
    "text",
    [
        "q2 0 d1 1\nq2 0 d2 0\nq1 0 d1 2\n",
        "q2\t0\td1\t1\nq1\t0\td1\t2\n",
        "topic,doc,relevance\nq2,d1,1\nq2,d2,0\nq1,d1,1\n",
        "q2\nq1\n",
        "topic\nq2\nq1\n",
    ],
)
def test_the_ids_of_a_ranked_list_are_its_queries(labels, text):
    assert labels("ranked", text, reader=read_ids) == ["q2", "q1"]


def test_columns_that_are_no_answers_are_read_beside_the_labels(labels):
    table = labels("memorability2026", "id,video_id\n7,a\n,b\n".replace(",b", "8,b"))
    assert (table.labels, table.shared) == ({}, {"id": {"a": "7", "b": "8"}})


def test_what_only_a_run_has_is_read_where_the_whole_is_wanted(labels):
    text = "image_id,prob,label,threshold\na.jpg,0.7,1,0.5\n"

    def whole(path, task):
        return read_labels(path, task, whole=True)

    assert labels("synthim2025", text).labels == {"detection": {"a.jpg": (1,)}}
    assert labels("synthim2025", text, reader=whole).labels == {"detection": {"a.jpg": (0.7, 1, 0.5)}}
    with pytest.raises(LabelFileError, match=r"detection: got 2 columns; expected 3. Add 'threshold'"):
        labels("synthim2025", "image_id,prob,label\na.jpg,0.7,1\n", reader=whole)


@pytest.mark.shared
def test_the_truths_of_the_flood_task_are_dev_set_truth_and_list_of_ids(shared):
    task, folder = load_task("flood2020"), shared / "flood2020"
    dev = read_labels(folder / "devset_tweets_gt.json", task)
    truth = read_labels(folder / "testset_tweets_gt.json", task)
    # the numbers of entries and of relevant ones, counted with Python's json
    assert (len(dev.ids), sum(value == (1,) for value in dev.labels["flood2020"].values())) == (5419, 1140)
    assert (len(truth.ids), sum(value == (1,) for value in truth.labels["flood2020"].values())) == (2279, 492)
    assert read_ids(folder / "testset_tweets_ids.json", task) == list(truth.ids)
    assert read_ids(folder / "testset_tweets_gt.json", task) == list(truth.ids)
    assert dev.ids[0] == "912629686458568704"
