"""A bundle is run as the platform runs it: in its folders, in a process of its own, with Python and numpy alone."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from submission.__main__ import main
from submission.check.answers import read_answers
from submission.desk.codabench import score_folder
from submission.desk.leaderboard import leaderboard
from submission.desk.organise import organise
from submission.desk.sources import run_sources
from submission.errors import LabelFileError, RunFileError
from submission.taskfile import load_task, parse_task, task_names
from submission.taskfile.example import example_ids, run_of

SKY = """
name = "sky2030"
title = "Skies & <moods>"

[[columns]]
heading = "mood"
type = "label"
labels = ["bad", "good"]

[[columns]]
headings = ["rain", "sun"]
type = "flag"

[[columns]]
heading = "light"
type = "score"
low = 0
high = 10

[[subtasks]]
name = "mood"
columns = ["mood"]

[[subtasks]]
name = "signs"
columns = ["rain", "sun"]

[[subtasks]]
name = "light"
columns = ["light"]

[[subtasks.metrics]]
metric = "mae"
"""
TASK = parse_task(SKY, "sky.toml")
N = 60
KEYS = {"mood_f1_weighted", "signs_f1_weighted", "light_mae", "valid", "problems"}
LOWEST = {"mood_f1_weighted": 0, "signs_f1_weighted": 0, "light_mae": 10}


def rows(seed):
    rng = np.random.default_rng(seed)
    answers = zip(rng.integers(0, 2, N), rng.integers(0, 2, (N, 2)), rng.integers(0, 11, N), strict=True)
    lines = [f"i{k},{('bad', 'good')[mood]},{a},{b},{light}\n" for k, (mood, (a, b), light) in enumerate(answers)]
    return "id,mood,rain,sun,light\n" + "".join(lines)


class Desk:
    """A bundle, unpacked as the platform unpacks it."""

    def __init__(self, folder: Path, task=TASK, truth=None):
        (folder / "truth.csv").write_text(truth or rows(0))
        self.task, self.folder, self.truth = task, folder, folder / "truth.csv"
        self.organised = organise(task, self.truth, folder / "desk")
        with zipfile.ZipFile(folder / "desk/codabench.zip") as archive:
            archive.extractall(folder / "bundle")
        self.program, self.input, self.output = folder / "bundle/scoring_program", folder / "input", folder / "output"
        (folder / "input").mkdir()
        (folder / "bundle/reference_data").rename(self.input / "ref")
        (self.input / "res").mkdir()
        libraries = folder / "libraries"
        libraries.mkdir()
        for found in Path(np.__file__).parents[1].glob("numpy*"):
            if found.name in ("numpy", "numpy.libs"):
                (libraries / found.name).symlink_to(found)

    def send(self, data, name="run.csv"):
        for path in sorted(self.input.glob("res/**/*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        for path in self.output.glob("*"):
            path.unlink()
        (self.input / "res" / name).parent.mkdir(parents=True, exist_ok=True)
        (self.input / "res" / name).write_bytes(data if isinstance(data, bytes) else data.encode())

    def run(self):
        """Run the scoring program as the platform does; return its exit status, the scores, the page and stderr."""
        self.output.mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-S", "-P", self.program / "score.py", self.input, self.output],
            env={"PYTHONPATH": str(self.folder / "libraries"), "PATH": os.defpath},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, self.scores(), self.page(), done.stderr

    def score(self):
        """The same in this process."""
        return score_folder(self.program, self.input, self.output)

    def scores(self):
        path = self.output / "scores.json"
        return json.loads(path.read_text()) if path.exists() else None

    def page(self):
        return (self.output / "detailed_results.html").read_text()

    def expected(self, data, name="run.csv"):
        """The scores that `mediaeval score` gives the same file."""
        sent = self.folder / "sent" / name
        sent.parent.mkdir(exist_ok=True)
        sent.write_bytes(data)
        (entry,) = leaderboard(run_sources([sent], self.task), self.truth, self.task).entries
        return entry

    def compare(self, data, name="run.csv"):
        """Return whether the scores on the platform are those of `mediaeval score`, with every problem on the page."""
        entry, scores, page = self.expected(data, name), self.scores(), self.page()
        for key, score in entry.run.scores.items():
            assert scores[key] == pytest.approx(score.value, abs=1e-12)
        for key, value in LOWEST.items():
            if self.task is TASK and key not in entry.run.scores:
                assert scores[key] == value
        assert scores["valid"] == entry.run.valid
        assert scores["problems"] == len(entry.run.report.problems)
        assert all(f"<code>{problem.code}</code>" in page for problem in entry.run.report.problems)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return Desk(tmp_path_factory.mktemp("desk"))


def faulty(desk):
    return sorted((desk.folder / "desk/trial/faulty").glob("*"))


def mutated(data, seed):
    """Bytes with a few of them changed, left out, doubled or exchanged, or a line of them."""
    rng = np.random.default_rng(seed)
    parts = [data[k : k + 1] for k in range(len(data))] if seed % 2 else data.splitlines(keepends=True)
    for _ in range(rng.integers(1, 6)):
        k, other = rng.integers(0, len(parts), 2)
        choice = rng.integers(0, 4)
        if choice == 0:
            parts[k] = bytes(rng.integers(0, 256, rng.integers(0, 3), dtype=np.uint8))
        elif choice == 1:
            parts[k] = b""
        elif choice == 2:
            parts.insert(k, parts[other])
        else:
            parts[k], parts[other] = parts[other], parts[k]
    return b"".join(parts)


def test_a_run_is_scored_on_the_platform_as_by_the_command(desk):
    for data in (rows(1).encode(), (desk.folder / "desk/trial/run.csv").read_bytes()):
        desk.send(data)
        status, scores, page, errors = desk.run()
        assert (status, errors) == (0, "")
        assert scores.keys() == KEYS
        assert (scores["valid"], scores["problems"]) == (1, 0)
        desk.compare(data)
        assert "Skies &amp; &lt;moods&gt;" in page
        assert "<script" not in page and "http" not in page


def test_forty_faulty_runs_do_not_pass_and_are_scored_all_the_same(desk):
    assert len(faulty(desk)) == 40 == desk.organised.faulty
    for path in faulty(desk):
        desk.send(path.read_bytes())
        assert desk.score() == 0
        assert desk.scores()["valid"] == 0 < desk.scores()["problems"], path.name
        assert desk.scores().keys() == KEYS
        if path.name[:2] in ("02", "09", "11", "25"):
            desk.compare(path.read_bytes())


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_sent_is_scored_as_by_the_command(seed, desk):
    data = mutated(rows(1).encode(), seed)
    desk.send(data)
    assert desk.score() == 0
    desk.compare(data)


@pytest.mark.slow
def test_all_of_these_are_run_as_the_platform_does(desk):
    files = [path.read_bytes() for path in faulty(desk)]
    files += [mutated(rows(1).encode(), seed) for seed in range(100)]
    for data in files:
        desk.send(data)
        status, scores, _, errors = desk.run()
        assert (status, errors) == (0, "")
        assert scores.keys() == KEYS
        desk.compare(data)


@pytest.mark.parametrize(
    ("send", "codes"),
    [
        (lambda desk: (desk.send(b"", "a"), (desk.input / "res/a").unlink()), ["zip-empty", "file-unreadable"]),
        (lambda desk: desk.send(rows(1), "folder/run.csv"), ["zip-folder"]),
        (lambda desk: (desk.send(rows(1)), (desk.input / "res/notes.pdf").write_text("x")), ["zip-files"]),
        (lambda desk: (desk.send(rows(1)), (desk.input / "res/b.csv").write_text(rows(2))), ["file-unreadable"]),
        (lambda desk: (desk.send(rows(1)), (desk.input / "res/.DS_Store").write_text("x")), []),
        (lambda desk: (desk.send(rows(1)), (desk.input / "res/b.csv").symlink_to("/etc/passwd")), []),
    ],
)
def test_other_files_beside_the_run_are_named(send, codes, desk):
    send(desk)
    assert desk.score() == 0
    assert desk.scores().keys() == KEYS
    assert desk.scores()["problems"] == len(codes)
    assert all(f"<code>{code}</code>" in desk.page() for code in codes)
    if not codes or codes[0].startswith("zip-f"):
        score = desk.expected(rows(1).encode()).run.scores["light_mae"]
        assert desk.scores()["light_mae"] == pytest.approx(score.value)


def test_what_a_participant_writes_is_escaped_on_the_page(desk):
    desk.send(rows(1).replace("i0,", "<script>alert(1)</script>,").replace("sun", "<img src=x>"), "<b>.csv")
    assert desk.score() == 0
    page = desk.page()
    assert "&lt;script&gt;alert(1)" in page and "&lt;img src=x&gt;" in page and "&lt;b&gt;.csv" in page
    assert "<script" not in page and "<img" not in page and "<b>" not in page


@pytest.mark.parametrize("break_it", ["truth", "task"])
def test_a_fault_of_the_reference_or_the_program_is_none_of_the_participant(break_it, tmp_path):
    desk = Desk(tmp_path)
    desk.send(rows(1))
    if break_it == "truth":
        (desk.input / "ref/truth.csv").write_text("id,mood\ni0,superb\n")
    else:
        (desk.program / "task.toml").write_text("name = 3")
    status, scores, page, errors = desk.run()
    assert (status, scores) == (1, None)
    expected = "truth.csv:2: mood: got &#x27;superb&#x27;" if break_it == "truth" else "task.toml"
    assert expected in page and "the scoring program or its reference data are at fault, not your file" in page
    assert ("got 'superb'" if break_it == "truth" else "task.toml") in errors
    assert "Traceback" not in errors


def test_the_strict_rule_of_the_task_file_holds_on_the_platform(tmp_path):
    task = parse_task(SKY + '\n[scoring]\nrule = "strict"\n', "sky.toml")
    desk = Desk(tmp_path, task)
    desk.send(rows(1).replace("\n", "\r\n"))
    assert desk.score() == 0
    assert desk.scores() == LOWEST | {"valid": 0, "problems": 1}


def test_a_bundle_is_the_same_bytes_again_and_names_every_score(desk, tmp_path):
    again = Desk(tmp_path)
    assert (again.folder / "desk/codabench.zip").read_bytes() == (desk.folder / "desk/codabench.zip").read_bytes()
    yaml = pytest.importorskip("yaml")
    competition = yaml.safe_load((desk.folder / "bundle/competition.yaml").read_text())
    (board,) = competition["leaderboards"]
    assert {column["key"] for column in board["columns"]} == KEYS
    assert {column["key"]: column["sorting"] for column in board["columns"]}["light_mae"] == "asc"
    assert competition["version"] == 2
    (folder,) = {Path(one).parts[0] for one in (competition["tasks"][0]["scoring_program"],)}
    for path in (competition["image"], competition["terms"], *(page["file"] for page in competition["pages"])):
        assert (desk.folder / "bundle" / path).read_bytes()
    metadata = yaml.safe_load((desk.folder / "bundle" / folder / "metadata.yaml").read_text())
    assert metadata == {"command": "python3 /app/program/score.py /app/input /app/output"}


def test_the_metric_for_kaggle_gives_the_same_score(desk):
    pandas = pytest.importorskip("pandas")
    metric: dict = {}
    exec((desk.folder / "desk/kaggle_metric.py").read_text(), metric)
    (desk.folder / "kaggle.csv").write_text(rows(1))
    solution, submission = (pandas.read_csv(desk.folder / name) for name in ("truth.csv", "kaggle.csv"))
    entry = desk.expected(rows(1).encode())
    assert metric["score"](solution, submission, "id") == pytest.approx(entry.run.scores["mood_f1_weighted"].value)
    with pytest.raises(metric["ParticipantVisibleError"], match="Nothing is scored, since no answer can be read"):
        metric["score"](solution, submission.assign(id="x"), "id")


def truth_of(task, ids):
    """A truth that is the sample run with its answers turned round, or judgements of its documents."""
    if task.name == "ranked":
        return "".join(f"{query} 0 doc{k} {k % 2}\n" for query in ids for k in range(1, 5))
    values = list(read_answers(run_of(task, ids), ids, task.header).values.values())[::-1]
    headings = [heading for subtask in task.subtasks for heading in subtask.truth_headings]
    places = [[column.heading for column in task.columns].index(heading) for heading in headings]
    lines = [",".join([one, *(str(cells[place]) for place in places)]) for one, cells in zip(ids, values, strict=True)]
    return ",".join([task.id_column, *headings]) + "\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in task_names()])
def test_every_task_is_taken_as_the_command_scores_it(name, tmp_path):
    task = load_task(name)
    ids = example_ids(task, 30)
    desk = Desk(tmp_path, task, truth_of(task, ids))
    (sound,) = (path for path in (desk.folder / "desk/trial").iterdir() if path.is_file())
    assert desk.organised.faulty == 40
    for path in (sound, *faulty(desk)):
        data = path.read_bytes()
        desk.send(data, sound.name)
        assert desk.score() == 0
        desk.compare(data, sound.name)
        assert desk.scores()["valid"] == (path == sound), path.name


def test_a_truth_that_does_not_fit_and_a_folder_that_is_not_empty_are_refused(tmp_path, capsys):
    (tmp_path / "truth.csv").write_text("id,other\na,1\n")
    with pytest.raises(LabelFileError, match="got no column of labels"):
        organise(TASK, tmp_path / "truth.csv", tmp_path / "desk")
    (tmp_path / "truth.csv").write_text(rows(0))
    with pytest.raises(RunFileError, match="got a folder that is not empty"):
        organise(TASK, tmp_path / "truth.csv", tmp_path)
    (tmp_path / "sky.toml").write_text(SKY)
    call = ["organise", "--task", str(tmp_path / "sky.toml"), "--truth", str(tmp_path / "truth.csv")]
    assert main([*call, "--out", str(tmp_path / "desk"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["faulty"] == 40
