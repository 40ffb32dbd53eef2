"""The proofs of a run file: rehearsal, replay, the ledger, reproduction, and the check against the images."""

import json
import shutil

import pytest
from PIL import Image

from mediaeval.errors import RunFileError, RunFolderError, UserError
from mediaeval.proofs.rehearse import rehearse
from mediaeval.proofs.replay import replay
from mediaeval.proofs.reproduce import reproduce
from mediaeval.proofs.send import send
from mediaeval.runs import open_run
from mediaeval.steps.compare import compare_runs
from submission.labels import read_labels
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from tests.conftest import Recipe, command, picture

pytestmark = pytest.mark.integration

QUICK = (
    *("--set", "classifier.epochs=20", "--set", "classifier.lr=0.005"),
    *("--set", "augment=0", "--set", "threshold=0.5", "--folds", "2"),
)
# the run `first`, predicted and not yet submitted
RECIPE = Recipe(
    dev=60,
    test=45,
    commands=(
        ("train", "all", "--data", "devset", "--run", "first", *QUICK),
        ("predict", "first", "--data", "testset"),
    ),
)


def test_the_rehearsal_scores_on_disk_what_training_scored(job):
    found = rehearse(open_run("first"), VISUAL_SENTIMENT_2021)
    for name, f1 in found.scores.items():
        stored = json.loads((job / f"runs/first/{name}/subtask.json").read_text())["validation"]["weighted_f1"]
        assert f1 == pytest.approx(stored, abs=1e-12)
    assert found.n_images == 12


def test_a_rehearsal_that_comes_out_otherwise_stops_the_run_and_names_the_ids(job):
    """Another image under a validation id: what is predicted for it differs, and nothing is written."""
    sides = dict(line.split(",") for line in (job / "runs/first/split.csv").read_text().splitlines()[1:])
    rows = (job / "runs/first/subtask1/validation.csv").read_text().splitlines()[1:]
    said = {row.split(",")[0]: max(range(3), key=[float(p) for p in row.split(",")[1:4]].__getitem__) for row in rows}
    names = ("negative", "neutral", "positive")
    spoilt = next(image_id for image_id in said if sides[image_id] == "val")
    other = names[(said[spoilt] + 1) % 3]
    picture(other, 5).save(job / f"devset/images/{spoilt}.jpg", quality=90)
    with pytest.raises(RunFileError, match=rf"rehearsal failed(.|\n)*subtask1.*answers differ \({spoilt}\)"):
        send(open_run("first"), VISUAL_SENTIMENT_2021)
    assert not (job / "runs/first/run.csv").exists() and not (job / "runs/ledger.jsonl").exists()


def test_without_the_dev_set_the_rehearsal_says_what_to_do(job):
    shutil.rmtree(job / "devset")
    with pytest.raises(UserError, match="--no-rehearsal"):
        send(open_run("first"), VISUAL_SENTIMENT_2021)
    assert send(open_run("first"), VISUAL_SENTIMENT_2021, rehearsal=False).rehearsed is None


@pytest.mark.slow
def test_a_replay_in_a_fresh_process_says_the_same(job):
    sent = send(open_run("first"), VISUAL_SENTIMENT_2021, rehearsal=False, replays=2)
    assert len(sent.replayed) == 2 and set(sent.replayed) <= {f"t{k}" for k in range(45)}


def test_a_replay_finds_a_file_that_is_not_of_these_images(job):
    send(open_run("first"), VISUAL_SENTIMENT_2021, rehearsal=False)
    run = open_run("first")
    lines = run.run_csv.read_text().splitlines()
    cells = [line.split(",", 1) for line in lines[1:]]
    slipped = [f"{i},{said}" for (i, _), (_, said) in zip(cells, cells[1:] + cells[:1], strict=True)]
    run.run_csv.write_text("\n".join([lines[0], *slipped]) + "\n")
    with pytest.raises(RunFileError, match=r"replayed images differ(.|\n)*the file says .*, its image leads to"):
        replay(run, VISUAL_SENTIMENT_2021, run.run_csv, 4)


def test_what_was_submitted_is_recorded_and_not_written_over(job, capsys):
    command("submit", "first", "--no-rehearsal")
    first = (job / "runs/first/run.csv").read_bytes()
    command("submit", "first", "--no-rehearsal")  # the same bytes: nothing new
    assert len((job / "runs/ledger.jsonl").read_text().splitlines()) == 1
    command(
        "train", "subtask1", "--data", "devset", "--run", "first", *QUICK, "--set", "classifier.epochs=1", "--replace"
    )
    command("predict", "first", "--data", "testset")
    with pytest.raises(RunFileError, match="A recorded run is not changed"):
        send(open_run("first"), VISUAL_SENTIMENT_2021, rehearsal=False)
    assert (job / "runs/first/run.superseded.csv").read_bytes() == first
    shutil.move("runs/first", "runs/second")
    send(open_run("second"), VISUAL_SENTIMENT_2021, rehearsal=False)
    assert len((job / "runs/ledger.jsonl").read_text().splitlines()) == 2


def test_a_run_is_reproduced_byte_for_byte_and_a_changed_image_is_named(job):
    send(open_run("first"), VISUAL_SENTIMENT_2021, rehearsal=False)
    found = reproduce(open_run("first"), VISUAL_SENTIMENT_2021)
    assert found.same and found.changed == () and found.flips == ()
    labels = read_labels(job / "runs/first/run.csv", VISUAL_SENTIMENT_2021).labels["subtask1"]
    other = next(name for name in ("negative", "positive") if name != labels["t3"])
    picture(other, 3).save(job / "testset/images/t3.jpg", quality=90)
    found = reproduce(open_run("first"), VISUAL_SENTIMENT_2021)
    assert not found.same and any("images: 1 are not those" in change and "t3" in change for change in found.changed)
    assert {one.flip.image_id for one in found.flips} == {"t3"}
    (flipped,) = [one for one in found.flips if one.flip.subtask == "subtask1"]
    assert flipped.flip.second == other and flipped.before > flipped.now


def test_reproduction_names_a_changed_configuration_and_library(job, monkeypatch):
    send(open_run("first"), VISUAL_SENTIMENT_2021, rehearsal=False)
    path = job / "runs/first/run.toml"
    path.write_text(path.read_text() + "\n# by hand\n")
    about = json.loads((job / "runs/first/test/test.json").read_text())
    about["versions"]["numpy"] = "1.0"
    (job / "runs/first/test/test.json").write_text(json.dumps(about))
    changed = " ".join(reproduce(open_run("first"), VISUAL_SENTIMENT_2021).changed)
    assert "configuration: run.toml" in changed and "library: numpy was 1.0" in changed


def test_runs_on_other_validation_images_are_not_compared(job):
    command("train", "all", "--data", "devset", "--run", "other", *QUICK, "--set", "split.seed=4", "--folds", "0")
    with pytest.raises(RunFolderError, match=r"validated on other images.*--split runs/first/split.csv"):
        compare_runs([open_run("first"), open_run("other")], VISUAL_SENTIMENT_2021)
    split = "runs/first/split.csv"
    command("train", "subtask1", "--data", "devset", "--run", "same", *QUICK, "--split", split, "--folds", "0")
    (found,) = compare_runs([open_run("first"), open_run("same")], VISUAL_SENTIMENT_2021)
    assert found.subtask == "subtask1" and found.pairs[0].verdict == "inside the noise"
    with pytest.raises(RunFolderError, match="two or more runs"):
        compare_runs([open_run("first")], VISUAL_SENTIMENT_2021)


def test_a_file_is_checked_against_its_images(job, run, capsys):
    send(open_run("first"), VISUAL_SENTIMENT_2021, rehearsal=False)
    images = ["--data", "testset", "--dev", "devset"]
    sound = run("check", "runs/first/run.csv", *images)
    assert "no problems" in sound.stdout and ": aligned: " in sound.stdout
    lines = (job / "runs/first/run.csv").read_text().splitlines()
    cells = [line.split(",", 1) for line in lines[1:]]
    slipped = [f"{i},{said}" for (i, _), (_, said) in zip(cells, cells[1:] + cells[:1], strict=True)]
    (job / "slipped.csv").write_text("\n".join([lines[0], *slipped]) + "\n")
    told = run("check", "slipped.csv", *images, "--json", code=1)
    (report,) = json.loads(told.stdout)
    assert report["ok"] and report["problems"] == [], "its form is sound"
    assert report["alignment"]["verdict"] == "misaligned"
    assert report["alignment"]["problems"][0]["code"].startswith("rows-")
    (job / "broken.csv").write_text("no run\n")
    assert "not checked against the images" in run("check", "broken.csv", *images, code=1).stdout


def test_the_self_test_tells_what_catches_each_fault(job, run):
    send(open_run("first"), VISUAL_SENTIMENT_2021, rehearsal=False)
    found = json.loads(run("check", "runs/first/run.csv", "--ids", "testset", "--self-test", "--json").stdout)
    assert len(found) >= 38 and all(one["caught_by"] for one in found if one["tried"])
    told = run("check", "runs/first/run.csv", "--data", "testset", "--dev", "devset", "--self-test", code=None)
    assert ("labels shuffled" in told.stdout and "0 not detected" in told.stdout) or "NOT DETECTED" in told.stdout
    (job / "bad.csv").write_text("x\n")
    assert "not sound" in run("check", "bad.csv", "--ids", "testset", "--self-test", code=1).stderr


def test_wrong_usage_of_check_exits_with_two(run, job):
    assert "--ids" in run("check", "x.csv", code=2).stderr
    assert "x.csv: got no file" in run("check", "x.csv", "--ids", "testset", "--self-test", code=1).stderr
    assert "nowhere does not exist" in run("check", "x.csv", "--data", "testset", "--dev", "nowhere", code=2).stderr
    assert "--dev" in run("check", "x.csv", "--data", "testset", code=2).stderr


def test_the_witness_decodes_by_another_road_to_features_of_one_width(tmp_path):
    from mediaeval.errors import ImageError
    from mediaeval.features.kinds.witness import WIDTH, witness

    for mode in ("RGB", "L", "CMYK"):
        Image.new(mode, (50, 30)).save(tmp_path / "a.jpg")
        assert witness((tmp_path / "a.jpg").read_bytes()).shape == (WIDTH,)
    with pytest.raises(ImageError, match="a text file, not an image"):
        witness(b"no image")
