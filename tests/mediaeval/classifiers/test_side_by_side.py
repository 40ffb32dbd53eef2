"""Trainings side by side, as on a GPU: the same results as one after another, whatever else happens to one of them."""

import logging
import threading

import numpy as np
import pytest
import torch

from mediaeval.classifiers import make_classifier
from mediaeval.classifiers.side_by_side import Interrupted, in_turn, side_by_side
from mediaeval.classifiers.thresholds import out_of_fold
from mediaeval.classifiers.torch_head import TorchHead
from mediaeval.errors import ConfigError

pytestmark = pytest.mark.integration

X = np.random.default_rng(6).normal(size=(60, 8)).astype(np.float32)
Y = (X[:, :2] > 0).astype(int)


@pytest.fixture
def like_a_gpu(monkeypatch):
    """Has networks train on the processor as on a GPU: by graphs, whose steps are called plainly, and in threads."""
    monkeypatch.setattr(TorchHead, "_graphed", lambda self, device: True)
    monkeypatch.setattr(TorchHead, "gpu", lambda self: "cpu")


def test_works_run_at_the_same_time_and_keep_their_order():
    meet = threading.Barrier(3, timeout=10)  # passed by all three or by none
    done = side_by_side([lambda go_on, k=k: (meet.wait(), k)[1] for k in range(3)], "cpu")
    assert [one.result() for one in done] == [0, 1, 2]


def test_in_turn_does_nothing_before_it_is_asked():
    began = []
    results = in_turn([lambda go_on, k=k: began.append(k) or k for k in range(3)])
    assert [next(results), began] == [0, [0]]


def test_what_one_raises_is_its_own():
    def fail(go_on):
        raise ConfigError("the loss became nan")

    failed, fine = side_by_side([fail, lambda go_on: 1], "cpu")
    assert fine.result() == 1
    with pytest.raises(ConfigError, match="became nan"):
        failed.result()


def test_where_memory_is_short_side_by_side_those_are_done_again_alone(caplog):
    beside = []

    def hungry(go_on):
        beside.append(threading.current_thread() is not threading.main_thread())
        if beside[-1]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return "done"

    with caplog.at_level(logging.WARNING):
        done = side_by_side([lambda go_on: "easy", hungry], "cpu")
    assert [one.result() for one in done] == ["easy", "done"]
    assert beside == [True, False]
    assert "not enough for 2 trainings side by side; 1 of them run again, one after another" in caplog.text


def test_an_interruption_ends_the_others(monkeypatch):
    began, ended = threading.Event(), threading.Event()

    def endless(go_on):
        began.set()
        try:
            while True:
                go_on()
        except Interrupted:
            ended.set()
            raise

    def interrupt(self, timeout=None):
        began.wait()
        raise KeyboardInterrupt

    monkeypatch.setattr("mediaeval.classifiers.side_by_side.Future.exception", interrupt)
    with pytest.raises(KeyboardInterrupt):
        side_by_side([endless], "cpu")
    assert ended.is_set()


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_networks_are_the_same_bytes_side_by_side_and_alone(device, request):
    if device == "cpu":
        request.getfixturevalue("like_a_gpu")

    def fitted(seed):
        params = {"hidden": [16], "epochs": 6, "lr": 0.01, "ensemble": 2, "device": device}
        return make_classifier("dense", params, random_state=seed).fit(X, Y, validation=(X[:9], Y[:9])).state()

    def same(a, b):
        return all(np.array_equal(a[key], b[key]) for key in a)

    done = side_by_side([lambda go_on, seed=seed: fitted(seed) for seed in range(6)], device)
    assert all(same(one.result(), fitted(seed)) for seed, one in enumerate(done))


def test_folds_side_by_side_give_what_folds_in_turn_give(like_a_gpu, monkeypatch):
    def probabilities():
        seen = []
        make = lambda: make_classifier("moe", {"hidden": 8, "epochs": 3, "device": "cpu"}, 0)  # noqa: E731
        rng = np.random.default_rng(0)
        P = out_of_fold(make, X, Y, range(60), rng=rng, folds=3, on_fold=lambda done, total: seen.append((done, total)))
        assert seen == [(1, 3), (2, 3), (3, 3)]
        return P

    at_once = probabilities()
    monkeypatch.setattr(TorchHead, "gpu", lambda self: "")
    np.testing.assert_array_equal(probabilities(), at_once)
