"""Training the heads: seconds per epoch compared with a careful loop written by hand, and whether both learn as well.

    python -m benchmarks.heads
    python -m benchmarks.heads --quick
    python -m benchmarks.heads --span

The data have the size of Pournaras et al. 2021: 2,432 images, 11,414 features, minibatches of 64. The yardstick is the
usual loop: a DataLoader with two persistent workers, float32, `torch.optim.Adam` with its defaults. Both train the same
network from the same initial weights, in turns within one process, so that other load on the machine affects both. A
run is a few epochs with one seed; the first epoch, which includes what is done once, is not counted. The fastest run of
each and the range of their ratio are printed. The features are drawn so that they can be learned, and the networks are
scored on images held out: the weighted F1 of both, mean and standard deviation over the runs. Minibatches and dropout
are drawn differently, so the two differ from each other as two seeds do.

`--span` compares whole fits of 15 epochs on 1,946 images, four fifths: on the features, and on the images' span
(`basis = "span"`), which includes the rotation and the folding back.

A step of 64 images, on one core with AVX512-BF16 while a second core was busy, in milliseconds:

                                                              MoE    dense
    first layer: the product x Wᵀ                             2.1     10.0
    first layer: gradient, Adam and casts, block by block     5.0     23.5
    later layers and loss, forward, back and their Adam       1.6      3.4
    minibatch gathered                                        0.2      0.2

The product reaches three quarters of the highest speed measured on that core (190 billion operations a second).
"""

import argparse
import time

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import nn

from benchmarks.table import HEAD, row
from benchmarks.yardstick import plain_heads
from mediaeval.classifiers import make_classifier
from mediaeval.classifiers.training import TorchClassifier

N_IMAGES, N_HELD_OUT, N_FEATURES = 2432, 608, 11_414
N_FOUR_FIFTHS = 1946
LR = 1e-3  # of the default preset; with the paper's 1e-5, a few epochs would learn nothing to compare
# title → (classifier, number of labels, whether an image may have several, length of a label's direction)
WORKS = {
    "mixture of experts, 3 classes": ("moe", 3, False, 0.02),
    "dense 1000-200, 7 labels": ("dense", 7, True, 0.03),
}


def draw(
    n_labels: int,
    several: bool,
    length: float,
    seed: int = 0,
    n: int = N_IMAGES + N_HELD_OUT,
    n_features: int = N_FEATURES,
) -> tuple[np.ndarray, np.ndarray]:
    """Return features, float32 (n, n_features), and targets as classifiers take them, with those of images held out.

    Each label has a direction of length `length` per feature, and an image is the sum of its labels' directions and
    noise of standard deviation 1 per feature. The lengths are so small that a few epochs learn something, not all.
    """
    rng = np.random.default_rng(seed)
    Y = rng.random((n, n_labels)) < 0.3 if several else np.eye(n_labels, dtype=bool)[rng.integers(n_labels, size=n)]
    X = rng.standard_normal((n, n_features), dtype=np.float32)
    X += length * Y.astype(np.float32) @ rng.standard_normal((n_labels, n_features), dtype=np.float32)
    return X, Y.astype(int) if several else Y.argmax(axis=1)


def ours(classifier: TorchClassifier, X: np.ndarray, y: np.ndarray) -> float:
    """Fit the classifier and return the seconds per epoch."""
    ends: list[float] = []
    classifier.fit(X, y, on_epoch=lambda _: ends.append(time.perf_counter()))
    seconds: float = (ends[-1] - ends[0]) / (classifier.epochs - 1)
    return seconds


@torch.no_grad()
def decide_by(classifier: TorchClassifier, network: nn.Module, X: np.ndarray) -> np.ndarray:
    """Return the classifier's decisions with `network` in place of its own."""
    return classifier._decide(classifier._answer(network(torch.from_numpy(X))[0]))


def measure(title: str, runs: int, epochs: int) -> None:
    """Print a row of the table: seconds per epoch."""
    name, n_labels, several, length = WORKS[title]
    X, y = draw(n_labels, several, length)
    train, held_out = slice(N_IMAGES), slice(N_IMAGES, None)
    theirs, own, decisions = [], [], []
    params = {"lr": LR, "schedule": "constant", "epochs": epochs, "device": "cpu"}
    for seed in range(runs):
        classifier = make_classifier(name, params, random_state=seed)
        own.append(ours(classifier, X[train], y[train]))
        network, seconds = plain_heads(classifier, X[train], classifier._encode(y[train]), epochs)
        theirs.append(seconds)
        decisions.append((classifier.predict(X[held_out]), decide_by(classifier, network, X[held_out])))
    scores = (
        [f1_score(y[held_out], decided[k], average="weighted", zero_division=0) for decided in decisions]
        for k in (0, 1)
    )
    own_f1, their_f1 = (f"{np.mean(f1):.3f} ± {np.std(f1):.3f}" for f1 in scores)
    row(
        f"{title}, {N_IMAGES:,} × {N_FEATURES:,}, per epoch",
        theirs,
        own,
        f"F1 {own_f1} over {runs} seeds, yardstick {their_f1}",
    )


def measure_span(title: str, runs: int, epochs: int) -> None:
    """Print a row of the table: seconds of a fit on the features and on the images' span."""
    name, n_labels, several, length = WORKS[title]
    X, y = draw(n_labels, several, length)
    train, held_out = slice(N_FOUR_FIFTHS), slice(N_IMAGES, None)
    seconds: dict[str | None, list[float]] = {None: [], "span": []}
    scores: dict[str | None, list[float]] = {None: [], "span": []}
    params = {"lr": LR, "schedule": "cosine", "epochs": epochs, "device": "cpu", "ensemble": 1 if several else 3}
    for seed in range(runs):
        for basis in seconds:
            classifier = make_classifier(name, {**params, "basis": basis}, random_state=seed)
            start = time.perf_counter()
            classifier.fit(X[train], y[train])
            seconds[basis].append(time.perf_counter() - start)
            decided = classifier.predict(X[held_out])
            scores[basis].append(f1_score(y[held_out], decided, average="weighted", zero_division=0))
    f1, span_f1 = (f"{np.mean(of):.3f} ± {np.std(of):.3f}" for of in scores.values())
    title = f"{title}, {N_FOUR_FIFTHS:,} × {N_FEATURES:,}, {epochs} epochs on the span"
    row(title, seconds[None], seconds["span"], f"F1 {span_f1} over {runs} seeds, on the features {f1}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two runs of two epochs")
    parser.add_argument("--only", default="", help="only rows whose title contains this")
    parser.add_argument("--span", action="store_true", help="fits on the images' span against fits on the features")
    options = parser.parse_args()
    runs, epochs = (2, 2) if options.quick else (5, 4)
    print(f"{torch.get_num_threads()} threads, {runs} runs of {epochs} epochs each, in turns\n\n{HEAD}")
    for title in WORKS:
        if options.only in title:
            if options.span:
                measure_span(title, 2, 3 if options.quick else 15)
            else:
                measure(title, runs, epochs)


if __name__ == "__main__":
    main()
