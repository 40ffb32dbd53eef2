"""Run files of tasks of every layout: the exact bytes that are written, and what is read from them."""

import pytest

from submission.check import find_problems
from submission.errors import RunFileError
from submission.kinds import (
    Column,
    ConstantKind,
    DocumentKind,
    FlagKind,
    ProbabilityKind,
    RankKind,
    ScoreKind,
    SetKind,
    TextKind,
)
from submission.layout import Layout
from submission.runfile import format_run, read_run
from submission.task import Subtask, Task

IDS = ["a.jpg", "b.jpg"]
DETECTION = Subtask(
    "detection",
    "T",
    ("prob", "label", "threshold"),
    ("prob",),
    False,
    kinds=(ProbabilityKind(), FlagKind(), ConstantKind(None, ProbabilityKind())),
)
TAGS = Subtask("tags", "tags", ("codes",), ("codes",), False, kinds=(SetKind(";", empty=True),))
RANKED = Subtask(
    "ranked",
    "ranked",
    ("Q0", "doc", "rank", "score", "tag"),
    ("doc",),
    False,
    kinds=(ConstantKind("Q0"), DocumentKind(), RankKind(0, 3), ScoreKind(), TextKind()),
)
DETECTED = {"detection": {"a.jpg": (0.75, 1, 0.5), "b.jpg": (1e-5, 0, 0.5)}}
TAGGED = {"tags": {"a.jpg": [("C2", "C1")], "b.jpg": [()]}}
LISTS = {"ranked": {"a.jpg": (("d1", 0, 2.5), ("d2", 1, -1.0)), "b.jpg": (("d2", 0, 0.5),)}}


def task(*subtasks: Subtask, shared: tuple[Column, ...] = (), **layout) -> Task:
    columns = (*shared, *(column for one in subtasks for column in one.columns))
    return Task("t", subtasks, id_column="id", columns=columns, layout=Layout(extension=True, **layout))


CASES = [
    (task(DETECTION), DETECTED, {}, "id,prob,label,threshold\na.jpg,0.75,1,0.5\nb.jpg,1e-05,0,0.5\n"),
    (task(DETECTION, header=False, separator=", "), DETECTED, {}, "a.jpg, 0.75, 1, 0.5\nb.jpg, 1e-05, 0, 0.5\n"),
    (
        task(TAGS, container="tsv", separator="\t", line_end="crlf"),
        TAGGED,
        {},
        "id\tcodes\r\na.jpg\tC2;C1\r\nb.jpg\t\r\n",
    ),
    (
        task(TAGS, container="jsonl"),
        TAGGED,
        {},
        '{"id": "a.jpg", "codes": ["C2", "C1"]}\n{"id": "b.jpg", "codes": []}\n',
    ),
    (task(TAGS, container="json"), TAGGED, {}, '{\n"a.jpg": ["C2", "C1"],\n"b.jpg": []\n}\n'),
    (
        task(RANKED, header=False, separator=" "),
        LISTS,
        {"tag": "us"},
        "a.jpg Q0 d1 0 2.5 us\na.jpg Q0 d2 1 -1 us\nb.jpg Q0 d2 0 0.5 us\n",
    ),
    (
        task(TAGS, shared=(Column("key", TextKind()), Column("v", ConstantKind("1")))),
        TAGGED,
        {"key": {"a.jpg": "k1", "b.jpg": "k2"}},
        "id,key,v,codes\na.jpg,k1,1,C2;C1\nb.jpg,k2,1,\n",
    ),
]


@pytest.mark.parametrize(("of", "labels", "shared", "text"), CASES)
def test_a_run_is_written_as_its_layout_says_and_read_back(of, labels, shared, text, tmp_path):
    data = format_run(of.header, IDS, labels, shared)
    assert data == text.encode()
    assert find_problems(data, IDS, of.header) == []
    (tmp_path / "run").write_bytes(data)
    table = read_run(tmp_path / "run", of.header)
    assert table.ids == tuple(IDS)
    assert table.labels == {name: {one: tuple(label) for one, label in of.items()} for name, of in labels.items()}


TAG = {"tag": "us"}


@pytest.mark.parametrize(
    ("of", "answer", "shared", "message"),
    [
        (RANKED, (("d1", 0, 1.0),), {}, "'tag': got no value; expected text. Give it: shared={'tag': …}."),
        (RANKED, ("d1", 0, 1.0), TAG, "rows of document, rank, score"),
        (RANKED, (("d1", 5, 1.0),), TAG, "a whole number from 0 to 2"),
        (TAGS, (["C1"],), {"key": "x"}, "shared: got 'key'"),
        (DETECTION, (2, 0, 0.5), {}, "'prob': a number of 0 to 1"),
    ],
)
def test_what_cannot_be_written_is_reported(of, answer, shared, message):
    with pytest.raises(RunFileError) as error:
        format_run(task(of).header, IDS, {of.name: dict.fromkeys(IDS, answer)}, shared)
    assert message in str(error.value)
