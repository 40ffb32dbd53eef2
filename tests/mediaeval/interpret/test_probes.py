"""Layer-wise probes: exact Gram matrices in bounded memory, and linear models on them that are those on the outputs."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.svm import SVC
from torch import nn

from mediaeval.errors import ConfigError, DatasetError, FeaturesError
from mediaeval.finetune.network import SystemNetwork, View
from mediaeval.interpret import activations
from mediaeval.interpret.activations import gram_matrices
from mediaeval.interpret.linear_probes import (
    CANDIDATES,
    constant_answers,
    coordinates,
    fit_path,
    make_folds,
    run_probe,
)

pytestmark = pytest.mark.integration

# Gram matrices of taps


class Small(nn.Module):
    """A convolution, a ReLU in place, a GRU over the rows of the map, and a classifier."""

    def __init__(self):
        super().__init__()
        self.conv, self.relu = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True)
        self.gru = nn.GRU(24, 5, batch_first=True)
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(5, 3)

    def forward(self, pixels, vectors=None):
        x = self.relu(self.conv(pixels / 255))  # (n, 4, 6, 6)
        x, _ = self.gru(x.permute(0, 2, 1, 3).flatten(2))
        return self.head(self.drop(x[:, -1]))


def built(network=None, **taps) -> SystemNetwork:
    torch.manual_seed(0)
    network = network or Small()
    taps = taps or {name: getattr(network, name) for name in ("conv", "relu", "gru", "head")}
    return SystemNetwork(network, View(8, 8), new=(), taps=taps, maps={})


def images(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)


def in_batches(pixels: np.ndarray, size: int):
    """Return what gives the batches anew each time it is called, and counts."""

    def batches():
        batches.calls += 1
        return ((pixels[k : k + size], None) for k in range(0, len(pixels), size))

    batches.calls = 0
    return batches


def expected(network: Small, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Each tap's outputs, (n, d), computed by hand."""
    network.eval()
    with torch.no_grad():
        conv = network.conv(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255)
        rows, _ = network.gru(conv.relu().permute(0, 2, 1, 3).flatten(2))
        taps = {"conv": conv, "relu": conv.relu(), "gru": rows, "head": network.head(rows[:, -1])}
    return {name: tensor.flatten(1).double().numpy() for name, tensor in taps.items()}


@pytest.mark.parametrize("chunk", [8 * 11 * 7, 2**20])  # seven columns of 11 images at a time, or all
@pytest.mark.parametrize("batch", [1, 4, 11])
def test_gram_matrices_are_the_inner_products_of_each_tap(tmp_path, monkeypatch, chunk, batch):
    monkeypatch.setattr(activations, "CHUNK", chunk)
    system, pixels = built(), images(11)
    found = dict(gram_matrices(system, ["head", "gru", "conv", "relu"], in_batches(pixels, batch), 11, folder=tmp_path))
    assert list(found) == ["conv", "relu", "gru", "head"]  # from the image to the scores
    for name, X in expected(system.network, pixels).items():
        assert found[name].dimension == X.shape[1]
        np.testing.assert_allclose(found[name].matrix, X @ X.T, rtol=1e-5, atol=1e-5)
    assert not list(tmp_path.iterdir())


def test_taps_that_need_more_disk_are_computed_in_several_passes(tmp_path):
    """conv and relu give 144 numbers an image, gru 30, head 3: two passes have room for 144 + 30 + 3."""
    system, pixels = built(), images(5)
    batches, told = in_batches(pixels, 2), []
    disk = 4 * 5 * (144 + 30 + 3)
    found = gram_matrices(
        system, list(system.taps), batches, 5, folder=tmp_path, disk=disk, on_image=lambda *at: told.append(at)
    )
    for name, gram in found:
        X = expected(system.network, pixels)[name]
        np.testing.assert_allclose(gram.matrix, X @ X.T, rtol=1e-5, atol=1e-5)
        assert not list(tmp_path.iterdir())  # the file has no name: nothing is left behind, however it ends
    assert batches.calls == 1 + 2  # sizes, passes
    assert told == [(2, 10), (4, 10), (5, 10), (7, 10), (9, 10), (10, 10)]


def test_a_tap_without_room_or_that_is_not_there_is_told(tmp_path):
    system = built()
    with pytest.raises(
        ConfigError, match=r"tap 'conv' gives 144 numbers per image: .* Free some space, or leave this tap"
    ):
        list(gram_matrices(system, ["conv"], in_batches(images(5), 2), 5, folder=tmp_path, disk=100))
    with pytest.raises(ConfigError, match=r"no tap fc9 in this system. It has: conv, relu, gru, head"):
        list(gram_matrices(system, ["conv", "fc9"], in_batches(images(5), 2), 5, folder=tmp_path))


def test_outputs_that_are_not_finite_are_told(tmp_path):
    system = built()
    with torch.no_grad():
        system.network.head.bias[1] = float("nan")
    with pytest.raises(FeaturesError, match=r"tap 'head': outputs of 5 of 5 images are not finite"):
        list(gram_matrices(system, ["head"], in_batches(images(5), 2), 5, folder=tmp_path))


def test_vectors_go_into_the_network_beside_the_pixels(tmp_path):
    class Beside(nn.Module):
        def __init__(self):
            super().__init__()
            self.both = nn.Identity()

        def forward(self, pixels, vectors=None):
            return self.both(torch.cat([pixels.mean(dim=(2, 3)), vectors], dim=1))

    network, pixels, vectors = Beside(), images(3), np.float32([[1], [2], [3]])
    system = built(network, both=network.both)
    ((_, gram),) = gram_matrices(system, ["both"], lambda: [(pixels, vectors)], 3, folder=tmp_path)
    X = np.column_stack([pixels.mean(axis=(1, 2)), vectors])
    np.testing.assert_allclose(gram.matrix, X @ X.T, rtol=1e-5)


BIG = """
import re, tempfile
from pathlib import Path
import numpy as np, torch
from mediaeval.interpret import activations
from mediaeval.finetune.network import SystemNetwork, View

class Big(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.tap = torch.nn.Identity()
    def forward(self, pixels, vectors=None):
        row = pixels[:, 0, 0, :1]
        return self.tap(row * torch.linspace(-1, 1, 290_400))  # (n, 290,400), as conv1 of CaffeNet

activations.CHUNK = 2**24
network, pixels = Big(), np.arange(1, 201, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)
system = SystemNetwork(network, View(1, 1), (), {"tap": network.tap}, {})
batches = lambda: ((pixels[k : k + 4], None) for k in range(0, 200, 4))
# not ru_maxrss, which begins with the size of the process that started this one
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
np.ones((500, 500)) @ np.ones((500, 500))  # threads of the library are there
before = peak()
with tempfile.TemporaryDirectory() as folder:
    ((_, gram),) = activations.gram_matrices(system, ["tap"], batches, 200, folder=Path(folder))
print(gram.dimension, np.linalg.matrix_rank(gram.matrix), peak() - before, peak())
"""


@pytest.mark.slow
def test_290400_numbers_an_image_do_not_lie_in_memory_together():
    """200 rows of them are 232 MB in float32, 465 MB in float64."""
    ran = subprocess.run([sys.executable, "-c", BIG], capture_output=True, text=True, check=True)
    dimension, rank, grown, whole = (float(word) for word in ran.stdout.split())
    assert (dimension, rank) == (290_400, 1)
    assert grown < 110, f"{grown:.0f} MiB more than before"
    assert whole < 2000


# Linear models on Gram matrices


def problem(n: int, d: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Outputs (n, d) that lie all on one side of the origin, as behind a ReLU, and classes that they tell a little."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    return np.maximum(rng.normal(0.5, 1, (n, d)) + rng.normal(0, 1.5, (classes, d))[y] / np.sqrt(d), 0), y


SHAPES = pytest.mark.parametrize(("n", "d"), [(60, 3000), (60, 59), (60, 8), (60, 2)])


@SHAPES
@pytest.mark.parametrize("classes", [2, 3])
def test_the_svm_is_the_one_on_the_outputs(n, d, classes):
    X, y = problem(n, d, classes)
    train, test = np.arange(n) < 45, np.arange(n) >= 45
    gram = X @ X.T
    for C in (2**-5, 1.0):
        ((model, converged),) = fit_path("svm", gram[np.ix_(train, train)], y[train], [C], tolerance=1e-6)
        direct = SVC(kernel="linear", C=C, tol=1e-6).fit(X[train], y[train])
        wanted = direct.decision_function(X[test])
        ours = model.decision_function(gram[np.ix_(test, train)])
        assert converged
        np.testing.assert_allclose(ours, wanted, rtol=1e-6, atol=1e-6 * np.abs(wanted).max())


@settings(deadline=None, max_examples=20)
@given(n=st.integers(20, 40), d=st.integers(1, 200), classes=st.integers(2, 3), log_c=st.integers(-5, 3))
def test_softmax_is_the_one_on_the_outputs(n, d, classes, log_c):
    X, y = problem(n, d, classes, seed=n * d)
    train, test = np.arange(n) < n - 8, np.arange(n) >= n - 8
    gram = X @ X.T
    Z, Z_test = coordinates(gram[np.ix_(train, train)], gram[np.ix_(test, train)])
    assert Z.shape[1] <= min(train.sum(), d)
    np.testing.assert_allclose(Z @ Z.T, gram[np.ix_(train, train)], atol=1e-8 * gram.max())
    ((model, _),) = fit_path("softmax", Z, y[train], [2.0**log_c], tolerance=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so tight a tolerance is not always met
        direct = LogisticRegression(C=2.0**log_c, solver="newton-cg", tol=1e-12, max_iter=1000).fit(X[train], y[train])
    wanted, ours = direct.decision_function(X[test]), model.decision_function(Z_test)
    if classes > 2:  # what is added to all classes changes no probability, and nothing fixes it
        wanted, ours = (scores - scores.mean(axis=1, keepdims=True) for scores in (wanted, ours))
    np.testing.assert_allclose(ours, wanted, rtol=1e-6, atol=1e-6 * np.abs(wanted).max())


def test_a_path_of_several_C_ends_where_each_C_alone_does():
    X, y = problem(60, 500, 3)
    Z, _ = coordinates(X @ X.T, X @ X.T)
    at_once = [m.decision_function(Z) for m, _ in fit_path("softmax", Z, y, CANDIDATES[:5], tolerance=1e-10)]
    for C, ours in zip(CANDIDATES, at_once, strict=False):
        ((alone, _),) = fit_path("softmax", Z, y, [C], tolerance=1e-10)
        np.testing.assert_allclose(ours, alone.decision_function(Z), rtol=1e-5, atol=1e-5)


def test_a_layer_of_nothing_but_zeros_says_the_most_common():
    labels = one_hot(np.array([0] * 30 + [1] * 15))
    for kind in ("svm", "softmax"):
        folds = make_folds(range(45), 5, np.random.default_rng(0))
        probe = run_probe(kind, np.zeros((45, 45)), labels, folds, multi_label=False, groups=range(45))
        assert np.mean(probe.accuracy) == pytest.approx(30 / 45)


def test_fits_that_do_not_converge_are_counted(monkeypatch):
    monkeypatch.setattr("mediaeval.interpret.linear_probes.MAX_ITER", {"svm": 1, "softmax": 1})
    X, y = problem(40, 5, 2)
    folds = make_folds(range(40), 2, np.random.default_rng(0))
    for kind in ("svm", "softmax"):
        probe = run_probe(kind, X @ X.T, one_hot(y), folds, multi_label=False, groups=range(40), inner_folds=2)
        assert probe.fits == 2 * (2 * len(CANDIDATES) + 1)
        assert 0 < probe.unconverged <= probe.fits


# Folds


def test_each_image_is_tested_once_by_probes_that_saw_none_of_its_group():
    groups = [k // 3 for k in range(60)]
    folds = make_folds(groups, 5, np.random.default_rng(0))
    assert sorted(np.concatenate([f.test for f in folds])) == list(range(60))
    for fold in folds:
        assert not {groups[k] for k in fold.train} & {groups[k] for k in fold.test}
        assert len(fold.train) + len(fold.test) == 60


def test_of_a_run_only_validation_images_are_tested_and_all_others_trained_on():
    tested = np.arange(60) >= 40
    folds = make_folds(range(60), 5, np.random.default_rng(0), tested=tested)
    assert sorted(np.concatenate([f.test for f in folds])) == list(range(40, 60))
    for fold in folds:
        assert sorted([*fold.train, *fold.test]) == list(range(60))


def test_a_training_image_of_a_tested_group_is_left_out():
    groups = ["a", "b", "c", "a", "b", "d"]
    for fold in make_folds(groups, 3, np.random.default_rng(0), tested=np.array([0, 0, 0, 1, 1, 1], bool)):
        assert not {groups[k] for k in fold.train} & {groups[k] for k in fold.test}


@pytest.mark.parametrize(("groups", "folds"), [(["a", "a", "b"], 3), (range(9), 1)])
def test_too_few_groups_or_folds_are_told(groups, folds):
    with pytest.raises(DatasetError, match="expected at least 2 folds, and at least as many groups"):
        make_folds(groups, folds, np.random.default_rng(0))


# Probes


def one_hot(y: np.ndarray) -> np.ndarray:
    return (y[:, None] == np.unique(y)).astype(int)


@pytest.mark.parametrize("kind", ["svm", "softmax"])
def test_a_layer_that_tells_the_classes_scores_and_noise_does_not(kind):
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    tells, noise = one_hot(y) + rng.normal(0, 0.3, (90, 3)), rng.normal(0, 1, (90, 400))
    folds = make_folds(range(90), 5, rng)
    good, bad = (
        run_probe(kind, X @ X.T, one_hot(y), folds, multi_label=False, groups=range(90)) for X in (tells, noise)
    )
    assert len(good.accuracy) == len(good.weighted_f1) == len(good.C) == 5
    assert np.mean(good.accuracy) > 0.9 and np.mean(good.weighted_f1) > 0.9
    assert np.mean(bad.accuracy) < 0.6


@pytest.mark.parametrize("kind", ["svm", "softmax"])
def test_the_inner_choice_of_C_never_looks_at_what_is_tested(kind):
    X, y = problem(80, 20, 2)
    folds = make_folds(range(80), 4, np.random.default_rng(0))[:1]
    lied = one_hot(y)
    lied[folds[0].test] = lied[folds[0].test][:, ::-1]
    honest, other = (
        run_probe(kind, X @ X.T, labels, folds, multi_label=False, groups=range(80)) for labels in (one_hot(y), lied)
    )
    assert honest.C == other.C
    assert honest.accuracy[0] == pytest.approx(1 - other.accuracy[0])


def test_the_papers_choice_is_the_C_with_the_best_mean_over_the_test_folds():
    X, y = problem(100, 30, 2, seed=3)
    folds = make_folds(range(100), 5, np.random.default_rng(0))
    probe = run_probe("svm", X @ X.T, one_hot(y), folds, multi_label=False, groups=range(100), selection="paper")
    found = [
        [(SVC(kernel="linear", C=C).fit(X[f.train], y[f.train]).predict(X[f.test]) == y[f.test]).mean() for f in folds]
        for C in CANDIDATES
    ]
    best = int(np.mean(found, axis=1).argmax())
    assert len(set(np.mean(found, axis=1))) > 1
    assert set(probe.C) == {CANDIDATES[best]}
    np.testing.assert_allclose(probe.accuracy, found[best])


@pytest.mark.parametrize("kind", ["svm", "softmax"])
def test_several_labels_an_image_have_a_probe_each(kind):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (80, 3))
    labels[:, 2] = 1  # which all images have
    X = labels[:, :2] + rng.normal(0, 0.2, (80, 2))
    folds = make_folds(range(80), 4, rng)
    probe = run_probe(kind, X @ X.T, labels, folds, multi_label=True, groups=range(80), inner_folds=3)
    assert probe.accuracy == ()
    assert min(probe.weighted_f1) > 0.9
    assert probe.fits == 4 * 2 * (3 * len(CANDIDATES) + 1)  # two labels: the third needs none


def test_equal_seeds_give_equal_results():
    X, y = problem(60, 30, 3)

    def run(seed):
        folds = make_folds(range(60), 3, np.random.default_rng(seed))
        return run_probe(
            "svm", X @ X.T, one_hot(y), folds, multi_label=False, groups=range(60), inner_folds=3, seed=seed
        )

    assert run(1) == run(1) != run(2)


def test_constant_answers_are_scored_in_the_same_folds():
    labels = one_hot(np.array([0] * 20 + [1] * 10))
    folds = make_folds(range(30), 3, np.random.default_rng(0))
    (common,) = constant_answers(labels, folds, multi_label=False)
    assert common.accuracy == tuple(labels[f.test, 0].mean() for f in folds)
    several = constant_answers(labels, folds, multi_label=True)
    every = [f1_score(labels[f.test], np.ones((10, 2)), average="weighted") for f in folds]
    assert several[1].kind == "always every label" and several[1].weighted_f1 == pytest.approx(every)


def test_unknown_names_are_told():
    folds = make_folds(range(4), 2, np.random.default_rng(0))
    with pytest.raises(ConfigError, match=r"unknown kind of probe 'svn'. Did you mean 'svm'"):
        run_probe("svn", np.eye(4), one_hot(np.arange(4) % 2), folds, multi_label=False, groups=range(4))
    with pytest.raises(ConfigError, match="unknown selection of C 'best'"):
        run_probe(
            "svm", np.eye(4), one_hot(np.arange(4) % 2), folds, multi_label=False, groups=range(4), selection="best"
        )
