"""The main job on small pictures: train, predict, submit; what is joined by id, what is refused, what is kept."""

import json
import shutil
import tomllib

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from mediaeval.errors import FeaturesError, RunFileError, RunFolderError, UserError, WeightsError
from mediaeval.proofs.submit import submit
from mediaeval.runs import open_run
from mediaeval.steps.predict import predict
from submission.runfile import read_run
from submission.task import Subtask
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from tests.conftest import Recipe, command, picture, without_digests

pytestmark = pytest.mark.integration

QUICK = ["--set", "classifier.epochs=3", "--set", "classifier.lr=0.001", "--set", "augment=1", "--folds", "2"]


# a run of all subtasks that is predicted and submitted
RECIPE = Recipe(
    dev=30,
    test=9,
    commands=(
        ("train", "all", "--data", "devset", "--run", "first", *QUICK),
        ("predict", "first", "--data", "testset"),
        ("submit", "first"),
    ),
)


def test_the_run_folder_holds_what_its_readme_says(trained):
    names = {str(p.relative_to(trained / "runs/first")) for p in (trained / "runs/first").rglob("*") if p.is_file()}
    per_subtask = {
        f"subtask{k}/{name}"
        for k in (1, 2, 3)
        for name in (
            "model.safetensors",
            "refit.safetensors",
            "subtask.json",
            "validation.csv",
            "out_of_fold.csv",
            "history.csv",
            "curves.svg",
            "calibration.json",
            "confusion.svg",
        )
    }
    test = {"test/subtask1.csv", "test/subtask2.csv", "test/subtask3.csv", "test/test.json", "test/forecast.json"}
    assert names == per_subtask | test | {"run.toml", "split.csv", "manifest.json", "run.csv", "extraction.json"}
    bills = json.loads((trained / "runs/first/extraction.json").read_text())
    computed = {work: (bill["images"], bill["computed"]) for work, bill in bills.items()}
    # of dev images thumbnails, features and one view each; test images have features alone
    assert computed == {"train": (30, 3 * 30), "predict": (9, 9)}


def test_run_toml_tells_every_choice_resolved(trained):
    tree = tomllib.loads((trained / "runs/first/run.toml").read_text())
    assert tree["subtask2"]["classifier"]["epochs"] == 3
    assert tree["subtask2"]["classifier"]["hidden"] == [1000, 200], "defaults are written out"
    assert tree["features"]["use"] == ["handcrafted"] and tree["split"]["val"] == 0.2


def test_the_run_file_says_what_the_probabilities_say(trained):
    run = read_run(trained / "runs/first/run.csv", VISUAL_SENTIMENT_2021.header)
    ids = (trained / "testset/testset.csv").read_text().split()[1:]
    assert list(run.ids) == ids, "in the order of the test list"
    P = pd.read_csv(trained / "runs/first/test/subtask1.csv", index_col="id")
    for image_id in ids:
        row = P.loc[image_id, ["negative", "neutral", "positive"]].astype(float)
        assert run.labels["subtask1"][image_id] == row.idxmax()


def test_an_images_labels_follow_its_id_not_its_place(job):
    """A test list in another order, and of some images only, gives every image the same probabilities to the bit."""
    rows = (job / "testset/testset.csv").read_text().split()[1:]
    (job / "testset/testset.csv").write_text("\n".join(["id", *reversed(rows[2:])]) + "\n")
    before = {k: pd.read_csv(job / f"runs/first/test/subtask{k}.csv", index_col="id") for k in (1, 2, 3)}
    command("predict", "first", "--data", "testset")
    for k, old in before.items():
        new = pd.read_csv(job / f"runs/first/test/subtask{k}.csv", index_col="id")
        assert list(new.index) == list(reversed(rows[2:]))
        pd.testing.assert_frame_equal(new, old.loc[new.index])


def test_equal_seeds_give_equal_bytes(job, trained):
    command("train", "all", "--data", "devset", "--run", "again", *QUICK)
    command("predict", "again", "--data", "testset")
    command("submit", "again")
    for name in ("model.safetensors", "refit.safetensors", "validation.csv", "history.csv", "calibration.json"):
        for k in (1, 2, 3):
            one, other = (job / f"runs/{run}/subtask{k}/{name}" for run in ("first", "again"))
            assert one.read_bytes() == other.read_bytes(), f"subtask{k}/{name}"
    assert (job / "runs/first/run.csv").read_bytes() == (job / "runs/again/run.csv").read_bytes()
    command("train", "subtask1", "--data", "devset", "--run", "other", *QUICK, "--set", "seed=1")
    other = (job / "runs/other/subtask1/model.safetensors").read_bytes()
    assert other != (job / "runs/first/subtask1/model.safetensors").read_bytes()


def test_training_learns_and_is_told_beside_the_baseline(job, capsys):
    command("train", "subtask1", "--data", "devset", "--run", "long", "--json",
            "--set", "classifier.epochs=40", "--set", "classifier.lr=0.001")  # fmt: skip
    told = json.loads(capsys.readouterr().out)["subtasks"][0]["validation"]
    assert told["weighted_f1"] > 0.8 > told["baselines"]["the most common"], "the classes are colours"
    assert [row["label"] for row in told["per_label"]] == ["negative", "neutral", "positive"]


def test_subtasks_trained_one_by_one_share_a_run(job):
    for subtask in ("subtask1", "subtask2"):
        command("train", subtask, "--data", "devset", "--run", "steps", *QUICK)
    command("predict", "steps", "--data", "testset")
    with pytest.raises(SystemExit):
        command_told("submit", "steps")
    command("submit", "steps", "--partial")
    assert set(read_run(job / "runs/steps/run.csv", VISUAL_SENTIMENT_2021.header).labels) == {"subtask1", "subtask2"}
    tree = tomllib.loads((job / "runs/steps/run.toml").read_text())
    assert tree["subtask1"]["classifier"]["epochs"] == 3, "the first subtask's settings are kept"


def command_told(*arguments: str):
    """Run a command as a user does: errors end in SystemExit."""
    from mediaeval.cli import app

    app(list(arguments))


def test_without_folds_tuned_thresholds_come_from_training_images_only(job):
    command("train", "subtask2", "--data", "devset", "--run", "tuned", *QUICK, "--set", "threshold=tuned",
            "--no-refit", "--folds", "0")  # fmt: skip
    thresholds = json.loads((job / "runs/tuned/subtask2/subtask.json").read_text())["thresholds"]
    assert len(thresholds) == 7 and all(0 < t < 1 for t in thresholds.values())
    sides = pd.read_csv(job / "runs/tuned/split.csv", index_col="id")["side"]
    for image_id in sides.index[sides == "val"]:  # other validation labels, the same thresholds
        csv = job / "devset/devset.csv"
        lines = [line for line in csv.read_text().splitlines() if not line.startswith(f"{image_id},")]
        csv.write_text("\n".join([*lines, f"{image_id},neutral,{','.join('1' * 17)}"]) + "\n")
    (job / "split.csv").write_bytes((job / "runs/tuned/split.csv").read_bytes())
    command("train", "subtask2", "--data", "devset", "--run", "tuned2", *QUICK, "--set", "threshold=tuned",
            "--no-refit", "--folds", "0", "--split", "split.csv")  # fmt: skip
    assert json.loads((job / "runs/tuned2/subtask2/subtask.json").read_text())["thresholds"] == thresholds
    assert not (job / "runs/tuned2/subtask2/refit.safetensors").exists()


# What must not happen unseen


def test_a_writer_that_lets_rows_slip_is_found_out(job, monkeypatch):
    """The 2021 accident: labels one row off. The file is well-formed; only comparing with the predictions tells."""
    import mediaeval.proofs.submit as module

    honest = module.write_run
    old = (job / "runs/first/run.csv").read_bytes()

    def slipping(path, header, ids, labels, **options):
        after = dict(zip(ids, [*ids[1:], ids[0]], strict=True))
        slipped = {name: {i: of[after[i]] for i in ids} for name, of in labels.items()}
        return honest(path, header, ids, slipped, **options)

    monkeypatch.setattr(module, "write_run", slipping)
    with pytest.raises(RunFileError) as caught:
        submit(open_run("first"), VISUAL_SENTIMENT_2021)
    assert "did not say what was predicted" in str(caught.value)
    assert "the file says" in str(caught.value) and "the probabilities" in str(caught.value)
    assert (job / "runs/first/run.csv").read_bytes() == old, "the file that was proved stays"


def test_exchanged_columns_are_found_out(job, monkeypatch):
    honest = Subtask.from_matrix

    def exchanged(subtask, matrix, ids):
        labels = honest(subtask, matrix, ids)
        return {i: (1 - row[0], *row[1:]) for i, row in labels.items()} if subtask.multi_label else labels

    monkeypatch.setattr(Subtask, "from_matrix", exchanged)
    with pytest.raises(RunFileError, match="subtask2"):
        submit(open_run("first"), VISUAL_SENTIMENT_2021)


def test_predictions_of_an_older_model_are_not_submitted(job):
    shutil.copytree("runs/first/test", "test")
    command("train", "subtask2", "--data", "devset", "--run", "first", *QUICK, "--replace",
            "--set", "classifier.dropout=0.1")  # fmt: skip
    with pytest.raises(RunFolderError, match="holds no predictions"):
        submit(open_run("first"), VISUAL_SENTIMENT_2021)
    shutil.move("test", "runs/first/test")
    with pytest.raises(RunFolderError, match=r"test/subtask1.csv was not written by mediaeval(.|\n)*or predict again"):
        submit(open_run("first"), VISUAL_SENTIMENT_2021)
    without_digests(job / "runs/first")
    with pytest.raises(RunFolderError, match=r"subtask2 was trained after the predictions were made.*Predict again"):
        submit(open_run("first"), VISUAL_SENTIMENT_2021)


def test_a_run_file_of_older_models_or_predictions_is_no_longer_the_one_to_send(job):
    before = (job / "runs/first/run.csv").read_bytes()
    command("predict", "first", "--data", "testset")
    assert not (job / "runs/first/run.csv").exists()
    assert (job / "runs/first/run.superseded.csv").read_bytes() == before
    command("submit", "first")
    assert (job / "runs/first/run.csv").read_bytes() == before
    command("train", "subtask1", "--data", "devset", "--run", "first", *QUICK, "--replace")
    assert not (job / "runs/first/run.csv").exists()
    assert (job / "runs/first/run.superseded.csv").read_bytes() == before


def test_probabilities_that_slip_against_their_ids_are_not_submitted(job):
    path = job / "runs/first/test/subtask1.csv"
    header, *rows = path.read_text().splitlines()
    cells = [row.partition(",") for row in rows]
    slipped = [f"{i},{said}" for (i, _, _), (_, _, said) in zip(cells, cells[1:] + cells[:1], strict=True)]
    path.write_text("\n".join([header, *slipped]) + "\n")
    with pytest.raises(RunFolderError, match=r"subtask1.csv was changed since mediaeval wrote it(.|\n)*predict again"):
        submit(open_run("first"), VISUAL_SENTIMENT_2021)
    without_digests(job / "runs/first")
    with pytest.raises(RunFolderError, match=r"subtask1 are not those that predict wrote.*Predict again"):
        submit(open_run("first"), VISUAL_SENTIMENT_2021)


def test_one_run_has_one_set_of_inputs(job):
    """A manifest that spoke for the newest subtask alone would vouch for features that the others never saw."""
    picture("positive", 7).save(job / "devset/images/d3.jpg")
    before = {p: p.read_bytes() for p in (job / "runs").rglob("*") if p.is_file()}
    with pytest.raises(RunFolderError, match=r"holds subtask2, subtask3, made from other images.*train all --replace"):
        command_raising("train", "subtask1", "--data", "devset", "--run", "first", "--replace", *QUICK)
    with pytest.raises(RunFolderError, match=r"made with another \[seed\]"):
        command_raising("train", "subtask1", "--data", "devset", "--run", "first", "--replace", "--set", "seed=5")
    assert {p: p.read_bytes() for p in (job / "runs").rglob("*") if p.is_file()} == before
    (job / "split.csv").write_text("id,side\n" + "".join(f"d{k},{'val' if k < 6 else 'train'}\n" for k in range(30)))
    command("train", "all", "--data", "devset", "--run", "first", "--replace", *QUICK)  # all anew: other images may be
    with pytest.raises(RunFolderError, match="made from other split"):
        command_raising("train", "subtask1", "--data", "devset", "--run", "first", "--replace", "--split", "split.csv")


def test_a_kill_between_two_renames_loses_no_run(job):
    shutil.copytree("runs/first", "runs/.first.ab12cd34.mediaeval-new")
    (job / "runs/first").rename(job / "runs/.first.ab12cd34.mediaeval-old")
    command("submit", "first")
    assert (job / "runs/first/run.csv").is_file()
    assert sorted(path.name for path in (job / "runs").glob(".*.mediaeval-*")) == []


def test_what_a_kill_left_half_deleted_is_never_taken_for_the_run(job):
    """The run was exchanged, the kill came while the old one was being deleted, and then the run was moved away."""
    (job / "runs/first").rename(job / "runs/moved")
    old = job / "runs/.first.ab12cd34.mediaeval-old"
    shutil.copytree("runs/moved", old)
    shutil.rmtree(old / "test")
    with pytest.raises(RunFolderError, match=r"first does not exist. Runs in this folder: moved"):
        open_run("first")
    assert not old.exists()


def test_subtasks_that_fail_later_do_not_cost_the_old_ones(job, monkeypatch):
    import mediaeval.steps.train as module

    honest = module.fit_subtask

    def diverges(data, config, learner, **options):
        if data.task.name == "subtask2":
            raise FeaturesError("subtask2 diverged")
        return honest(data, config, learner, **options)

    monkeypatch.setattr(module, "fit_subtask", diverges)
    with pytest.raises(FeaturesError, match="diverged"):
        command_raising("train", "all", "--data", "devset", "--run", "first", "--replace", *QUICK)
    assert open_run("first").subtasks(VISUAL_SENTIMENT_2021) == ("subtask1", "subtask2", "subtask3")


def test_a_run_without_predictions_says_what_to_do(job):
    shutil.rmtree(job / "runs/first/test")
    with pytest.raises(RunFolderError, match="mediaeval predict first --data TEST"):
        submit(open_run("first"), VISUAL_SENTIMENT_2021)


def test_bad_test_images_get_a_stated_fallback_and_nobody_elses_labels(job, capsys):
    (job / "testset/images/t4.jpg").write_bytes(b"")
    (job / "runs/ledger.jsonl").unlink()  # a recorded run file would not be written over
    before = pd.read_csv(job / "runs/first/test/subtask2.csv", index_col="id")
    with pytest.raises(FeaturesError, match="t4: the file is empty"):
        predict(open_run("first"), VISUAL_SENTIMENT_2021, job / "testset")
    pd.testing.assert_frame_equal(before, pd.read_csv(job / "runs/first/test/subtask2.csv", index_col="id"))
    command("predict", "first", "--data", "testset", "--skip-bad")
    assert "t4: the file is empty" in capsys.readouterr().err
    after = pd.read_csv(job / "runs/first/test/subtask2.csv", index_col="id")
    assert after.loc["t4", "source"] == "fallback"
    pd.testing.assert_frame_equal(after.drop(index="t4"), before.drop(index="t4"))
    prior = json.loads((job / "runs/first/subtask2/subtask.json").read_text())["fallback"]
    assert after.loc["t4"].drop("source").astype(float).to_dict() == pytest.approx(prior)
    command("submit", "first")
    assert "t4" in capsys.readouterr().err


def test_a_bad_training_image_stops_or_is_left_out(job):
    (job / "devset/images/d4.jpg").unlink()
    with pytest.raises(FeaturesError, match=r"d4: the file is absent(.|\n)*--skip-bad"):
        command_raising("train", "subtask1", "--data", "devset", "--run", "bad", *QUICK)
    assert not (job / "runs/bad").exists()
    command("train", "subtask1", "--data", "devset", "--run", "bad", *QUICK, "--skip-bad")
    assert "d4" not in (job / "runs/bad/split.csv").read_text()
    assert json.loads((job / "runs/bad/manifest.json").read_text())["left_out"] == {"d4": "the file is absent"}


def command_raising(*arguments: str) -> None:
    """Run a command and let its UserError out."""
    import mediaeval.cli as cli

    module = {m.__name__.rpartition(".")[2]: m for m in cli.COMMANDS}[arguments[0]]
    import typer

    app = typer.Typer()
    app.command()(module.command)
    app(list(arguments[1:]), standalone_mode=False)


# What a run was made from


def test_other_features_than_the_runs_are_refused(job):
    without_digests(job / "runs/first")
    manifest = json.loads((job / "runs/first/manifest.json").read_text())
    manifest["extractors"]["handcrafted"]["width"] = 491
    (job / "runs/first/manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(FeaturesError, match=r"'handcrafted' gives 492 numbers per image; the run was trained with 491"):
        predict(open_run("first"), VISUAL_SENTIMENT_2021, job / "testset")
    manifest["extractors"]["handcrafted"] = {"width": 492, "identity": {"kind": "handcrafted", "version": 0}}
    (job / "runs/first/manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(WeightsError, match="version was 0, now 1"):
        predict(open_run("first"), VISUAL_SENTIMENT_2021, job / "testset")


def test_a_run_is_not_written_over_unless_asked(job):
    before = (job / "runs/first/subtask1/model.safetensors").read_bytes()
    with pytest.raises(RunFolderError, match=r"already holds subtask1.*--replace"):
        command_raising("train", "subtask1", "--data", "devset", "--run", "first", *QUICK)
    with pytest.raises(RunFolderError, match=r"holds subtask2, subtask3, made with another \[features\]"):
        command_raising("train", "subtask1", "--data", "devset", "--run", "first", "--replace",
                        "--set", "features.scale=none")  # fmt: skip
    assert (job / "runs/first/subtask1/model.safetensors").read_bytes() == before


@pytest.mark.parametrize("missing", ["manifest.json", "run.toml", "split.csv", "subtask2/subtask.json"])
def test_a_half_written_run_is_told(job, missing):
    (job / "runs/first" / missing).unlink()
    with pytest.raises(RunFolderError, match=r"half written: .*(absent|damaged)(.|\n)*--replace"):
        predict(open_run("first"), VISUAL_SENTIMENT_2021, job / "testset")


@pytest.mark.parametrize("at", ["mediaeval.steps.fitting.plot_confusion", "mediaeval.runs.link_folder"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_training_that_is_stopped_leaves_the_run_as_it_was(job, monkeypatch, capsys, at, error):
    before = {p: p.read_bytes() for p in (job / "runs").rglob("*") if p.is_file()}

    def stop(*arguments, **options):
        raise error

    monkeypatch.setattr(at, stop)
    with pytest.raises(SystemExit) as caught:
        command_told("train", "all", "--data", "devset", "--run", "first", "--replace", *QUICK)
    monkeypatch.undo()
    assert caught.value.code == (130 if error is KeyboardInterrupt else 1)
    said = "Interrupted" if error is KeyboardInterrupt else "No space left on device. No file is left incomplete"
    assert said in capsys.readouterr().err
    assert {p: p.read_bytes() for p in (job / "runs").rglob("*") if p.is_file()} == before


def test_a_model_file_of_another_width_or_damaged_is_refused(job):
    path = job / "runs/first/subtask1/refit.safetensors"
    state = load_file(path)
    save_file({k: np.ascontiguousarray(v[:1]) for k, v in state.items()}, path)
    with pytest.raises(UserError, match=r"refit.safetensors was changed since mediaeval wrote it"):
        predict(open_run("first"), VISUAL_SENTIMENT_2021, job / "testset")
    without_digests(job / "runs/first")
    with pytest.raises(UserError, match=r"damaged|not the file"):
        predict(open_run("first"), VISUAL_SENTIMENT_2021, job / "testset")
    path.unlink()
    with pytest.raises(UserError, match="absent"):
        predict(open_run("first"), VISUAL_SENTIMENT_2021, job / "testset")


def test_a_split_that_parts_duplicates_is_refused(job):
    shutil.copy(job / "devset/images/d0.jpg", job / "devset/images/d1.jpg")
    sides = ["val" if k == 1 else "train" for k in range(30)]
    rows = [f"d{k},{side}" for k, side in enumerate(sides)]
    (job / "split.csv").write_text("\n".join(["id,side", *rows]) + "\n")
    with pytest.raises(UserError, match=r"duplicates or groups stand on both sides \(d0, d1\)"):
        command_raising("train", "subtask1", "--data", "devset", "--run", "x", "--split", "split.csv", *QUICK)
