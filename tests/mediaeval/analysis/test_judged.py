"""Predictions beside the truth: losses and margins by hand, and of a run's dev images."""

import numpy as np
import pandas as pd
import pytest

from mediaeval.analysis.judged import OUT_OF_FOLD, VALIDATION, JudgedImages, judge, load_dev_set
from mediaeval.errors import DatasetError
from mediaeval.runs import open_run
from mediaeval.steps.trained_run import TrainedRun
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK
from tests.mediaeval.analysed import RECIPE  # noqa: F401

pytestmark = pytest.mark.integration


def judged(subtask, P, Y, decided, thresholds=None) -> JudgedImages:
    ids = [f"i{k}" for k in range(len(P))]
    P, Y, decided = (pd.DataFrame(one, index=ids, columns=list(subtask.labels)) for one in (P, Y, decided))
    T = None if thresholds is None else pd.DataFrame([thresholds] * len(P), index=ids, columns=P.columns)
    return JudgedImages("run", subtask, VALIDATION, P, Y, decided, T, None, None)


def test_classes_lose_the_logarithm_of_the_true_one_and_are_right_by_the_distance_to_the_next():
    found = judged(TASK["subtask1"], [[0.2, 0.3, 0.5], [0.2, 0.3, 0.5]], np.eye(3, dtype=int)[[2, 0]], [[0, 0, 1]] * 2)
    assert found.losses().tolist() == pytest.approx([-np.log(0.5), -np.log(0.2)])
    assert found.margins().tolist() == pytest.approx([0.2, -0.3])
    assert found.right().all(axis=1).tolist() == [True, False]
    assert found.names(found.truth, "i1") == ["negative"]
    assert found.names(found.decided, "i1") == ["positive"]


def test_labels_lose_their_mean_and_are_right_by_the_distance_to_their_threshold():
    P = [[0.9, 0.4, 0.1, 0.1, 0.1, 0.1, 0.1]]
    found = judged(TASK["subtask2"], P, [[1, 1, 0, 0, 0, 0, 0]], [[1, 0, 0, 0, 0, 0, 0]], [0.5] * 7)
    assert found.losses().tolist() == pytest.approx([(-np.log(0.9) - np.log(0.4) - 5 * np.log(0.9)) / 7])
    assert found.label_margins().to_numpy()[0] == pytest.approx([0.4, -0.1, 0.4, 0.4, 0.4, 0.4, 0.4])
    assert found.margins().tolist() == pytest.approx([-0.1])


def test_a_run_is_judged_out_of_fold_on_all_images_else_on_its_validation_images(job):
    first, alone = (TrainedRun.open(open_run(name), TASK, of_split=True) for name in ("first", "alone"))
    dev = load_dev_set(first)
    found, of_split = judge(first, TASK["subtask2"], dev), judge(alone, TASK["subtask1"], dev)
    assert (found.where, len(found.ids)) == (OUT_OF_FOLD, 60)
    assert (of_split.where, len(of_split.ids)) == (VALIDATION, alone.records["subtask1"].n_val)
    assert (found.label_margins() >= 0).equals(found.right())  # no probability equals its threshold here

    file = job / "devset" / "devset.csv"
    file.write_text(file.read_text().replace(",positive,", ",neutral,", 3))
    with pytest.raises(DatasetError, match=r"subtask1 scores .* out of fold, in training .*: the labels have changed"):
        judge(first, TASK["subtask1"], load_dev_set(first))
