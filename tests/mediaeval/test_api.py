"""The Python API: what it gives is what the commands give, joined by image id, without their printing."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import mediaeval
from mediaeval import api
from submission.task import Subtask, Task

pytestmark = pytest.mark.integration

QUICK = {"classifier": "logistic", "classifier.C": 0.01}
WEATHER = Task(
    name="weather",
    subtasks=(
        Subtask("sky", "sky", ("sky",), ("grey", "blue"), multi_label=False),
        Subtask("seen", "seen", ("rain", "fog"), ("rain", "fog"), multi_label=True),
    ),
    id_column="image",
)


def test_the_package_gives_what_the_module_lists():
    assert [name for name in mediaeval.__all__ if name != "__version__"] == api.__all__
    for name in api.__all__:
        assert getattr(mediaeval, name) is getattr(api, name)
        assert name in dir(mediaeval)
    with pytest.raises(AttributeError, match="has no attribute 'tain'"):
        mediaeval.tain  # noqa: B018 - looking it up is the test


def test_importing_it_imports_nothing_heavy():
    code = (
        "import sys, mediaeval; mediaeval.train, mediaeval.Task;"
        "print(*sorted({'torch', 'pandas', 'numpy', 'sklearn', 'timm', 'cv2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


def test_features_are_frames_by_image_id(make_devset, workdir):
    devset = mediaeval.load_dataset(make_devset(6))
    features = mediaeval.extract_features(devset)
    assert list(features.index) == list(devset.ids) and features.index.name == "id"
    assert features["handcrafted"].shape == features.shape == (6, 492)
    assert (features.dtypes == np.float32).all()
    pd.testing.assert_frame_equal(features, mediaeval.extract_features(devset.folder, ["handcrafted"]))


def test_a_run_goes_from_training_to_a_proved_file_in_any_folder(make_devset, make_testset, workdir):
    devset, testset = make_devset(30), make_testset(6)
    trained = mediaeval.train("subtask1", data=devset, run="a", runs_dir="elsewhere", changes=QUICK, refit=False)
    assert 0 <= trained["subtask1"].score.weighted_f1 <= 1
    with pytest.raises(mediaeval.UserError, match="already holds subtask1"):
        mediaeval.train("subtask1", data=devset, run="a", runs_dir="elsewhere", changes=QUICK)
    predicted = mediaeval.predict("a", testset, runs_dir="elsewhere")
    assert list(predicted.labels["subtask1"].index) == [f"t{k}" for k in range(6)]
    P = predicted.probabilities["subtask1"].drop(columns="source")
    assert (P.idxmax(axis=1) == predicted.labels["subtask1"].idxmax(axis=1)).all()
    receipt = mediaeval.submit("a", runs_dir="elsewhere", partial=True)
    assert receipt.submitted.path == workdir.relative_to(workdir) / "elsewhere/a/run.csv"
    assert (workdir / "elsewhere/ledger.jsonl").is_file() and not (workdir / "runs").exists()
    assert mediaeval.check_run("elsewhere/a/run.csv", ids=testset, dev=devset, partial=True).ok
    assert not mediaeval.check_run("elsewhere/a/run.csv", ids=testset).ok, "a part of the task, unless that is allowed"


def test_labels_of_any_origin_become_a_checked_file_whatever_their_order(make_devset, make_testset, workdir):
    devset, testset = make_devset(6), make_testset(6)
    truth = mediaeval.load_dataset(devset)
    ids = mediaeval.load_dataset(testset, labelled=False).ids
    labels = truth.labels("subtask2").set_axis(list(ids)).sample(frac=1, random_state=0, axis=0).iloc[:, ::-1]
    mediaeval.write_run("run.csv", ids, {"subtask2": labels}, partial=True)
    assert mediaeval.check_run("run.csv", ids=testset, partial=True).ok
    (workdir / "truth.csv").write_text((devset / "devset.csv").read_text().replace("\nd", "\nt"))
    assert mediaeval.score_run("run.csv", "truth.csv")["subtask2"].weighted_f1 == 1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda frame: frame + 0.5, "expected 7 values of 0 or 1"),
        (lambda frame: frame.iloc[:, 1:], "got columns T2.2: Sadness"),
        (lambda frame: pd.concat([frame, frame.iloc[:1]]), "got an id twice"),
        (lambda frame: frame.iloc[1:], "t0"),
    ],
)
def test_labels_that_cannot_be_written_are_refused_and_nothing_is_written(make_testset, workdir, spoil, message):
    ids = mediaeval.load_dataset(make_testset(3), labelled=False).ids
    labels = pd.DataFrame(0, index=list(ids), columns=list(mediaeval.VISUAL_SENTIMENT_2021["subtask2"].labels))
    with pytest.raises(mediaeval.UserError, match=message):
        mediaeval.write_run("run.csv", ids, {"subtask2": spoil(labels)}, partial=True)
    assert not (workdir / "run.csv").exists()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda devset: mediaeval.make_classifier("moe", epoch=5), "unknown setting 'classifier.epoch'. Did you mean"),
        (lambda devset: mediaeval.train("subtask4", data=devset), "unknown subtask 'subtask4'. Did you mean"),
        (lambda devset: mediaeval.train(data=devset, changes={"classifier.epoch": 5}), "Did you mean 'epochs'"),
        (lambda devset: mediaeval.train(data=devset, changes={"classifier": {"a": 1}}), "expected one value"),
        (lambda devset: mediaeval.train(data=devset, changes={"seed": None}), "expected a number, text"),
        (lambda devset: mediaeval.train(), "got no dev set; expected its folder"),
        (lambda devset: mediaeval.train(data=devset, runs_dir="file"), "file is a file"),
        (lambda devset: mediaeval.predict("nothing", runs_dir="file"), "file is a file"),
        (lambda devset: mediaeval.extract_features(devset, "handcraft"), "Did you mean 'handcrafted'"),
        (lambda devset: mediaeval.extract_features(devset, device="gpu"), "device: got 'gpu'; expected"),
    ],
)
def test_bad_arguments_are_sentences(make_devset, workdir, call, message):
    (workdir / "file").write_text("")
    with pytest.raises(mediaeval.UserError, match=message):
        call(make_devset(6))
    assert not (workdir / "runs").exists() and not (workdir / ".mediaeval").exists(), "nothing is computed or stored"


def test_an_argument_that_does_not_exist_is_named():
    with pytest.raises(TypeError, match="epochs"):
        mediaeval.train("subtask1", epochs=5)


def test_another_task_is_an_argument_everywhere(make_devset, make_testset, workdir):
    devset, testset = make_devset(30), make_testset(6)
    sky, seen = {"negative": "grey", "neutral": "grey", "positive": "blue"}, {"negative": "1,0", "neutral": "0,1"}
    rows = [line.split(",")[:2] for line in (devset / "devset.csv").read_text().splitlines()[1:]]
    lines = [f"{i},{sky[label]},{seen.get(label, '0,0')}" for i, label in rows]
    (devset / "devset.csv").write_text("\n".join(["image,sky,rain,fog", *lines]) + "\n")
    (testset / "testset.csv").write_text((testset / "testset.csv").read_text().replace("id\n", "image\n"))
    dataset = mediaeval.load_dataset(devset, task=WEATHER)
    assert list(dataset.labels("seen").sum()) == [10, 10]
    settings = workdir / "weather.toml"
    settings.write_text('[sky]\nclassifier = "logistic"\n[seen]\nclassifier = "logistic"\nthreshold = 0.5\n')
    trained = mediaeval.train(data=devset, settings=settings, run="w", task=WEATHER)
    assert list(trained) == ["sky", "seen"]
    assert mediaeval.predict("w", testset, task=WEATHER).labels["sky"].columns.tolist() == ["grey", "blue"]
    mediaeval.submit("w", task=WEATHER)
    assert (workdir / "runs/w/run.csv").read_text().startswith("image,sky,rain,fog\nt0,")
    assert mediaeval.check_run("runs/w/run.csv", ids=testset, dev=devset, task=WEATHER).ok


def test_a_task_may_be_a_name_or_a_file_and_is_that_of_the_settings_without_one(workdir):
    flood = mediaeval.load_task("flood2020")
    (workdir / "mine.toml").write_text(flood.text.replace('"tweet_id"', '"tweet"'))
    (workdir / "truth.csv").write_text("tweet,relevant\n1,0\n2,1\n")
    (workdir / "run.txt").write_text("1,0\n2,1\n")
    for task in ("mine.toml", workdir / "mine.toml", mediaeval.load_task("mine.toml")):
        assert mediaeval.check_run("run.txt", ids="truth.csv", task=task).ok
    with pytest.raises(mediaeval.UserError, match="got no column 'id' or 'filename'"):
        mediaeval.check_run("run.txt", ids="truth.csv")
    (workdir / "mediaeval.toml").write_text('[task]\nfile = "mine.toml"\n')
    assert mediaeval.check_run("run.txt", ids="truth.csv").ok
    assert list(mediaeval.score_run("run.txt", "truth.csv")) == ["flood2020"]


def test_answers_of_every_kind_are_written(tmp_path):
    import pandas as pd

    synthim = pd.DataFrame({"threshold": [0.5, 0.5], "label": [1, 0], "prob": [0.5, 0.25]}, index=["a.jpg", "b.jpg"])
    mediaeval.write_run(tmp_path / "run.csv", ["b.jpg", "a.jpg"], {"detection": synthim}, task="synthim2025")
    lines = (tmp_path / "run.csv").read_text().splitlines()
    assert lines == ["image_id,prob,label,threshold", "b.jpg,0.25,0,0.5", "a.jpg,0.5,1,0.5"]
    rows = mediaeval.ranked_list({"q1": {"d1": 0.5, "d2": 2.0}}, task="ranked")
    assert rows == {"q1": (("d2", 1, 2.0), ("d1", 2, 0.5))}
    with pytest.raises(mediaeval.UserError, match="got columns prob; expected prob, label, threshold"):
        mediaeval.write_run(tmp_path / "other.csv", ["a.jpg"], {"detection": synthim[["prob"]]}, task="synthim2025")
    with pytest.raises(mediaeval.UserError, match=r"got ''; expected one whose answers are ranked lists \(none"):
        mediaeval.ranked_list({}, task="flood2020")
