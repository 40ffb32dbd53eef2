"""A task of a probability, scores that sum up, a set and a flag: trained, predicted, submitted, compared, combined."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mediaeval.config import load_config
from mediaeval.data.dataset import load_dataset
from mediaeval.errors import ConfigError, DatasetError, RunFileError, RunFolderError
from mediaeval.files import file_digest
from mediaeval.proofs.replay import replay
from mediaeval.proofs.reproduce import reproduce
from mediaeval.proofs.send import send
from mediaeval.runs import open_run, run_folder
from mediaeval.steps.calibrated import why_uncalibrated
from mediaeval.steps.compare import compare_runs
from mediaeval.steps.ensemble import make_ensemble
from mediaeval.steps.predict import predict
from mediaeval.steps.shared_columns import shared_values
from mediaeval.steps.train import train
from mediaeval.steps.trained_run import TrainedRun
from submission.desk.measures import measures_of
from submission.ledger import Ledger
from submission.runfile import read_run
from submission.taskfile import load_task, parse_task

pytestmark = pytest.mark.integration

SCENES = parse_task(
    """
name = "scenes"
[id]
column = "image"
extension = true
[[columns]]
heading = "prob"
type = "probability"
[[columns]]
heading = "night"
type = "flag"
[[columns]]
heading = "threshold"
type = "constant"
of = "probability"
[[columns]]
headings = ["light", "dark"]
type = "score"
low = 0
high = 100
[[columns]]
heading = "things"
type = "set"
[[columns]]
heading = "warm"
type = "flag"
[[columns]]
heading = "key"
type = "text"
[[rules]]
rule = "threshold"
label = "night"
probability = "prob"
threshold = "threshold"
[[rules]]
rule = "sum"
columns = ["light", "dark"]
total = 100
[[subtasks]]
name = "when"
columns = ["prob", "night", "threshold"]
[[subtasks]]
name = "levels"
columns = ["light", "dark"]
[[subtasks.metrics]]
metric = "spearman"
[[subtasks]]
name = "things"
columns = ["things"]
[[subtasks]]
name = "warm"
columns = ["warm"]
""",
    "scenes.toml",
)
NAMES = list(SCENES.names)


def draw(folder: Path, n: int, prefix: str, seed: int) -> Path:
    """n pictures from black to white, red or blue: what is answered follows from how light and how red they are."""
    (folder / "images").mkdir(parents=True)
    rows = [["image", "key", "night", "light", "dark", "things", "warm"]]
    rng = np.random.default_rng(seed)
    for k in range(n):
        level, warm = rng.uniform(10, 90), k % 3 == 0
        colour = np.array([60, 0, -60] if warm else [-60, 0, 60]) + level * 2.2
        pixels = np.clip(colour + rng.normal(0, 20, (32, 32, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"images/{prefix}{k}.jpg", quality=90)
        things = ["sun" if level > 60 else "lamp", *(["fire"] if warm else [])]
        rows.append(
            [
                f"{prefix}{k}.jpg",
                f"key{k}",
                int(level < 35),
                f"{level:.3f}",
                f"{100 - level:.3f}",
                ";".join(things),
                int(warm),
            ]
        )
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return folder


QUICK = ("levels.classifier.folds=2", "levels.classifier.epochs=3", "levels.classifier.ensemble=1")


def config(folder: Path, classifier: str = "logistic", sets=QUICK):
    own = [f"features.store='{folder}/store'", "split.folds=2", *(f"{name}.augment=0" for name in NAMES)]
    own += [f"{name}.classifier.name={classifier}" for name in NAMES if name != "levels"]
    return load_config(task=SCENES, data=str(folder / "dev"), use="handcrafted", sets=[*own, *sets])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Dev set and test set, and the runs `first` and `second`; `first` is predicted."""
    folder = tmp_path_factory.mktemp("scenes")
    draw(folder / "dev", 36, "d", 0)
    draw(folder / "test", 12, "t", 1)
    train(config(folder), NAMES, run_folder("first", folder / "runs"), device="cpu")
    ridge = config(folder, "kernel", ["levels.classifier.name=ridge"])
    train(ridge, NAMES, run_folder("second", folder / "runs"), device="cpu")
    predict(open_run("first", folder / "runs"), SCENES, folder / "test", device="cpu")
    return folder


def first(folder: Path):
    return open_run("first", folder / "runs")


def test_each_kind_has_its_own_metric_thresholds_and_head(folder):
    records = TrainedRun.open(first(folder), SCENES).records
    found = {name: (record.score.metric, record.out_of_fold.signature) for name, record in records.items()}
    assert found == {
        "when": ("F1", "f1|average:positive|positive:1|absent:zero|columns:night|v:1"),
        "levels": ("Spearman", "spearman|columns:light,dark|v:1"),
        "things": ("per-image F1", "f1|average:samples|empty:one|columns:things|v:1"),
        "warm": ("F1", "f1|average:positive|positive:1|absent:zero|columns:warm|v:1"),
    }
    assert all(record.out_of_fold.f1 > 0.7 for record in records.values())
    for record in records.values():
        of_all = record.out_of_fold
        assert of_all.new_set[0] <= of_all.interval[0] <= of_all.f1 <= of_all.interval[1] <= of_all.new_set[1]
    assert list(records["when"].thresholds) == ["prob"] and list(records["things"].thresholds) == [
        "fire",
        "lamp",
        "sun",
    ]
    levels = records["levels"]
    assert levels.thresholds == {} and levels.out_of_fold.thresholds == ({}, {})
    assert levels.choice["head"] in ("ridge", "network") and levels.choice["of"] == 2
    assert set(levels.choice["scores"]) == {"ridge", "network"} and len(levels.out_of_fold.choice) == 2
    assert 20 < levels.prior["light"] < 80, "an image that cannot be read gets the mean"
    written = json.loads((first(folder).subtask("levels") / "subtask.json").read_text())
    assert written["out_of_fold"]["value"] == levels.out_of_fold.f1 and "per_label" not in written["validation"]


def test_its_run_file_obeys_the_rules_and_every_proof(folder):
    run = first(folder)
    assert send(run, SCENES, device="cpu").submitted.subtasks == tuple(NAMES)
    lines = run.run_csv.read_text().splitlines()
    assert lines[0] == "image,prob,night,threshold,light,dark,things,warm,key"
    assert lines[1].startswith("t0.jpg,") and lines[1].endswith(",key0"), "the key is that of the test list"
    rows = list(csv.DictReader(lines))
    assert len({row["threshold"] for row in rows}) == 1
    assert all((row["night"] == "1") == (float(row["prob"]) >= float(row["threshold"])) for row in rows)
    assert all(Decimal(row["light"]) + Decimal(row["dark"]) == 100 for row in rows)
    assert {item for row in rows for item in row["things"].split(";")} <= {"sun", "lamp", "fire"}
    truth = load_dataset(folder / "test", SCENES).table
    answers = read_run(run.run_csv, SCENES.header).labels
    cells = [sum((answers[name][image_id] for name in NAMES), ()) for image_id in truth.ids]
    scores = {measure.key: measure.value(cells) for measure in measures_of(SCENES, truth)}
    assert len(scores) == 4 and all(score > 0.7 for score in scores.values())
    assert reproduce(run, SCENES, device="cpu").same
    (entry,) = Ledger(folder / "runs/ledger.jsonl", SCENES).entries
    assert set(entry.validation) == set(NAMES) and "value" in entry.out_of_fold["levels"]


@pytest.mark.slow
def test_a_few_images_are_predicted_again_in_a_fresh_process(folder):
    send(first(folder), SCENES, device="cpu")
    assert len(replay(first(folder), SCENES, first(folder).run_csv, 2)) == 2
    file = folder / "other.csv"
    header, *rows = first(folder).run_csv.read_text().splitlines()
    ids, answers = zip(*(row.split(",", 1) for row in rows), strict=True)
    slipped = [f"{image_id},{answer}" for image_id, answer in zip(ids, answers[1:] + answers[:1], strict=True)]
    file.write_text("\n".join([header, *slipped]) + "\n")
    with pytest.raises(RunFileError, match="answers of 2 replayed images differ"):
        replay(first(folder), SCENES, file, 2)


def test_runs_are_compared_and_combined_by_their_own_metrics(folder):
    runs = [open_run(name, folder / "runs") for name in ("first", "second")]
    found = {one.subtask: one for one in compare_runs(runs, SCENES)}
    assert list(found) == NAMES and found["levels"].metric == "Spearman" and len(found["levels"].pairs) == 1
    made = {one.task.name: one for one in make_ensemble(runs, run_folder("both", folder / "runs"), SCENES)}
    assert made["levels"].out_of_fold.record.f1 > 0.7 and made["when"].out_of_fold.record.f1 > 0.7
    both = open_run("both", folder / "runs")
    predicted = predict(both, SCENES, folder / "test", calibrated=True, device="cpu")
    assert sorted(predicted.calibrated) == ["things", "warm", "when"], "scores are no probabilities"
    opened = TrainedRun.open(both, SCENES)
    assert opened.calibration(SCENES["levels"]) is None
    assert "levels asks for scores; expected probabilities" in why_uncalibrated(opened, opened.task["levels"])
    assert opened.calibration(opened.task["when"]).labels == ("prob",)
    send(both, SCENES, device="cpu")
    with pytest.raises(RunFolderError, match="--how vote: levels asks for numbers, and votes are counted for labels"):
        make_ensemble(runs, run_folder("votes", folder / "runs"), SCENES, how="vote")


def test_thresholds_by_hand_and_working_notes_are_for_every_kind(folder, run, monkeypatch):
    monkeypatch.chdir(folder)
    chosen = {"when": {"prob": 0.875}, "things": {"sun": 0.0, "lamp": 1.0}, "warm": {"warm": 0.99}}
    digest = file_digest(folder / "runs/first/manifest.json")
    content = {"format": 1, "run": "first", "digest": digest, "thresholds": chosen}
    (folder / "thresholds.json").write_text(json.dumps(content))
    told = run("thresholds", "first", "thresholds.json", "--run", "hand").stdout
    assert "\nprob\t" in told and "\t0.875\n" in told
    send(open_run("hand", folder / "runs"), SCENES, device="cpu")
    rows = list(csv.DictReader((folder / "runs/hand/run.csv").read_text().splitlines()))
    assert {row["threshold"] for row in rows} == {"0.875"}
    assert all((row["night"] == "1") == (float(row["prob"]) >= 0.875) for row in rows)
    assert all("sun" in row["things"].split(";") and "lamp" not in row["things"] for row in rows)
    content["thresholds"] = {"levels": {"light": 0.5}}
    (folder / "thresholds.json").write_text(json.dumps(content))
    refused = run("thresholds", "first", "thresholds.json", "--run", "other", code=1).stderr
    assert "levels: got thresholds; expected none, since its answers are numbers. Leave levels out" in refused

    counts = json.loads(run("errors", "hand", "--json").stdout)["counts"]
    assert [(one["subtask"], one["wrong"] is None, one["labels"]) for one in counts] == [
        ("when", False, 36),
        ("levels", True, None),
        ("things", False, 108),
        ("warm", False, 36),
    ]
    assert "\nwhen, the highest loss first\n" in run("errors", "hand", "--limit", "1").stdout.replace("# ", "")
    levels = run("errors", "first", "--subtask", "levels", "--label", "dark", "--limit", "1").stdout
    assert levels.startswith("levels: mean absolute error of 36 images out of fold: light ")
    assert "image\ttruth\tanswer\tabsolute error\tloss\tpath\n" in levels

    notes = json.loads(run("notes", "first", "hand", "second", "--json").stdout)
    assert [one["metric"] for one in notes["scores"] if one["run"] == "hand"] == [
        "F1",
        "Spearman",
        "per-image F1",
        "F1",
    ]
    assert [one["label"] for one in notes["labels"]] == ["prob", "light", "dark", "fire", "lamp", "sun", "warm"]
    assert len(notes["differences"]) == 8


def test_a_report_shows_what_applies_to_each_kind_and_names_the_rest(folder, run, monkeypatch):
    monkeypatch.chdir(folder)
    run("report", "first", "second", "--out", "page.html")
    report = json.loads((folder / "page.json").read_text("utf-8"))
    parts = ("thresholds", "calibration", "curves", "scatter", "cooccurrence", "prevalence")
    there = {one["name"]: (one["form"], [part for part in parts if one[part]]) for one in report["subtasks"]}
    decided = ["thresholds", "calibration", "curves", "prevalence"]
    assert there == {
        "when": ("decisions", decided),
        "levels": ("scores", ["scatter"]),
        "things": ("decisions", ["thresholds", "calibration", "curves", "cooccurrence", "prevalence"]),
        "warm": ("decisions", decided),
    }
    (levels,) = (one for one in report["subtasks"] if one["name"] == "levels")
    reasons = {one["part"]: one["reason"] for one in levels["left_out"]}
    assert reasons["calibration"] == reasons["thresholds"] == "answers are scores."
    assert next(one["value"] for one in levels["floors"] if one["name"] == "ridge regression") > 0.5
    kept = json.loads((folder / "runs/first/test/forecast.json").read_text("utf-8"))
    assert all(one["low"] <= one.get("value", one.get("f1")) <= one["high"] for one in kept.values())


def test_a_test_list_without_a_column_of_every_run_is_named(folder):
    (folder / "list.csv").write_text("image\nt0.jpg\n")
    with pytest.raises(DatasetError, match=r"got no column 'key'; expected it, since scenes has it in every row"):
        shared_values(SCENES, folder / "list.csv", ["t0.jpg"])
    assert shared_values(SCENES, folder / "test", ["t3.jpg"]) == {"key": {"t3.jpg": "key3"}}


def test_a_second_key_may_be_called_id(tmp_path):
    (tmp_path / "list.csv").write_text("video_id,id\n2_tqQILf2Pk,n7\n")
    found = shared_values(load_task("memorability2026"), tmp_path / "list.csv", ["2_tqQILf2Pk"])
    assert found == {"id": {"2_tqQILf2Pk": "n7"}}


@pytest.mark.slow
def test_folders_of_classes_go_the_whole_way(tmp_path):
    task = load_task("synthim2025")
    rng = np.random.default_rng(0)
    for k in range(40):
        place = tmp_path / ("test" if k % 4 == 0 else f"dev/{['0_real', '1_fake'][k % 2]}")
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(rng.normal([90, 170][k % 2], 25, (32, 32, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"x{k}.{['jpg', 'png'][k % 3 == 0]}")
    sets = [f"features.store='{tmp_path}/store'", "split.folds=2", "classifier.name=logistic", "augment=0"]
    own = load_config(task=task, data=str(tmp_path / "dev"), use="handcrafted", sets=sets)
    run = run_folder("first", tmp_path / "runs")
    [trained] = train(own, ["detection"], run, device="cpu")
    assert trained.out_of_fold.record.f1 > 0.9 and trained.task.short("prob") == "fake"
    predict(run, task, tmp_path / "test", device="cpu")
    send(run, task, device="cpu")
    ids = [line.split(",")[0] for line in run.run_csv.read_text().splitlines()[1:]]
    assert ids == sorted(path.name for path in (tmp_path / "test").iterdir())


@pytest.mark.slow
@pytest.mark.shared
def test_ratings_of_photographs_are_ranked_better_than_by_chance(tmp_path, shared):
    """Valence and arousal of OASIS from colours and edges alone; photographs of one concept are held out together."""
    columns = '[[columns]]\nheadings = ["Valence_mean", "Arousal_mean"]\ntype = "score"\nlow = 1\nhigh = 7\n'
    task = parse_task(f'name = "affect"\n{columns}[[metrics]]\nmetric = "spearman"\n', "affect.toml")
    norms = shared / "oasis/norms.csv"
    dev = tmp_path / "dev"
    dev.mkdir()
    (dev / "images").symlink_to(shared / "oasis/images")
    (dev / "norms.csv").write_bytes(norms.read_bytes())
    scores = {}
    for name in ("ridge", "network"):
        sets = [
            f"features.store='{tmp_path}/store'",
            "split.folds=5",
            f"split.groups='{norms}:concept'",
            f"classifier.name={name}",
        ]
        own = load_config(task=task, data=str(dev), use="handcrafted", sets=sets)
        [trained] = train(own, ["affect"], run_folder(name, tmp_path / "runs"), refit=False, device="cpu")
        scores[name] = trained.out_of_fold.record
    assert all(record.interval[0] > 0 and record.n_images == 483 for record in scores.values())
    assert set(scores["ridge"].per_column) == {"Valence_mean", "Arousal_mean"}


def test_images_that_cannot_be_read_get_what_is_usual(folder):
    run = TrainedRun.open(first(folder), SCENES)
    images = run.images(load_dataset(folder / "test", SCENES)).some(["t1.jpg"])
    tables = run.probabilities(images, ["t1.jpg", "t2.jpg"])
    assert list(tables["levels"]["source"]) == ["model", "fallback"]
    answers = {one.name: run.answers(one, tables[one.name])["t2.jpg"] for one in run.subtasks}
    light, dark = answers["levels"]
    assert abs(light - run.records["levels"].prior["light"]) < 1e-3 and light + dark == 100
    assert answers["things"][0], "not an empty set, which the column does not allow"
    assert answers["when"][0] == run.records["when"].prior["prob"]


def test_a_system_is_not_trained_on_scores(folder):
    with pytest.raises(ConfigError, match=r"levels\.system: got 'timm' for a subtask whose answers are scores; "):
        config(folder, sets=["levels.system.name=timm", "levels.augment=0"])
    with pytest.raises(ConfigError, match="unknown regressor 'kernel'"):
        config(folder, sets=["levels.classifier.name=kernel"])
