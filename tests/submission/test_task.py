"""A label changes form without loss, a header is made canonical in one place, and headings are told apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from submission.errors import RunFileError
from submission.task import Header, Subtask, Task
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

ONE, TWO, THREE = VISUAL_SENTIMENT_2021.subtasks
OFFICIAL = VISUAL_SENTIMENT_2021.header.cells


@given(st.data(), st.sampled_from([ONE, TWO, THREE]))
def test_a_label_survives_every_change_of_form(data, subtask):
    bits = st.tuples(*[st.integers(0, 1)] * len(subtask.labels))
    label = data.draw(bits if subtask.multi_label else st.sampled_from(subtask.labels))
    assert subtask.from_cells(subtask.to_cells(label)) == label
    assert subtask.from_row(subtask.to_row(label)) == label
    assert subtask.from_row(np.array(subtask.to_row(label), dtype="int8")) == label
    assert set(subtask.to_cells(label)) <= set(subtask.values)
    assert len(subtask.to_cells(label)) == len(subtask.headings) and len(subtask.to_row(label)) == len(subtask.labels)


def test_the_forms_of_a_class_and_of_several_labels():
    assert (ONE.to_cells("neutral"), ONE.to_row("neutral")) == (("neutral",), (0, 1, 0))
    assert TWO.to_cells(np.array([1, 0, 0, 0, 0, 1, 0], dtype=bool)) == ("1", "0", "0", "0", "0", "1", "0")
    assert (ONE.expected, TWO.expected) == ("negative, neutral or positive", "0 or 1")
    assert (ONE.short("negative"), THREE.short("T3.10:surprise")) == ("negative", "surprise")


@pytest.mark.parametrize("cells", [(), ("0",) * 6, ("0",) * 6 + ("2",), ("0",) * 6 + ("1.0",)])
def test_cells_outside_their_domain_are_no_label(cells):
    with pytest.raises(ValueError, match="expected 7 of 0 or 1"):
        TWO.from_cells(cells)
    with pytest.raises(ValueError, match="expected 1 of negative, neutral or positive"):
        ONE.from_cells(("Negative",))


@pytest.mark.parametrize("row", [(0, 0, 0), (1, 1, 0), (1, 0), (0.5, 0.5, 0), (2, 0, 0)])
def test_a_row_without_exactly_one_1_is_no_class(row):
    with pytest.raises(ValueError, match="expected 3 values of 0 or 1, one of them 1"):
        ONE.from_row(row)


def test_headings_are_told_by_number_and_no_further():
    official = VISUAL_SENTIMENT_2021.official_heading
    assert official("T3.4: Empathetic pain") == official(" t3.04") == "T3.4: Emphatic pain"
    assert official("T1: sentiment") == "T1"
    assert [official(text) for text in ("T1.1", "T2", "T2.0", "T2.8", "T4.1", "T12", "joy", "")] == [None] * 8


def test_a_header_is_the_dev_sets_own():
    own = tuple(cell.replace("Emphatic", "Empathetic") for cell in OFFICIAL)

    def complete(cells):
        return Header.complete(VISUAL_SENTIMENT_2021, cells)

    assert complete(own).cells == own
    assert complete(own).only(["subtask1", "subtask3"]).cells == ("id", "T1", *own[9:])
    assert complete(own[:2]).cells == OFFICIAL  # a dev set of T1: the other headings are official
    assert complete(()).cells == OFFICIAL
    assert complete(("filename", *own[2:9])).cells == ("filename", "T1", *own[2:9], *OFFICIAL[9:])
    assert complete(("id", "mood", *own[9:], *own[2:9], "T1")).cells == ("id", *own[9:], *own[2:9], "T1")  # its order
    assert complete(complete(own[:2]).cells) == complete(own[:2])
    with pytest.raises(RunFileError, match="got subtask 'subtask4'; expected subtask1, subtask2 or subtask3"):
        complete(own).only(["subtask4"])


def test_a_header_says_what_it_holds():
    header = VISUAL_SENTIMENT_2021.header.only(["subtask3", "subtask1"])
    assert header.subtasks == (ONE, THREE)
    assert header.headings == ("T1", *THREE.headings)
    assert header.places(THREE) == list(range(2, 12))
    assert Header(VISUAL_SENTIMENT_2021, ("id", "mood", "T1: x")).headings == (None, "T1")


def test_a_task_without_numbers_knows_its_headings_by_their_words(invented_task):
    assert invented_task.names == ("weather", "ships")
    assert invented_task.header.cells == ("image", "sky", "tugs", "ferries", "tankers")
    assert invented_task.official_heading(" Ferries") == "ferries"
    assert invented_task.official_heading("T1") is None
    assert invented_task["ships"].to_row((0, 1, 1)) == (0, 1, 1)
    assert invented_task["weather"].to_row("storm") == (0, 0, 1, 0)
    assert invented_task["weather"].expected == "clear, cloudy, storm or fog"


def test_a_task_that_contradicts_itself_is_not_made():
    for fault, make in [
        ("no labels", lambda: Subtask("a", "a", ("a",), (), multi_label=False)),
        ("got 1 headings; expected 2", lambda: Subtask("a", "a", ("a",), ("x", "y"), multi_label=True)),
        ("two subtasks have one name", lambda: Task("t", (ONE, ONE))),
        ("two headings cannot be told apart", lambda: Task("t", (ONE, Subtask("b", "b", ("t1",), ("x",), False)))),
    ]:
        with pytest.raises(AssertionError, match=fault):
            make()
