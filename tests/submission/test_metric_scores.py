"""A run of any task is scored by the task's own metrics, each with its signature; an absent answer is the worst."""

import json

import pytest
from sklearn import metrics as sk

from submission.errors import LabelFileError
from submission.labels import LabelTable
from submission.metric_scores import MetricScores
from submission.score import as_text, read_truth, score
from submission.taskfile import load_task, parse_task

SYNTHIM = load_task("synthim2025")
TRUTH = {"a.jpg": (1,), "b.jpg": (0,), "c.jpg": (1,), "d.jpg": (0,), "e.jpg": (0,)}
ANSWERS = {
    "a.jpg": (0.9, 1, 0.5),
    "b.jpg": (0.6, 1, 0.5),
    "c.jpg": (0.6, 1, 0.5),
    "d.jpg": (0.1, 0, 0.5),
    "e.jpg": (0.2, 0, 0.5),
}


def table(name, **labels):
    return LabelTable(name, ("id",), tuple(next(iter(labels.values()))), labels)


def scored(task, truth, answers, **options):
    (scores,) = score(table("truth.csv", **truth), table("run.csv", **answers), task, **options).values()
    return scores


def values(scores):
    return {one.metric.key: one.value for one in scores.metrics}


def test_all_metrics_of_a_subtask_are_scored_against_the_column_that_each_reads():
    scores = scored(SYNTHIM, {"detection": TRUTH}, {"detection": ANSWERS})
    true, prob = [1, 0, 1, 0, 0], [0.9, 0.6, 0.6, 0.1, 0.2]
    assert values(scores) == pytest.approx(
        {
            "f1": 0.8,
            "auc": sk.roc_auc_score(true, prob),
            "ap": sk.average_precision_score(true, prob),
            "eer": 0.2,  # from (0, 1/2) to (1/3, 1) of the ROC, three fifths of the way
            "accuracy": 0.8,
        }
    )
    assert (scores.value, scores.interval) == (scores.metrics[0].value, scores.metrics[0].interval)


def test_an_absent_answer_is_the_worst_that_it_could_be():
    answers = {name: row for name, row in ANSWERS.items() if name != "a.jpg"}
    scores = scored(SYNTHIM, {"detection": TRUTH}, {"detection": answers})
    worst = ANSWERS | {"a.jpg": (0.0, 0, 0.5)}
    assert values(scores) == values(scored(SYNTHIM, {"detection": TRUTH}, {"detection": worst}))
    assert scores.absent == ("a.jpg",) and scores.to_dict()["absent"] == ["a.jpg"]
    motility = load_task("motility2022")
    truth = {"motility2022": {"1": (20.0, 70.0, 10.0), "2": (30.0, 30.0, 40.0)}}
    scores = scored(motility, truth, {"motility2022": {"1": (20.0, 70.0, 10.0)}})
    assert scores.value == pytest.approx((70 + 70 + 60) / 3 / 2)  # the bound that is farther, of 0 and 100
    assert scores.metrics[0].per_column == {
        heading: value / 2 for heading, value in zip(motility.subtasks[0].headings, (70, 70, 60), strict=True)
    }


def test_text_and_json_end_with_the_signature():
    motility = load_task("motility2022")
    truth = {"motility2022": {"1": (20.0, 70.0, 10.0), "2": (30.0, 30.0, 40.0)}}
    answers = {"motility2022": {"1": (20.0, 70.0, 10.0), "2": (40.0, 20.0, 40.0)}}
    scores = score(table("truth.csv", **truth), table("run.csv", **answers), motility)
    signature = "mae|columns:Progressive motility (%25),Non progressive sperm motility (%25),Immotile sperm (%25)|v:1"
    assert as_text(scores).split("\n") == [
        "subtask\tmetric\tvalue\tlow\thigh\timages",
        "motility2022\tmae\t3.3333\t0.0000\t6.6667\t2",
        "motility2022\tmae Progressive motility (%)\t5.0000\t\t\t",
        "motility2022\tmae Non progressive sperm motility (%)\t5.0000\t\t\t",
        "motility2022\tmae Immotile sperm (%)\t0.0000\t\t\t",
        f"# motility2022: {signature}",
    ]
    of_subtask = json.loads(json.dumps(scores["motility2022"].to_dict()))
    assert list(of_subtask)[-1] == "signature" and of_subtask["signature"] == signature
    assert list(of_subtask["metrics"]["mae"])[-2:] == ["greater_is_better", "signature"]


TASK = """
name = "abuse"
[id]
column = "file"
[[columns]]
headings = ["shaming", "violence"]
type = "flag"
[[metrics]]
metric = "f1"
average = "label-macro"
[[metrics]]
metric = "f1"
average = "{average}"
columns = ["{column}"]
{more}
"""
FLAGS = {"1": (1, 0), "2": (0, 0), "3": (1, 1), "4": (0, 0)}
GIVEN = {"1": (1, 0), "2": (1, 0), "3": (0, 1), "4": (0, 0)}


def test_a_mean_of_each_labels_macro_f1_and_the_labels():
    task = parse_task(TASK.format(average="macro", column="shaming", more=""), "abuse.toml")
    scores = scored(task, {"abuse": FLAGS}, {"abuse": GIVEN})
    # shaming: F1 of 1 and of 0 are .5 each, on 2 images; violence: 1 on one
    assert values(scores) == pytest.approx({"f1_label_macro": (2 * 0.5 + 1) / 3, "f1_macro": 0.5})
    assert isinstance(scores, MetricScores)
    assert [(one.label, one.f1, one.support) for one in scores.per_label] == [("shaming", 0.5, 2), ("violence", 1, 1)]


def test_one_column_of_flags_has_two_classes_and_either_may_be_the_positive_one():
    given = {name: (shaming, 0) for name, (shaming, _) in GIVEN.items()} | {"4": (1, 0)}
    column = [[row[0] for row in rows.values()] for rows in (FLAGS, given)]
    for average in ("macro", "micro", "weighted"):
        task = parse_task(TASK.format(average=average, column="shaming", more=""), "abuse.toml")
        found = scored(task, {"abuse": FLAGS}, {"abuse": given}).metrics[1].value
        assert found == pytest.approx(sk.f1_score(*column, average=average))
    task = parse_task(TASK.format(average="positive", column="shaming", more='positive = "0"'), "abuse.toml")
    found = scored(task, {"abuse": FLAGS}, {"abuse": given}).metrics[1].value
    assert found == pytest.approx(sk.f1_score(*column, pos_label=0, zero_division=0))


def test_sets_are_scored_image_by_image():
    task = parse_task(
        'name = "codes"\n[id]\ncolumn = "id"\n[[columns]]\nheading = "codes"\ntype = "set"\nempty = true\n'
        '[[metrics]]\nmetric = "f1"\nempty = "skip"\n',
        "codes.toml",
    )
    truth = {"codes": {"a": (("x", "y"),), "b": ((),), "c": (("z",),)}}
    scores = scored(task, truth, {"codes": {"a": (("x",),), "b": (("x",),)}})
    assert scores.value == pytest.approx((2 / 3 + 0) / 2)
    assert scores.signature == "f1|average:samples|empty:skip|columns:codes|v:1"


def test_weighted_f1_of_2021_keeps_its_form_and_ends_with_its_signature():
    task = load_task("visualsentiment2021")
    labels = {"subtask1": {"a": "neutral", "b": "positive"}}
    scores = score(table("truth.csv", **labels), table("run.csv", **labels), task)
    assert as_text(scores).split("\n") == [
        "subtask\tlabel\tf1\tlow\thigh\timages",
        "subtask1\tweighted\t1.0000\t1.0000\t1.0000\t2",
        "subtask1\tnegative\t0.0000\t\t\t0",
        "subtask1\tneutral\t1.0000\t\t\t1",
        "subtask1\tpositive\t1.0000\t\t\t1",
        "# subtask1: f1|average:weighted|absent:zero|columns:T1|v:1",
    ]
    assert list(scores["subtask1"].to_dict()) == [
        *("subtask", "weighted_f1", "interval", "per_label", "n_images"),
        "signature",
    ]


QRELS = "q1 0 d1 0\nq1 0 d2 1\nq2 0 d3 2\n\nq3\t0\td4\t1\n"
LISTS = {"q1": (("d1", 1, 0.9), ("d2", 2, 0.5)), "q2": (("d3", 1, 0.5), ("d1", 2, 0.5)), "other": (("d1", 1, 1.0),)}


@pytest.mark.parametrize("text", [QRELS, "topic,doc,relevance\nq1,d1,0\nq1,d2,1.0\nq2,d3,2\nq3,d4,1\n"])
def test_ranked_lists_are_scored_by_relevance_judgements(text, tmp_path):
    path = tmp_path / "qrels.txt"
    path.write_text(text)
    task = load_task("ranked")
    truth = read_truth(path, task)
    assert truth.ids == ("q1", "q2", "q3")
    lists = {query: rows for query, rows in LISTS.items() if query != "other"}
    scores = score(truth, table("run.txt", ranked=lists), task)["ranked"]
    # of equal scores, MS MARCO's script puts d1 before d3
    assert values(scores) == pytest.approx({"mrr_at_100": (1 / 2 + 1 / 2 + 0) / 3, "precision_at_10": 0.2 / 3})
    assert scores.absent == ("q3",)


def test_all_problems_of_judgements_are_reported(tmp_path):
    path, task = tmp_path / "qrels.txt", load_task("ranked")
    path.write_text("q1 0 d1 1\nq1 0 d1 0\nq2 d3 1\nq2 0 d3 yes\n")
    with pytest.raises(LabelFileError) as error:
        read_truth(path, task)
    assert [problem.removeprefix(f"{path}:") for problem in error.value.problems] == [
        "2: got document 'd1' of query 'q1' again (first on line 1); expected each once. Remove one of the lines.",
        "3: got 3 cells (q2 d3 1); expected 4, with blanks between them: query, iteration (0), document, relevance. "
        "Correct the line.",
        "4: got 'q2', 'd3' and 'yes'; expected a query, a document and a whole number, its relevance. Correct the "
        "line.",
    ]
    path.write_text("topic,document\nq1,d1\n")
    with pytest.raises(LabelFileError, match="got no column 'doc' and 'relevance'; expected columns 'topic', 'doc'"):
        read_truth(path, task)
