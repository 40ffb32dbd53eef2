"""The task files that come with the package, against what the organisers' pages and files have."""

import pytest

from submission.kinds import ConstantKind, FlagKind, ProbabilityKind
from submission.rules import SumRule, ThresholdRule
from submission.task import Subtask, Task
from submission.taskfile import load_task, task_names
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

HEADERS = {  # organisers' repositories and pages; of flood2020 and ranked, which have none, the names in messages
    "flood2020": "tweet_id,relevant",
    "memorability2026": "video_id,id,memorability_score,brand_memorability",
    "motility2022": "ID, Progressive motility (%), Non progressive sperm motility (%), Immotile sperm (%)",
    "ranked": "topic Q0 doc rank score tag",
    "synthim2025": "image_id,prob,label,threshold",
    "visualsentiment2021": (
        "id,T1,T2.1: Joy,T2.2: Sadness,T2.3: Fear,T2.4: Disgust,T2.5: Anger,T2.6: Surprise,T2.7: Neutral,T3.1: Anger,"
        "T3.2: Anxiety,T3.3: Craving,T3.4: Emphatic pain,T3.5: Fear,T3.6: Horror,T3.7: Joy,T3.8: Relief,"
        "T3.9: Sadness,T3.10:surprise"
    ),
}


def test_every_task_is_here():
    assert task_names() == tuple(HEADERS)


@pytest.mark.parametrize("name", HEADERS)
def test_headers_are_those_of_the_organisers(name):
    task = load_task(name)
    separator = "," if name == "visualsentiment2021" else task.layout.separator
    assert separator.join(task.header.cells) == HEADERS[name]
    assert task.title
    assert task.source.startswith("https://")


def test_visual_sentiment_is_as_it_always_was():
    """Written out once more: nothing about 2021 may change by way of its file."""
    t2 = ("Joy", "Sadness", "Fear", "Disgust", "Anger", "Surprise", "Neutral")
    t3 = ("Anger", "Anxiety", "Craving", "Emphatic pain", "Fear", "Horror", "Joy", "Relief", "Sadness", "surprise")
    headings = tuple(HEADERS["visualsentiment2021"].split(","))[1:]
    task = load_task("visualsentiment2021")
    first, second, third = task.subtasks
    assert task is VISUAL_SENTIMENT_2021
    assert task == Task(
        "visual-sentiment-2021",
        (
            Subtask(
                "subtask1", "T1", ("T1",), ("negative", "neutral", "positive"), multi_label=False, ordered=True,
                metrics=first.metrics,
            ),
            Subtask("subtask2", "T2", headings[1:8], headings[1:8], True, short_labels=t2, metrics=second.metrics),
            Subtask("subtask3", "T3", headings[8:], headings[8:], True, short_labels=t3, metrics=third.metrics),
        ),
        "id",
        ("filename",),
        r"\s*T([0-9])(?:\.(\d+))?(?!\d)",
        (("T3.4: Emphatic pain", "T3.4: Empathetic pain"), ("T3.10:surprise", "T3.10: Surprise")),
        (
            ("T2.2: Sadness", "T2.3: Fear"),
            ("T2.1: Joy", "T2.2: Sadness"),
            ("T3.2: Anxiety", "T3.7: Joy"),
        ),
        title=task.title,
        source=task.source,
    )  # fmt: skip
    assert load_task("visual-sentiment-2021") is task, "its name in messages finds it, too"


def test_synthetic_images_have_a_probability_a_label_and_one_threshold():
    task = load_task("synthim2025")
    assert task["detection"].kinds == (ProbabilityKind(), FlagKind(), ConstantKind(kind=ProbabilityKind()))
    assert task["detection"].truth_headings == ("label",)
    assert task.rules == (ThresholdRule("label", "prob", "threshold"),)
    assert task.layout.extension
    assert [(run.kind, run.required) for run in task.runs] == [("constrained", True), ("open", True)]
    assert task.runs[1].zip.matches("AI_Lab_open.zip") == {"team": "AI_Lab"}


def test_flood_files_are_named_by_their_kind():
    task = load_task("flood2020")
    assert not task.layout.header
    assert task.layout.id_pattern.matches("1090969737671131140") is not None
    assert task.runs[0].file.matches("ME20FMT_AI_Lab_001.txt") == {"team": "AI_Lab"}
    assert [run.kind for run in task.runs if run.required] == ["001"]


def test_motility_sums_up_to_100_and_the_organisers_sample_row_does_not():
    (rule,) = load_task("motility2022").rules
    assert isinstance(rule, SumRule)
    sample = dict(zip(rule.columns, (25.0, 75.0, 25.0), strict=True))
    assert rule.problem(sample) == "125"


def test_ids_of_videos_begin_with_any_sign():
    pattern = load_task("memorability2026").layout.id_pattern
    assert all(pattern.matches(id_) is not None for id_ in ("_HaSVQSRwVI", "2_tqQILf2Pk", "n-G3k9QSSgY"))


def test_a_ranked_list_is_one_subtask_of_document_rank_and_score():
    task = load_task("ranked")
    assert task["ranked"].headings == ("doc", "rank", "score")
    assert [column.heading for column in task.shared_columns] == ["Q0", "tag"]


SIGNATURES = {
    "flood2020": ["f1|average:positive|positive:1|absent:zero|columns:relevant|v:1"],
    "memorability2026": ["spearman|columns:memorability_score|v:1", "spearman|columns:brand_memorability|v:1"],
    "ranked": [
        "mrr|k:100|order:msmarco|columns:doc,rank,score|v:1",
        "precision-at|k:10|order:trec_eval|columns:doc,rank,score|v:1",
    ],
    "synthim2025": [
        "f1|average:positive|positive:1|absent:zero|columns:label|v:1",
        "auc|average:positive|positive:1|columns:prob|truth:label|v:1",
        "ap|average:positive|positive:1|columns:prob|truth:label|v:1",
        "eer|average:positive|positive:1|columns:prob|truth:label|v:1",
        "accuracy|average:samples|columns:label|v:1",
    ],
    "visualsentiment2021": [f"f1|average:weighted|absent:zero|columns:{column}|v:1" for column in ("T1", "T2", "T3")],
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_metrics_are_those_by_which_the_organisers_rank(name):
    metrics = [metric for subtask in load_task(name).subtasks for metric in subtask.metrics]
    assert [metric.signature for metric in metrics] == SIGNATURES[name]
