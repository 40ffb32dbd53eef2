"""Every metric equals the program that people compare with, to 1e-12, on drawn answers with every edge in them.

Referees: scikit-learn, scipy, and ir_measures (trec_eval and MS MARCO's script).
"""

import math
import warnings

import ir_measures
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from scipy.stats import pearsonr, spearmanr
from sklearn import metrics as sk
from sklearn.preprocessing import MultiLabelBinarizer

from submission.metrics.definition import Metric
from submission.metrics.evaluation import evaluate

NOUGHT_OVER_NOUGHT = {"zero": 0.0, "one": 1.0, "skip": np.nan}


DRAWN = []


def drawn(*strategies):
    """Try a test on a few drawn inputs, and when it is `slow` on thousands."""

    def with_inputs(body):
        DRAWN.append(pytest.param(body, strategies, id=body.__name__))
        return settings(max_examples=30)(given(*strategies)(body))

    return with_inputs


def equals(found, expected):
    return found == pytest.approx(expected, rel=1e-12, abs=1e-12)


@st.composite
def decisions(draw):
    """Truth and answers, 0/1 (n, n_labels): often without a label, often one image."""
    n, width = draw(st.integers(1, 8)), draw(st.integers(1, 4))
    values = st.sampled_from(draw(st.sampled_from([[0], [1], [0, 1], [0, 0, 0, 1]])))
    rows = st.lists(st.lists(values, min_size=width, max_size=width), min_size=n, max_size=n)
    return np.array(draw(rows)), np.array(draw(rows))


@drawn(decisions(), st.sampled_from(["macro", "micro", "weighted"]), st.sampled_from(["zero", "one", "skip"]))
def test_f1_of_decisions(tables, average, absent):
    assume(absent != "skip" or average == "macro")
    truth, answers = tables
    expected = sk.f1_score(truth, answers, average=average, zero_division=NOUGHT_OVER_NOUGHT[absent])
    if truth.shape[1] == 1:  # which scikit-learn takes for two classes, 0 and 1
        pair, nought = (truth.ravel(), answers.ravel()), NOUGHT_OVER_NOUGHT[absent]
        expected = sk.f1_score(*pair, average=average, labels=[0, 1], zero_division=nought)
        truth, answers = (np.hstack([1 - table, table]) for table in tables)
    expected = 0.0 if math.isnan(expected) else expected  # no label is left
    assert equals(evaluate(Metric("f1", average, absent=absent), truth, answers), expected)


@drawn(decisions())
def test_accuracy_and_f1_of_one_class(tables):
    truth, answers = tables
    assert equals(evaluate(Metric("accuracy", "samples"), truth, answers), sk.accuracy_score(truth, answers))
    assert equals(evaluate(Metric("accuracy", "micro"), truth, answers), 1 - sk.hamming_loss(truth, answers))
    first = truth[:, :1], answers[:, :1]
    assert equals(evaluate(Metric("f1", "positive"), *first), sk.f1_score(*first, zero_division=0))


@drawn(decisions())
def test_macro_f1_of_each_label_weighted_by_its_support(tables):
    truth, answers = tables
    assume(truth.any())
    of_labels = [
        sk.f1_score(*pair, average="macro", labels=[0, 1], zero_division=0)
        for pair in zip(truth.T, answers.T, strict=True)
    ]
    expected = np.average(of_labels, weights=truth.sum(axis=0))
    assert equals(evaluate(Metric("f1", "label-macro"), truth, answers), expected)


@drawn(
    st.lists(st.tuples(*[st.sets(st.sampled_from("abcdef"))] * 2), min_size=1, max_size=8),
    st.sampled_from(["samples", "macro", "micro", "weighted"]),
    st.sampled_from(["zero", "one"]),
)
def test_f1_of_sets_equals_that_of_a_matrix_of_items(pairs, average, nought):
    truth, answers = zip(*pairs, strict=True)
    assume(set().union(*truth, *answers))
    tables = [
        MultiLabelBinarizer(classes=sorted(set().union(*truth, *answers))).fit_transform(s) for s in (truth, answers)
    ]
    metric = Metric("f1", average, absent=nought, empty=nought)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = evaluate(metric, *tables)
        if tables[0].shape[1] > 1:
            assert equals(expected, sk.f1_score(*tables, average=average, zero_division=NOUGHT_OVER_NOUGHT[nought]))
    assert equals(evaluate(metric, truth, answers), expected)
    assert evaluate(Metric("accuracy", "samples"), truth, answers) == np.mean([a == b for a, b in pairs])


def test_images_whose_truth_is_empty_count_as_the_definition_says():
    truth, answers = [set(), set(), {"a"}, {"a", "b"}], [set(), {"a"}, {"a"}, {"b", "c"}]  # F1: -, 0, 1, .5
    values = {
        empty: evaluate(Metric("f1", "samples", empty=empty), truth, answers) for empty in ("one", "zero", "skip")
    }
    assert values == {"one": 2.5 / 4, "zero": 1.5 / 4, "skip": 1.5 / 2}


@st.composite
def curves(draw):
    """Truth with both classes and scores with ties, (n, n_columns)."""
    n, width = draw(st.integers(2, 12)), draw(st.integers(1, 3))
    scores = st.one_of(st.integers(0, 3).map(lambda tenth: tenth / 10), st.floats(0, 1, width=32))
    column = st.lists(st.tuples(st.integers(0, 1), scores), min_size=n, max_size=n)
    columns = [draw(column.filter(lambda rows: 0 < sum(true for true, _ in rows) < n)) for _ in range(width)]
    return tuple(np.array(columns).transpose(2, 1, 0))


@drawn(curves(), st.sampled_from(["macro", "micro", "weighted"]))
def test_areas_under_curves(tables, average):
    truth, scores = tables
    assert equals(evaluate(Metric("auc", average), truth, scores), sk.roc_auc_score(truth, scores, average=average))
    expected = sk.average_precision_score(truth, scores, average=average)
    assert equals(evaluate(Metric("ap", average), truth, scores), expected)


@drawn(curves())
def test_equal_error_rate_is_where_the_lines_between_the_points_of_the_roc_cross(tables):
    truth, scores = (table[:, 0] for table in tables)
    wrong, right, _ = sk.roc_curve(truth, scores)
    along = np.arange(len(wrong))  # unlike the false positive rate, it grows at every point
    f, t = interp1d(along, wrong), interp1d(along, right)
    at = brentq(lambda place: f(place) + t(place) - 1, 0, along[-1], xtol=1e-15)
    assert equals(evaluate(Metric("eer", "positive"), truth, scores), float(f(at)))


def test_a_curve_of_one_class_has_the_worst_value():
    for name, worst in (("auc", 0), ("ap", 0), ("eer", 1)):
        metric = Metric(name, "positive")
        assert evaluate(metric, [0, 0, 0], [0.1, 0.5, 0.2]) == metric.lowest == worst
    assert evaluate(Metric("ap", "positive"), [1, 1], [0.1, 0.5]) == 1.0  # as in scikit-learn
    assert evaluate(Metric("eer", "positive"), [1, 1], [0.1, 0.5]) == 1.0


@st.composite
def numbers(draw):
    n, width = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    value = draw(st.sampled_from([st.integers(-3, 3), st.floats(-100, 100, width=32), st.just(2.5)]))
    column = st.lists(st.lists(value, min_size=width, max_size=width), min_size=n, max_size=n)
    return tuple(np.array(draw(column), dtype=float) for _ in range(2))


def of_columns(referee, truth, answers):
    """The mean over columns; 0 where one is constant, which scipy calls nan."""
    constant = [np.ptp(a) == 0 or np.ptp(b) == 0 for a, b in zip(truth.T, answers.T, strict=True)]
    pairs = zip(truth.T, answers.T, constant, strict=True)
    return np.mean([0.0 if same else referee(a, b).statistic for a, b, same in pairs])


@drawn(numbers())
def test_errors_and_correlations(tables):
    truth, answers = tables
    assert equals(evaluate(Metric("mae"), truth, answers), sk.mean_absolute_error(truth, answers))
    assert equals(evaluate(Metric("rmse"), truth, answers), sk.root_mean_squared_error(truth, answers))
    assert equals(evaluate(Metric("spearman"), truth, answers), of_columns(spearmanr, truth, answers))
    spread = [np.ptp(column) for column in (*truth.T, *answers.T)]
    assume(all(wide == 0 or wide > 1e-3 for wide in spread))  # scipy warns of nearly constant numbers
    assert equals(evaluate(Metric("pearson"), truth, answers), of_columns(pearsonr, truth, answers))


@st.composite
def lists(draw):
    """Relevance by query, and scored documents: ties, queries without answers, without relevant documents, unknown."""
    document = st.sampled_from(["d1", "d10", "d2", "D1", "é", "z"])
    score = st.one_of(st.integers(0, 2).map(float), st.sampled_from([0.1, 0.1 + 1e-9, 1e30, -1.0]), st.floats(0, 1))
    truth = draw(st.dictionaries(st.sampled_from("pqrs"), st.dictionaries(document, st.integers(0, 3)), min_size=1))
    assume(any(truth.values()))
    return truth, draw(st.dictionaries(st.sampled_from("pqrst"), st.dictionaries(document, score)))


@drawn(lists(), st.sampled_from([None, 1, 2, 5, 10]))
def test_ranked_lists(both, k):
    truth, scored = both
    answers = {query: [(name, 0, score) for name, score in of.items()] for query, of in scored.items()}
    measures = {Metric("mrr", k=k): ir_measures.RR if k is None else ir_measures.RR @ k}
    measures[Metric("ndcg", k=k)] = ir_measures.nDCG if k is None else ir_measures.nDCG @ k
    if k is not None:
        measures[Metric("precision-at", k=k)] = ir_measures.P @ k
    judged = {query: of for query, of in truth.items() if of}  # a query without judgements is not in a qrels file
    expected = ir_measures.calc_aggregate(list(measures.values()), judged, scored)
    for metric, measure in measures.items():
        assert equals(evaluate(metric, judged, answers), expected[measure]), metric.signature


def test_ranks_of_the_file_are_used_where_the_definition_says_so():
    answers = {"q": [("b", 2, 9.0), ("a", 1, 1.0)]}
    assert evaluate(Metric("mrr", order="rank"), {"q": {"a": 1}}, answers) == 1.0
    assert evaluate(Metric("mrr"), {"q": {"a": 1}}, answers) == 0.5


def test_a_document_twice_in_a_list_is_relevant_nowhere():
    assert evaluate(Metric("precision-at", k=2), {"q": {"a": 1}}, {"q": [("a", 1, 2.0), ("a", 2, 1.0)]}) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize(("body", "strategies"), DRAWN)
def test_thousands(body, strategies):
    settings(max_examples=1000)(given(*strategies)(body))()
