"""What calibration does to probabilities of images of other concepts: a table of docs/benchmarks.md.

    python -m benchmarks.calibration ../shared/data
    python -m benchmarks.calibration ../shared/data --seed 1000 --rules

Halves are those of `benchmarks.coverage`: five folds by group inside of a half give out-of-fold probabilities, on which
a calibration is fitted, as `train` does; the probabilities that a model of the whole half gives to the images of the
other half, of other concepts, are measured as they are and calibrated.

Expected calibration error (ECE) is that of reports, in ten bins of as many images: of the most probable class, or of
all labels together; beside it what chance alone gives, if truth were drawn by the calibrated probabilities. Log loss,
in nats, is that of the true class or the mean over labels, the Brier score the mean over classes or labels. Printed:
means over halves; the changes of ECE and log loss with the interval that 95 % of the bootstrap samples over groups of
images fall in; and the share of halves that were changed.

`--rules` prints the change of log loss by other rules instead: as how many groups the identity counts, and by how many
standard errors a calibration must be better than none. `IDENTITY` and `ERRORS` of
`mediaeval.calibration.calibration` were chosen by it, on halves of another seed.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.coverage import divide, heads, model_of, out_of_fold, parser_of
from benchmarks.photographs import Row, SubtaskData
from mediaeval.analysis.reliability import equal_bins
from mediaeval.answers.learned import CLASSES, form
from mediaeval.calibration.calibration import ERRORS, IDENTITY, SMALLEST, Calibration, fit_calibration
from submission.task import Subtask

RULES = tuple(itertools.product((1.0, 3.0, 10.0, 30.0), (-np.inf, 0.0, 1.0, 2.0)))  # identity, errors
SAMPLES = 1000  # of the bootstrap


@dataclass(frozen=True)
class Half:
    """A half of the images: which, and probabilities out of fold inside of it, of the model of all of it outside."""

    inside: np.ndarray  # bool (n_images,)
    P: np.ndarray  # (n_images, n_labels)


def half_of(data: SubtaskData, row: Row, number: int, seed: int, kept: Path | None) -> Half:
    """Return a half as it was kept in a folder, or train it, and keep it there."""
    if kept and kept.exists():
        with np.load(kept) as arrays:
            return Half(**arrays)
    inside = divide(data.groups, number, seed)
    P = np.zeros(data.labels.shape)
    P[inside] = out_of_fold(data, row, inside, seed + number)[1]
    P[~inside] = model_of(data, row, seed + number, inside).predict_matrix(data.X[~inside]).to_numpy()
    half = Half(inside, P)
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(kept, **vars(half))
    return half


def fitted(data: SubtaskData, half: Half, identity: float = IDENTITY, errors: float = ERRORS) -> Calibration:
    """Return the calibration that the images inside lead to."""
    Y, inside = data.labels.to_numpy(), half.inside
    groups = [group for group, there in zip(data.groups, inside, strict=True) if there]
    return fit_calibration(data.task, half.P[inside], Y[inside], groups, identity=identity, errors=errors)


def calibration_error(task: Subtask, P: np.ndarray, Y: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the expected calibration error, 0..1 (n_samples,).

    times  how often each sample has each image (n_samples, n_images)
    """
    if form(task) == CLASSES:
        rows, best = np.arange(len(P)), P.argmax(axis=1)
        P, Y = P[rows, best, None], Y[rows, best, None]
    place = equal_bins(P.ravel()).reshape(P.shape)
    gaps = [np.abs(times @ ((P - Y) * (place == k)).sum(axis=1)) for k in range(place.max() + 1)]
    errors: np.ndarray = np.sum(gaps, axis=0) / (times.sum(axis=1) * P.shape[1])
    return errors


def log_losses(task: Subtask, P: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Return the log loss of each image, of its class or the mean over its labels, in nats (n_images,)."""
    P = P.clip(SMALLEST, 1 - SMALLEST)
    losses: np.ndarray = -(Y * np.log(P)).sum(axis=1)
    return losses if form(task) == CLASSES else (losses - ((1 - Y) * np.log1p(-P)).sum(axis=1)) / P.shape[1]


def log_loss(task: Subtask, P: np.ndarray, Y: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the mean log loss of each sample, in nats (n_samples,); arguments as above."""
    means: np.ndarray = times @ log_losses(task, P, Y) / times.sum(axis=1)
    return means


def brier(_: Subtask, P: np.ndarray, Y: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the Brier score of each sample, the mean over classes or labels (n_samples,); arguments as above."""
    means: np.ndarray = times @ ((P - Y) ** 2).mean(axis=1) / times.sum(axis=1)
    return means


def chance_error(task: Subtask, P: np.ndarray) -> float:
    """Return the expected calibration error of probabilities that are right: truth is drawn by them, 20 times."""
    rng, errors = np.random.default_rng(0), []
    for _ in range(20):
        drawn = rng.random(P.shape) < P
        if form(task) == CLASSES:
            drawn = np.array([rng.multinomial(1, p / p.sum()) for p in P])
        errors.append(calibration_error(task, P, drawn, np.ones((1, len(P))))[0])
    return float(np.mean(errors))


def samples_of(groups: list[str]) -> np.ndarray:
    """Return how often each image is in each sample, (1 + SAMPLES, n_images): first once each, then groups drawn."""
    names, group = np.unique(groups, return_inverse=True)
    draws = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), size=SAMPLES)
    return np.vstack([np.ones(len(groups), int), draws[:, group]])


def print_row(title: str, data: SubtaskData, halves: list[Half]) -> None:
    """Print what calibration does to one head's probabilities."""
    Y, calibrations, samples = data.labels.to_numpy(), [fitted(data, half) for half in halves], samples_of(data.groups)
    both = list(zip(halves, calibrations, strict=True))
    cells, changes = [], []
    for measure in (calibration_error, log_loss, brier):
        pairs = []
        for half, one in both:
            outside = ~half.inside
            P, true, times = half.P[outside], Y[outside], samples[:, outside]
            pairs.append(tuple(measure(data.task, of, true, times) for of in (P, one.apply(P))))
        before, after = np.mean(pairs, axis=0)  # over halves: of each sample
        cells.append(f"{before[0]:.3f} → {after[0]:.3f}")
        low, high = np.quantile((after - before)[1:], (0.025, 0.975))
        changes.append(f"{after[0] - before[0]:+.3f} ({low:+.3f} to {high:+.3f})")
    chance = np.mean([chance_error(data.task, one.apply(half.P[~half.inside])) for half, one in both])
    changed = np.mean([not one.is_identity for one in calibrations])
    print(f"| {' | '.join((title, *cells, f'{chance:.3f}', *changes[:2], f'{changed:.0%}'))} |", flush=True)


def print_rules(title: str, data: SubtaskData, halves: list[Half]) -> None:
    """Print the mean change of log loss by each rule."""
    Y, cells = data.labels.to_numpy(), [title]
    for identity, errors in RULES:
        changes = []
        for half in halves:
            P, true = half.P[~half.inside], Y[~half.inside]
            calibrated = fitted(data, half, identity, errors).apply(P)
            changes.append(np.mean(log_losses(data.task, calibrated, true) - log_losses(data.task, P, true)))
        cells.append(f"{np.mean(changes):+.4f}")
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = parser_of(__doc__, halves=40)
    parser.add_argument("--rules", action="store_true", help="print what other rules lead to")
    options = parser.parse_args()
    columns = [
        "ECE",
        "log loss",
        "Brier",
        "ECE by chance",
        "change of ECE (95 %)",
        "change of log loss (95 %)",
        "changed",
    ]
    if options.rules:
        columns = [f"{identity:g}, {errors:g}" for identity, errors in RULES]
    print(f"| data, head | {' | '.join(columns)} |\n|{'---|' * (1 + len(columns))}")
    for title, data, row, files in heads(options):
        halves = [half_of(data, row, number, options.seed, file) for number, file in enumerate(files)]
        (print_rules if options.rules else print_row)(title, data, halves)


if __name__ == "__main__":
    main()
