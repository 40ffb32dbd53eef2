"""What a model learns of each kind of subtask, and the answers that its outputs lead to."""

import math
from decimal import Decimal
from itertools import product

import numpy as np
import pytest

from mediaeval.answers.decisions import decided
from mediaeval.answers.learned import form, items_seen, learned_task, require_learnable
from mediaeval.answers.projection import summing_up
from mediaeval.answers.ranking import ranked_list
from mediaeval.answers.targets import strata, target_matrix
from mediaeval.answers.written import answers_of
from mediaeval.errors import ConfigError, DatasetError
from submission.kinds import LabelKind, ProbabilityKind, ScoreKind, SetKind, TextKind
from submission.labels import read_labels
from submission.task import Subtask, Task
from submission.taskfile import load_task, task_names
from submission.visual_sentiment import VISUAL_SENTIMENT_2021


def one(name: str, kinds, headings=None, labels=(), **more) -> Task:
    headings = headings or tuple(f"c{k}" for k in range(len(kinds)))
    labels = labels or headings
    return Task("t", (Subtask(name, name, headings, labels, False, kinds=tuple(kinds), **more),))


def test_class_names_and_flags_alone_are_learned_as_they_are():
    assert learned_task(VISUAL_SENTIMENT_2021) is VISUAL_SENTIMENT_2021
    assert [form(s) for s in VISUAL_SENTIMENT_2021.subtasks] == ["classes", "decisions", "decisions"]


def test_every_task_that_comes_with_the_package_is_learned_or_refused_with_a_sentence():
    learnable = {}
    for name in task_names():
        task = load_task(name)
        try:
            require_learnable(task, task.names)
            learnable[name] = [form(subtask) for subtask in learned_task(task).subtasks]
        except ConfigError as error:
            learnable[name] = str(error)
    ranked = learnable.pop("ranked")
    assert "got a ranked list" in ranked and "mediaeval.ranked_list" in ranked
    assert learnable == {
        "flood2020": ["decisions"],
        "memorability2026": ["scores", "scores"],
        "motility2022": ["scores"],
        "synthim2025": ["decisions"],
        "visualsentiment2021": ["classes", "decisions", "decisions"],
    }


def test_a_probability_is_written_beside_its_label_and_threshold(tmp_path):
    task = learned_task(load_task("synthim2025"))
    subtask = task.subtasks[0]
    (tmp_path / "dev.csv").write_text("image_id,label\na.jpg,1\nb.jpg,0\n")
    table = read_labels(tmp_path / "dev.csv", task)
    assert table.ids == ("a.jpg", "b.jpg"), "ids keep their extension where the task has them so"
    assert target_matrix(subtask, table.labels["detection"], table.ids).tolist() == [[1], [0]]
    P = np.array([[0.7], [0.3], [0.2]])
    decisions = decided(subtask, P, [0.3])
    found = answers_of(subtask, ["a", "b", "c"], P, decisions, [0.3])
    assert found == {"a": (0.7, 1, 0.3), "b": (0.3, 1, 0.3), "c": (0.2, 0, 0.3)}
    assert subtask.to_cells(found["b"]) == ("0.3", "1", "0.3")


def test_a_probability_beside_two_class_names_is_that_of_the_last():
    task = learned_task(one("x", [LabelKind(("real", "fake")), ProbabilityKind()], labels=("real", "fake")))
    subtask = task.subtasks[0]
    assert target_matrix(subtask, {"a": ("fake",), "b": ("real",)}, ["b", "a"]).tolist() == [[0], [1]]
    P = np.array([[0.9]])
    assert answers_of(subtask, ["a"], P, decided(subtask, P, [0.5]), [0.5]) == {"a": ("fake", 0.9)}


def test_probabilities_alone_are_answers_as_they_are():
    subtask = learned_task(one("x", [ProbabilityKind(), ProbabilityKind()])).subtasks[0]
    assert form(subtask) == "probabilities"
    assert target_matrix(subtask, {"a": (1.0, 0.0)}, ["a"]).tolist() == [[1, 0]]
    P = np.array([[0.25, 0.5]])
    assert answers_of(subtask, ["a"], P, decided(subtask, P, []), []) == {"a": (0.25, 0.5)}
    with pytest.raises(DatasetError, match=r"got probabilities other than 0 and 1 for 1 images \(a\)"):
        target_matrix(subtask, {"a": (0.5, 0.0)}, ["a"])


def test_a_set_has_the_items_that_occur_and_as_many_as_it_may():
    task = one("x", [SetKind(most=2)], labels=("c0",))
    task = Task("t", (Subtask("x", "x", ("c0",), (), True, kinds=(SetKind(most=2),)),))
    seen = {"a": (("dog", "cat"),), "b": (("cat",),)}
    subtask = learned_task(task, {"x": items_seen(task["x"], seen)})["x"]
    assert subtask.labels == ("cat", "dog")
    assert target_matrix(subtask, seen, ["b", "a"]).tolist() == [[1, 0], [1, 1]]
    three = learned_task(task, {"x": ["a", "b", "c"]})["x"]
    P = np.array([[0.9, 0.6, 0.8], [0.1, 0.3, 0.2]])
    chosen = decided(three, P, [0.5, 0.5, 0.5])
    assert chosen.tolist() == [[1, 0, 1], [0, 1, 0]], "two at most, and not none"
    assert answers_of(three, ["p", "q"], P, chosen, [0.5] * 3) == {"p": (("a", "c"),), "q": (("b",),)}


def test_scores_are_cut_at_their_bounds():
    subtask = learned_task(one("x", [ScoreKind(1, 7), ScoreKind()])).subtasks[0]
    T = target_matrix(subtask, {"a": (2.5, -3.0), "b": (7.0, 4.0)}, ["a", "b"])
    assert T.tolist() == [[2.5, -3.0], [7.0, 4.0]] and strata(subtask, T).shape == (2, 8)
    scores = np.array([[0.0, -9.5], [8.0, 1e6]])
    assert decided(subtask, scores, []).tolist() == [[1.0, -9.5], [7.0, 1e6]]


def test_scores_of_a_sum_rule_sum_up_to_the_last_decimal():
    subtask = learned_task(load_task("motility2022")).subtasks[0]
    scores = np.array([[30.0, 30.0, 30.0], [120.0, -5.0, 1.0], [33.3, 33.4, 33.5]])
    written = decided(subtask, scores, [])
    cells = [subtask.to_cells(row) for row in map(tuple, written.tolist())]
    assert [sum(map(Decimal, row)) for row in cells] == [100, 100, 100]
    assert cells[0] == ("33.333334", "33.333333", "33.333333")
    assert cells[1] == ("100", "0", "0")


def test_the_projection_is_the_nearest_point_that_sums_up():
    rng = np.random.default_rng(0)
    grid = [point for point in product(range(11), repeat=3) if sum(point) == 10]
    for values in rng.normal(3, 6, (50, 3)).tolist():
        found = summing_up(values, [(0, 10)] * 3, 10)
        assert abs(math.fsum(found) - 10) < 1e-9 and all(0 <= x <= 10 for x in found)
        distance = math.dist(found, values)
        assert all(distance <= math.dist(point, values) + 1e-6 for point in grid)
    with pytest.raises(ConfigError, match="got a sum of 40 for 3 columns of 0 to 30 in all"):
        summing_up([1, 2, 3], [(0, 10)] * 3, 40)
    assert summing_up([1.0, 5.0], [(-math.inf, math.inf)] * 2, 0.5) == [-1.75, 2.25]


def test_a_ranked_list_is_sorted_and_as_long_as_it_may():
    subtask = load_task("ranked").subtasks[0]
    rows = ranked_list(subtask, {"q": {"b": 1.0, "a": 1.0, "c": 3.0} | {f"d{k:03}": 0.0 for k in range(200)}})["q"]
    assert rows[:4] == (("c", 1, 3.0), ("a", 2, 1.0), ("b", 3, 1.0), ("d000", 4, 0.0)) and len(rows) == 100
    with pytest.raises(DatasetError, match=r"q: got no finite score for 'a'.*\nr: got no document"):
        ranked_list(subtask, {"q": {"a": math.nan}, "r": {}})


def test_columns_that_no_model_answers_are_named():
    task = one("x", [ScoreKind(), TextKind()], ("score", "remark"), labels=("score",))
    with pytest.raises(ConfigError, match="x: got 'remark', which no model can answer"):
        require_learnable(task, ["x"])
