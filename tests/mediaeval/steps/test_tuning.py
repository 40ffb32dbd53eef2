"""Thresholds that are best by the metric of the task."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from mediaeval.answers.learned import learned_task
from mediaeval.classifiers.thresholds import tune_thresholds
from mediaeval.steps.tuning import tuned
from submission.metrics import Metric
from submission.task import Subtask
from submission.taskfile import parse_task

RNG = np.random.default_rng(0)
Y = (RNG.random((200, 3)) < (0.5, 0.2, 0.05)).astype(int)
P = np.clip(0.3 * Y + RNG.random((200, 3)) * 0.6, 0, 1)
LABELS = ("a", "b", "c")


def flags(**metric) -> Subtask:
    return Subtask("x", "x", LABELS, LABELS, True, metrics=(Metric("f1", columns=LABELS, **metric),))


def frames(columns=LABELS):
    return pd.DataFrame(P, columns=list(columns)), pd.DataFrame(Y, columns=list(columns))


def test_each_label_has_its_own_for_averages_over_labels():
    own = tune_thresholds(Y, P).tolist()
    assert tuned(flags(average="weighted"), *frames()) == tuned(flags(average="macro"), *frames()) == own


def test_label_macro_counts_both_sides():
    found = tuned(flags(average="label-macro"), *frames())
    for k, threshold in enumerate(found):
        best = f1_score(Y[:, k], P[:, k] >= threshold, average="macro")
        every = [f1_score(Y[:, k], P[:, k] >= t, average="macro", zero_division=0) for t in np.unique(P[:, k])]
        assert best == pytest.approx(max(every), abs=1e-12), "no other threshold is better"


@pytest.mark.parametrize("average", ["micro", "samples"])
def test_a_shared_one_is_taken_where_it_is_better(average):
    found = tuned(flags(average=average), *frames())
    scores = {
        tuple(one): f1_score(Y, np.asarray(one) <= P, average=average, zero_division=1 if average == "samples" else 0)
        for one in (found, tune_thresholds(Y, P), [0.5] * 3)
    }
    assert scores[tuple(found)] == max(scores.values())


def test_of_a_set_the_items_that_are_written_count():
    text = 'name = "t"\n[[columns]]\nheading = "x"\ntype = "set"\nmost = 1\nitems = ["a", "b", "c"]'
    subtask = learned_task(parse_task(text, "t.toml")).subtasks[0]
    assert len(tuned(subtask, *frames())) == 3
