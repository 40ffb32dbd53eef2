"""Calibration, curves, doubts, slices and flips: by hand, against scikit-learn, and where something was planted."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score

from mediaeval.analysis.confusions import confusion_part, cooccurrence_part, prevalence_part, scatter_part
from mediaeval.analysis.curves import POINTS, curves_part
from mediaeval.analysis.doubts import duplicates_part, label_errors_part
from mediaeval.analysis.flips import flips_part
from mediaeval.analysis.judged import OUT_OF_FOLD, JudgedImages
from mediaeval.analysis.reliability import calibration_part
from mediaeval.analysis.slices import Look, find_slices, slices_part
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

pytestmark = pytest.mark.integration


def made(subtask, n=400, seed=0, strength=1.5) -> JudgedImages:
    """Predictions whose logits are the truth's plus noise; groups of two images, five folds."""
    rng, labels = np.random.default_rng(seed), list(subtask.labels)
    ids = [f"i{k:03}" for k in range(n)]
    if subtask.multi_label:
        Y = (rng.random((n, len(labels))) < 0.3).astype(int)
        P = 1 / (1 + np.exp(-(strength * (2 * Y - 1) + rng.normal(size=Y.shape))))
        decided = (P >= 0.5).astype(int)
    else:
        Y = np.eye(len(labels), dtype=int)[rng.integers(0, len(labels), n)]
        P = np.exp(strength * Y + rng.normal(size=Y.shape))
        P /= P.sum(axis=1, keepdims=True)
        decided = np.eye(len(labels), dtype=int)[P.argmax(axis=1)]
    P, Y, decided = (pd.DataFrame(one, index=ids, columns=labels) for one in (P, Y, decided))
    T = pd.DataFrame(0.5, index=ids, columns=labels) if subtask.multi_label else None
    groups = pd.Series([f"g{k // 2}" for k in range(n)], index=ids)
    folds = pd.Series([k // 2 % 5 for k in range(n)], index=ids)
    return JudgedImages("run", subtask, OUT_OF_FOLD, P, Y, decided, T, folds, groups)


def changed(judged: JudgedImages, **tables) -> JudgedImages:
    from dataclasses import replace

    return replace(judged, **tables)


def test_curves_are_scikit_learns_and_thinned_ones_end_where_they_ended():
    judged = made(TASK["subtask2"])
    curves = curves_part(judged)["labels"]
    for one in curves:
        y, p = judged.truth[one["label"]], judged.outputs[one["label"]]
        assert one["average_precision"] == pytest.approx(average_precision_score(y, p), abs=1e-12)
        assert one["auc"] == pytest.approx(roc_auc_score(y, p), abs=1e-12)
        assert len(one["roc"]) <= POINTS
        assert len(one["precision_recall"]) <= POINTS
        assert (one["roc"][0], one["roc"][-1]) == ([0, 0], [1, 1])
    absent = judged.truth.assign(**{judged.subtask.labels[0]: 0})
    assert len(curves_part(changed(judged, truth=absent))["labels"]) == len(curves) - 1  # none has it: no curve


def test_what_is_taken_for_what_is_counted():
    judged = made(TASK["subtask1"])
    true, given = (table.to_numpy().argmax(axis=1) for table in (judged.truth, judged.decided))
    assert confusion_part(judged)["counts"] == confusion_matrix(true, given).tolist()
    several = made(TASK["subtask2"])
    assert confusion_part(several) is None
    together = cooccurrence_part(several)["true"]
    first, second = several.subtask.labels[:2]
    assert together[0][1] == int((several.truth[first] & several.truth[second]).sum())
    shares = prevalence_part(several, several.decided.head(100))
    assert shares[0]["dev"] == pytest.approx(several.truth[first].mean())
    assert shares[0]["predicted_test"] == pytest.approx(several.decided[first].head(100).mean())


def test_probabilities_that_mean_what_they_say_have_a_small_error_and_sharpened_ones_a_larger_one():
    rng, judged = np.random.default_rng(1), made(TASK["subtask2"], n=1000)
    P = rng.random(judged.outputs.shape)
    Y = judged.truth.copy()
    Y[:] = (rng.random(P.shape) < P).astype(int)
    honest = changed(judged, outputs=judged.outputs * 0 + P, truth=Y)
    sharp = changed(honest, outputs=honest.outputs * 0 + P**4 / (P**4 + (1 - P) ** 4))
    sharpened = calibration_part(sharp)
    one, other = calibration_part(honest)["all"], sharpened["all"]
    assert one["before"]["ece"] < 0.03 < 0.1 < other["before"]["interval"][0]
    assert other["after"]["ece"] < 0.03
    for found in (one["before"], other["after"], *(label["before"] for label in sharpened["labels"])):
        low, high = found["interval"]
        assert low <= found["ece"] <= high
        assert sum(one["n"] for one in found["bins"]) in (1000, 7000)


@pytest.mark.parametrize("name", ["subtask1", "subtask2"])
def test_planted_label_errors_are_found_before_others(name):
    judged = made(TASK[name], strength=2.5)
    rng = np.random.default_rng(2)
    planted = sorted(rng.choice(list(judged.ids), 20, replace=False))
    truth = judged.truth.copy()
    if name == "subtask1":
        truth.loc[planted] = np.roll(truth.loc[planted].to_numpy(), 1, axis=1)
    else:
        truth.loc[planted, truth.columns[0]] = 1 - truth.loc[planted, truth.columns[0]]
    found = [one["image"] for one in label_errors_part(changed(judged, truth=truth))]
    assert len(set(found[:20]) & set(planted)) >= 10  # of 400 images, one in twenty would be found by chance
    assert len(found) <= 50


def test_the_same_image_with_other_labels_is_named():
    judged = made(TASK["subtask1"], n=6)
    truth = judged.truth.copy()
    truth.loc[["i000", "i001"]] = np.eye(3, dtype=int)[[0, 2]]
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(6, 1024))
    thumbnails = dict(zip(judged.ids, rows / np.linalg.norm(rows, axis=1, keepdims=True), strict=True))
    contents = {image_id: image_id for image_id in judged.ids} | {"i001": "i000"}
    thumbnails["i001"] = thumbnails["i000"]
    found = duplicates_part(changed(judged, truth=truth), thumbnails, contents)
    assert found == [
        {"images": ["i000", "i001"], "n": 2, "how": "the same file", "truth": [["negative"], ["positive"]]}
    ]


def test_a_part_in_which_answers_are_wrong_comes_first_and_chance_is_not_significant():
    judged = made(TASK["subtask2"], strength=2.5)
    rng = np.random.default_rng(3)
    looks = {image_id: Look(float(k), 1000) for k, image_id in enumerate(judged.ids)}  # the first images are dark
    dark = list(judged.ids)[:133]
    outputs, decided = judged.outputs.copy(), judged.decided.copy()
    spoilt = rng.random((len(dark), outputs.shape[1]))
    outputs.loc[dark], decided.loc[dark] = spoilt, (spoilt >= 0.5).astype(int)
    X = rng.normal(size=(len(judged.ids), 20)).astype(np.float32)
    spoiled = changed(judged, outputs=outputs, decided=decided)
    first = slices_part(spoiled, find_slices(spoiled, X, judged.ids, looks))[0]
    assert first["title"].startswith("dark images (grey level below 133)")
    assert first["p"] < 0.001
    assert first["interval"][0] <= first["value"] <= first["interval"][1] < first["rest"]
    assert set(first["images"]) <= set(dark)
    perfect = changed(judged, outputs=0.9 * judged.truth + 0.05, decided=judged.truth)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert slices_part(perfect, find_slices(perfect, X, judged.ids, looks)) == []
    sound = slices_part(judged, find_slices(judged, X, judged.ids, looks))
    assert all(one["p"] > 0.01 for one in sound if one["kind"] != "labels")


def test_two_runs_differ_by_the_gap_of_their_scores_and_in_the_images_that_one_answers_better():
    first = made(TASK["subtask1"], strength=2.5)
    decided = first.decided.copy()
    right = first.right().all(axis=1)
    worse = list(right.index[right])[:30]
    decided.loc[worse] = np.roll(first.truth.loc[worse].to_numpy(), 1, axis=1)
    second = changed(first, run="second", decided=decided, outputs=0.9 * decided + 0.05)
    found = flips_part(first, second)
    assert set(found["better"]) == set(worse)
    assert found["worse"] == []
    assert found["difference"] > 0
    assert found["p"] < 0.01
    same = flips_part(first, changed(first, run="same"))
    assert (same["difference"], same["better"], same["p"]) == (0, [], 1)


def test_scatter_has_scipys_correlations_and_none_of_a_constant():
    judged = made(TASK["subtask2"])
    flat = changed(judged, outputs=judged.outputs.assign(**{judged.subtask.labels[1]: 0.5}))
    first, second = scatter_part(flat)["columns"][:2]
    truth, output = judged.truth.iloc[:, 0], judged.outputs.iloc[:, 0]
    assert first["pearson"] == pytest.approx(truth.corr(output))
    assert first["spearman"] == pytest.approx(truth.corr(output, method="spearman"))
    assert (second["pearson"], second["spearman"]) == (None, None)
