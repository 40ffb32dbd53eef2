"""Every change of a file that predict, submit or reproduce reads is reported by submit; others are not covered."""

import json
import shutil
from pathlib import Path

import pytest

from mediaeval.digests import covered_files
from mediaeval.errors import RunFolderError, UserError
from mediaeval.proofs.reproduce import reproduce, seal
from mediaeval.proofs.send import send
from mediaeval.runs import open_run
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK
from tests.conftest import command, without_digests
from tests.mediaeval.proofs.test_proofs import QUICK, Recipe
from tests.mediaeval.proofs.test_proofs import RECIPE as PROOFS

pytestmark = pytest.mark.integration

# `first` is submitted; `other` is a run that its files are exchanged with
RECIPE = Recipe(
    dev=PROOFS.dev,
    test=PROOFS.test,
    commands=(
        *PROOFS.commands,
        ("submit", "first", "--no-rehearsal"),
        ("train", "all", "--data", "devset", "--run", "other", *QUICK, "--set", "seed=3"),
        ("predict", "other", "--data", "testset"),
        ("submit", "other", "--no-rehearsal"),
    ),
)


def edits(file: Path, other: Path, step: int):
    """Yield (what is done to a file, its bytes then): lines removed, exchanged with the next, a digit changed in them.

    step: of so many lines, one is edited
    """
    data = file.read_bytes()
    yield "exchanged with another run's", other.read_bytes()
    yield "emptied", b""
    yield "one byte more", data + b"\n"
    if file.suffix == ".safetensors":
        yield "a bit flipped", data[:-5] + bytes([data[-5] ^ 1]) + data[-4:]
        return
    lines = data.split(b"\n")[:-1]
    for k in range(0, len(lines), step):
        line = lines[k]
        yield f"line {k + 1} removed", b"\n".join(lines[:k] + lines[k + 1 :]) + b"\n"
        if k and line != lines[k - 1]:
            yield (
                f"lines {k} and {k + 1} exchanged",
                b"\n".join([*lines[: k - 1], line, lines[k - 1], *lines[k + 1 :]]) + b"\n",
            )
        for place in [i for i, letter in enumerate(line) if chr(letter).isdigit()][:1]:
            digit = b"1" if line[place : place + 1] != b"1" else b"2"
            changed = line[:place] + digit + line[place + 1 :]
            yield f"a digit of line {k + 1} changed", b"\n".join([*lines[:k], changed, *lines[k + 1 :]]) + b"\n"


def reported(run: str) -> str:
    try:
        folder = open_run(run)
        folder.require_unchanged(folder.read_manifest())
    except RunFolderError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 40])
def test_every_edit_of_every_covered_file_is_reported(job, step):
    folder = open_run("first")
    names = [*covered_files(folder.path), "manifest.json"]
    assert {"run.toml", "split.csv", "run.csv", "test/test.json", "test/subtask1.csv"} <= set(names)
    assert {
        f"subtask1/{n}" for n in ("model.safetensors", "refit.safetensors", "subtask.json", "validation.csv")
    } <= set(names)
    tried = 0
    for name in names:
        file, before = folder.path / name, (folder.path / name).read_bytes()
        for what, data in edits(file, job / "runs/other" / name, step):
            if data != before:
                file.write_bytes(data)
                assert reported("first"), f"{name}: {what}"
                tried += 1
        file.write_bytes(before)
    assert tried > 1500 / step and not reported("first")


@pytest.mark.parametrize("ledger", [True, False], ids=["recorded", "not recorded"])
@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("subtask2/subtask.json", '": 0.5', '": 0.0', "subtask2/subtask.json was changed"),
        ("manifest.json", 'T3.1: Anger', 'T3.1: Fear', "manifest.json was changed"),
        ("test/test.json", '"t0",\n    "t1"', '"t1",\n    "t0"', "test/test.json was changed"),
        ("run.toml", 'scale = "', 'scale  = "', "run.toml was changed"),
        ("run.csv", "t0,", "t00,", "run.csv was changed"),
    ],
)  # fmt: skip
def test_submit_refuses_an_edited_run(job, file, old, new, named, ledger):
    path = job / "runs/first" / file
    text = path.read_text()
    assert old in text, text[:2000]
    path.write_text(text.replace(old, new, 1))
    if not ledger:
        (job / "runs/ledger.jsonl").unlink()
    with pytest.raises(RunFolderError, match=named):
        send(open_run("first"), TASK, rehearsal=False)


def test_files_that_came_or_went_are_reported_and_pictures_are_not_covered(job):
    run = job / "runs/first"
    (run / "subtask1/confusion.svg").unlink()
    (run / "subtask1/history.csv").write_text("mine\n")
    (run / "notes.txt").write_text("mine\n")
    (run / "test/._test.json").write_text("of another system\n")
    (run / "subtask2/explain").mkdir()
    assert not reported("first")
    (run / "test/subtask3.csv").unlink()
    shutil.copytree(job / "runs/other/subtask1", run / "subtask9")
    assert "test/subtask3.csv is absent" in reported("first") and "subtask9/model.safetensors was not" in reported(
        "first"
    )


def test_a_folder_of_a_run_may_lie_on_another_disk(job):
    run = job / "runs/first"
    (run / "subtask2").rename(job / "elsewhere")
    (run / "subtask2").symlink_to(job / "elsewhere")
    (run / "run.csv").unlink()
    send(open_run("first"), TASK, rehearsal=False)
    assert not reported("first") and (run / "subtask2").is_symlink()
    (job / "elsewhere/subtask.json").unlink()
    (job / "elsewhere/subtask.json").symlink_to("subtask.json")
    assert "subtask2/subtask.json cannot be read (Too many levels" in reported("first")


def test_a_run_file_that_was_moved_away_is_written_again(job):
    before = (job / "runs/first/run.csv").read_bytes()
    (job / "runs/first/run.csv").rename(job / "sent.csv")
    send(open_run("first"), TASK, rehearsal=False)
    assert (job / "runs/first/run.csv").read_bytes() == before
    assert len((job / "runs/ledger.jsonl").read_text().splitlines()) == 2, "first and other, nothing new"


def test_digests_that_were_computed_anew_are_met_by_the_ledger(job):
    """Whoever renews the digests is not stopped, but the ledger holds that of the day it was recorded."""
    folder = open_run("first")
    path = folder.path / "subtask1/subtask.json"
    with folder.rewritten(unchecked={"subtask1"}) as new:
        text = path.read_text()
        (new.path / "subtask1/subtask.json").unlink()
        (new.path / "subtask1/subtask.json").write_text(text + "\n")
    assert not reported("first")
    (warning,) = send(open_run("first"), TASK, rehearsal=False).warnings
    assert "manifest.json has another digest" in warning


def test_reproduce_reports_an_edit_though_the_bytes_come_out_the_same(job, run):
    path = job / "runs/first/subtask1/subtask.json"
    path.write_text(path.read_text() + "\n")
    found = run("reproduce", "first", "--json", code=1)
    result = json.loads(found.stdout)
    assert result["same"] and result["damaged"] == [
        "runs/first/subtask1/subtask.json was changed since mediaeval wrote it."
    ]


def test_reproduce_of_a_damaged_model_names_the_file(job):
    path = job / "runs/first/subtask1/refit.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(RunFolderError, match=r"refit.safetensors was changed(.|\n)*train all --run first --replace"):
        reproduce(open_run("first"), TASK)


def test_a_run_made_before_0_2_is_submitted_and_sealed(job, run):
    without_digests(job / "runs/first")
    assert "made before 0.2: not covered" in run("submit", "first", "--no-rehearsal").stderr
    (job / "runs/first/run.csv").write_text("edited\n")
    assert "was not what its predictions lead to, and is replaced" in run("submit", "first", "--no-rehearsal").stderr
    path = job / "runs/first/subtask2/subtask.json"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"0.5", b"0.0"))
    with pytest.raises(RunFolderError, match="is not sealed"):
        seal(open_run("first"), reproduce(open_run("first"), TASK))
    path.write_bytes(before)
    assert "digests of its files added" in run("reproduce", "first", "--seal").stdout
    path.write_bytes(before + b"\n")
    assert "subtask2/subtask.json was changed" in reported("first")


def test_a_subtask_trained_into_a_run_keeps_the_digests_of_the_others(job):
    command("train", "subtask1", "--data", "devset", "--run", "first", *QUICK, "--replace")
    assert not reported("first")
    path = job / "runs/first/subtask2/subtask.json"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(RunFolderError, match=r"subtask2/subtask.json was changed"):
        command("predict", "first", "--data", "testset")
        open_run("first").require_unchanged(open_run("first").read_manifest())
    command("train", "all", "--data", "devset", "--run", "first", *QUICK, "--replace")
    assert not reported("first")


# A run of somebody else's, made before 0.2, or with digests computed anew: what does not fit is a sentence.


def swapped_sides(run: Path) -> None:
    path = run / "split.csv"
    path.write_text(path.read_text().replace(",val", ",X").replace(",train", ",val").replace(",X", ",train"))


def without_a_threshold(run: Path) -> None:
    path = run / "subtask2/subtask.json"
    record = json.loads(path.read_text())
    del record["thresholds"][TASK["subtask2"].labels[0]]
    path.write_text(json.dumps(record))


def of_another_subtask(run: Path) -> None:
    shutil.copy(run / "subtask3/subtask.json", run / "subtask2/subtask.json")


def deep(run: Path) -> None:
    (run / "subtask1/subtask.json").write_text("[" * 100_000)


def huge_number(run: Path) -> None:
    path = run / "manifest.json"
    path.write_text(path.read_text().replace('"width": 492', '"width": 1' + "0" * 5000))


def part_of_itself(run: Path) -> None:
    member = {"run": "first", "models": {}, "thresholds": {}}
    (run / "subtask1/ensemble.json").write_text(json.dumps({"how": "mean", "members": [member]}))
    path = run / "subtask1/subtask.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"models": {"ensemble.json": "0"}}))


def null_bytes(run: Path) -> None:
    (run / "test/subtask1.csv").write_bytes(b"\0" * 1000)


def of_other_columns(run: Path) -> None:
    (run / "subtask1/validation.csv").write_text("id,source\na,model\n")


def all_images_without_features(run: Path) -> None:
    path = run / "test/test.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"fallback": dict.fromkeys(record["ids"], "lost")}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (swapped_sides, r"subtask1/validation.csv has no row for 48 of 48 images"),
        (without_a_threshold, r"subtask.json of subtask2: thresholds: got .*; expected a number for each label"),
        (of_another_subtask, r"subtask.json of subtask2 is that of subtask3"),
        (deep, r"half written: subtask1/subtask.json is absent or damaged"),
        (huge_number, r"half written: manifest.json is absent or damaged"),
        (part_of_itself, r"is an ensemble that is part of itself"),
        (null_bytes, r"are not those that predict wrote"),
        (
            of_other_columns,
            r"validation.csv is damaged: expected the columns id, negative, neutral, positive, source. Train it again",
        ),
        (all_images_without_features, r"none of the 45 test images has features"),
    ],
)
def test_a_strangers_run_that_does_not_fit_is_refused_with_a_sentence(job, damage, message):
    without_digests(job / "runs/first")
    damage(job / "runs/first")
    with pytest.raises(UserError, match=message):
        send(open_run("first"), TASK, replays=1)
