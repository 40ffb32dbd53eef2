"""A task of two invented subtasks goes through everything: nothing of 2021 stands outside its own file."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

import submission
from submission.alignment.align import ALIGNED, MISALIGNED, SUSPICIOUS, align
from submission.alignment.expectation import columns_of, expect
from submission.alignment.orders import usual_orders
from submission.alignment.plausibility import find_oddities
from submission.check import check_file, check_files, expected_header, find_problems
from submission.compare import compare, difference
from submission.errors import LabelFileError
from submission.faults import FORM, MEANING, faults_of, spoil
from submission.labels import LabelTable, read_ids, read_labels
from submission.ledger import Ledger, LedgerEntry
from submission.problems import describe
from submission.runfile import format_run, read_run, write_run
from submission.score import score, score_file
from submission.task import Header, Subtask, Task

IDS = ["b", "a", "c"]
RUN = """\
image,sky,tugs,ferries,tankers
b,storm,0,1,1
a,clear,1,0,0
c,fog,0,0,0
"""
LABELS = {
    "weather": {"a": "clear", "b": "storm", "c": "fog"},
    "ships": {"a": (1, 0, 0), "b": (0, 1, 1), "c": (0, 0, 0)},
}


def codes(task, text, ids=IDS, **options):
    return {problem.code for problem in find_problems(text.encode(), ids, task.header, **options)}


def test_a_run_is_written_read_and_checked(invented_task, tmp_path):
    path = tmp_path / "run.csv"
    write_run(path, invented_task.header, IDS, LABELS)
    assert path.read_text() == RUN
    assert read_run(path, invented_task.header).labels == LABELS
    assert read_labels(path, invented_task) == read_run(path, invented_task.header)
    assert read_ids(path, invented_task) == IDS
    report = check_file(path, IDS, invented_task.header)
    assert report.text() == f"{path}: 3 rows of weather and ships, no problems"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("a,clear", "a,Clear", "3: sky: got 'Clear'; expected clear, cloudy, storm or fog."),
        ("a,clear", "a,T1", "3: sky: got 'T1'; expected clear, cloudy, storm or fog."),
        ("a,clear", "a,2", "3: sky: got '2'; expected clear, cloudy, storm or fog."),
        ("0,1,1", "0,0.5,1", "2: ferries: got '0.5'; expected 0 or 1."),
        ("0,1,1", "0,fog,1", "2: ferries: got 'fog'; expected 0 or 1. Class names"),
        ("ferries", "Ferries", "1: ferries: got 'Ferries'; expected 'ferries'. The official heading"),
        ("image", "id", "1: image: got 'id'; expected 'image'."),
    ],
)
def test_a_problem_is_told_in_the_words_of_the_task(invented_task, old, new, told):
    (problem,) = find_problems(RUN.replace(old, new, 1).encode(), IDS, invented_task.header)
    assert describe(problem, "").startswith(f":{told}"), describe(problem, "")


def test_partial_runs_and_runs_without_header_are_recognised(invented_task):
    lines = [line.split(",") for line in RUN.splitlines()]
    for kept, name in ((slice(1, 2), "weather"), (slice(2, 5), "ships")):
        part = "".join(",".join([cells[0], *cells[kept]]) + "\n" for cells in lines)
        assert codes(invented_task, part) == {"partial"}
        assert codes(invented_task, part, partial=True) == set()
        assert codes(invented_task, part.split("\n", 1)[1], partial=True) == {"header-absent"}
        (problem,) = find_problems(part.encode(), IDS, invented_task.header)
        assert (problem.actual, problem.expected) == (f"only the columns of {name}", "those of weather and ships")
    (problem,) = find_problems(b"image\nb\na\nc\n", IDS, invented_task.header)
    assert (problem.code, problem.expected) == ("no-label-columns", "sky, tugs … tankers")


def test_a_row_without_header_is_read_by_its_cells_where_two_subtasks_are_as_wide():
    tide = Subtask("tide", "tide", ("tide",), ("ebb", "flood"), multi_label=False)
    moon = Subtask("moon", "moon", ("moon",), ("new", "full"), multi_label=False)
    header = Task("coast", (tide, moon)).header
    (problem,) = find_problems(b"a,new\nb,full\n", ["a", "b"], header, partial=True)
    assert problem.code == "header-absent"
    assert codes(header.task, "a,ebb\nb,Full\n", ["a", "b"], partial=True) == {"header-absent", "cell-word"}


def test_files_are_checked_and_scored_with_the_dev_sets_header(invented_task, tmp_path):
    run, dev = tmp_path / "run.csv", tmp_path / "dev"
    run.write_text(RUN.replace("ferries", " ferries"))
    assert [report.ok for report in check_files([run], run, invented_task)] == [False]
    with pytest.raises(LabelFileError, match="got a folder without a CSV; expected a dev set"):
        dev.mkdir()
        expected_header(dev, invented_task)
    (dev / "devset.csv").write_text("image,tugs, ferries,tankers\nx,0,0,0\n")
    assert expected_header(dev, invented_task).cells == ("image", "sky", "tugs", " ferries", "tankers")
    assert [report.ok for report in check_files([run], run, invented_task, dev=dev)] == [True]
    scores = score_file(run, run, invented_task, dev=dev)
    assert {name: of_subtask.weighted_f1 for name, of_subtask in scores.items()} == {"weather": 1.0, "ships": 1.0}


def random_table(task: Task, n: int, seed: int) -> LabelTable:
    rng = np.random.default_rng(seed)
    ids = tuple(f"i{k}" for k in range(n))
    labels = {}
    for subtask in task.subtasks:
        rows = rng.integers(0, 2, (n, len(subtask.labels)))
        if not subtask.multi_label:
            rows = np.eye(len(subtask.labels), dtype=int)[rng.integers(0, len(subtask.labels), n)]
        labels[subtask.name] = subtask.from_matrix(rows, ids)
    return LabelTable(Path(f"{seed}.csv"), task.header.cells, ids, labels)


def test_a_run_is_scored_and_compared(invented_task):
    truth, run = random_table(invented_task, 80, 1), random_table(invented_task, 80, 2)
    for name, of_subtask in score(truth, run, invented_task).items():
        rows = [[table.labels[name][image_id] for image_id in truth.ids] for table in (truth, run)]
        referee = f1_score(*map(np.array, rows), average="weighted", zero_division=0)
        assert of_subtask.weighted_f1 == pytest.approx(referee, abs=1e-12)
        assert [label.label for label in of_subtask.per_label] == list(invented_task[name].labels)
    found = difference(truth, run, invented_task)
    assert found.compared == {"weather": 80, "ships": 240}
    assert {flip.label for flip in found.flips} == {"sky", "tug", "ferry", "tanker"}
    ships = invented_task["ships"]
    answers = {name: ships.to_matrix(table.labels["ships"], truth.ids) for name, table in (("a", truth), ("b", run))}
    compared = compare(ships, answers["a"], answers, rng=np.random.default_rng(0), resamples=200)
    assert compared.subtask == "ships" and compared.pairs[0].verdict == "differ"


def test_what_is_unusual_is_told_under_the_tasks_headings(invented_task):
    dev, run = random_table(invented_task, 400, 1), random_table(invented_task, 200, 2)
    assert find_oddities(run, dev, invented_task) == []
    run.labels["weather"].update(dict.fromkeys(run.ids, "fog"))
    run.labels["ships"].update({image_id: (0, *label[1:]) for image_id, label in run.labels["ships"].items()})
    found = {(problem.code, problem.column) for problem in find_oddities(run, dev, invented_task)}
    assert {("label-constant", "sky"), ("label-constant", "tugs")} <= found


@pytest.fixture(scope="module")
def harbour(invented_task):
    """(expectation of 600 images, a sound run of realistic quality, its bytes)"""
    weights = np.random.default_rng(9).normal(size=(30, 7))

    def world(seed: int, noise_seed: int) -> tuple[np.ndarray, np.ndarray]:
        X = np.random.default_rng(seed).normal(size=(600, 30))
        z = X @ weights / 5 + 0.6 * np.random.default_rng(noise_seed).normal(size=(600, 7))
        sky = z[:, :4].argmax(axis=1)[:, None] == np.arange(4)
        return X, np.hstack([sky, z[:, 4:] > (0.1, 0.5, 0.9)]).astype(int)

    (X, Y), (Z, answers) = world(1, 2), world(3, 4)
    ids = [f"i{k:03}" for k in np.random.default_rng(5).permutation(600)]
    expectation = expect(X, Y, Z, ids, columns_of(invented_task.subtasks))
    weather, ships = invented_task.subtasks
    labels = {"weather": weather.from_matrix(answers[:, :4], ids), "ships": ships.from_matrix(answers[:, 4:], ids)}
    run = LabelTable(Path("run.csv"), invented_task.header.cells, tuple(ids), labels)
    return expectation, run, format_run(invented_task.header, ids, labels)


def test_every_fault_is_detected_as_of_form_or_by_the_images(harbour, invented_task, tmp_path):
    expectation, run, data = harbour
    assert align(run, expectation, usual_orders(run.ids)).verdict == ALIGNED
    faults = faults_of(invented_task)
    assert len({fault.name for fault in faults}) == len(faults) > 45
    for fault in faults:
        spoilt = spoil(fault, data, np.random.default_rng(0))
        assert spoilt not in (None, data), fault.name
        problems = find_problems(spoilt, run.ids, invented_task.header)
        errors = {problem.code for problem in problems if problem.severity == "error"}
        assert bool(errors) == (fault.kind == FORM), (fault.name, errors)
        if fault.kind == MEANING and "one answer" not in fault.name:  # which fits any order of rows
            (tmp_path / "run.csv").write_bytes(spoilt)
            found = align(read_labels(tmp_path / "run.csv", invented_task), expectation, usual_orders(run.ids))
            assert found.verdict in (MISALIGNED, SUSPICIOUS), (fault.name, found.text())
            assert "T1" not in found.text() and "T2" not in found.text()


def test_swapped_classes_and_columns_are_told_by_their_names(harbour, invented_task):
    expectation, run, _ = harbour

    def judged(**labels):
        return align(LabelTable(run.path, run.header, run.ids, run.labels | labels), expectation)

    weather = {"clear": "cloudy", "cloudy": "clear"}
    swapped = {image_id: weather.get(label, label) for image_id, label in run.labels["weather"].items()}
    (problem,) = judged(weather=swapped).problems
    assert (problem.code, problem.column) == ("classes-permuted", "sky")
    assert "the classes of sky" in problem.actual and "'sky = clear' holds 'sky = cloudy'" in problem.actual
    ships = {image_id: (b, a, c) for image_id, (a, b, c) in run.labels["ships"].items()}
    (problem,) = judged(ships=ships).problems
    assert (problem.code, problem.column) == ("columns-swapped", "tugs")
    assert "'tug' holds 'ferry'; 'ferry' holds 'tug'" in problem.actual


def test_the_ledger_warns_by_the_tasks_own_limit(invented_task, tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl", invented_task)

    def entry(run: str) -> LedgerEntry:
        return LedgerEntry(run, run, "2031-01-01T00:00:00+00:00", ("weather", "ships"), {}, 3)

    assert ledger.record(entry("one")) == []
    (warning,) = ledger.record(entry("two"))
    assert warning == "ships: this is run 2, after one; the organisers accept 1 per subtask. Choose which to send."


def test_many_classes_that_are_mixed_up_are_found_without_trying_every_order():
    labels = tuple(f"class {k}" for k in range(9))  # 362,880 orders
    subtask = Subtask("kind", "kind", ("kind",), labels, multi_label=False)
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 9, 900)
    X = np.eye(9)[truth] + rng.normal(scale=0.7, size=(900, 9))
    Y, ids = np.eye(9, dtype=int)[truth], [f"i{k}" for k in range(450)]
    expectation = expect(X[:450], Y[:450], X[450:], ids, columns_of([subtask]))

    def run(order) -> LabelTable:
        return LabelTable(Path("run.csv"), (), tuple(ids), {"kind": subtask.from_matrix(Y[450:, order], ids)})

    assert align(run(list(range(9))), expectation).verdict == ALIGNED
    for order in ([1, 0, *range(2, 9)], [*range(1, 9), 0], [3, 1, 4, 0, 5, 2, 8, 6, 7]):
        found = align(run(order), expectation)
        assert {problem.code for problem in found.problems} <= {"classes-permuted", "columns-permuted"}
        assert found.verdict == MISALIGNED


def test_a_header_of_another_task_is_refused_as_a_broken_promise(invented_task):
    with pytest.raises(AssertionError, match="the expected header has columns that the task lacks"):
        find_problems(RUN.encode(), IDS, Header(invented_task, ("image", "T1")))


def test_only_the_command_names_the_default_task():
    folder = Path(submission.__file__).parent
    naming = {path.name for path in folder.rglob("*.py") if "VISUAL_SENTIMENT_2021" in path.read_text(encoding="utf-8")}
    assert naming == {"__main__.py", "visual_sentiment.py"}
