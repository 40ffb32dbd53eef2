"""One session that runs every command with --json on small drawn data, for test_recorded_json.py.

    outputs = run_session(tmp_path)
    outputs["train"]  # {"command": "mediaeval train all …", "exit": 0, "output": {…}}

The commands run in this process and in one folder, in the order in which a participant would run them; paths are
relative to the folder, and networks are computed by torch on the CPU.
"""

import contextlib
import io
import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save
from typer.testing import CliRunner

from mediaeval.cli import app
from mediaeval.files import file_digest
from submission.__main__ import main as submission_main
from tests.conftest import make_folder, picture
from tests.mediaeval.experiments.test_sentiment_sets import FIVE, twitter1
from tests.mediaeval.pretrain.test_objectgraphs import write_videos
from tests.mediaeval.pretrain.test_signature import THINGS, write_collection
from tests.mediaeval.pretrain.test_yt8m import X, video, write_records

Output = dict[str, Any]

CPU = ("--device", "cpu")
TORCH = ("--engine", "torch", *CPU)
SPLIT_ONLY = ("--no-refit", *TORCH)
# Enough epochs for clear decisions: those near a threshold depend on how a processor rounds.
QUICK = ("--set", "classifier.epochs=10", "--set", "augment=0")
# timm's own network for tests. The precision is given because "auto" depends on the processor.
TINY = (
    *("--system", "timm", "--set", "system.model=test_efficientnet.r160_in1k", "--set", "system.init=random"),
    *("--set", "system.image_size=32", "--set", "system.epochs=1", "--set", "system.precision=float32"),
)
VECTORS = (
    *("--system", "multigap", "--set", "system.streams=[]", "--set", "system.anp=handcrafted"),
    *("--set", "system.epochs=1", "--set", "system.precision=float32"),
)
FLOOD = """\
name = "flood"
[[columns]]
heading = "flood"
type = "flag"
[[runs]]
kind = "open"
file = "*.csv"
zip = "{team}_open.zip"
[[runs]]
kind = "closed"
file = "*.csv"
zip = "{team}_closed.zip"
required = true
"""
IMAGES = ("--data", "testset", "--dev", "devset", *CPU)
RUN = "runs/first/run.csv"


def run_session(folder: Path) -> dict[str, Output]:
    """Run every command in an empty folder; return name → command line, exit status and JSON output."""
    session = _Session()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MEDIAEVAL_WEIGHTS", "weights")  # not the user's own cache
        parts = (
            _data,
            _training,
            _submission,
            _checks,
            _proofs,
            _insight,
            _experiments,
            _weights,
            _tasks,
            _lists,
            _analysis,
        )
        for part in parts:
            part(session)
    return session.outputs


class _Session:
    """Runs commands and collects what they print in `outputs`."""

    def __init__(self) -> None:
        self.outputs: dict[str, Output] = {}

    def mediaeval(self, name: str, *arguments: str) -> None:
        """Run `mediaeval … --json`. Raises whatever the command raises."""
        result = CliRunner().invoke(app, [*arguments, "--json"])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        self._keep(name, "mediaeval", arguments, result.exit_code, result.stdout)

    def submission(self, name: str, *arguments: str) -> None:
        """Run `python -m submission … --json`."""
        stdout = io.StringIO()
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(io.StringIO()):
            try:
                code = submission_main([*arguments, "--json"])
            except SystemExit as end:  # of argparse
                code = end.code
        self._keep(name, "python -m submission", arguments, code, stdout.getvalue())

    def _keep(self, name: str, program: str, arguments: tuple[str, ...], code: int, stdout: str) -> None:
        assert name not in self.outputs, f"two commands are called {name}"
        output = json.loads(stdout, parse_constant=_refuse_constant) if stdout else None
        self.outputs[name] = {"command": " ".join([program, *arguments, "--json"]), "exit": code, "output": output}


def _refuse_constant(name: str) -> None:
    raise AssertionError(f"the output holds {name}, which is not JSON")


def _data(session: _Session) -> None:
    session.mediaeval("sample", "sample", "drawn", "--dev", "40", "--test", "8", "--traps", "--seed", "3")
    session.mediaeval("sample-refused", "sample", "other", "--dev", "3")
    session.mediaeval("inspect-damaged", "inspect", "drawn/devset")
    session.mediaeval("features-damaged", "features", "drawn/devset", *TORCH)
    session.mediaeval("features-skip-bad", "features", "drawn/devset", "drawn/testset", "--skip-bad", *TORCH)

    make_folder(Path("devset"), 60)
    truth = make_folder(Path("truth"), 60, prefix="t")
    header, *rows = (truth / "devset.csv").read_text().splitlines()
    random.Random(0).shuffle(rows)  # in turn, classes would fit their images again three rows further down
    Path("truth.csv").write_text("\n".join([header, *rows]) + "\n")
    shutil.copytree(truth / "images", "testset/images")
    Path("testset/testset.csv").write_text("\n".join(["id", *(row.partition(",")[0] for row in rows)]) + "\n")
    session.mediaeval("inspect", "inspect", "devset")
    session.mediaeval("split", "split", "devset", "--out", "split.csv", "--seed", "1")
    session.mediaeval("features", "features", "devset", "testset", *TORCH)


def _training(session: _Session) -> None:
    data = ("--data", "devset")
    session.mediaeval("train", "train", "all", "--run", "first", *data, *QUICK, *TORCH)
    one = ("train", "subtask1", *data)
    session.mediaeval("train-logistic", *one, "--run", "logistic", "--set", "classifier=logistic", *SPLIT_ONLY)
    session.mediaeval("train-small", *one, "--run", "small", "--set", "classifier=small", *QUICK, *SPLIT_ONLY)
    session.mediaeval("train-dummy", *one, "--run", "dummy", "--set", "classifier=dummy", *SPLIT_ONLY)
    tuned = (*QUICK, "--set", "threshold=tuned", "--set", "augment=2", *SPLIT_ONLY)
    session.mediaeval("train-tuned", "train", "subtask2", *data, "--run", "tuned", *tuned)
    session.mediaeval("train-split", *one, "--run", "split", "--split", "split.csv", *QUICK, *SPLIT_ONLY)
    session.mediaeval("train-system", *one, "--run", "net", *TINY, *TORCH)
    session.mediaeval("train-system-vectors", *one, "--run", "vectors", *VECTORS, *SPLIT_ONLY)
    session.mediaeval("train-refused", "train", "subtask4", *data)


def _submission(session: _Session) -> None:
    session.mediaeval("predict", "predict", "first", "--data", "testset", *CPU)
    session.mediaeval("submit", "submit", "first", "--replay", "1", *CPU)

    shutil.copytree("testset", "damaged")
    Path("damaged/images/t4.jpg").write_bytes(b"damaged")
    session.mediaeval("predict-damaged", "predict", "logistic", "--data", "damaged", *CPU)
    session.mediaeval("predict-skip-bad", "predict", "logistic", "--data", "damaged", "--skip-bad", *CPU)
    session.mediaeval("submit-partial", "submit", "logistic", "--partial", "--no-rehearsal", *CPU)

    session.mediaeval("predict-trained-on", "predict", "net", "--data", "devset", *CPU)
    with Path("runs/ledger.jsonl").open("a") as ledger:  # organisers take two runs per subtask: a third is warned of
        entry = {"time": "2026-01-02T03:04:05+00:00", "subtasks": ["subtask1"], "expected": {}, "n_images": 60}
        for name in ("one", "two"):
            ledger.write(json.dumps({"run": name, "sha256": name, **entry}) + "\n")
    session.mediaeval("submit-warnings", "submit", "net", "--partial", *CPU)


def _checks(session: _Session) -> None:
    header, *rows = Path("truth.csv").read_text().splitlines()
    ids, labels = zip(*(row.split(",", 1) for row in rows), strict=True)

    def write(name: str, labels: list[str]) -> None:
        text = [",".join(row) for row in zip(ids, labels, strict=True)]
        Path(name).write_text("\n".join([header, *text]) + "\n")

    write("shifted.csv", [*labels[7:], *labels[:7]])
    write("constant.csv", ["neutral" + ",0" * 17] * len(ids))
    misspelt = header.replace("T2.1: Joy", "T2.1: Joyful")
    unlike = rows[3].replace(",1", ",0.3", 1).replace(",0", ",nan", 1)
    Path("bad.csv").write_text("\r\n".join([misspelt, *rows[1:], unlike, "", "x.jpg,happy" + ",0" * 17]))

    session.mediaeval("check", "check", RUN, "--ids", "testset")
    session.mediaeval("check-problems", "check", "bad.csv", RUN, "nowhere.csv", "--ids", "testset")
    files = ("truth.csv", "shifted.csv", "constant.csv", "runs/logistic/run.csv", "nowhere.csv")
    session.mediaeval("check-images", "check", *files, *IMAGES)
    session.mediaeval("check-self-test", "check", RUN, "--ids", "testset", "--self-test")
    session.mediaeval("check-self-test-images", "check", "truth.csv", "--self-test", *IMAGES)
    session.mediaeval("check-usage", "check", RUN)
    session.mediaeval("check-no-list", "check", RUN, "--ids", "nowhere.csv")
    Path("flood.toml").write_text(FLOOD)
    Path("flood.csv").write_text("id,flood\na,1\nb,0\n")
    of_flood = ("--task", "flood.toml", "--team", "us", "--kind", "open", "--ids", "flood.csv")
    session.mediaeval("pack", "pack", "flood.csv", *of_flood)
    session.mediaeval("pack-refused", "pack", "first", "--team", "us", "--kind", "open")
    session.mediaeval("check-sent", "check", "sent", "--task", "flood.toml", "--ids", "flood.csv")
    session.mediaeval("score", "score", RUN, "--truth", "truth.csv")
    session.mediaeval("score-partial", "score", "runs/logistic/run.csv", "--truth", "truth.csv", "--dev", "devset")
    session.mediaeval("score-refused", "score", RUN, "--truth", "nowhere.csv")
    session.mediaeval("score-leaderboard", "score", RUN, "bad.csv", "nowhere.csv", "--truth", "truth.csv")
    session.mediaeval("check-truth", "check", "shifted.csv", "--truth", "truth.csv")
    Path("windows.csv").write_text(Path("truth.csv").read_text(), newline="\r\n")
    session.mediaeval("repair", "repair", "windows.csv", "repaired.csv", "--ids", "testset")
    session.mediaeval("repair-left", "repair", "bad.csv", "better.csv", "--ids", "testset")
    session.mediaeval("organise", "organise", "--truth", "truth.csv", "--out", "desk")

    session.submission("submission-check", "check", RUN, "--ids", "testset", "--dev", "devset")
    session.submission("submission-check-problems", "check", "bad.csv", "shifted.csv", "--ids", "testset")
    session.submission("submission-check-usage", "check", RUN)
    session.submission("submission-pack", "pack", "flood.csv", *of_flood)
    session.submission("submission-score", "score", RUN, "--truth", "truth.csv")
    session.submission("submission-score-leaderboard", "score", RUN, "shifted.csv", "--truth", "truth.csv")
    session.submission("submission-repair", "repair", "windows.csv", "fixed.csv", "--ids", "testset")
    session.submission("submission-organise", "organise", "--truth", "truth.csv", "--out", "office")
    session.submission("submission-score-refused", "score", RUN, "--truth", "nowhere.csv")


def _proofs(session: _Session) -> None:
    session.mediaeval("reproduce", "reproduce", "logistic", *CPU)
    lines = Path(RUN).read_text().splitlines()
    cells = lines[5].split(",")
    cells[1] = "neutral" if cells[1] == "positive" else "positive"
    cells[3] = str(1 - int(cells[3]))
    Path("changed.csv").write_text("\n".join([*lines[:5], ",".join(cells), *lines[6:-1]]) + "\n")
    session.mediaeval("diff", "diff", RUN, "changed.csv")
    session.mediaeval("diff-subtasks", "diff", "runs/logistic/run.csv", RUN)
    session.mediaeval("diff-same", "diff", RUN, RUN)

    Path(RUN).write_text("\n".join([*lines[:5], ",".join(cells), *lines[6:]]) + "\n")
    picture("neutral", 77).save("testset/images/t9.jpg")
    session.mediaeval("reproduce-differs", "reproduce", "first", *CPU)


def _insight(session: _Session) -> None:
    session.mediaeval("compare", "compare", "first", "logistic", "net")
    session.mediaeval("ensemble", "ensemble", "first", "logistic", "--run", "mean")
    session.mediaeval("ensemble-vote", "ensemble", "logistic", "small", "--run", "vote", "--how", "vote")
    session.mediaeval("predict-ensemble", "predict", "mean", "--data", "testset", *CPU)
    session.mediaeval("probe", "probe", "net", "--taps", "classifier,blocks.0", "--folds", "2", *CPU)
    session.mediaeval("explain", "explain", "net", "testset", "--limit", "1", *CPU)


def _experiments(session: _Session) -> None:
    """Large networks are given no weights: their rows are skipped, but printed with the same keys."""
    vectors = ("--use", "handcrafted", "--epochs", "1", *TORCH)
    test = ("--test", "testset", "--truth", "truth.csv")
    session.mediaeval("experiment-certh2021", "experiment", "certh2021", "--data", "devset", *test, *vectors)
    mine = ("--dataset", "mine=devset")
    session.mediaeval("experiment-smap2021", "experiment", "smap2021", *mine, *vectors)
    multigap = ("multigap2020", *mine, "--rows", "MLP,MG (O)", "--splits", "2", *vectors)
    session.mediaeval("experiment-multigap2020", "experiment", *multigap)
    twitter1(Path("twitter1"), {"five_agrees.txt": FIVE})
    campos = ("campos2017", "--dataset", "twitter1-5=twitter1", "--rows", "fine-tuning,fc8", *CPU)
    session.mediaeval("experiment-campos2017", "experiment", *campos)
    session.mediaeval("experiment-attention2019", "experiment", "attention2019", *mine, "--splits", "1", *CPU)
    session.mediaeval("experiment-refused", "experiment", "smap2021", *mine, "--rows", "NN")


def _weights(session: _Session) -> None:
    def pretrain(network: str, folder: str, out: str, *settings: str) -> None:
        places = (network, "--features", folder, "--out", out, "--epochs", "1", *CPU)
        session.mediaeval(f"pretrain-{network}", "pretrain", *places, *(f"--set={setting}" for setting in settings))

    write_videos(Path("videos"), ["train"] * 3 + ["test"], np.eye(3, dtype=int)[[0, 1, 2, 0]])
    pretrain("objectgraphs", "videos", "objectgraphs.safetensors")
    rng = np.random.default_rng(0)
    videos = {f"video{k}": [rng.normal(size=8), rng.normal(size=8)] for k in range(4)}
    captions = "".join(f"{video}#0 a {thing} burns\n" for video, thing in zip(videos, THINGS, strict=False))
    write_collection(Path("captions"), videos, {"drawn": captions})
    small = ("hidden=4", "filters=4", "space=4", "min_count=1", "val=0.5")
    pretrain("signature", "captions", "signature.safetensors", *small)
    Path("records").mkdir()
    for side in ("train", "validate"):
        write_records(Path(f"records/{side}0.tfrecord"), [video(X + k, [k % 3]) for k in range(4)])
    pretrain("yt8m", "records", "yt8m.safetensors", "classes=3")

    Path("mirror").mkdir()
    Path("mirror/caffe_sentibank_train_iter_250000").write_bytes(b"weights")
    Path("mirror/signature.safetensors").write_bytes(save({"a": np.zeros(1, np.float32)}))
    session.mediaeval("weights-fetch", "weights", "fetch", "deepsentibank", "--mirror", "mirror")
    session.mediaeval("weights-fetch-absent", "weights", "fetch", "signature", "--mirror", "mirror")
    session.mediaeval("weights-list", "weights", "list")
    session.mediaeval("weights-list-one", "weights", "list", "signature")
    session.mediaeval("weights-list-none", "weights", "list", "handcrafted")
    torch.save({"state_dict": {"a.weight": torch.zeros(2, 3)}, "epoch": 3}, "foreign.pth")
    session.mediaeval("weights-convert", "weights", "convert", "foreign.pth")


def _tasks(session: _Session) -> None:
    Path("skies.csv").write_text("id,sky,ship\na,clear,1\nb,fog,0\nc,clear,0\n")
    session.mediaeval("task-new", "task", "new", "--from", "skies.csv", "--out", "skies.toml")
    session.mediaeval("task-new-refused", "task", "new", "--out", "skies.toml")
    session.mediaeval("task-check", "task", "check", "skies.toml")
    Path("wrong.toml").write_text('name = "wrong"\n[[columns]]\nheading = "a"\ntype = "propability"\n')
    session.mediaeval("task-check-problems", "task", "check", "wrong.toml", "flood2020")
    session.submission("submission-task-check", "task", "check", "wrong.toml")
    session.mediaeval("task-show", "task", "show", "synthim2025")


def _lists(session: _Session) -> None:
    for what in ("tasks", "subtasks", "extractors", "classifiers", "systems", "presets", "experiments", "runs"):
        session.mediaeval(f"ls-{what}", "ls", what)
    session.mediaeval("ls-settings", "ls", "settings", "logistic")
    session.mediaeval("ls-refused", "ls", "runes")


def _analysis(session: _Session) -> None:
    chosen = {"format": 1, "run": "tuned", "digest": file_digest(Path("runs/tuned/manifest.json"))}
    chosen["thresholds"] = {"subtask2": {"T2.1: Joy": 0.75, "T2.6: Surprise": 0.0}}
    Path("thresholds.json").write_text(json.dumps(chosen))
    session.mediaeval("thresholds", "thresholds", "tuned", "thresholds.json", "--run", "byhand")
    session.mediaeval("thresholds-refused", "thresholds", "first", "thresholds.json", "--run", "other")
    session.mediaeval("errors", "errors", "byhand", "--subtask", "subtask2", "--limit", "2")
    session.mediaeval("errors-label", "errors", "byhand", "--subtask", "subtask1", "--label", "neutral", "--limit", "1")
    session.mediaeval("errors-refused", "errors", "byhand", "--label", "joyful")
    session.mediaeval("explain-features", "explain", "tuned", "testset", "--limit", "1", *CPU)
    session.mediaeval("report", "report", "byhand", "tuned", "--out", "page.html", *CPU)
    session.mediaeval("report-refused", "report", "byhand", "--out", "page.txt")
    session.mediaeval(
        "tune", "tune", "subtask2", "--from", "tuned", "--data", "devset", "--trials", "2", "--run", "better"
    )
    session.mediaeval("notes", "notes", "tuned", "byhand")
    session.mediaeval("history", "history", "net", "--jsonl", "history.jsonl")
