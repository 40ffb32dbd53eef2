"""`mediaeval probe` and `mediaeval explain` on small systems: what they write, and what they say of bad input."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from mediaeval.cli import app
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from tests.conftest import Recipe, make_folder, picture

pytestmark = pytest.mark.integration

SMALL = (
    *("--system", "timm", "--set", "system.model=mobilenetv3_small_050", "--set", "system.init=random"),
    *("--set", "system.image_size=32", "--set", "system.epochs=1", "--no-refit"),
)
VECTORS = (
    *("--system", "multigap", "--set", "system.streams=[]", "--set", "system.anp=handcrafted"),
    *("--set", "system.epochs=1", "--no-refit"),
)


def call(*arguments: object, code: int = 0):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, f"{result.stdout}\n{result.stderr}"
    return result


# runs: `small` of two subtasks, `vectors` of handcrafted ones, `features`
RECIPE = Recipe(
    dev=40,
    test=0,
    commands=(
        *(("train", subtask, "--data", "devset", "--run", "small", *SMALL) for subtask in ("subtask1", "subtask3")),
        ("train", "subtask1", "--data", "devset", "--run", "vectors", *VECTORS),
        ("train", "subtask1", "--data", "devset", "--run", "features", "--set", "classifier=logistic"),
    ),
)


# probe


def test_probe_tests_the_validation_images_and_trains_on_all_others(job):
    result = call("probe", "small", "--taps", "classifier,blocks.0", "--folds", "4", "--json")
    told = json.loads(result.stdout)
    sides = [line.split(",")[1] for line in (job / "runs/small/split.csv").read_text().split()[1:]]
    assert told["images"] == {"tested": sides.count("val"), "always_trained_on": sides.count("train")}
    assert [fold["test"] for fold in told["folds"]] == [2] * 4
    assert all(fold["train"] == len(sides) - 2 for fold in told["folds"])
    assert [tap["tap"] for tap in told["taps"]] == ["blocks.0", "classifier"]
    assert told["taps"][1]["dimension"] == 3  # scores
    for tap in told["taps"]:
        assert [p["kind"] for p in tap["probes"]] == ["svm", "softmax"]
        assert all(len(p["accuracy"]) == len(p["C"]) == 4 for p in tap["probes"])
    again = call("probe", "small", "--taps", "classifier", "--folds", "4", "--probe", "svm", "--json")
    assert json.loads(again.stdout)["taps"][0]["probes"] == told["taps"][1]["probes"][:1]


def test_probe_prints_a_row_a_layer_and_probe_from_the_scores_down(job):
    lines = call("probe", "small", "--probe", "softmax", "--taps", "blocks.0,classifier", "--folds", "4").stdout
    rows = [line.split("\t") for line in lines.splitlines()]
    assert rows[0][0].startswith("# runs/small, subtask1, timm: linear probes on 8 images in 4 folds, trained on 32 ot")
    assert rows[2] == ["layer", "dimension", "probe", "accuracy", "±", "weighted F1", "±", "log2 C"]
    assert [row[0] for row in rows[3:]] == ["classifier", "blocks.0", "none"]
    assert rows[-1][2] == "always the most common"


def test_probe_of_several_labels_and_of_the_papers_choice(job):
    arguments = ("--subtask", "subtask3", "--taps", "classifier", "--folds", "2", "--probe", "svm", "--json")
    result = call("probe", "small", *arguments, "--selection", "paper")
    assert "C was chosen on the test folds themselves" in result.stderr
    told = json.loads(result.stdout)
    (probe,) = told["taps"][0]["probes"]
    assert probe["accuracy"] == [] and len(probe["weighted_f1"]) == 2
    assert len(set(probe["C"])) == 1
    assert [p["kind"] for p in told["baselines"]] == ["always the most common", "always every label"]


def test_probe_on_another_dataset_tests_all_of_it_and_knows_what_was_trained_on(job, tmp_path):
    other = make_folder(tmp_path / "other", 12, prefix="o")
    (tmp_path / "groups.csv").write_text("id,place\n" + "".join(f"o{k},{k // 2}\n" for k in range(12)))
    arguments = ("--taps", "classifier", "--probe", "svm", "--folds", "3", "--json")
    result = call("probe", "small", "--data", other, "--groups", f"{tmp_path}/groups.csv:place", *arguments)
    told = json.loads(result.stdout)
    assert told["images"] == {"tested": 12, "always_trained_on": 0}
    assert told["trained_on"] == [] and "warning" not in result.stderr
    again = call("probe", "small", "--data", "devset", *arguments)
    assert len(json.loads(again.stdout)["trained_on"]) == 32
    assert "the network was trained on 32 of these images" in again.stderr


def test_probe_of_a_system_that_reads_vectors(job):
    told = json.loads(call("probe", "vectors", "--probe", "svm", "--folds", "3", "--json").stdout)
    assert told["system"] == "multigap" and told["taps"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("small", "--taps", "fc9,blocks.0"), "no tap fc9 in system 'timm'. It has: bn1, blocks.0"),
        (("small", "--probe", "svn"), "unknown kind of probe 'svn'. Did you mean 'svm'? Known: svm, softmax, both."),
        (("small", "--selection", "best"), "unknown selection of C 'best'"),
        (("small", "--folds", "50"), "50 folds of 8 images in 8 groups"),
        (("small", "--subtask", "subtask4"), "unknown subtask 'subtask4'"),
        (("vectors", "--subtask", "subtask2"), "holds no subtask2 (it has: subtask1)"),
        (("features",), "was trained on features, so there is no network to inspect. Train a system: mediaeval tr"),
        (("small", "--data", "nowhere"), "nowhere does not exist"),
    ],
)
def test_probe_says_what_is_wrong(job, arguments, message):
    assert message in call("probe", *arguments, code=1).stderr


def test_probe_wants_the_images_that_the_run_was_made_of(job):
    picture("positive", 9999).save(job / "devset/images/d3.jpg")
    told = call("probe", "small", code=1).stderr
    assert "1 images are not those that runs/small was trained on (d3)" in told


# explain


def test_explain_draws_each_label_of_each_photograph_and_a_sheet(job, tmp_path):
    result = call("explain", "small", "devset", "--limit", "2", "--out", tmp_path / "out", "--json")
    told = json.loads(result.stdout)
    names = [f"d{k}.{label}.png" for k in (0, 1) for label in ("negative", "neutral", "positive")]
    assert [p["path"] for p in told["pictures"]] == [str(tmp_path / "out" / name) for name in names]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted([*names, "sheet.png"])
    assert told["left_out"] == 38 and "38 more images are in devset" in result.stderr
    for k in (0, 3):
        three = told["pictures"][k : k + 3]
        assert sum(p["probability"] for p in three) == pytest.approx(1)
        likeliest = max(three, key=lambda p: p["probability"])
        assert [p["label"] for p in three if p["predicted"]] == [likeliest["label"]]
    for p in told["pictures"]:
        with Image.open(p["path"]) as drawn:
            assert drawn.size == (64, 48)
    assert Image.open(tmp_path / "out/sheet.png").width > 4 * 300  # the photograph, and three labels


def test_explain_takes_one_image_and_labels_in_any_case(job, tmp_path):
    path = tmp_path / "Straße 1.PNG"
    picture("positive", 5).save(path)
    arguments = ("--subtask", "subtask3", "--label", "emphatic pain", "--label", "T3.10:surprise")
    result = call("explain", "small", path, *arguments, "--out", tmp_path / "out")
    files = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert files == ["Straße 1.Emphatic-pain.png", "Straße 1.surprise.png", "sheet.png"]
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [row[:2] for row in rows[2:4]] == [["Straße 1", "Emphatic pain"], ["Straße 1", "surprise"]]
    assert rows[-1] == ["sheet", str(tmp_path / "out/sheet.png")]


def test_explain_draws_the_three_likeliest_of_several_labels(job):
    told = json.loads(call("explain", "small", "devset", "--subtask", "subtask3", "--limit", "1", "--json").stdout)
    P = [p["probability"] for p in told["pictures"]]
    assert len(P) == 3 and sorted(P, reverse=True) == P
    assert told["sheet"] == "runs/small/subtask3/explain/sheet.png" and (job / told["sheet"]).is_file()


def test_explain_looks_at_the_map_that_is_asked_for(job, tmp_path):
    default = json.loads(call("explain", "small", "devset/images/d0.jpg", "--out", tmp_path / "a", "--json").stdout)
    other = call("explain", "small", "devset/images/d0.jpg", "--out", tmp_path / "b", "--map", "blocks.0", "--json")
    assert default["map"] != json.loads(other.stdout)["map"] == "blocks.0"
    pictures = [np.asarray(Image.open(tmp_path / x / "d0.positive.png")) for x in "ab"]
    assert (pictures[0] != pictures[1]).any()


def test_explain_draws_the_heat_map_of_caffenet(job, tmp_path):
    """With weights that nobody trained: only that it is drawn, over the whole photograph, in the label's colour."""
    from mediaeval.finetune import settings_of
    from mediaeval.finetune.model import SystemModel
    from mediaeval.interpret.explain import _look

    settings = settings_of({"name": "caffenet-fc6-2", "init": "random"})
    system = SystemModel(VISUAL_SENTIMENT_2021["subtask1"], "caffenet-fc6-2", settings, {}, seed=0)
    system._built = system._build(pretrained=True)

    image = Image.new("RGB", (300, 200), (200, 200, 200))
    ((drawn, lit),) = _look(system, image, "heat-map", "", None).draw([2])
    cells = np.asarray(drawn)
    assert lit and cells.shape == (200, 300, 3)
    assert (cells[..., 0] == 100).all() and (cells[..., 1] >= 100).all()  # half the photograph, and green


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("small", "devset", "--map", "fc6"), "no map 'fc6' in this system. It has: "),
        (
            ("small", "devset", "--map", "blocks.0", "--method", "heat-map"),
            "--map blocks.0: only --method grad-cam has maps",
        ),
        (("small", "devset", "--method", "heat-map"), "--method heat-map works with the caffenet systems"),
        (("small", "devset", "--method", "lime"), "unknown method 'lime'. Known: grad-cam, heat-map."),
        (("small", "devset", "--label", "hapy"), "unknown label 'hapy'. Known: negative, neutral, positive."),
        (("small", "devset", "--limit", "0"), "--limit: got 0; expected 1 or more"),
        (("small", "nowhere"), "nowhere does not exist"),
        (("small", "devset/devset.png"), "does not exist"),
        (("vectors", "devset"), "this system has no maps to look at"),
        (("features", "devset", "--map", "fc6"), "--map fc6: the run was trained on features, so there is no network"),
        (("both", "devset"), "ensemble of features and other. Inspect its runs one by one."),
    ],
)
def test_explain_says_what_is_wrong(job, arguments, message):
    if "both" in arguments:
        shutil.copytree(job / "runs/features", job / "runs/other")
        call("ensemble", "features", "other", "--run", "both")
    assert message in call("explain", *arguments, code=1).stderr


def test_explain_of_features_shows_neighbours_and_what_each_block_adds(job):
    told = json.loads(call("explain", "features", "devset", "--limit", "6", "--json").stdout)
    sides = dict(line.split(",") for line in (job / "runs/features/split.csv").read_text().split()[1:])
    assert told["method"] == "features" and list(told["blocks"]) == ["handcrafted"]
    for image in told["images"]:
        assert image["trained_on"] == (sides[image["id"]] == "train")
        near = [one["id"] for one in image["neighbours"]]
        assert len(near) == 5 and image["id"] not in near and {sides[i] for i in near} == {"train"}
        cosines = [one["cosine"] for one in image["neighbours"]]
        assert cosines == sorted(cosines, reverse=True) and cosines[-1] >= -1 and cosines[0] <= 1.000001
        # without the only block every image is the mean image
        rest = [one["output"] - one["contributions"]["handcrafted"] for one in image["labels"]]
        assert rest == pytest.approx([0.3, 0.3, 0.3], abs=0.2) and sum(rest) == pytest.approx(1)
    assert [one["label"] for one in told["images"][0]["labels"]] == ["negative", "neutral", "positive"]
    result = call("explain", "features", "devset/images/d1.jpg", "--label", "neutral")
    assert "subtask1: the probability, and what each block of features adds to it" in result.stdout
    assert Image.open("runs/features/subtask1/explain/sheet.png").width == 24 + 6 * 324
    gone = next(i for i, side in sides.items() if side == "train" and i != "d1")
    (job / f"devset/images/{gone}.jpg").unlink()
    said = call("explain", "features", "devset/images/d1.jpg").stderr
    assert f"1 training image cannot be read any more ({gone}): neighbours, and the means" in said


def test_explain_names_every_photograph_that_cannot_be_drawn(job, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for k in range(2):
        (folder / f"bad{k}.jpg").write_text("<html>404</html>")
    picture("positive", 1).save(folder / "good.jpg")
    told = call("explain", "small", folder, "--out", tmp_path / "out", code=1).stderr
    assert "bad0.jpg: the file is a web page or XML, not an image" in told and "bad1.jpg" in told
    assert not (tmp_path / "out").exists()
