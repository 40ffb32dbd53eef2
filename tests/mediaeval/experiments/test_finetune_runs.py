"""Published tables of systems run from end to end: what is trained for them, and what is told.

Small networks stand in the place of the real ones, whose sizes other tests check; what trains and reads them is real.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mediaeval.errors import ConfigError, WeightsError
from mediaeval.experiments import attention2019, campos2017, multigap2020
from mediaeval.experiments import trainings as trained
from mediaeval.experiments.datasets.layouts import FI, WEBEMO
from mediaeval.experiments.datasets.splits import Split, read_splits
from mediaeval.experiments.inputs import POLARITY, Source, load_column, read_settings
from mediaeval.experiments.trainings import Answers
from mediaeval.finetune import settings_of
from mediaeval.finetune.model import SystemModel
from mediaeval.finetune.network import SystemNetwork, View
from mediaeval.finetune.systems import attention_alexnet, caffenet, multigap
from tests.mediaeval.experiments.test_finetune_tables import FINE_TUNING, MULTIGAP, PAIRS, column, lines
from tests.mediaeval.experiments.test_sentiment_sets import draw, fi, webemo, write

pytestmark = pytest.mark.integration


class Small(nn.Module):
    """Sees the mean colour of four quarters; `channel` makes networks of one seed differ."""

    def __init__(self, n_labels: int, width: int, channel: int):
        super().__init__()
        self.channel = channel
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.scores = nn.Linear(4 + width, n_labels)

    def forward(self, pixels, vectors=None):
        x = self.pool(pixels[:, self.channel : self.channel + 1] / 255).flatten(1)
        return self.scores(x if vectors is None else torch.cat([x, vectors], dim=1))


@pytest.fixture
def small(monkeypatch):
    """Replace the networks; return the settings of each that was built, and whether its weights were loaded."""
    begun = []

    def build(settings, n_labels, width, *, pretrained):
        streams = getattr(settings, "streams", [])
        network = Small(n_labels, width, int("places" in streams))
        weights = getattr(settings, "weights", "") or getattr(settings, "object_weights", "")
        if pretrained and settings.init == "pretrained" and Path(weights).name.startswith("foreign"):
            raise WeightsError(f"{weights} is of another network.")
        begun.append((settings, n_labels, width))
        layers = {"conv1": network.pool, "fc8": network.scores}
        return SystemNetwork(network, View(16, 12), ("",), layers, {}, notes=("it was built small",))

    for module in (caffenet, multigap, attention_alexnet):
        monkeypatch.setattr(module, "build", build)
    return begun


@pytest.fixture
def fits(monkeypatch):
    """Return (system, ids trained on) of every training, as they come."""
    done, fit = [], SystemModel.fit

    def counted(self, photographs, labels, **options):
        done.append((self.system, photographs.ids))
        return fit(self, photographs, labels, **options)

    monkeypatch.setattr(SystemModel, "fit", counted)
    return done


def agreeing(folder: Path, n: int = 30) -> Path:
    """TwitterI: n images of one colour each, darker and darker; the dark half is negative."""
    names = [f"u_{k:02}.jpg" for k in range(n)]
    draw(folder / "images", " ".join(names))
    labels = "".join(f"{name} {int(k < n // 2 or k % 7 == 0)}\n" for k, name in enumerate(names))
    return write(folder, {f"{word}_agrees.txt": labels for word in ("five", "four", "three")})


def told(run, *arguments) -> dict:
    return json.loads(run("experiment", *arguments, "--json").stdout)


def by_row(report: dict) -> dict[tuple[str, str], dict]:
    return {(r["column"], r["row"]): r for r in report["results"]}


@pytest.mark.slow
def test_campos_trains_a_network_once_a_fold_for_all_rows_that_read_it(run, workdir, small, fits):
    agreeing(workdir / "t1")
    rows = "fine-tuning,conv1,fc8,from"
    options = ["--dataset", "twitter1-5=t1", "--random-weights", "--rows", rows, "--epochs", "1"]
    result = run("experiment", "campos2017", *options, "--json")
    report = json.loads(result.stdout)
    found = by_row(report)
    # nine initialisations, one of them with other pixels' mean: two different networks, where all begin with nothing
    assert [system for system, _ in fits] == ["caffenet"] * 10
    assert "10 trainings, of 2 network(s) on 5 split(s) of up to 24 images; epochs: 1" in result.stderr
    splits = read_splits(workdir / "runs/experiments/campos2017/splits-twitter1-5-folds.csv")
    assert [set(ids) for _, ids in fits[:5]] == [set(split.train) for split in splits]
    name = "twitter1-5:folds"
    assert [row for _, row in found] == [
        *lines(FINE_TUNING),
        *(f"{layer} {kind}" for layer in ("fc8", "conv1") for kind in ("SVM", "softmax")),
        *(f"{t}{more}" for t in lines(PAIRS) if t.startswith("from ") for more in ("", " with oversampling")),
    ]
    for (_, row), r in found.items():
        assert r["published"] is not None and 0 < r["baseline"] < 1
        if row == "PCNN":
            assert r["ours"] is None and r["note"] == "cited, not run" and r["published_std"] is None
        else:
            assert 0 <= r["low"] <= r["ours"] <= r["high"] <= 1 and r["std"] >= 0 and r["n"] == 30
            assert "random weights" in r["note"]
    for how in ("", " with oversampling"):
        same = found[name, f"fine-tuned CaffeNet{how}"], found[name, f"from CaffeNet{how}"]
        assert same[0]["ours"] == same[1]["ours"]
    # two numbers, the means of one coarse picture's colour, tell what is dark: a probe of them learns it
    assert found[name, "conv1 softmax"]["ours"] > found[name, "conv1 softmax"]["baseline"]
    told_ = "\n".join(report["notes"])
    assert "initialised at random: the published figures are not comparable" in told_
    assert "1 epochs in place of every recipe's" in told_ and "twitter1-4, twitter1-3 skipped: no folder" in told_
    assert "30 of 55 rows not chosen" in told_ and "caffenet: it was built small" in told_
    assert report["settings"]["caffenet"]["lr"] == 1e-3 and report["settings"]["caffenet"]["epochs"] == 1


def test_campos_runs_the_rows_that_the_paper_has_of_the_other_sets(run, workdir, small, fits):
    agreeing(workdir / "t1")
    options = ["--random-weights", "--epochs", "1", "--splits", "1", "--dataset", "twitter1-4=t1"]
    found = by_row(told(run, "campos2017", *options))
    assert [row for _, row in found] == list(lines(FINE_TUNING)) and len(fits) == 1
    assert found["twitter1-4:folds", "PCNN"]["published"] == 0.714
    assert found["twitter1-4:folds", "fine-tuned CaffeNet"]["published_std"] == 0.033
    found = by_row(told(run, "campos2017", *options, "--rows", "fc6-2"))
    assert [row for _, row in found] == ["fc6-2", "fc6-2 with oversampling"]  # --rows says what is wanted
    assert all(r["published"] is None and r["std"] is None for r in found.values())


def test_rows_without_weights_are_told_and_nothing_random_is_trained(run, workdir, small, fits):
    agreeing(workdir / "t1")
    (workdir / "places.caffemodel").touch()
    options = ["--dataset", "twitter1-5=t1", "--rows", "initialisation", "--epochs", "1", "--splits", "1"]
    report = told(run, "campos2017", *options, "--weights", "places=places.caffemodel")
    found = by_row(report)
    assert len(fits) == 1 and len(found) == 18
    for (_, row), r in found.items():
        assert (r["ours"] is None) == ("PlacesCNN" not in row) and r["published"]
        assert ("skipped: no weights" in r["note"]) == ("PlacesCNN" not in row)
    notes = "\n".join(report["notes"])
    assert "weights places: places.caffemodel" in notes and "random" not in notes
    assert "no --weights mvso-es=FILE (a CaffeNet fine-tuned from DeepSentiBank" in notes and "Spanish" in notes
    assert report["settings"]["weights places"].startswith("places.caffemodel, sha256 ")
    # B 105.9, G 114.1, R 116.3, where ImageNet has 104.0, 116.7, 122.7
    trained_on = [settings.mean for settings, n, _ in small if n == 2]
    assert set(trained_on) == {campos2017.PLACES_MEAN}


def test_a_file_of_another_network_is_told_before_anything_is_trained(run, workdir, small, fits):
    agreeing(workdir / "t1")
    for name in ("caffenet", "foreign"):
        (workdir / name).touch()
    weights = ["--weights", "caffenet=caffenet", "--weights", "places=foreign"]
    options = ["--dataset", "twitter1-5=t1", *weights]
    refused = run("experiment", "campos2017", *options, "--rows", "initialisation", code=1).stderr
    assert "foreign is of another network" in refused and not fits
    report = told(run, "campos2017", *options, "--rows", "from CaffeNet", "--epochs", "1", "--splits", "1")
    assert len(fits) == 1 and "places" not in json.dumps(report["settings"]), "a file of no row is not looked at"


def test_fc9_keeps_as_many_classes_as_its_file_has(run, workdir, small):
    agreeing(workdir / "t1")
    save_file({"fc8.weight": torch.zeros(7, 4096)}, workdir / "mvso.safetensors")
    options = ["--dataset", "twitter1-5=t1", "--rows", "fc9", "--epochs", "1", "--splits", "1"]
    run("experiment", "campos2017", *options, "--weights", "mvso-en=mvso.safetensors")
    assert [settings.classes for settings, *_ in small] == [7, 7]  # to see that the file fits, and to be trained
    small.clear()
    run("experiment", "campos2017", *options, "--random-weights")
    assert [settings.classes for settings, *_ in small] == [1000, 4342]


def test_late_fusion_is_the_mean_of_networks_that_other_rows_train(run, workdir, small, fits, monkeypatch):
    fi(workdir / "fi", per_class=20)
    seen, predict = [], trained.predicted

    def kept(model, *arguments, **options):
        seen.append((model.settings.streams, model.settings.anp, predict(model, *arguments, **options)))
        return seen[-1][-1]

    monkeypatch.setattr(trained, "predicted", kept)
    options = ["--dataset", "fi=fi", "--random-weights", "--use", "handcrafted", "--epochs", "2", "--rows", "table"]
    report = told(run, "multigap2020", *options)
    found = {row: r for (_, row), r in by_row(report).items()}
    assert list(found) == list(multigap2020.TABLE) and len(fits) == 7  # ten rows, three of them of others' networks
    P = {("+".join(streams) or "mlp") + anp: table for streams, anp, table in seen if streams != ["object"]}
    plain = next(table for streams, anp, table in seen if streams == ["object"])
    test = read_splits(workdir / "runs/experiments/multigap2020/splits-fi.csv")[0].test
    assert len(test) == 8 * 3 and set(plain.index) == set(test) and list(plain.columns) == sorted(FI)

    def accuracy(*tables: pd.DataFrame) -> float:
        mean = sum(table.loc[list(test)].to_numpy() for table in tables) / len(tables)
        emotions = np.array([i.partition("/")[0] for i in test])
        return 100 * (np.array(sorted(FI))[mean.argmax(axis=1)] == emotions).mean()

    places = [table for streams, anp, table in seen if streams == ["places"]]
    anp = P["mlphandcrafted"]
    assert not np.allclose(plain, places[0]), "two networks that are the same would prove nothing"
    assert found["MG (O)"]["ours"] == pytest.approx(accuracy(plain))
    assert found["MG LF (O+P)"]["ours"] == pytest.approx(accuracy(plain, places[0]))
    assert found["MG LF (O+P+ANP)"]["ours"] == pytest.approx(accuracy(plain, places[0], anp))
    assert found["MG EF (O+P+ANP)"]["ours"] == pytest.approx(accuracy(P["object+placeshandcrafted"]))
    for r in found.values():
        # all emotions are equally frequent: saying one always is right once in eight
        assert r["baseline"] == pytest.approx(100 / 8) and r["n"] == 24 and r["std"] is None
    notes = "\n".join(report["notes"])
    assert "handcrafted stands in for ANP scores: figures with ANP are not comparable" in notes
    assert "the validation part is neither trained nor tested on" in notes
    split = read_splits(workdir / "runs/experiments/multigap2020/splits-fi.csv")[0]
    assert {frozenset(ids) for _, ids in fits} == {frozenset(split.train)} and len(split.validation) == 8


def test_multigap_without_weights_and_anp_scores(run, workdir, small, fits, make_devset):
    (workdir / "mobilenet").touch()
    options = ["--dataset", f"mine={make_devset(30)}", "--epochs", "1", "--splits", "2"]
    report = told(run, "multigap2020", *options, "--weights", "object=mobilenet")
    found = {row: r for (_, row), r in by_row(report).items()}
    run_, skipped = ({t for t, r in found.items() if (r["ours"] is None) == gone} for gone in (False, True))
    assert run_ == {t for t in found if "(O)" in t} and all(found[t]["note"].find("skipped") >= 0 for t in skipped)
    assert "no weights of deepsentibank" in found["MLP (ANP)"]["note"]
    assert "no weights places" in found["MG LF (O+P)"]["note"] and not set(lines(MULTIGAP)) - set(found) - {
        "You et al. 2016",  # what others printed of FI says nothing of this folder
        "EOC-CNN",
        "MldrNet",
    }
    notes = "\n".join(report["notes"])
    assert "no ANP scores, hence no rows with them: " in notes and "caffe_sentibank_train_iter_250000" in notes
    assert "no --weights places=FILE (vgg16_places365.caffemodel" in notes and "no --weights object" not in notes
    # what fewer blocks lose is told beside what was printed
    two, three = (found[f"GAP 1-{k} (O)"] for k in (2, 3))
    assert f"{two['ours'] - three['ours']:+.2f} points from GAP 1-3; published -8.21" in two["note"]
    assert "published -6.26" in found["GAP 1-2 (P)"]["note"]
    assert {settings.object_weights for settings, *_ in small} == {"mobilenet"}
    assert sorted(settings.blocks for settings, n, _ in small if n == 3)[::2] == [1, 2, 3, 4, 5, 5, 5]


def test_networks_of_fi_are_tested_on_webemo(run, workdir, small, fits):
    fi(workdir / "fi", per_class=20)
    webemo(workdir / "web")  # affection, cheerfulness, confusion, surprise
    both = ["--dataset", "fi=fi", "--dataset", "webemo=web", "--random-weights", "--epochs", "1"]
    report = told(run, "multigap2020", *both, "--rows", "MG (O),MG (P)")
    found = {row: r for (c, row), r in by_row(report).items() if c == "webemo"}
    assert list(found) == [f"MG ({s}), {n} classes" for s in "OP" for n in ("seven", "five")]
    assert [r["n"] for r in found.values()] == [4, 2, 4, 2]  # love and confusion are no emotions of FI
    assert all(r["published"] is None and 0 <= r["ours"] <= 100 for r in found.values())
    assert "published 46.45, with a mapping that is not published" in found["MG (O), seven classes"]["note"]
    assert "published 42.25" in found["MG (P), seven classes"]["note"] and len(fits) == 2
    # what is reached is right as often in both: nothing else can be
    assert 4 * found["MG (O), seven classes"]["ours"] == pytest.approx(2 * found["MG (O), five classes"]["ours"])
    report = told(run, "multigap2020", *both, "--rows", "MLP", "--use", "handcrafted")
    (result,) = [r for r in report["results"] if r["column"] == "webemo"]
    assert result["note"] == "skipped: nothing was trained on the eight emotions of FI"
    alone = run("experiment", "multigap2020", *both[2:], code=1).stderr
    assert "webemo is only used for testing" in alone


def test_the_mapping_to_seven_classes_is_whole():
    assert set(multigap2020.MIDDLE_OF_WEBEMO) == set(WEBEMO) and set(multigap2020.MIDDLE_OF_FI) == set(FI)
    seven = {"love", "joy", "confusion", "sadness", "anger", "fear", "surprise"}
    assert set(multigap2020.MIDDLE_OF_WEBEMO.values()) == seven
    assert seven - set(multigap2020.MIDDLE_OF_FI.values()) == {"love", "confusion"}
    for fine in set(FI) & set(WEBEMO):  # contentment, disgust, sadness mean the same in both
        assert multigap2020.MIDDLE_OF_FI[fine] == multigap2020.MIDDLE_OF_WEBEMO[fine]


@pytest.mark.slow
def test_attention_is_tested_on_a_fifth(run, workdir, small, fits):
    fi(workdir / "fi", per_class=20)
    report = told(run, "attention2019", "--dataset", "fi=fi", "--random-weights", "--epochs", "1")
    found = {row: r for (_, row), r in by_row(report).items()}
    assert len(found) == 7 and len(fits) == 6
    assert {r["n"] for t, r in found.items() if t != "state of the art"} == {8 * 4}
    about = [(s.attention, s.rescale, s.branches) for s, *_ in small if hasattr(s, "attention")]
    assert about == [
        ("shared", 1, "separate"),
        ("dense", 1, "separate"),
        ("shared", 36, "separate"),
        ("dense", 36, "separate"),
        ("shared", 1, "shared"),
    ]
    assert all(s.batch_size == 50 for s, *_ in small)
    assert found["state of the art"]["published"] == 58 and "45 of the noisy" in found["state of the art"]["note"]
    assert "attention (dense): it was built small" in report["notes"]
    again = told(run, "attention2019", "--dataset", "fi=fi", "--random-weights", "--epochs", "1")
    assert again == report, "equal seeds give equal tables"


def test_a_training_that_diverges_leaves_the_others(run, workdir, small, monkeypatch):
    agreeing(workdir / "t1")
    fit = SystemModel.fit

    def diverging(self, *arguments, **options):
        if self.system == "caffenet-fc6-2":
            raise ConfigError("the loss became nan in epoch 0, batch 1; nothing was written.")
        return fit(self, *arguments, **options)

    monkeypatch.setattr(SystemModel, "fit", diverging)
    options = ["--dataset", "twitter1-5=t1", "--random-weights", "--rows", "ablation", "--epochs", "1", "--splits", "2"]
    found = {row: r for (_, row), r in by_row(told(run, "campos2017", *options)).items()}
    assert found["fc7-2"]["ours"] is not None and found["fc6-2"]["ours"] is None
    assert "split 1: the loss became nan in epoch 0, batch 1" in found["fc6-2 with oversampling"]["note"]


def test_images_that_cannot_be_decoded_are_told_before_anything_is_trained(run, workdir, small, fits):
    folder = agreeing(workdir / "t1")
    (folder / "images/u_03.jpg").write_bytes(b"no image")
    options = ["--dataset", "twitter1-5=t1", "--random-weights", "--rows", "fc6-2", "--epochs", "1", "--splits", "5"]
    assert (
        "u_03: the file is a text file, not an image" in run("experiment", "campos2017", *options, code=1).stderr
        and not fits
    )
    report = told(run, "campos2017", *options, "--skip-bad")
    assert {r["n"] for r in report["results"]} == {29}
    assert any("u_03 left out" in note for note in report["notes"])


def test_columns_of_emotions_and_of_groups(workdir, make_devset):
    config = read_settings(None, "handcrafted", 0, None)
    one = load_column(Source("fi", fi(workdir / "fi")), config, [], skip_bad=False, fine=True)
    assert one.task.labels == tuple(sorted(FI)) and (one.labels.sum(axis=1) == 1).all()
    assert one.labels.loc["awe/awe_3", "awe"] == 1 and one.paths["awe/awe_3"].name == "awe_3.jpg"
    assert load_column(Source("fi", workdir / "fi"), config, [], skip_bad=False).task == POLARITY
    t1 = load_column(Source("twitter1-5", agreeing(workdir / "t1")), config, [], skip_bad=False, fine=True)
    assert t1.task == POLARITY, "a set without emotions has two labels"
    folder = make_devset(12)
    shutil.copy(folder / "images/d0.jpg", folder / "images/d9.jpg")
    mine = load_column(Source("mine", folder), config, [], skip_bad=False)
    assert mine.groups["d0"] == mine.groups["d9"] != mine.groups["d1"]


def test_validation_parts_join_the_test():
    split = Split(("a", "b"), ("c",), ("d",))
    one = attention2019.tested_with_validation(replace(column(), splits=[split]))
    assert one.splits == [Split(("a", "b"), (), ("c", "d"))]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["campos2017", "--use", "handcrafted"],
            "--use: not an option of campos2017, which takes --dataset, --weights",
        ),
        (["attention2019", "--engine", "torch"], "--engine: not an option of attention2019"),
        (["smap2021", "--weights", "object=x"], "--weights: not an option of smap2021"),
        (["certh2021", "--rows", "x", "--splits", "1"], "--rows, --splits: not an option of certh2021"),
        (["multigap2020", "--weights", "objects=x"], "unknown weights 'objects'. Did you mean 'object'?"),
        (["campos2017", "--weights", "caffenet=nowhere"], "nowhere does not exist. Expected bvlc_reference_caffenet"),
        (["campos2017", "--dataset", "x=nowhere", "--rows", "fc10"], "--rows fc10: selects no row; expected a group"),
        (["attention2019", "--dataset", "x=nowhere"], "No dataset could be read"),
        (["multigap2020", "--use", "handcrafted,squeezenet", "--dataset", "x=y"], "expected one extractor, of ANP"),
        (
            ["multigap2020", "--dataset", "x=y", "--dataset", "webemo=a", "--dataset", "webemo:stored=b"],
            "is given twice",
        ),
    ],
)
def test_errors_are_sentences(run, workdir, arguments, message):
    result = run("experiment", *arguments, code=1)
    assert message in " ".join(result.stderr.split()) and not (workdir / "runs").exists()


# Real networks, real photographs


@pytest.mark.slow
def test_the_smallest_caffenet_is_trained_and_probed(run, workdir):
    """fc6-2, 2.35 million parameters, on four photographs a fold: the wiring to the real network."""
    agreeing(workdir / "t1", 10)
    options = ["--dataset", "twitter1-5=t1", "--random-weights", "--rows", "fc6-2", "--epochs", "1", "--splits", "1"]
    report = told(run, "campos2017", *options)
    assert [r["n"] for r in report["results"]] == [2, 2] and all(0 <= r["ours"] <= 1 for r in report["results"])
    one = load_column(
        Source("twitter1-5:folds", workdir / "t1"), read_settings(None, "handcrafted", 0, None), [], skip_bad=False
    )
    settings = settings_of({"name": "caffenet-fc6-2", "init": "random", "epochs": 1})
    model = SystemModel(POLARITY, "caffenet-fc6-2", settings, {}, 0)
    from mediaeval.finetune.build import build_system

    model._built = build_system("caffenet-fc6-2", settings, 2, pretrained=True)
    read = campos2017.read_layers(
        model,
        one,
        one.splits[0],
        {"pool5 svm", "conv5 softmax"},
        Answers(),
        folder=workdir / "store",
        device="cpu",
        seed=0,
    )
    assert set(read) == {"pool5 svm", "conv5 softmax"}
    for table in read.values():
        assert sorted(table.index) == sorted(one.splits[0].test) and (table.sum(axis=1) == 1).all()


@pytest.mark.shared
@pytest.mark.slow
def test_multigap_on_real_photographs(run, workdir, shared):
    rows = pd.read_csv(shared / "oasis/devset.csv", dtype=str)[::10]
    (workdir / "dev/images").mkdir(parents=True)
    for image_id in rows["id"]:
        shutil.copy(shared / f"oasis/images/{image_id}.jpg", workdir / "dev/images")
    rows.to_csv(workdir / "dev/devset.csv", index=False)
    weights = f"object={shared}/weights/timm-mobilenetv2_100.safetensors"
    options = ["--dataset", "oasis=dev", "--weights", weights, "--rows", "GAP 1-2", "--epochs", "1", "--splits", "1"]
    found = {row: r for (_, row), r in by_row(told(run, "multigap2020", *options)).items()}
    assert 0 <= found["GAP 1-2 (O)"]["ours"] <= 100
    assert "no weights places" in found["GAP 1-2 (P)"]["note"]
