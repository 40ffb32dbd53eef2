"""Wrong answers: which, in which order, and what the command and its contact sheet say of them."""

import json

import numpy as np
import pytest
from PIL import Image

from mediaeval.analysis.errors import FALSE_NEGATIVE, FALSE_POSITIVE, count_errors, worst_images, worst_of_label
from mediaeval.answers.learned import learned_task
from submission.taskfile import parse_task
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK
from tests.mediaeval import analysed
from tests.mediaeval.analysis.test_judged import judged

pytestmark = pytest.mark.integration

RECIPE = analysed.RECIPE


def test_wrong_classes_come_by_what_the_true_one_lost():
    P = [[0.2, 0.3, 0.5], [0.05, 0.15, 0.8], [0.1, 0.8, 0.1]]
    found = judged(TASK["subtask1"], P, np.eye(3, dtype=int)[[2, 0, 0]], np.eye(3, dtype=int)[[2, 2, 1]])
    count = count_errors(found)
    assert (count.wrong, count.images, count.labels) == (2, 3, None)
    first, second = worst_images(found, 5)
    assert (first.id, first.truth, first.answer, first.output) == ("i1", ("negative",), ("positive",), 0.8)
    assert first.loss == pytest.approx(-np.log(0.05)) and second.id == "i2"
    of_label = worst_of_label(found, "negative", 5)
    assert [(e.id, e.output) for e in of_label.found] == [("i1", 0.05), ("i2", 0.1)]
    assert {e.what for e in of_label.found} == {FALSE_NEGATIVE}
    (one,) = worst_of_label(found, "positive", 5).found
    assert (one.id, one.what, one.loss) == ("i1", FALSE_POSITIVE, pytest.approx(-np.log(0.2)))


def test_of_labels_the_wrong_one_that_costs_most_is_named():
    # Sadness is right, though it costs more than the two wrong ones
    P, truth = [[0.9, 0.01, 0.4, 0.1, 0.1, 0.1, 0.1]], [[0, 1, 1, 0, 0, 0, 0]]
    found = judged(TASK["subtask2"], P, truth, [[1, 1, 0, 0, 0, 0, 0]], [0.5, 0.005, 0.5, 0.5, 0.5, 0.5, 0.5])
    count = count_errors(found)
    assert (count.wrong, count.wrong_labels, count.labels) == (1, 2, 7)
    (one,) = worst_images(found, 1)
    assert (one.label, one.output, one.threshold) == ("T2.1: Joy", 0.9, 0.5)
    assert (one.truth, one.answer) == (("Sadness", "Fear"), ("Joy", "Sadness"))
    of_label = worst_of_label(found, "T2.1: Joy", 1)
    assert (of_label.false_positives, of_label.negatives, of_label.positives) == (1, 1, 0)


def test_numbers_have_errors_in_their_own_unit():
    task = parse_task('name = "valence"\n[[columns]]\nheadings = ["v", "a"]\ntype = "score"\n', "valence.toml")
    (subtask,) = learned_task(task).subtasks
    P, Y = [[1.0, 5.0], [3.0, 5.5]], [[1.5, 5.0], [1.0, 7.0]]
    found = judged(subtask, P, Y, P)
    assert count_errors(found).errors == {"v": pytest.approx(1.25), "a": pytest.approx(0.75)}
    first, second = worst_images(found, 2)
    assert (first.id, first.label, first.error, first.truth) == ("i1", "v", 2.0, (1.0, 7.0)) and second.id == "i0"
    assert [e.error for e in worst_of_label(found, "a", 2).found] == [1.5, 0.0]


def test_the_command_counts_lists_and_draws_and_the_run_can_still_be_submitted(job, run):
    chosen = {"subtask2": {"T2.1: Joy": 0.0, "T2.3: Fear": 1.0}}
    (job / "thresholds.json").write_text(analysed.exported(job, chosen))
    run("thresholds", "first", "thresholds.json", "--run", "hand")  # 20 of 60 have Joy, and 20 have Fear
    (job / "devset/images/d7.jpg").unlink()

    found = json.loads(run("errors", "hand", "--subtask", "subtask2", "--limit", "60", "--json").stdout)
    (count,) = found["counts"]
    assert (count["wrong"], count["wrong_labels"], found["left_out"]) == (len(found["images"]), 60, 0)
    assert count["note"] == "thresholds chosen by hand on these images" and count["where"] == "out of fold"
    losses = [image["loss"] for image in found["images"]]
    assert losses == sorted(losses, reverse=True)
    assert [image["id"] for image in found["images"] if image["gone"]] == ["d7"]
    assert [image["path"] for image in found["images"] if image["id"] == "d7"] == [None]

    result = run("errors", "hand", "--subtask", "subtask2", "--label", "joy", "--limit", "40")
    first, title, columns, row = result.stdout.splitlines()[:4]
    assert first.startswith("subtask2: ") and first.endswith(" labels (thresholds chosen by hand on these images)")
    assert title == "# subtask2, Joy: 0 of 20 images with it missed, 40 of 40 without it given it"
    assert columns == "image\terror\ttruth\tanswer\tprobability\tthreshold\tloss\tpath"
    assert "false positive" in row and "d7: the file is absent" in result.stderr
    assert result.stdout.endswith("sheet\truns/hand/subtask2/errors.png\n")
    assert Image.open("runs/hand/subtask2/errors.png").width > 1500
    run("submit", "hand", "--no-rehearsal")

    alone = run("errors", "alone", "--label", "positive").stdout
    assert alone.startswith("subtask1: 0 of 12 images of the validation side are wrong\nsubtask1, positive: 0 of ")
    refused = run("errors", "first", "--out", "a.txt", code=1).stderr
    assert "--out: got a.txt; expected a name that ends in .png" in refused
    assert "unknown label 'joyous'." in run("errors", "first", "--label", "joyous", code=1).stderr
