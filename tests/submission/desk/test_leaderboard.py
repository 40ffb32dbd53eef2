"""Many run files on one truth: every file gets a row, answers that are none count as wrong, ties stay ties."""

import json
import zipfile

import numpy as np
import pytest

from submission.__main__ import main
from submission.check.answers import read_answers
from submission.compare import compare
from submission.desk.leaderboard import leaderboard
from submission.desk.letters import letter, write_letters
from submission.desk.noise import Rank, contributions, p_values, ranks
from submission.desk.sources import run_sources
from submission.errors import LabelFileError, RunFileError
from submission.faults import FORM, faults_of, spoil
from submission.metrics.decisions import counts, weighted_of_counts
from submission.score import score_file
from submission.task import Subtask, Task

MOOD = Task(
    "mood-2030",
    (
        Subtask("mood", "M", ("mood",), ("bad", "good"), multi_label=False),
        Subtask("signs", "S", ("rain", "sun"), ("rain", "sun"), multi_label=True),
    ),
)
TRUTH = """\
id,mood,rain,sun
a,good,0,1
b,bad,1,0
c,good,0,1
d,bad,1,1
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "truth.csv").write_text(TRUTH)
    (tmp_path / "runs").mkdir()

    def write(**texts):
        for name, text in texts.items():
            (tmp_path / "runs" / f"{name}.csv").write_text(text, newline="")
        return tmp_path

    return write


def board(folder, **options):
    return leaderboard(run_sources([folder / "runs"], MOOD), folder / "truth.csv", MOOD, **options)


def test_a_row_a_run_the_best_first_whatever_is_wrong_with_a_file(files):
    folder = files(best=TRUTH, worse=TRUTH.replace("b,bad", "b,good"), empty="", web="<html></html>")
    found = board(folder)
    assert [(entry.run.report.file.name, str(entry.rank), entry.problems) for entry in found.entries] == [
        ("best.csv", "1=", ""),  # one answer of four images is no evidence
        ("worse.csv", "1=", ""),
        ("empty.csv", "3", "file-empty"),
        ("web.csv", "3", "not-csv"),
    ]
    assert found.entries[0].run.scores["mood_f1_weighted"].value == 1.0
    assert found.text().splitlines()[-1] == f"3\t{folder}/runs/web.csv\t-\t-\tnot-csv"


def test_a_sound_file_has_the_score_that_it_has_alone(files):
    rng = np.random.default_rng(2)
    rows = [f"i{k},{rng.choice(['bad', 'good'])},{rng.integers(2)},{rng.integers(2)}\n" for k in range(100)]
    folder = files(one="id,mood,rain,sun\n" + "".join(rows))
    other = "".join(row.replace("bad", "good") if k % 3 else row for k, row in enumerate(rows))
    (folder / "truth.csv").write_text("id,mood,rain,sun\n" + other)
    alone = score_file(folder / "runs/one.csv", folder / "truth.csv", MOOD)
    scores = board(folder).entries[0].run.scores
    for name, one in alone.items():
        of_board = scores[f"{name}_f1_weighted"]
        assert (of_board.value, *of_board.interval) == pytest.approx((one.weighted_f1, *one.interval), abs=1e-9)


UNREADABLE = """\
id,mood,rain,sun
a.jpg,GOOD,0.0,TRUE
b,,1,0.7
d,bad,1,1
d,bad,1,1
e,bad,1,1
"""


def test_what_is_absent_unreadable_or_double_counts_as_wrong_and_what_is_extra_is_ignored(files):
    folder = files(one=UNREADABLE)
    # the same, written as the answers that count: a is right, b has no mood and the wrong sun, c and d nothing right
    decided = "id,mood,rain,sun\na,good,0,1\nb,good,1,1\nc,bad,1,0\nd,good,0,0\n"
    (folder / "decided.csv").write_text(decided)
    alone = score_file(folder / "decided.csv", folder / "truth.csv", MOOD)
    (entry,) = board(folder).entries
    assert entry.run.scores["signs_f1_weighted"].value == alone["signs"].weighted_f1
    # of mood no class at all is predicted: good has tp 1, fn 1; bad has fn 2: (2·1/3 · 2 + 0) / 4
    assert entry.run.scores["mood_f1_weighted"].value == pytest.approx(1 / 3)
    assert entry.run.counts["mood"].to_dict() == {"images": 4, "absent": 1, "unreadable": 1, "double": 1, "extra": 1}
    assert not entry.run.valid


def test_under_the_strict_rule_a_file_with_an_error_is_not_scored_and_comes_last(files):
    folder = files(one=TRUTH.replace("\n", "\r\n"), two=TRUTH.replace("a,good", "a,bad"))
    first, last = board(folder, rule="strict").entries
    assert (first.run.report.file.name, first.rank) == ("two.csv", Rank(1))
    assert (last.run.report.file.name, last.rank, last.run.scores) == ("one.csv", Rank(2), {})
    assert board(folder).entries[0].run.report.file.name == "one.csv"


def test_a_run_of_some_subtasks_is_a_problem_where_the_truth_has_all(files):
    folder = files(half="id,mood\na,good\nb,bad\nc,good\nd,bad\n")
    (lenient,) = board(folder).entries
    assert (lenient.run.valid, lenient.problems) == (False, "partial")
    assert set(lenient.run.scores) == {key for key in lenient.run.scores if key.startswith("mood")} != set()
    (strict,) = board(folder, rule="strict").entries
    assert not strict.run.scores
    (folder / "truth.csv").write_text("id,mood\na,good\nb,bad\nc,good\nd,bad\n")
    (whole,) = board(folder, rule="strict").entries
    assert whole.run.valid and whole.run.scores


def test_a_fault_of_form_costs_no_more_than_the_answers_that_it_damages(files):
    """A fault that leaves every answer readable leaves the score as it is."""
    rng = np.random.default_rng(0)
    costly = {
        "empty file", "header only", "column missing", "line cut short", "one probability", "one empty cell",
        "one nan", "one 2", "class numbers in M", "an id left out", "an id twice", "mood alone",
        "id column renamed", "columns with headings reordered",
    }  # fmt: skip
    ids = [line.partition(",")[0] for line in TRUTH.splitlines()[1:]]
    sound = read_answers(TRUTH.encode(), ids, MOOD.header).values
    for fault in faults_of(MOOD):
        data = spoil(fault, TRUTH.encode(), rng)
        if fault.kind == FORM and data is not None and fault.name not in costly:
            assert read_answers(data, ids, MOOD.header).values == sound, fault.name


def test_ranks_are_shared_with_the_best_run_that_is_not_told_apart():
    scores = [0.9, 0.5, 0.89, None, 0.88]
    p = dict.fromkeys([(0, 1), (1, 2), (1, 3), (2, 3)], 0.01) | {(0, 2): 0.5, (0, 3): 0.04}
    assert list(map(str, ranks(scores, p, greater_is_better=True))) == ["1=", "4", "1=", "5", "3"]
    errors = ranks([0.9, 0.5], {(0, 1): 0.01}, greater_is_better=False)
    assert list(map(str, errors)) == ["2", "1"]


def test_p_values_are_those_of_exchanging_answers_by_image():
    """The referee exchanges the answers of two runs and counts anew, 10,000 times (`submission.compare.compare`)."""
    rng = np.random.default_rng(1)
    truth = rng.random((300, 2)) < 0.4
    runs = {f"run{k}": np.where(rng.random(truth.shape) < 0.2 + 0.012 * k, ~truth, truth) for k in range(4)}
    expected = compare(MOOD.subtasks[1], truth, runs, rng=rng)

    def values(cells):
        return lambda weights: weighted_of_counts(*np.split(weights @ cells.astype(float), 3, axis=1))

    shares = np.stack([contributions(values(counts(truth, run)), 300) for run in runs.values()], axis=1)
    scores = [expected.scores[name][0] for name in runs]
    assert shares.sum(axis=0) == pytest.approx(scores, abs=0.002)
    for (a, b), p in p_values(scores, shares).items():
        pair = next(pair for pair in expected.pairs if (pair.first, pair.second) == (f"run{a}", f"run{b}"))
        assert p == pytest.approx(pair.p, abs=0.03)


def test_runs_come_from_folders_and_zips_and_a_zip_is_never_unpacked(tmp_path):
    (tmp_path / "runs/team").mkdir(parents=True)
    (tmp_path / "runs/team/one.csv").write_text(TRUTH)
    (tmp_path / "runs/readme.pdf").write_text("")
    with zipfile.ZipFile(tmp_path / "runs/z.zip", "w") as archive:
        archive.writestr("../two.csv", TRUTH)
        archive.writestr("__MACOSX/._two.csv", "")
    (tmp_path / "runs/bad.zip").write_bytes(b"PK\3\4")
    found = {
        str(source.name.relative_to(tmp_path / "runs")): source for source in run_sources([tmp_path / "runs"], MOOD)
    }
    assert list(found) == ["bad.zip", "team/one.csv", "z.zip/../two.csv"]
    assert "cannot be read" in found["bad.zip"].problem
    assert found["z.zip/../two.csv"].content == TRUTH.encode()
    (tmp_path / "none").mkdir()
    with pytest.raises(RunFileError, match=r"none: got no run file; expected files that end in \.csv"):
        run_sources([tmp_path / "none"], MOOD)


def test_a_text_for_each_team_names_its_own_run_alone(files):
    folder = files(one=UNREADABLE, two=TRUTH)
    found = board(folder)
    paths = write_letters(found, folder / "texts")
    assert [path.name for path in paths] == ["two.csv.txt", "one.csv.txt"]
    text = paths[1].read_text()
    assert text == letter(found, found.entries[1])
    assert "two" not in text
    assert "Rank 1= of 2" in text
    assert "  1 image without a line: counted as wrong" in text
    assert "  one.csv:3: mood: got ''; expected bad or good." in text
    with pytest.raises(RunFileError, match=r"got a folder that holds 'one\.csv\.txt', 'two\.csv\.txt' \(2\)"):
        write_letters(found, folder / "texts")


def test_a_truth_without_labels_is_refused(files):
    folder = files(one=TRUTH)
    (folder / "truth.csv").write_text("id,other\na,1\n")
    with pytest.raises(LabelFileError, match="got no column of labels"):
        board(folder)


def test_the_command_prints_json_and_csv_of_several_files(tmp_path, capsys):
    header = "id,T1\n"
    (tmp_path / "truth.csv").write_text(header + "a,negative\nb,positive\n")
    for name in ("one", "=two"):
        (tmp_path / f"{name}.csv").write_text(header + "a,negative\nb,neutral\n")
    runs = [str(tmp_path / f"{name}.csv") for name in ("one", "=two")]
    truth = ["--truth", str(tmp_path / "truth.csv")]
    assert main(["score", *runs, *truth, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {"task", "signature", "runs"} <= printed.keys()
    assert printed["task"] == "visual-sentiment-2021"
    first = printed["runs"][0]
    assert {"file", "rank", "valid", "scores", "problems"} <= first.keys()
    assert (first["rank"], first["valid"], first["problems"]) == (1, True, [])
    assert first["scores"]["subtask1_f1_weighted"]["value"] == 0.5
    assert main(["score", str(tmp_path), *truth, "--csv"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == (
        "rank,file,valid,subtask1_f1_weighted,subtask1_f1_weighted_low,subtask1_f1_weighted_high,subtask1_rank,problems"
    )
