"""Alignment: sound files raise no alarm, spoilt ones are told by kind, and too little evidence is called so."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from submission.alignment.align import ALIGNED, CANNOT_TELL, MISALIGNED, SUSPICIOUS, align
from submission.alignment.assignment import best_assignment
from submission.alignment.budget import PRIORS
from submission.alignment.expectation import columns_of, expect, label_matrix
from submission.alignment.likelihood import Likelihood, Quality, regress
from submission.alignment.orders import arrangements, interleavings, usual_orders
from submission.faults import MEANING, faults_of, spoil
from submission.labels import LabelTable, read_labels
from submission.runfile import format_run
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK


def world(n: int, seed: int = 0, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, 40) and labels, 0/1 (n, 20), that depend on them; T2 and T3 hold other labels each."""
    weights = np.random.default_rng(99).normal(size=(40, 20))
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 40))
    score = X @ weights / 6 + noise * rng.normal(size=(n, 20))
    Y = (score > np.linspace(0.2, 1.2, 20)).astype(float)
    Y[:, :3] = score[:, :3].argmax(axis=1)[:, None] == np.arange(3)
    return X, Y


def table(Y: np.ndarray, ids: list[str], subtasks=TASK.names) -> LabelTable:
    labels, start = {}, 0
    for subtask in TASK.subtasks:
        rows = Y[:, start : start + len(subtask.labels)]
        start += len(subtask.labels)
        if subtask.name in subtasks:
            labels[subtask.name] = subtask.from_matrix(rows, ids)
    return LabelTable(Path("run.csv"), (), tuple(ids), labels)


@pytest.fixture(scope="module")
def judged():
    """(expectation of 600 test images, sound run of realistic quality, its ids)"""
    return make(600)


def make(n_test: int, n_dev: int = 600, noise: float = 1.0, seed: int = 0):
    X, Y = world(n_dev, seed=seed + 1)
    Z, _ = world(n_test, seed=seed + 2)
    ids = [f"i{k:04}" for k in np.random.default_rng(seed).permutation(n_test)]
    expectation = expect(X, Y, Z, ids, columns_of(TASK.subtasks))
    _, answers = world(n_test, seed=seed + 2, noise=noise)  # the same images, other noise than the truth's
    return expectation, table(answers, ids), ids


def moved(run: LabelTable, order) -> LabelTable:
    """The run whose row i has the labels of row order[i]."""
    labels = {name: {i: of[run.ids[k]] for i, k in zip(run.ids, order, strict=True)} for name, of in run.labels.items()}
    return LabelTable(run.path, run.header, run.ids, labels)


def codes(alignment) -> set[str]:
    return {problem.code for problem in alignment.problems}


def test_a_sound_run_is_aligned_and_says_what_would_have_been_seen(judged):
    expectation, run, ids = judged
    found = align(run, expectation, usual_orders(ids))
    assert found.verdict == ALIGNED and not found.problems and found.ok
    assert found.z > 10 and 1 < found.smallest_slip < 300 and found.columns_told_apart > 0.9
    assert "no other arrangement fits better" in found.text()


def test_the_order_of_rows_in_the_file_does_not_matter(short):
    expectation, run, ids = short
    rows = list(np.random.default_rng(5).permutation(ids))
    shuffled = LabelTable(run.path, run.header, tuple(rows), run.labels)
    assert align(shuffled, expectation).verdict == ALIGNED
    assert align(shuffled, expectation).z == pytest.approx(align(run, expectation).z)


@pytest.mark.parametrize("lag", [1, -1, 7, 80])
def test_a_slip_of_all_rows_is_told_with_its_size(short, lag):
    expectation, run, ids = short
    n = len(ids)
    found = align(moved(run, [(k + lag) % n for k in range(n)]), expectation)
    assert codes(found) == {"rows-shifted"}
    assert (
        f"the images {abs(lag)} row{'s' * (abs(lag) > 1)} {'below' if lag > 0 else 'above'}" in found.problems[0].actual
    )


def test_a_break_within_the_file_is_located(short):
    expectation, run, _ = short
    start = 100
    order = [*range(start), *range(start + 1, 240), start]
    (problem,) = align(moved(run, order), expectation).problems
    assert problem.code == "rows-shifted"
    assert abs(problem.line - (start + 2)) < 40, "the header is line 1"


def test_exchanged_blocks_a_shuffle_and_a_backward_file_have_names_of_their_own(short):
    expectation, run, ids = short
    n = len(ids)
    blocks = [*range(120, 180), *range(60, 120), *range(60), *range(180, n)]
    assert codes(align(moved(run, blocks), expectation)) == {"rows-exchanged"}
    assert codes(align(moved(run, range(n)[::-1]), expectation)) == {"rows-reordered"}
    half = [*range(n // 2), *(n // 2 + np.random.default_rng(3).permutation(n - n // 2))]
    (problem,) = align(moved(run, half), expectation).problems
    assert problem.code == "rows-unrelated" and abs(problem.line - (n // 2 + 2)) < 30


@pytest.fixture(scope="module")
def short():
    """(expectation of 240 test images, sound run, its ids)"""
    return make(240)


def shuffled_in(size: int, n: int) -> list[int]:
    rng = np.random.default_rng(4)
    return [int(k) for start in range(0, n, size) for k in start + rng.permutation(min(size, n - start))]


ROWS = list(range(240))
BATCHES = [ROWS[start : start + 24] for start in range(0, 240, 24)]


@pytest.mark.parametrize(
    ("order", "code", "actual"),
    [
        ([*ROWS[0::3], *ROWS[1::3], *ROWS[2::3]], "rows-interleaved", "the labels of 3 workers one after another"),
        ([k for first in range(48) for k in ROWS[first::48]], "rows-interleaved", "the labels of 5 workers in turn"),
        ([k for one in (3, 0, 1, 2, 9, 5, 4, 8, 7, 6) for k in BATCHES[one]], "rows-exchanged", "72 rows below"),
        ([*ROWS[:100], *ROWS[101:], 239], "rows-shifted", "the images 1 row below"),
        ([*ROWS[:101], *ROWS[100:239]], "rows-shifted", "the images 1 row above"),
        (shuffled_in(8, 240), "rows-shuffled", "within batches of about"),
    ],
)
def test_workers_batches_and_dropped_or_doubled_rows_have_names(short, order, code, actual):
    expectation, run, ids = short
    found = align(moved(run, order), expectation, usual_orders(ids))
    (problem,) = found.problems
    assert (found.verdict, problem.code) == (MISALIGNED, code) and actual in problem.actual


def test_a_slip_of_one_subtask_is_told_as_its_own(short):
    expectation, run, _ = short
    slipped = moved(run, [*ROWS[1:], 0]).labels["subtask2"]
    found = align(LabelTable(run.path, run.header, run.ids, {**run.labels, "subtask2": slipped}), expectation)
    (problem,) = found.problems
    assert problem.code == "rows-shifted" and problem.actual.startswith("of subtask2 alone, lines 2 to 24")


def test_a_slip_of_a_quarter_of_sixty_rows_is_noticed():
    expectation, run, _ = make(60, noise=0.5)
    order = [*range(45), *range(46, 60), 45]
    (problem,) = align(moved(run, order), expectation).problems
    assert problem.code == "rows-shifted" and abs(problem.line - 47) < 8


def test_shuffled_labels_are_suspicious_and_it_says_how_poor_a_run_would_be(short):
    expectation, run, _ = short
    found = align(moved(run, shuffled_in(240, 240)), expectation)
    assert (found.verdict, codes(found), found.ok) == (SUSPICIOUS, {"rows-unrelated"}, False)
    assert (
        "19 in 20 runs that have 55% of that reach 3.1" in found.problems[0].expected
        and found.tested == found.not_tested == ()
    )


def own_answers(n_dev: int = 600, noise: float = 1.0) -> dict:
    """Answers for the dev images of `make`, of the quality of its run: the same images, other noise."""
    _, answers = world(n_dev, seed=1, noise=noise)
    return table(answers, [f"d{k}" for k in range(n_dev)]).labels


def test_a_runs_own_answers_say_how_well_its_labels_should_fit(short):
    expectation, run, _ = short
    expectation = replace(expectation, dev_ids=tuple(f"d{k}" for k in range(600)))
    assert align(run, expectation, {}, own_answers()).verdict == ALIGNED
    order = np.arange(240)
    of_four = order % 4 != 0
    order[of_four] = np.random.default_rng(1).permutation(order[of_four])
    mixed = moved(run, order)  # three rows of four hold the labels of others, in no order
    assert align(mixed, expectation).verdict == ALIGNED, "as those of a poor run"
    found = align(mixed, expectation, {}, own_answers())
    assert (found.verdict, codes(found)) == (SUSPICIOUS, {"fit-below-own"})
    few = {name: dict(list(of.items())[:20]) for name, of in own_answers().items()}
    assert align(run, expectation, {}, few).z_sound == align(run, expectation).z_sound, "20 answers say too little"


def test_what_was_and_was_not_tested_comes_first(short):
    expectation, run, ids = short
    found = align(run, expectation, usual_orders(ids))
    assert found.text().startswith("run.csv: would be noticed: labels that slip by a few rows")
    assert any("rows of subtask1, subtask2 and subtask3 alone that slip" in one for one in found.tested)
    assert f"if fewer than {found.smallest_slip} rows do" in found.not_tested[0]
    assert any("exchanges of columns or classes of subtask2" in one for one in found.tested)


def test_interleaved_workers():
    found = interleavings(5)
    assert list(found["the labels of 2 workers one after another, the ids in turn"]) == [0, 2, 4, 1, 3]
    # parts of three and two images, one of each in turn
    assert list(found["the labels of 2 workers in turn, the ids one worker after another"]) == [0, 3, 1, 4, 2]
    assert all(sorted(order) == list(range(50)) for order in interleavings(50).values())


def test_the_likelihood_of_unrelated_rows_is_a_density():
    """E exp(s) over rows that have nothing to do with the image is 1: what bounds the false alarms."""
    expectation, run, ids = make(600)
    labels = label_matrix(TASK.subtasks, run.labels, ids)
    likelihood = Likelihood(expectation.expected, labels, regress(expectation.left_out, expectation.truth).mean)
    affinity = likelihood.at(Quality(0.5, 0.0))
    assert 0.7 < np.exp((affinity.a @ affinity.b.T).astype(float)).mean() < 1.3


def test_no_other_arrangement_of_shuffled_labels_is_believed():
    """Neither of all rows nor of one subtask's: labels that fit nowhere are suspicious, and no order is named."""
    expectation, run, ids = make(60, n_dev=200)
    for seed in range(6):
        shuffled = moved(run, np.random.default_rng(100 + seed).permutation(60))
        assert codes(align(shuffled, expectation, usual_orders(ids))) == {"rows-unrelated"}


def test_labels_in_sorted_order_under_ids_in_another_are_told_as_that(short):
    expectation, run, ids = short
    by_id = sorted(range(len(ids)), key=lambda k: ids[k])
    (problem,) = align(moved(run, by_id), expectation, usual_orders(ids)).problems
    assert problem.code == "rows-reordered" and "sorted order" in problem.actual


# that one answer fits any order of rows is for plausibility.py to notice
OF_MEANING = [fault for fault in faults_of(TASK) if fault.kind == MEANING and "one answer" not in fault.name]


@pytest.mark.parametrize("fault", OF_MEANING, ids=lambda fault: fault.name)
def test_every_fault_of_meaning_in_the_catalogue_is_caught(short, fault, tmp_path):
    expectation, run, ids = short
    data = format_run(TASK.header, ids, run.labels)
    (tmp_path / "run.csv").write_bytes(spoil(fault, data, np.random.default_rng(0)))
    found = align(read_labels(tmp_path / "run.csv", TASK), expectation, usual_orders(ids))
    assert found.verdict in (MISALIGNED, SUSPICIOUS) and not found.ok
    kind = "columns-" if any(word in fault.name for word in ("T2", "T3")) else "classes-" if "neg" in fault.name else ""
    assert any(code.startswith(kind) for code in codes(found)), codes(found)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
@pytest.mark.parametrize("noise", [0.5, 2.0, 6.0, 50.0])
def test_no_honest_run_is_an_alarm_however_poor(seed, noise):
    expectation, run, ids = make(300, n_dev=150, noise=noise, seed=100 * seed)
    found = align(run, expectation, usual_orders(ids))
    # noise of 50 says nothing of the images at all: no more can be told of it than of a shuffled file
    assert codes(found) <= ({"rows-unrelated"} if noise == 50 else set())


def test_ten_images_are_too_few_and_it_says_how_many_are_enough():
    expectation, run, _ = make(10, noise=4.0)
    found = align(run, expectation)
    assert found.verdict == CANNOT_TELL and found.ok
    assert 10 < found.rows_needed < 600 and f"about {found.rows_needed} rows would be enough" in found.reason


def test_runs_of_one_subtask_are_judged_alone(short):
    expectation, run, _ids = short
    for name in TASK.names:
        part = LabelTable(run.path, run.header, run.ids, {name: run.labels[name]})
        assert align(part, expectation).verdict == ALIGNED, name
        assert codes(align(moved(part, [*range(1, 240), 0]), expectation)) == {"rows-shifted"}, name


def test_images_without_features_take_no_part(judged):
    expectation, run, ids = judged
    some = 400
    part = replace(expectation, ids=tuple(ids[:some]), expected=expectation.expected[:some])
    found = align(run, part)
    assert found.n_rows == some and found.verdict == ALIGNED
    found = align(run, replace(part, ids=("x",), expected=part.expected[:1]))
    assert found.verdict == CANNOT_TELL and "got 0 rows of test images with features; expected 3" in found.reason


def test_what_cannot_teach_gives_no_verdict(judged):
    expectation, run, ids = judged
    X, Y = world(200)
    Z, _ = world(600, seed=2)
    Y[:, :] = 0
    Y[:, 0] = 1  # a dev set with one class
    columns = columns_of(TASK.subtasks)
    assert align(run, expect(X, Y, Z, ids, columns)).verdict == CANNOT_TELL
    flat = expect(np.ones((200, 4)), world(200)[1], np.ones((600, 4)), ids, columns)
    found = align(run, flat)
    assert found.verdict == CANNOT_TELL and "Choose another extractor with --use" in found.reason
    constant = moved(run, [0] * 600)
    assert "every image the same labels" in align(constant, expectation).reason


def test_long_files_are_judged_by_the_likely_lags():
    expectation, run, _ids = make(4000)
    assert align(run, expectation).verdict == ALIGNED
    assert codes(align(moved(run, np.roll(np.arange(4000), 1234)), expectation)) == {"rows-shifted"}
    order = [*range(1500), *range(1501, 4000), 1500]
    (problem,) = align(moved(run, order), expectation).problems
    assert problem.code == "rows-shifted" and abs(problem.line - 1502) < 60


def test_the_expectation_is_skilled_where_labels_depend_on_features():
    X, Y = world(400)
    Y = Y.copy()
    Y[:, 5] = np.random.default_rng(0).integers(0, 2, 400)  # a label that nothing predicts
    found = expect(X, Y, X[:50], [str(k) for k in range(50)], columns_of(TASK.subtasks))
    assert found.skill[5] < 0.25 and np.median(found.skill) > 0.4
    assert found.expected.shape == (50, 20)


def test_arrangements_name_what_was_made_and_what_was_written():
    found = arrangements(["b", "c", "a"], {"sorted order": ["a", "b", "c"]})
    order = found["labels in sorted order, ids in the file's order"]
    assert list(order) == [2, 0, 1], "row 0, of id b, holds what was made for a, which stands in row 2"


def test_arrangements_look_each_id_up_once_per_order_not_once_per_pair_of_orders():
    looked_up = []

    class Id(str):
        def __hash__(self):
            looked_up.append(self)
            return super().__hash__()

    ids = [Id(k * 79 % 200) for k in range(200)]
    orders = {"sorted": sorted(ids), "numeric": sorted(ids, key=int), "listing": ids[::2] + ids[1::2]}
    assert len(arrangements(ids, orders)) > 20 and len(looked_up) < 10 * len(ids)


def square(n: int):
    row = st.lists(st.floats(-9, 9), min_size=n, max_size=n)
    return st.lists(row, min_size=n, max_size=n)


@given(st.integers(1, 7).flatmap(square))
@settings(max_examples=80)
def test_the_assignment_is_as_good_as_scipys(gain):
    found = best_assignment(gain)
    assert sorted(found) == list(range(len(gain)))
    rows, columns = linear_sum_assignment(gain, maximize=True)
    assert sum(gain[k][c] for k, c in enumerate(found)) == pytest.approx(np.array(gain)[rows, columns].sum(), abs=1e-9)


def test_labels_become_a_matrix_by_id():
    _, run, ids = make(5)
    backwards = label_matrix(TASK.subtasks, run.labels, ids[::-1])
    np.testing.assert_array_equal(backwards[::-1], label_matrix(TASK.subtasks, run.labels, ids))


def test_a_left_out_image_leads_to_expect_what_a_regression_without_it_does():
    X, Y = world(60)
    ids = [f"d{k}" for k in range(60)]
    found = expect(X, Y, X[:5], list("abcde"), columns_of(TASK.subtasks), dev_ids=ids)
    assert found.dev_ids == tuple(ids) and found.left_out.shape == Y.shape
    learned = found.skill > 0
    assert learned.any() and not found.left_out[:, ~learned].any()
    correlations = [np.corrcoef(found.left_out[:, k], Y[:, k])[0, 1] for k in np.flatnonzero(learned)]
    assert correlations == pytest.approx(found.skill[learned]), "the skill is that of the images left out"
    without = expect(X[1:], Y[1:], X, ids, columns_of(TASK.subtasks))
    agreement = np.corrcoef(without.expected[0, learned], found.left_out[0, learned])[0, 1]
    assert agreement > 0.9


def test_what_rows_and_columns_may_be_mistaken_for_shares_one_budget():
    assert sum(PRIORS.values()) == pytest.approx(1) and min(PRIORS.values()) > 0


def with_columns(run: LabelTable, moves: dict[str, str]) -> LabelTable:
    """The run whose column of each label (in T2) holds the answers for another."""
    subtask = TASK["subtask2"]
    Y = subtask.to_matrix(run.labels["subtask2"], run.ids)
    spoilt = Y.copy()
    for label, of in moves.items():
        spoilt[:, subtask.labels.index(label)] = Y[:, subtask.labels.index(of)]
    return replace(run, labels={**run.labels, "subtask2": subtask.from_matrix(spoilt, run.ids)})


def test_what_is_said_of_exchanged_columns_is_what_happens(short):
    """The report counts the exchanges that would be noticed: as many are, when they are made."""
    expectation, run, _ = short
    alone = LabelTable(run.path, run.header, run.ids, {"subtask2": run.labels["subtask2"]})
    (said,) = [one for one in align(alone, expectation).tested if "exchanges of columns" in one]
    pairs = list(combinations(TASK["subtask2"].labels, 2))
    noticed = 0
    for one, other in pairs:
        found = align(with_columns(alone, {one: other, other: one}), expectation)
        noticed += codes(found) == {"columns-swapped"}
    assert said.startswith(f"{noticed} of {len(pairs)} exchanges") and noticed > 10


def test_two_columns_in_each_others_place_are_noticed_in_sixty_rows():
    expectation, run, _ = make(60, noise=0.5)
    joy, sadness = TASK["subtask2"].labels[:2]
    (problem,) = align(with_columns(run, {joy: sadness, sadness: joy}), expectation).problems
    assert problem.code == "columns-swapped" and f"'{joy}' holds '{sadness}'" in problem.actual


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_a_model_that_mixes_up_two_labels_is_not_accused(short, share):
    """In a share of the rows, the answers for one label are those for the other, as those of a poor model are."""
    expectation, run, _ = short
    joy, sadness = TASK["subtask2"].labels[:2]
    mixed_up = with_columns(run, {joy: sadness, sadness: joy}).labels["subtask2"]
    rng = np.random.default_rng(0)
    labels = {i: mixed_up[i] if rng.random() < share else of for i, of in run.labels["subtask2"].items()}
    assert align(replace(run, labels={**run.labels, "subtask2": labels}), expectation).verdict == ALIGNED
