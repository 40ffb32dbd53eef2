"""What is written for a task passes its own check, and is read back as it was: every kind of column and container."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from submission.check import find_problems
from submission.errors import RunFileError
from submission.kinds import (
    Column,
    ConstantKind,
    DocumentKind,
    FlagKind,
    LabelKind,
    ProbabilityKind,
    RankKind,
    ScoreKind,
    SetKind,
    TextKind,
)
from submission.layout import Layout
from submission.rules import SumRule, ThresholdRule
from submission.runfile import format_run, read_run, write_run
from submission.task import Subtask, Task
from submission.taskfile import load_task
from tests.submission.test_check_tasks import CAPTIONS, MEMORABILITY, MOTILITY, RANKED, RUNS

WORDS = st.text("abcXYZ019_-é", min_size=1, max_size=6)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("name", RUNS)
def test_a_sound_run_is_read_and_written_again_byte_for_byte(name, tmp_path):
    task, run, ids = RUNS[name]
    (tmp_path / "run").write_bytes(run.encode())
    table = read_run(tmp_path / "run", task.header)
    assert table.ids == tuple(ids)
    canonical = run.replace("1e-1", "0.1")
    assert format_run(task.header, ids, table.labels, table.shared).decode() == canonical


def test_what_a_run_says_is_given_as_values_of_python(tmp_path):
    def read(task):
        (tmp_path / "run").write_bytes(RUNS[task.name][1].encode())
        return read_run(tmp_path / "run", task.header)

    assert read(CAPTIONS).labels == {
        "concepts": {"a": (("C0001", "C0002"),), "b": ((),), "c": (("C0001",),)},
        "stars": {"a": "1", "b": "3", "c": "2"},
    }
    assert read(load_task("flood2020")).labels["flood2020"]["1090969737671131141"] == (1,)
    assert read(load_task("synthim2025")).labels["detection"]["a.png"] == (0.2, 0, 0.5)
    assert read(MEMORABILITY).labels["brand"] == {
        "_HaSVQSRwVI": (-1.5,), "2_tqQILf2Pk": (3.0,), "n-G3k9QSSgY": (0.25,)
    }  # fmt: skip
    assert read(MEMORABILITY).shared == {"id": {"_HaSVQSRwVI": "1", "2_tqQILf2Pk": "2", "n-G3k9QSSgY": "3"}}
    ranked = read(RANKED)
    assert ranked.ids == ("q1", "q2")
    assert ranked.labels["ranked"]["q1"] == (("d1", 1, 9.5), ("d2", 2, 9.5), ("d3", 3, -1.0))
    assert ranked.shared["tag"] == {"q1": ("us",) * 3, "q2": ("us",)}


def test_rows_are_joined_by_id_and_sorted_where_the_task_sorts_them():
    task = replace(MOTILITY, layout=replace(MOTILITY.layout, order="sorted", line_end="crlf"))
    labels = {"motility2022": {"10": (50, 25, 25), "9": np.array([0.1, 99.9, 0])}}
    first, *rows = format_run(task.header, ["9", "10"], labels).decode().split("\r\n")
    assert first.startswith("ID, Progressive motility (%), ")
    assert rows == ["10, 50, 25, 25", "9, 0.1, 99.9, 0", ""]


def test_columns_that_belong_to_no_subtask_are_given_once_or_by_id(tmp_path):
    ids, labels = ["q2", "q1"], {"ranked": {"q1": [("d1", 1, 0.5)], "q2": [("d2", 1, 0.7), ("d1", 2, 0.1)]}}
    data = format_run(RANKED.header, ids, labels, {"tag": "us"})
    assert data.decode() == "q2 Q0 d2 1 0.7 us\nq2 Q0 d1 2 0.1 us\nq1 Q0 d1 1 0.5 us\n"
    assert data == format_run(RANKED.header, ids, labels, {"tag": {"q1": "us", "q2": ("us", "us")}})
    scores = {name: dict.fromkeys(("b", "a"), (0.5,)) for name in ("memorability", "brand")}
    written = format_run(MEMORABILITY.header, ["b", "a"], scores, {"id": {"a": "1", "b": "2"}}).decode()
    assert written.splitlines()[1:] == ["b,2,0.5,0.5", "a,1,0.5,0.5"]


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ({}, r"'tag': got no value; expected text\. Give it: shared={'tag': …}"),
        ({"tag": "a b"}, r"'tag': got 'a b' for 'q1'; expected cells without blank, quote and line end"),
        ({"tag": {}}, r"'tag': got no value of 'q1' \(1\); expected one for each id"),
        ({"tag": "us", "Tag": "us"}, r"shared: got 'Tag' \(1\); expected 'Q0', 'tag'"),
        ({"tag": "us", "Q0": "Q1"}, r"'Q0': got 'Q1' for 'q1'; expected 'Q0'"),
    ],
)
def test_what_is_missing_or_cannot_be_written_of_shared_columns_is_named(others, told):
    with pytest.raises(RunFileError, match=told):
        format_run(RANKED.header, ["q1"], {"ranked": {"q1": [("d1", 1, 0.5)]}}, others)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "expected rows of document, rank, score"),
        ("d1", "expected rows of document, rank, score"),
        ([("d1", 1)], "expected rows of document, rank, score"),
        ([("d 1", 1, 0.5)], "expected cells without blank, quote and line end"),
        ([("d1", 101, 0.5)], "each of them a whole number from 1 to 100"),
    ],
)
def test_rows_of_a_ranked_list_that_cannot_be_written_are_named(rows, told):
    with pytest.raises(RunFileError, match=told):
        format_run(RANKED.header, ["q1"], {"ranked": {"q1": rows}}, {"tag": "us"})


def test_a_list_of_columns_in_any_order_is_given_as_document_rank_and_score(tmp_path):
    kinds = (ScoreKind(), RankKind(first=0), DocumentKind())
    task = Task("r", (Subtask("r", "r", ("s", "r", "d"), (), multi_label=False, kinds=kinds),))
    labels = {"r": {"q": (("d1", 0, 2.0), ("d2", 1, 1.0))}}
    write_run(tmp_path / "run.csv", task.header, ["q"], labels)
    assert (tmp_path / "run.csv").read_text() == "id,s,r,d\nq,2,0,d1\nq,1,1,d2\n"
    assert read_run(tmp_path / "run.csv", task.header).labels == labels


def test_a_part_of_the_ids_and_extra_ones_are_written_where_the_task_takes_them():
    def written(coverage, answered):
        task = replace(CAPTIONS, subtasks=CAPTIONS.subtasks[1:], columns=(), layout=Layout(coverage=coverage))
        return format_run(task.header, ["b", "a"], {"stars": dict.fromkeys(answered, "1")}).decode()

    assert written("subset", "a") == "id,stars\na,1\n"
    assert written("extra", "xab") == "id,stars\nb,1\na,1\nx,1\n"
    with pytest.raises(RunFileError, match="got ids without a label: 'b'"):
        written("all", "a")


def test_a_run_that_breaks_a_rule_is_not_written(tmp_path):
    with pytest.raises(RunFileError, match=r"got '125'; expected .* to sum up to 100"):
        write_run(tmp_path / "run.csv", MOTILITY.header, ["1"], {"motility2022": {"1": (25, 75, 25)}})
    assert not (tmp_path / "run.csv").exists()


def sums(draw, total=100.0):
    parts = [draw(st.floats(0, 1, allow_subnormal=False)) for _ in range(3)]
    whole = math.fsum(parts) or 1.0
    return tuple(total * part / whole for part in parts) if math.fsum(parts) else (total, 0.0, 0.0)


def sets(items, most):
    return st.lists(items, unique=True, max_size=most).map(lambda chosen: (tuple(chosen),))


@st.composite
def runs(draw):
    """A task, ids, and answers to them."""
    container = draw(st.sampled_from(["csv", "csv", "csv", "tsv", "jsonl", "json"]))
    separator = draw(st.sampled_from([",", ";", ", ", " ", "\t"])) if container == "csv" else ","
    layout = Layout(
        container,
        "\t" if container == "tsv" else separator,
        header=draw(st.booleans()) if container in ("csv", "tsv") else True,
        line_end=draw(st.sampled_from(["lf", "crlf", "any"])) if container in ("csv", "tsv") else "lf",
        extension=(extension := draw(st.booleans())),
        order=draw(st.sampled_from(["any", "list", "sorted"])),
        coverage=draw(st.sampled_from(["all", "subset", "extra"])),
    )
    ids = draw(st.lists(WORDS, min_size=1, max_size=5, unique_by=str.casefold))
    ids = [f"{image_id}.jpg" for image_id in ids] if extension else ids
    threshold = draw(st.floats(0, 1))
    low, high = sorted((draw(st.integers(-9, 9)), draw(st.integers(-9, 9))))
    choices = [
        ("label", (LabelKind(("bad", "Good", "3")),), st.sampled_from(["bad", "Good", "3"])),
        ("flags", (FlagKind(), FlagKind()), st.tuples(st.integers(0, 1), st.integers(0, 1))),
        ("score", (ScoreKind(),), st.tuples(NUMBERS)),
        ("bounded", (ScoreKind(low, high),), st.tuples(st.floats(low, high))),
        ("sum", (ScoreKind(0, 101),) * 3, None),
        ("set", (SetKind("|", None, ("x", "y", "z"), 2, True),), sets(st.sampled_from("xyz"), 2)),
        ("prob", (ProbabilityKind(), FlagKind(), ConstantKind(kind=ProbabilityKind())), None),
        ("rank", (DocumentKind(), RankKind(draw(st.integers(0, 1)), 4), ScoreKind()), None),
    ]
    chosen = draw(st.lists(st.sampled_from(choices), min_size=1, max_size=3, unique_by=lambda choice: choice[0]))
    chosen = [one for one in chosen if one[0] == "rank"] or chosen
    subtasks, labels, rules = [], {}, []
    for name, kinds, strategy in chosen:
        headings = tuple(f"{name}{k}" for k in range(len(kinds)))
        names = kinds[0].labels if name == "label" else ("x", "y", "z") if name == "set" else headings
        subtasks.append(Subtask(name, name, headings, names, multi_label=name in ("flags", "set"), kinds=kinds))
        if strategy is not None:
            labels[name] = {image_id: draw(strategy) for image_id in ids}
        elif name == "sum":
            rules.append(SumRule(headings, 100.0, 1e-6))
            labels[name] = {image_id: sums(draw) for image_id in ids}
        elif name == "prob":
            rules.append(ThresholdRule(*(headings[k] for k in (1, 0, 2))))
            probs = {image_id: draw(st.floats(0, 1)) for image_id in ids}
            labels[name] = {image_id: (p, int(p >= threshold), threshold) for image_id, p in probs.items()}
        else:
            labels[name] = {image_id: ranked(draw, kinds[1]) for image_id in ids}
    shared = draw(st.booleans())
    columns = [column for subtask in subtasks for column in subtask.columns]
    columns = [Column("key", TextKind()), *columns, Column("fixed", ConstantKind("Q0"))] if shared else columns
    task = Task("drawn", tuple(subtasks), layout=layout, columns=tuple(columns), rules=tuple(rules))
    others = {"key": {image_id: draw(WORDS) for image_id in ids}, "fixed": "Q0"} if shared else {}
    return task, ids, labels, others


def ranked(draw, kind):
    documents = draw(st.lists(WORDS, min_size=1, max_size=4, unique=True))
    scores = sorted((draw(NUMBERS) for _ in documents), reverse=True)
    return tuple(
        (document, kind.first + k, score) for k, (document, score) in enumerate(zip(documents, scores, strict=True))
    )


def check_round_trip(run, path: Path) -> None:
    task, ids, labels, others = run
    write_run(path, task.header, ids, labels, shared=others)
    listed = sorted(ids) if task.layout.order == "sorted" else ids
    assert find_problems(path, listed, task.header) == []
    table = read_run(path, task.header)
    assert (table.labels, set(table.ids), table.header) == (labels, set(ids), task.header.cells)
    if others and not task.is_ranked:
        assert table.shared == {"key": others["key"], "fixed": dict.fromkeys(ids, "Q0")}
    assert format_run(task.header, ids, table.labels, table.shared) == path.read_bytes()


@settings(max_examples=60)
@given(runs())
def test_what_is_written_for_a_drawn_task_passes_and_is_read_back(tmp_path_factory, run):
    check_round_trip(run, tmp_path_factory.getbasetemp() / "drawn")


@pytest.mark.slow
@settings(max_examples=3000)
@given(runs())
def test_what_is_written_for_many_drawn_tasks_passes_and_is_read_back(tmp_path_factory, run):
    check_round_trip(run, tmp_path_factory.getbasetemp() / "drawn")
