"""validation.csv has truth and answer beside the probabilities, of every kind of run; readers do without them."""

import numpy as np
import pandas as pd
import pytest

from mediaeval.runs import open_run
from mediaeval.steps.trained_run import TrainedRun
from mediaeval.steps.validation_file import in_words, write_validation
from submission.task import Subtask
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK
from tests.conftest import command, without_digests
from tests.mediaeval import analysed

pytestmark = pytest.mark.integration

RECIPE = analysed.RECIPE


def read(run: str, subtask: str) -> pd.DataFrame:
    return pd.read_csv(f"runs/{run}/{subtask}/validation.csv", index_col="id", keep_default_na=False)


def test_names_are_joined_so_that_they_can_be_told_apart():
    labels = ("a;b", "a", "b", "c\\")
    subtask = Subtask("odd", "odd", labels, labels, multi_label=True)
    table = pd.DataFrame([[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], columns=labels)
    assert in_words(subtask, table) == ["a\\;b", "a;b", "c\\\\", ""]


def test_a_label_may_be_called_truth(tmp_path):
    subtask = Subtask("odd", "odd", ("truth", "lie"), ("truth", "lie"), multi_label=True)
    P = pd.DataFrame([[0.25, 0.75]], index=["i"], columns=subtask.labels)
    write_validation(tmp_path, subtask, P, P.round().astype(int), P.round().astype(int))
    assert (tmp_path / "validation.csv").read_text() == "id,truth,lie,source,truth,answer\ni,0.25,0.75,model,lie,lie\n"


def test_truth_is_the_dev_sets_and_the_answer_follows_from_the_probabilities(job, run):
    truth = pd.read_csv(next((job / "devset").glob("*.csv")), index_col="id", keep_default_na=False)
    command("ensemble", "first", "second", "--run", "both")
    for name in ("first", "both", "alone"):
        table = read(name, "subtask1")
        assert list(table.columns) == [*TASK["subtask1"].labels, "source", "truth", "answer"]
        assert (table["truth"] == truth.loc[table.index, TASK["subtask1"].headings[0]]).all()
        names = np.array(TASK["subtask1"].labels)
        assert (table["answer"] == names[table[list(names)].to_numpy().argmax(axis=1)]).all()
    (job / "thresholds.json").write_text(analysed.exported(job, {"subtask2": {"T2.1: Joy": 0.0}}))
    run("thresholds", "first", "thresholds.json", "--run", "hand")
    before, after = read("first", "subtask2"), read("hand", "subtask2")
    assert (after["truth"] == before["truth"]).all() and after["answer"].str.startswith("Joy").all()
    assert not before["answer"].str.startswith("Joy").all()


def test_the_file_of_an_earlier_version_is_read(job):
    path = job / "runs/first/subtask1/validation.csv"
    expected = TrainedRun.open(open_run("first"), TASK).validation(TASK["subtask1"])
    path.write_text("".join(line.rsplit(",", 2)[0] + "\n" for line in path.read_text().splitlines()))
    without_digests(job / "runs/first")
    assert path.read_text().startswith("id,negative,neutral,positive,source\n")
    assert TrainedRun.open(open_run("first"), TASK).validation(TASK["subtask1"]).equals(expected)
