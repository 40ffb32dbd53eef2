"""Kinds of columns: what a cell may hold, and that what is written is read back."""

import re

import numpy as np
import pytest

from submission.kinds import (
    ConstantKind,
    DocumentKind,
    FlagKind,
    Kind,
    LabelKind,
    ProbabilityKind,
    RankKind,
    ScoreKind,
    SetKind,
    TextKind,
)
from submission.layout import Layout
from submission.patterns import Pattern
from submission.rules import SumRule, ThresholdRule
from submission.task import Column, Subtask, Task

ALLOWED: list[tuple[Kind, dict[str, object]]] = [
    (LabelKind(("bad", "good")), {"bad": "bad"}),
    (FlagKind(), {"0": 0, "1": 1}),
    (ProbabilityKind(), {"0.73": 0.73, "1": 1.0, "1e-05": 1e-5}),
    (ScoreKind(), {"-1.25": -1.25, "0": 0.0}),
    (SetKind(empty=True), {"C1;C2": ("C1", "C2"), "": ()}),
    (RankKind(first=1, most=3), {"1": 1, "3": 3}),
    (DocumentKind(), {"doc 1": "doc 1"}),
    (ConstantKind("Q0"), {"Q0": "Q0"}),
    (ConstantKind(kind=ProbabilityKind()), {"0.5": 0.5}),
    (TextKind(), {"_HaSVQSRwVI": "_HaSVQSRwVI"}),
]
REFUSED: list[tuple[Kind, list[str]]] = [
    (LabelKind(("bad", "good")), ["Bad", "", " bad"]),
    (FlagKind(), ["1.0", "true", "", "2"]),
    (ProbabilityKind(), ["1.01", "-0.1", "nan", "inf", "0,7", " 0.7", "1_0", "٣"]),
    (ScoreKind(low=1, high=7), ["0.99", "7.01", "high"]),
    (ScoreKind(), ["nan", "1e999", "9" * 200]),
    (SetKind(), ["", "C1;C1", "C1; C2", ";"]),
    (SetKind(items=("C1",), most=1), ["C2", "C1;C1"]),
    (RankKind(first=1, most=3), ["0", "4", "01", "1.0", "²"]),
    (DocumentKind(), ["", " x"]),
    (ConstantKind("Q0"), ["Q1"]),
]


@pytest.mark.parametrize(("kind", "cells"), ALLOWED, ids=lambda value: getattr(value, "type", ""))
def test_what_is_allowed_is_read_and_written_back(kind, cells):
    for cell, value in cells.items():
        assert kind.read(cell) == value
        assert kind.write(value) == cell


@pytest.mark.parametrize(("kind", "cells"), REFUSED, ids=lambda value: getattr(value, "type", ""))
def test_what_is_not_allowed_says_what_was_expected(kind, cells):
    for cell in cells:
        with pytest.raises(ValueError, match=f"^{re.escape(kind.expected)}$"):
            kind.read(cell)


def test_what_a_set_expects_is_in_the_words_of_the_task_file():
    expected = "items like C[0-9]{7}, each once, separated by ';'"
    assert SetKind(item=Pattern.parse("C[0-9]{7}")).expected == expected


def test_numbers_of_numpy_are_written_as_python_would_and_probabilities_are_no_decisions():
    assert ProbabilityKind().write(np.float32(0.5)) == "0.5"
    assert FlagKind().write(np.int64(1)) == "1"
    for value in (0.7, np.float64(1.0), "1"):
        with pytest.raises(ValueError, match="apply the threshold first"):
            FlagKind().write(value)
    with pytest.raises(ValueError, match="a number of 0 to 1"):
        ProbabilityKind().write(float("nan"))


def test_a_subtask_of_a_probability_needs_only_its_label_in_a_truth():
    kinds = (ProbabilityKind(), FlagKind(), ConstantKind(kind=ProbabilityKind()))
    fake = Subtask("fake", "fake", ("prob", "label", "threshold"), ("label",), multi_label=True, kinds=kinds)
    assert fake.kind == "probability"
    assert fake.truth_headings == ("label",)
    assert fake.to_cells((0.73, 1, 0.5)) == ("0.73", "1", "0.5")
    assert fake.from_cells(("0.73", "1", "0.5")) == (0.73, 1, 0.5)
    with pytest.raises(ValueError, match=r"'prob': a number of 0 to 1; 'label': an integer of 0 or 1"):
        fake.to_cells((1.2, 0.4, 0.5))


def test_the_official_header_has_columns_that_belong_to_no_subtask():
    score = Subtask("memorability", "score", ("score",), ("score",), multi_label=False, kinds=(ScoreKind(),))
    columns = (Column("id", TextKind()), *score.columns)
    task = Task("videos", (score,), id_column="video_id", columns=columns, layout=Layout())
    assert task.header.cells == ("video_id", "id", "score")
    assert task.header.only(["memorability"]).cells == ("video_id", "id", "score")
    assert task.shared_columns == (Column("id", TextKind()),)


def test_rules_say_what_a_row_has_instead():
    total = SumRule(("a", "b", "c"), 100)
    assert total.problem({"a": 33.3, "b": 33.3, "c": 33.4}) is None
    assert total.problem({"a": 25.0, "b": 75.0, "c": 25.0}) == "125"
    rule = ThresholdRule("label", "prob", "threshold")
    assert rule.problem({"label": 1, "prob": 0.5, "threshold": 0.5}) is None  # >=
    assert rule.problem({"label": 0, "prob": 0.73, "threshold": 0.5}) == "0 at 0.73 with the threshold 0.5"
