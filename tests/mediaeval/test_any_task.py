"""A task of two invented subtasks is trained, predicted, submitted, proved and compared, in a folder of one's own."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mediaeval.config import Config, load_config
from mediaeval.data.dataset import load_dataset
from mediaeval.errors import RunFolderError
from mediaeval.proofs.align import AlignmentChecker
from mediaeval.proofs.rehearse import rehearse
from mediaeval.proofs.replay import replay
from mediaeval.proofs.reproduce import reproduce
from mediaeval.proofs.selftest import self_test
from mediaeval.proofs.send import send
from mediaeval.runs import RunFolder, open_run, run_folder
from mediaeval.steps.compare import compare_runs
from mediaeval.steps.ensemble import make_ensemble
from mediaeval.steps.predict import predict
from mediaeval.steps.train import train
from mediaeval.steps.trained_run import TrainedRun
from submission.check import expected_header
from submission.ledger import Ledger
from submission.score import score_file
from submission.task import Subtask, Task
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

pytestmark = pytest.mark.integration

PHASES = {"day": (200, 200, 150), "dusk": (150, 80, 40), "night": (20, 20, 60)}
SKY = Task(
    name="sky",
    subtasks=(
        Subtask("phase", "phase", ("phase",), tuple(PHASES), multi_label=False, max_runs=1),
        Subtask("seen", "seen", ("sun", "moon"), ("sun", "moon"), multi_label=True),
    ),
    id_column="image",
)


def draw(folder: Path, n: int, prefix: str, seed: int) -> Path:
    """A dataset of n noisy pictures in the colour of their phase; the sun is up by day, the moon by night."""
    (folder / "images").mkdir(parents=True)
    rows = [["image", "phase", "sun", "moon"]]
    for k in range(n):
        phase = list(PHASES)[k % 3]
        noise = np.random.default_rng((seed, k)).normal(0, 30, (32, 32, 3))
        pixels = np.clip(np.array(PHASES[phase]) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"images/{prefix}{k}.jpg", quality=90)
        rows.append([f"{prefix}{k}", phase, str(int(phase == "day")), str(int(phase == "night"))])
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Dev set and test set, and the runs `first` and `second` in `mine`; `first` is predicted."""
    folder = tmp_path_factory.mktemp("sky")
    draw(folder / "dev", 36, "d", 0)
    draw(folder / "test", 24, "t", 1)
    for name, seed in (("first", 0), ("second", 1)):
        train(config(folder, seed), ["phase", "seen"], run_folder(name, folder / "mine"), device="cpu")
    predict(open_run("first", folder / "mine"), SKY, folder / "test", device="cpu")
    return folder


def config(folder: Path, seed: int = 0) -> Config:
    sets = [f"features.store='{folder}/store'", f"seed={seed}", "classifier.name=logistic", "augment=0"]
    return load_config(task=SKY, data=str(folder / "dev"), use="handcrafted", sets=sets)


def first(folder: Path) -> RunFolder:
    return open_run("first", folder / "mine")


def test_a_run_of_the_task_is_opened(folder):
    run = TrainedRun.open(first(folder), SKY)
    assert [subtask.name for subtask in run.subtasks] == ["phase", "seen"]
    assert run.header.cells == ("image", "phase", "sun", "moon")
    assert len(run.thresholds(SKY["seen"])) == 2 and set(run.records["phase"].prior) == set(PHASES)
    images = run.images(load_dataset(folder / "test", SKY))
    tables = run.probabilities(images.some(["t2", "t0"]), ["t0", "t1", "t2"])
    assert list(tables["phase"]["source"]) == ["model", "fallback", "model"]
    assert tables["seen"].loc["t1", "moon"] == run.records["seen"].prior["moon"]
    assert run.labels(SKY["phase"], tables["phase"]).loc["t2"].to_dict() == {"day": 0, "dusk": 0, "night": 1}


def test_it_is_submitted_with_every_proof_and_scored(folder, workdir):
    run = first(folder)
    receipt = send(run, SKY, replays=2, device="cpu")
    assert receipt.submitted.subtasks == ("phase", "seen") and len(receipt.replayed) == 2
    assert run.run_csv.read_text().splitlines()[0] == "image,phase,sun,moon"
    scores = score_file(run.run_csv, folder / "test/labels.csv", SKY)
    assert {name: one.weighted_f1 > 0.9 for name, one in scores.items()} == {"phase": True, "seen": True}
    (entry,) = Ledger(folder / "mine/ledger.jsonl", SKY).entries
    assert entry.run == "first" and set(entry.validation) == {"phase", "seen"}
    assert not (workdir / "runs").exists(), "runs are kept in the folder that was given, the ledger with them"
    assert reproduce(run, SKY, device="cpu").same
    assert set(rehearse(run, SKY, device="cpu").scores) == {"phase", "seen"}
    assert len(replay(run, SKY, run.run_csv, 1)) == 1


def test_its_file_is_checked_against_the_images_and_with_faults(folder):
    run = first(folder)
    send(run, SKY, rehearsal=False, device="cpu")
    check = AlignmentChecker(folder / "test", folder / "dev", config(folder), device="cpu")
    assert check(run.run_csv).ok
    lines = run.run_csv.read_text().splitlines()
    cells = [line.split(",", 1) for line in lines[1:]]
    slipped = [f"{i},{labels}" for (i, _), (_, labels) in zip(cells, cells[1:] + cells[:1], strict=True)]
    (folder / "slipped.csv").write_text("\n".join([lines[0], *slipped]) + "\n")
    assert not check(folder / "slipped.csv").ok
    header = expected_header(folder / "dev", SKY)
    outcomes = self_test(run.run_csv, [i for i, _ in cells], header, None, partial=False)
    assert outcomes and all(one.caught_by for one in outcomes if one.tried)
    assert json.dumps([one.to_dict() for one in outcomes])


def test_runs_of_it_are_compared_and_combined(folder):
    runs = [open_run(name, folder / "mine") for name in ("first", "second")]
    assert [one.subtask for one in compare_runs(runs, SKY)] == ["phase", "seen"]
    made = make_ensemble(runs, run_folder("both", folder / "mine"), SKY)
    assert [one.task.name for one in made] == ["phase", "seen"]
    predict(open_run("both", folder / "mine"), SKY, folder / "test", device="cpu")
    with pytest.raises(RunFolderError, match="an ensemble finds its members beside itself"):
        make_ensemble(runs, run_folder("both", folder / "elsewhere"), SKY)


def test_a_run_of_another_task_is_refused(folder):
    with pytest.raises(RunFolderError, match=r"holds no subtask of visual-sentiment-2021 \(subtask1, .*another task\?"):
        TrainedRun.open(first(folder), VISUAL_SENTIMENT_2021)
