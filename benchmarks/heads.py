"""Training the heads: seconds an epoch against a careful loop written by hand, and whether what is learned agrees.

    python -m benchmarks.heads
    python -m benchmarks.heads --quick

The work is that of Pournaras et al. 2021: 2,432 images, 11,414 features, minibatches of 64. The yardstick is the usual
loop: a DataLoader with two workers that outlive the epoch, float32, `torch.optim.Adam` as it comes. Both train the same
network from the same start, in turns within one process, so that what else the machine does meets both alike. A run is
a few epochs on one seed, of which the first, with all that is done once, is not counted. Printed are the fastest runs
and the ratio from least to most. The features are drawn around a structure, and the networks of the same runs are
scored on images held out: the weighted F1 of both, mean and spread over the runs. The two draw their minibatches and
their dropout differently, so they differ from each other as two seeds do.

Where the rest of the time goes, a step of 64 images on one core with AVX512-BF16 (a second was busy), in milliseconds:

                                                              MoE    dense
    first layer: the product x Wᵀ                             2.1     10.0
    first layer: gradient, Adam and casts, block by block     5.0     23.5
    later layers and loss, forward, back and their Adam       1.6      3.4
    minibatch gathered                                        0.2      0.2

The product runs at three quarters of the most that the core was seen to multiply (190 billion operations a second).
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.table import HEAD, row
from mediaeval.classifiers import make_classifier
from mediaeval.classifiers.training import TorchClassifier

N_IMAGES, N_HELD_OUT, N_FEATURES = 2432, 608, 11_414
LR = 1e-3  # the default preset's: at the paper's 1e-5, a few epochs would learn nothing to compare
# title: classifier, labels, whether an image has several, length of a label's direction
WORKS = {
    "mixture of experts, 3 classes": ("moe", 3, False, 0.02),
    "dense 1000-200, 7 labels": ("dense", 7, True, 0.03),
}


def draw(n_labels: int, several: bool, length: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return features, float32 (n, N_FEATURES), and targets as classifiers take them; n counts the images held out.

    Each label has a direction. An image lies along those of its labels, in noise of spread 1 a feature; `length` is
    theirs a feature, so small that a few epochs learn something but not everything.
    """
    rng = np.random.default_rng(seed)
    n = N_IMAGES + N_HELD_OUT
    Y = rng.random((n, n_labels)) < 0.3 if several else np.eye(n_labels, dtype=bool)[rng.integers(n_labels, size=n)]
    X = rng.standard_normal((n, N_FEATURES), dtype=np.float32)
    X += length * Y.astype(np.float32) @ rng.standard_normal((n_labels, N_FEATURES), dtype=np.float32)
    return X, Y.astype(int) if several else Y.argmax(axis=1)


def yardstick(classifier: TorchClassifier, X: np.ndarray, T: np.ndarray, epochs: int) -> tuple[Callable, float]:
    """Train as one would without a toolkit; return x → log p and the seconds an epoch.

    The network and the loss are the classifier's, so that the loop alone differs.
    """
    seed = classifier.random_state
    network = classifier._new_network(seed, X.shape[1], T.shape[1])
    torch.manual_seed(seed)
    loader = DataLoader(
        TensorDataset(torch.from_numpy(X), torch.from_numpy(T)),
        batch_size=classifier.batch_size,
        shuffle=True,
        num_workers=2,
        persistent_workers=True,
    )
    optimiser = torch.optim.Adam(network.parameters(), lr=classifier.lr)
    network.train()
    ends = []
    for _ in range(epochs):
        for x, t in loader:
            optimiser.zero_grad()
            classifier._losses(*network(x), t).mean().backward()
            optimiser.step()
        ends.append(time.perf_counter())
    return network.eval(), (ends[-1] - ends[0]) / (epochs - 1)


def ours(classifier: TorchClassifier, X: np.ndarray, y: np.ndarray) -> float:
    """Fit and return the seconds an epoch."""
    ends = []
    classifier.fit(X, y, on_epoch=lambda _: ends.append(time.perf_counter()))
    return (ends[-1] - ends[0]) / (classifier.epochs - 1)


@torch.no_grad()
def decide_by(classifier: TorchClassifier, network: Callable, X: np.ndarray) -> np.ndarray:
    """Return what the classifier decides when `network` is asked."""
    return classifier._decide(classifier._normalised(network(torch.from_numpy(X))[0]))


def measure(title: str, runs: int, epochs: int) -> None:
    """Print a row of the table: seconds an epoch."""
    name, n_labels, several, length = WORKS[title]
    X, y = draw(n_labels, several, length)
    train, held_out = slice(N_IMAGES), slice(N_IMAGES, None)
    theirs, own, decisions = [], [], []
    params = {"lr": LR, "schedule": "constant", "epochs": epochs, "device": "cpu"}
    for seed in range(runs):
        classifier = make_classifier(name, params, random_state=seed)
        own.append(ours(classifier, X[train], y[train]))
        network, seconds = yardstick(classifier, X[train], classifier._encode(y[train]), epochs)
        theirs.append(seconds)
        decisions.append((classifier.predict(X[held_out]), decide_by(classifier, network, X[held_out])))
    scores = (
        [f1_score(y[held_out], decided[k], average="weighted", zero_division=0) for decided in decisions]
        for k in (0, 1)
    )
    own_f1, their_f1 = (f"{np.mean(f1):.3f} ± {np.std(f1):.3f}" for f1 in scores)
    row(
        f"{title}, {N_IMAGES:,} × {N_FEATURES:,}, an epoch",
        theirs,
        own,
        f"F1 {own_f1} over {runs} seeds, yardstick {their_f1}",
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two runs of two epochs")
    parser.add_argument("--only", default="", help="works whose title holds this")
    options = parser.parse_args()
    runs, epochs = (2, 2) if options.quick else (5, 4)
    print(f"{torch.get_num_threads()} threads, {runs} runs of {epochs} epochs each, in turns\n\n{HEAD}")
    for title in WORKS:
        if options.only in title:
            measure(title, runs, epochs)


if __name__ == "__main__":
    main()
