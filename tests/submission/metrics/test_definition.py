"""A definition is read from a table of a task file, and told from every other one by its signature."""

from dataclasses import fields, replace

import pytest

from submission.kinds import Column, DocumentKind, FlagKind, LabelKind, ProbabilityKind, RankKind, ScoreKind, SetKind
from submission.metrics import Metric
from submission.metrics.definition import MEASURES
from submission.metrics.reading import read_metrics
from submission.metrics.table import KEYS

PROB, FLAG = Column("prob", ProbabilityKind()), Column("label", FlagKind())
CLASSES = Column("T1", LabelKind(("negative", "neutral", "positive")))
FLAGS = [Column(heading, FlagKind()) for heading in ("shaming", "violence")]
PERCENT = [Column(f"{name} (%)", ScoreKind(0, 100)) for name in ("fast", "slow")]
CODES = Column("codes", SetKind(empty=True))
LIST = [Column("doc", DocumentKind()), Column("rank", RankKind()), Column("score", ScoreKind())]


def read(columns, **table):
    metrics, problems = read_metrics([table], columns)
    assert not problems, problems
    return metrics[0]


def problems(columns, *tables):
    return [f"{problem.key}: {problem.message}" for problem in read_metrics(tables, columns)[1]]


@pytest.mark.parametrize(
    ("columns", "signature", "key", "title"),
    [
        ([CLASSES], "f1|average:weighted|absent:zero|columns:T1|v:1", "f1_weighted", "weighted F1"),
        ([FLAG], "f1|average:positive|positive:1|absent:zero|columns:label|v:1", "f1", "F1"),
        (FLAGS, "f1|average:weighted|absent:zero|columns:shaming,violence|v:1", "f1_weighted", "weighted F1"),
        ([CODES], "f1|average:samples|empty:one|columns:codes|v:1", "f1_samples", "per-image F1"),
        (PERCENT, "spearman|columns:fast (%25),slow (%25)|v:1", "spearman", "Spearman"),
        (LIST, "mrr|k:all|order:trec_eval|columns:doc,rank,score|v:1", "mrr", "MRR"),
        (LIST[:2], "mrr|k:all|order:rank|columns:doc,rank|v:1", "mrr", "MRR"),
    ],
)
def test_what_a_table_leaves_out_follows_from_the_columns(columns, signature, key, title):
    (metric,), found = read_metrics([], columns)
    assert not found
    assert (metric.signature, metric.key, metric.title) == (signature, key, title)


def test_a_probability_is_scored_against_the_label_beside_it():
    metric = read([PROB, FLAG], metric="auc")
    assert (metric.columns, metric.truth) == (("prob",), ("label",))
    assert metric.signature == "auc|average:positive|positive:1|columns:prob|truth:label|v:1"
    real = Column("label", LabelKind(("real", "fake")))
    assert read([PROB, real], metric="eer", positive="fake").positive == "fake"
    assert "expected one of 'real', 'fake'" in problems([PROB, real], {"metric": "auc"})[0]
    assert read([PROB], metric="f1", threshold=0.5).threshold == 0.5


def test_what_ir_measures_does_with_equal_scores_is_in_the_signature():
    assert read(LIST, metric="mrr", k=10).signature == "mrr|k:10|order:msmarco|columns:doc,rank,score|v:1"
    assert read(LIST, metric="precision-at", k=5).signature.startswith("precision-at|k:5|order:trec_eval|")
    assert [read(LIST, metric=name, k=5).key for name in ("mrr", "precision-at")] == ["mrr_at_5", "precision_at_5"]
    assert [read(LIST, metric=name, k=5).title for name in ("precision-at", "ndcg")] == ["P@5", "nDCG@5"]


def test_two_definitions_that_may_differ_have_two_signatures():
    metric = Metric("f1", "macro", ("T1",))
    others = [("f1", "weighted", "T1", "zero"), ("f1", "macro", "T2", "zero"), ("f1", "macro", "T1", "skip")]
    signatures = {Metric(name, average, (column,), absent=absent).signature for name, average, column, absent in others}
    assert len(signatures | {metric.signature}) == 4
    assert replace(metric, columns=("a,b",)).signature != replace(metric, columns=("a", "b")).signature
    assert "\n" not in replace(metric, columns=("a\n|x",)).signature


def test_every_metric_has_a_worst_value():
    assert {name: Metric(name).lowest for name in MEASURES if name not in ("mae", "rmse", "eer")} == dict.fromkeys(
        ("f1", "accuracy", "auc", "ap", "mrr", "precision-at", "ndcg"), 0.0
    ) | {"spearman": -1.0, "pearson": -1.0}
    assert read(PERCENT, metric="mae").lowest == 100.0
    assert read([Column("x", ScoreKind())], metric="rmse").lowest == float("inf")
    assert {name for name in MEASURES if not Metric(name).greater_is_better} == {"eer", "mae", "rmse"}


@pytest.mark.parametrize(
    ("columns", "table", "problem"),
    [
        ([CLASSES], {"metric": "F1"}, "metric: got 'F1'; expected f1, accuracy, auc, "),
        ([CLASSES], {}, "metric: got no metric; expected f1"),
        (
            [CLASSES],
            {"metric": "mae"},
            "metric: got mae, and no column that it can read; expected one of type",
        ),
        (
            [CLASSES],
            {"metric": "f1", "average": "samples"},
            "average: got 'samples'; expected weighted, macro",
        ),
        ([CLASSES], {"metric": "f1", "average": "positive"}, "positive: got no positive class; expected one of 'negat"),
        ([FLAG], {"metric": "f1", "positive": 2}, "positive: got 2; expected '0' or '1'. Write it as in the column."),
        (
            FLAGS,
            {"metric": "f1", "average": "macro", "positive": "1"},
            "positive: got '1' with average = macro;",
        ),
        ([CODES], {"metric": "f1", "absent": "one"}, "absent: got 'one': no label of a set is absent; expected no"),
        (
            FLAGS,
            {"metric": "f1", "absent": "skip"},
            "absent: got 'skip' with average = weighted; expected zero or one.",
        ),
        ([FLAG], {"metric": "f1", "threshold": 0.5, "columns": ["label"]}, "threshold: got a threshold for columns of"),
        ([PROB], {"metric": "f1"}, "threshold: got no threshold for columns of type probability; expected a number"),
        ([FLAG], {"metric": "f1", "k": 3}, "k: got 'k': f1 has no k; expected metric, columns, name, average, absent,"),
        ([FLAG], {"metric": "f1", "avrage": 3}, "avrage: got 'avrage': 'avrage' is not a key of a metric; expected"),
        (
            [FLAG],
            {"metric": "f1", "columns": ["labels"]},
            "columns: got 'labels', which f1 cannot read; expected",
        ),
        ([FLAG], {"metric": "f1", "name": "F 1"}, "name: got 'F 1'; expected small letters, digits and _"),
        (LIST, {"metric": "precision-at"}, "k: got no k; expected a whole number of at least 1. Write how many places"),
        (LIST, {"metric": "mrr", "k": 0}, "k: got 0; expected a whole number of at least 1"),
        (LIST, {"metric": "mrr", "order": "score"}, "order: got 'score'; expected trec_eval, msmarco or rank."),
        ([*FLAGS, PROB], {"metric": "auc"}, "truth: got 1 columns of scores and 2 of the truth; expected one of each."),
    ],
)
def test_a_table_that_contradicts_itself_or_the_columns_is_refused(columns, table, problem):
    assert [one[: len(problem)] for one in problems(columns, table)] == [problem]


def test_all_problems_of_a_table_are_found_and_names_must_differ():
    table = {"metric": "precision-at", "average": "macro", "name": "", "order": "z"}
    assert {one.split(":")[0] for one in problems(LIST, table)} == {"average", "k", "name", "order"}
    twice = problems(FLAGS, {"metric": "f1"}, {"metric": "f1", "absent": "one"}, {"metric": "f1", "name": "other"})
    assert twice == [
        "metric: got two metrics with the name f1_weighted; expected one name for each. Remove one, or give it a name "
        "of its own: name = …"
    ]


def test_every_key_of_a_table_is_a_field_of_a_metric():
    assert set(KEYS) <= {field.name for field in fields(Metric)}
