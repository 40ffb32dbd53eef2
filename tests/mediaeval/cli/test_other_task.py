"""Another task, named in mediaeval.toml, goes the whole way: train, predict, submit, check, score."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mediaeval.cli.completion import complete_subtasks, complete_subtasks_or_all, complete_tasks
from submission.taskfile import task_path

pytestmark = pytest.mark.integration

SETTINGS = """
[task]
file = "water.toml"

[data]
dev = "dev"
test = "test"

[features]
use = ["handcrafted"]

[water]
classifier = "logistic"
augment = 0
threshold = 0.5
"""
# a flag, in files without a header
WATER = task_path("flood2020").read_text(encoding="utf-8").replace('name = "flood2020"', 'name = "water"')


def draw(folder: Path, ids: range, seed: int) -> None:
    """Blue pictures are of a flood, yellow ones are not; ids have 19 digits, as those of tweets."""
    (folder / "images").mkdir(parents=True)
    rows = [["tweet_id", "relevant"]]
    for k in ids:
        noise = np.random.default_rng((seed, k)).normal(0, 30, (32, 32, 3))
        colour = np.array((60, 90, 160) if k % 3 == 0 else (160, 140, 90))
        image = Image.fromarray(np.clip(colour + noise, 0, 255).astype(np.uint8))
        image.save(folder / f"images/{10**18 + k}.jpg", quality=90)
        rows.append([str(10**18 + k), str(int(k % 3 == 0))])
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with the data, the task file, the settings, and a run `first` that was submitted."""
    folder = tmp_path_factory.mktemp("water")
    draw(folder / "dev", range(36), 0)
    draw(folder / "test", range(100, 124), 1)
    (folder / "water.toml").write_text(WATER)
    (folder / "mediaeval.toml").write_text(SETTINGS)
    return folder


@pytest.fixture
def folder(made, monkeypatch) -> Path:
    monkeypatch.chdir(made)
    return made


def test_it_is_trained_predicted_submitted_checked_and_scored(folder, run):
    assert run("train", "water", "--folds", "0").stdout.startswith("# water: F1")
    assert run("predict", "first").stdout.endswith("next: mediaeval submit first\n")
    (folder / "water.toml").rename(folder / "gone.toml")
    (folder / "mediaeval.toml").rename(folder / "gone-settings.toml")
    run("submit", "first")
    assert Path("runs/first/run.csv").read_text().startswith(f"{10**18 + 100},"), "no header"
    task = "runs/first/task.toml"
    assert Path(task).read_text() == WATER
    Path(task).write_text(WATER + "# edited\n")
    assert f"{task} was changed since mediaeval wrote it." in run("predict", "first", code=1).stderr
    Path(task).write_text(WATER)
    run("check", "runs/first/run.csv", "--ids", "test")
    scored = run("score", "runs/first/run.csv", "--truth", "test/labels.csv", "--json").stdout
    assert list(json.loads(scored)) == ["water"]
    assert run("diff", "runs/first/run.csv", "test/labels.csv", code=None).stdout.startswith("# water:")
    assert json.loads(Path("runs/ledger.jsonl").read_text().splitlines()[0])["task"] == "water"
    assert run("reproduce", "first").stdout.startswith("runs/first/run.csv: reproduced byte for byte")
    assert run("ls", "runs", "--task", task, "--json").stdout.count('"water"') == 1
    (folder / "gone.toml").rename(folder / "water.toml")
    (folder / "gone-settings.toml").rename(folder / "mediaeval.toml")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("predict first --task flood2020", "runs/first is of the task 'water'; expected one of 'flood2020'."),
        ("train all --task flood2020", "runs/first is of the task 'water'; expected one of 'flood2020'."),
        (
            "train all --task flood2020 --run new",
            "[task] is 'water', while this command is of 'flood2020'",
        ),
        ("train subtask1", "unknown subtask 'subtask1'. Known: water, all."),
        ("train all", "runs/first already holds water."),
        ("check runs/first/run.csv --ids test --task none", "unknown task 'none'."),
    ],
)
def test_another_task_than_the_given_one_is_one_sentence(folder, run, words, told):
    assert Path("runs/first").is_dir(), "the test above has trained it"
    result = run(*words.split(), code=None)
    assert result.exit_code == (2 if words.startswith("check") else 1)
    assert told in result.stderr and len(result.stderr.splitlines()) == 1


def test_a_corrected_task_file_takes_the_place_of_the_old_one_when_all_is_trained_again(folder, run):
    (folder / "water.toml").write_text(WATER.replace("[0-9]{1,19}", "[0-9]{19}"))
    told = run("train", "water", "--folds", 0, code=1).stderr
    assert "[task] is 'water'" in told or "another version of the task file of 'water'" in told
    run("train", "water", "--folds", 0, "--replace", "--no-refit")
    assert "[0-9]{19}" in Path("runs/first/task.toml").read_text()
    run("predict", "first")
    (folder / "water.toml").write_text(WATER)


def test_without_a_dev_set_the_drawn_sample_is_not_taken(workdir, run):
    told = run("train", "all", "--task", "flood2020", code=1).stderr
    assert "--data: got no dev set of 'flood2020'" in told and not Path("sample").exists()


def test_names_of_its_subtasks_and_of_tasks_are_completed(folder):
    assert complete_subtasks("w") == ["water"] and complete_subtasks_or_all("") == ["water", "all"]
    assert complete_tasks("flo") == ["flood2020"]
