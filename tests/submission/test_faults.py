"""The catalogue of faults, what is odd beside the dev set, the ledger, and the comparison of runs."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from submission.alignment.plausibility import find_oddities
from submission.check import find_problems
from submission.compare import compare, difference, holm
from submission.errors import RunFileError
from submission.faults import FORM, MEANING, faults_of, spoil
from submission.labels import LabelTable
from submission.ledger import Ledger, LedgerEntry
from submission.metrics.resampling import draw_counts
from submission.runfile import format_run
from submission.score import weighted_f1
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

FAULTS = faults_of(TASK)

IDS = [f"Image{k}" for k in range(20)]


def labels(seed: int = 0, n: int = 20, share: float = 0.4) -> dict:
    rng = np.random.default_rng(seed)
    ids = [f"Image{k}" for k in range(n)]
    found = {"subtask1": {i: TASK["subtask1"].labels[int(rng.integers(3))] for i in ids}}
    for name in ("subtask2", "subtask3"):
        width = len(TASK[name].labels)
        found[name] = {i: tuple(int(v) for v in rng.random(width) < share) for i in ids}
    return found


def table(of: dict) -> LabelTable:
    return LabelTable(Path("run.csv"), TASK.header.cells, tuple(of["subtask1"]), of)


SOUND = format_run(TASK.header, IDS, labels())


def test_the_catalogue_holds_forty_ways_and_each_name_once():
    assert len(FAULTS) >= 40 and len({fault.name for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_spoils_a_full_run_in_form_or_in_meaning_as_it_says(fault):
    spoilt = spoil(fault, SOUND, np.random.default_rng(1))
    assert spoilt is not None and spoilt != SOUND
    errors = {problem.code for problem in find_problems(spoilt, IDS, TASK.header) if problem.severity == "error"}
    assert bool(errors) == (fault.kind == FORM), errors


def test_a_fault_that_a_partial_run_gives_no_occasion_for_is_none():
    part = format_run(TASK.header.only(["subtask1"]), IDS, labels())
    outcomes = {fault.name: spoil(fault, part, np.random.default_rng(1)) for fault in FAULTS}
    assert outcomes["T2 inverted"] is None and outcomes["T2 and T3 exchanged"] is None
    assert outcomes["labels shuffled"] is not None
    of_rows = [fault for fault in FAULTS if fault.kind == MEANING and "T" not in fault.name]
    assert {fault.name for fault in of_rows if not outcomes[fault.name]} == {
        f"labels of subtask{k} alone slipped" for k in (1, 2, 3)
    }


def test_oddities_are_told_and_an_equal_run_has_none():
    dev = labels(1, n=1000)
    assert find_oddities(table(labels(2, n=500)), table(dev), TASK) == []
    odd = labels(2, n=500)
    for image_id, row in odd["subtask2"].items():
        odd["subtask2"][image_id] = (1, *row[1:6], 0)  # Joy always, Neutral never
    for image_id in list(odd["subtask3"])[:400]:
        odd["subtask3"][image_id] = (0,) * 10
    found = {(problem.code, problem.column) for problem in find_oddities(table(odd), table(dev), TASK)}
    assert ("label-constant", "T2.1: Joy") in found and ("label-constant", "T2.7: Neutral") in found
    assert ("label-share", "T3.2: Anxiety") in found
    assert ("rows-without-label", "T3.1: Anger") in found
    wrong = [problem for problem in find_oddities(table(odd), table(dev), TASK) if problem.severity == "error"]
    assert [(problem.code, problem.column) for problem in wrong] == [("label-constant", "T2.7: Neutral")]
    assert "--accept-constant" in wrong[0].remedy


def test_labels_that_never_stand_together_in_the_dev_set_are_told():
    dev, run = labels(1, n=600), labels(2, n=300)
    for image_id, row in dev["subtask2"].items():
        dev["subtask2"][image_id] = (*row[:6], int(not any(row[:6])))  # Neutral alone, or not at all
    assert {p.code for p in find_oddities(table(run), table(dev), TASK)} >= {"labels-never-together"}


def entry(run: str, sha: str, *subtasks: str) -> LedgerEntry:
    return LedgerEntry(run, sha, "2021-11-01T00:00:00+00:00", subtasks, dict.fromkeys(subtasks, 0.5), 20)


def test_the_ledger_keeps_every_run_and_warns_at_the_third_of_a_subtask(tmp_path):
    path = tmp_path / "runs/ledger.jsonl"
    assert Ledger(path, TASK).record(entry("one", "a", "subtask1", "subtask2")) == []
    assert Ledger(path, TASK).record(entry("two", "b", "subtask1")) == []
    assert Ledger(path, TASK).record(entry("two", "b", "subtask1")) == [], "the same bytes again are no further run"
    (warning,) = Ledger(path, TASK).record(entry("three", "c", "subtask1", "subtask2"))
    assert warning.startswith("subtask1: this is run 3, after one, two")
    assert [known.run for known in Ledger(path, TASK).entries] == ["one", "two", "three"]


def test_a_recorded_run_is_not_written_over_and_a_damaged_ledger_is_told(tmp_path):
    path = tmp_path / "ledger.jsonl"
    Ledger(path, TASK).record(entry("one", "a" * 64, "subtask1"))
    Ledger(path, TASK).require_free("one", "a" * 64)
    Ledger(path, TASK).require_free("two", "b" * 64)
    with pytest.raises(RunFileError, match=r"one/run.csv was recorded on 2021-11-01.*mv .*/one .*/OTHER"):
        Ledger(path, TASK).require_free("one", "b" * 64)
    path.write_text(path.read_text() + '{"run": "x"\n')
    with pytest.raises(RunFileError, match=":2: this line is not a record"):
        Ledger(path, TASK)
    for damage in (
        '{"run": "x"}',
        b"\xff\xfe",
        path.read_text().splitlines()[0].replace('"a', '["a').replace('a",', 'a"],'),
    ):
        (tmp_path / "other.jsonl").write_bytes(damage if isinstance(damage, bytes) else damage.encode())
        with pytest.raises(RunFileError, match=":1: this line is not a record"):
            Ledger(tmp_path / "other.jsonl", TASK)
    with pytest.raises(RunFileError, match="cannot be read"):
        Ledger(tmp_path, TASK)


def test_a_ledger_edited_by_hand_is_added_to_on_a_new_line(tmp_path):
    path = tmp_path / "ledger.jsonl"
    Ledger(path, TASK).record(entry("one", "a", "subtask1"))
    path.write_text(path.read_text().rstrip("\n"))
    Ledger(path, TASK).record(entry("two", "b", "subtask1"))
    assert Ledger(path, TASK).record(entry("copy", "b", "subtask1")) == [], (
        "the same file under another name is not a third run"
    )
    assert [known.run for known in Ledger(path, TASK).entries] == ["one", "two", "copy"]
    Ledger(path, TASK).require_free("two", "b")


def test_a_subtask_that_one_file_lacks_is_a_difference():
    part = {"subtask1": labels()["subtask1"]}
    assert difference(table(labels()), table(part), TASK).one_sided == ("subtask2", "subtask3")


def test_a_difference_names_ids_and_flips_whatever_the_order():
    first, second = labels(), labels()
    second["subtask2"]["Image3"] = (
        tuple(1 - v for v in second["subtask2"]["Image3"][:1]) + second["subtask2"]["Image3"][1:]
    )
    del second["subtask1"]["Image7"]
    for name in ("subtask2", "subtask3"):
        del second[name]["Image7"]
    other = LabelTable(Path("b.csv"), TASK.header.cells, tuple(reversed(list(second["subtask1"]))), second)
    found = difference(table(first), other, TASK)
    assert found.only_first == ("Image7",) and found.only_second == ()
    (flip,) = found.flips
    assert (flip.subtask, flip.image_id, flip.label) == ("subtask2", "Image3", "T2.1: Joy")
    assert found.compared == {"subtask1": 19, "subtask2": 19 * 7, "subtask3": 19 * 10}


def answers(seed: int, truth: np.ndarray, right: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(truth.shape) < right, truth, 1 - truth)


def test_every_resample_scores_as_scikit_learn_would():
    truth = np.random.default_rng(0).integers(0, 2, (60, 7))
    said = answers(1, truth, 0.7)
    times = draw_counts(60, 40, np.random.default_rng(2))
    assert (times.sum(axis=1) == 60).all()
    for row in times.astype(int):
        chosen = np.repeat(np.arange(60), row)
        wanted = f1_score(truth[chosen], said[chosen], average="weighted", zero_division=0)
        assert weighted_f1(truth[chosen], said[chosen]) == pytest.approx(wanted, abs=1e-12)
    # the comparison's own numbers are those of such resamples
    one = compare(TASK["subtask2"], truth, {"a": said, "b": truth}, rng=np.random.default_rng(2), resamples=40)
    scores = [weighted_f1(*(t[np.repeat(np.arange(60), row)] for t in (truth, said))) for row in times.astype(int)]
    gaps = np.array(scores) - 1  # the truth itself scores 1
    assert one.pairs[0].interval == pytest.approx(tuple(np.quantile(gaps, (0.025, 0.975))), abs=1e-12)


def test_a_clear_gap_differs_and_noise_is_called_so():
    truth = np.random.default_rng(0).integers(0, 2, (400, 10))
    runs = {"good": answers(1, truth, 0.85), "as good": answers(2, truth, 0.85), "poor": answers(3, truth, 0.7)}
    found = compare(TASK["subtask3"], truth, runs, rng=np.random.default_rng(0), resamples=2000)
    verdicts = {(pair.first, pair.second): pair.verdict for pair in found.pairs}
    assert verdicts == {
        ("good", "as good"): "inside the noise", ("good", "poor"): "differ", ("as good", "poor"): "differ"
    }  # fmt: skip
    for pair in found.pairs:
        assert pair.gap == pytest.approx(found.scores[pair.first][0] - found.scores[pair.second][0])
        assert pair.interval[0] <= pair.gap <= pair.interval[1] and pair.p >= pair.p_permutation
    for run, (f1, low, high) in found.scores.items():
        assert f1 == pytest.approx(f1_score(truth, runs[run], average="weighted")) and low < f1 < high


def test_equal_runs_have_no_gap():
    truth = np.random.default_rng(0).integers(0, 2, (50, 7))
    (pair,) = compare(
        TASK["subtask2"], truth, {"a": truth, "b": truth}, rng=np.random.default_rng(0), resamples=99
    ).pairs
    assert (pair.gap, pair.p_permutation, pair.p, pair.verdict) == (0.0, 1.0, 1.0, "inside the noise")


def test_holm_corrects_in_steps():
    # 0.01 × 3, 0.03 × 2, then no less than the step before: Holm 1979
    assert holm([0.03, 0.01, 0.04]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([]) == [] and holm([0.6, 0.9]) == [1.0, 1.0]


def test_constant_answers_are_an_error_unless_the_run_gives_them_to_dev_images_too():
    dev, run = labels(1, n=1000), labels(2, n=100)
    run["subtask1"] = dict.fromkeys(run["subtask1"], "neutral")

    def errors(**options):
        found = find_oddities(table(run), table(dev), TASK, **options)
        return [problem.column for problem in found if problem.severity == "error"]

    assert errors() == ["T1"]
    assert errors(accept_constant=True) == []
    assert errors(held_out={"subtask1": dict.fromkeys(dev["subtask1"], "neutral")}) == []
    assert errors(held_out={"subtask1": dev["subtask1"]}) == ["T1"]
    few = {name: dict(list(of.items())[:2]) for name, of in run.items()}
    assert not [p for p in find_oddities(table(few), table(dev), TASK) if p.severity == "error"], "two may be alike"
