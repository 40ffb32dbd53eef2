"""How often the intervals of a cross-validated score hold the score on other images: a table of docs/benchmarks.md.

    python -m benchmarks.coverage ../shared/data
    python -m benchmarks.coverage ../shared/data --only 'oasis, logistic' --halves 20
    python -m benchmarks.coverage ../shared/data --seed 1000 --halves 100 --shares

The groups of a dataset (OASIS' concepts; each image of COCO) are divided at random into two halves, and each half
is what somebody has: five folds by group give it a score and intervals, as `train` does, and a model of all of it is
scored on the other half. Divided 100 times, that is 200 halves. Printed: the share of halves whose interval

- holds the score on the other half (`new_set` should, in 95 %),
- holds the score expected (`interval` should). What is expected is not known; but the scores of two halves, each by
  its own cross-validation, differ by √2 times what one of them differs from it, so their difference is divided by √2,
- holds the mean over other folds and seeds of the same half (of the first 10 halves, 4 more cross-validations).

Beside both intervals there are two others: images of one fold resampled, which is what a single split reports, and
groups resampled out of fold, without the shares. `--shares` prints the shares of `submission.intervals` instead, as
these halves have them.

All halves are of the same few hundred images, and overlap: the table says what holds for divisions of these images, and
200 halves are worth fewer than 200 data sets.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.photographs import FOLDS, Row, SubtaskData, load_shared, of_preset
from mediaeval.classifiers import CLASSIFIERS
from mediaeval.classifiers.model import SubtaskModel
from mediaeval.classifiers.thresholds import tune_thresholds
from mediaeval.data.split import make_folds
from mediaeval.steps.tables import decide
from submission.intervals import REPEATED, Z, intervals, sums_by_group
from submission.metrics.decisions import counts, weighted_of_counts
from submission.score import score_decisions, weighted_f1

RESEEDED, MORE = 10, 4  # halves that are cross-validated again, and how often


@dataclass(frozen=True)
class Half:
    """A half of the images and what was decided: out of fold inside of it, by the model of all of it outside."""

    inside: np.ndarray  # bool (n_images,)
    fold: np.ndarray  # of the images inside, from 0
    decided: np.ndarray  # 0/1 (n_images, n_labels)
    more: np.ndarray  # scores of other cross-validations of the same half


def head_rows(data: SubtaskData) -> Iterator[tuple[str, Row]]:
    """Yield title and settings of each head that is there."""
    default = of_preset("default", data.task)
    if not data.task.multi_label:
        # what "cv" chooses of this many images, nearly always, at a sixth of the time
        yield "logistic, C 0.001", replace(default, classifier="logistic", params={"C": 0.001})
    yield f"{default.classifier}, preset default", default
    if "kernel" in CLASSIFIERS:
        yield "kernel", replace(default, classifier="kernel", params={}, augment=0)


def model_of(data: SubtaskData, row: Row, seed: int, train: np.ndarray) -> SubtaskModel:
    """Return a model of the images `train`, bool (n_images,)."""
    views = data.views[train, : row.augment] if row.augment else None
    new = SubtaskModel(data.task, row.classifier, row.params, data.blocks, row.scale, seed)
    groups = [group for group, there in zip(data.groups, train, strict=True) if there]
    return new.fit(data.X[train], data.labels[train], views=views, groups=groups)


def folds_of(data: SubtaskData, inside: np.ndarray, seed: int) -> np.ndarray:
    """Return the fold (n_inside,) of each image inside, from 0, by group."""
    where = np.flatnonzero(inside)
    groups = [data.groups[k] for k in where]
    rng = np.random.default_rng(seed)
    fold: np.ndarray = make_folds(data.labels.iloc[where], FOLDS, groups=groups, rng=rng).to_numpy()
    return fold


def out_of_fold(data: SubtaskData, row: Row, inside: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the fold (n_inside,) of each image inside and its probabilities (n_inside, n_labels), out of fold."""
    where, fold = np.flatnonzero(inside), folds_of(data, inside, seed)
    P = np.zeros((len(where), data.labels.shape[1]))
    for k in range(FOLDS):
        train = inside.copy()
        train[where[fold == k]] = False
        P[fold == k] = model_of(data, row, seed, train).predict_matrix(data.X[where[fold == k]])
    return fold, P


def decide_folds(data: SubtaskData, row: Row, Y: np.ndarray, fold: np.ndarray, P: np.ndarray) -> np.ndarray:
    """Return decisions, 0/1, thresholds of each fold tuned on the other folds."""
    decided = np.zeros(Y.shape, int)
    for k in range(FOLDS):
        others = fold != k
        decided[~others] = cut(data, row, P[~others], Y[others], P[others])
    return decided


def cut(data: SubtaskData, row: Row, P: np.ndarray, tune_Y: np.ndarray, tune_P: np.ndarray) -> np.ndarray:
    """Return decisions for P by thresholds that are tuned on other images, where the row says so."""
    tuned = row.threshold == "tuned"
    thresholds = tune_thresholds(tune_Y, tune_P) if tuned else np.full(P.shape[1], 0.5)
    frame = data.labels.iloc[: len(P)].astype(float).copy()
    frame.iloc[:] = P
    return decide(data.task, frame, list(thresholds)).to_numpy()


def divide(groups: list[str], number: int, seed: int) -> np.ndarray:
    """Return whether each image is in half `number`; 2k and 2k + 1 are complements."""
    names = np.unique(groups)
    order = np.random.default_rng((seed, number // 2)).permutation(len(names))
    return np.isin(groups, names[order[: len(names) // 2]]) == (number % 2 == 0)


def train_half(data: SubtaskData, row: Row, number: int, seed: int) -> Half:
    """Cross-validate a half, and give the other one to a model of all of it."""
    Y, inside = data.labels.to_numpy(), divide(data.groups, number, seed)
    fold, P = out_of_fold(data, row, inside, seed + number)
    decided = np.zeros(Y.shape, int)
    decided[inside] = decide_folds(data, row, Y[inside], fold, P)
    new = model_of(data, row, seed + number, inside).predict_matrix(data.X[~inside]).to_numpy()
    decided[~inside] = cut(data, row, new, Y[inside], P)
    more = []
    for again in range(MORE if number < RESEEDED else 0):
        folds = out_of_fold(data, row, inside, 10**6 * (again + 1) + number)
        more.append(weighted_f1(Y[inside], decide_folds(data, row, Y[inside], *folds)))
    return Half(inside, fold, decided, np.array(more))


def half_of(data: SubtaskData, row: Row, number: int, seed: int, kept: Path | None) -> Half:
    """Return a half as it was kept in a folder, or train it, and keep it there."""
    if kept and kept.exists():
        with np.load(kept) as arrays:
            return Half(**arrays)
    half = train_half(data, row, number, seed)
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(kept, **vars(half))
    return half


def resample_groups(true: np.ndarray, predicted: np.ndarray, groups: list[str]) -> tuple[float, float]:
    """Return the interval that 95 % of the bootstrap samples over groups fall in."""
    sums = sums_by_group(counts(true, predicted).astype(float), groups)
    draws = np.random.default_rng(0).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=1000)
    low, high = np.quantile(weighted_of_counts(*np.split(draws @ sums, 3, axis=1)), (0.025, 0.975))
    return float(low), float(high)


@dataclass(frozen=True)
class Found:
    """Scores and intervals of one half."""

    f1: float  # out of fold
    other: float  # on the other half
    more: np.ndarray
    limits: dict[str, tuple[float, float]]  # kind of interval → its limits
    n_images: int
    n_new: int


def find(data: SubtaskData, half: Half) -> Found:
    """Compute the intervals of one half."""
    Y, inside = data.labels.to_numpy(), half.inside
    groups = [group for group, there in zip(data.groups, inside, strict=True) if there]
    true, decided = Y[inside], half.decided[inside]
    own = intervals(true, decided, groups, n_new=int((~inside).sum()))
    split = half.fold == 0
    limits = {
        "`new_set`": own.new_set,
        "`interval`": own.interval,
        "groups resampled, out of fold": resample_groups(true, decided, groups),
        "images resampled, one split": score_decisions(data.task, true[split], decided[split]).interval,
    }
    other = weighted_f1(Y[~inside], half.decided[~inside])
    return Found(own.f1, other, half.more, limits, len(true), len(Y) - len(true))


def inside_of(value: float, limits: tuple[float, float]) -> bool:
    """Return whether an interval holds a value."""
    return limits[0] <= value <= limits[1]


def print_coverage(title: str, found: list[Found]) -> None:
    """Print a row for each kind of interval."""
    for kind in found[0].limits:
        width = np.mean([np.diff(one.limits[kind]) for one in found])
        other = np.mean([inside_of(one.other, one.limits[kind]) for one in found])
        expected = []
        for first, second in zip(found[::2], found[1::2], strict=True):
            gap = (second.f1 - first.f1) / np.sqrt(2)
            expected += [inside_of(first.f1 + gap, first.limits[kind]), inside_of(second.f1 - gap, second.limits[kind])]
        seeds = np.mean([inside_of(one.more.mean(), one.limits[kind]) for one in found if len(one.more)])
        cells = (title, kind, f"{other:.1%}", f"{np.mean(expected):.1%}", f"{seeds:.0%}", f"{width:.3f}")
        print(f"| {' | '.join(cells)} |", flush=True)


def print_shares(title: str, found: list[Found]) -> None:
    """Print what the shares of `submission.intervals` are on these halves, all on the scale arcsin √F1."""

    def scale(f1: float | np.ndarray) -> np.ndarray:
        return np.arcsin(np.sqrt(f1))

    plain = np.mean([(np.diff(scale(one.limits["`interval`"])) / 2 / Z) ** 2 for one in found]) / (1 + REPEATED)
    first, second = found[::2], found[1::2]
    pairs = np.mean([(scale(a.f1) - scale(b.f1)) ** 2 / 2 for a, b in zip(first, second, strict=True)])
    other = np.mean([(scale(one.other) - scale(one.f1)) ** 2 for one in found])
    seeds = np.mean([scale(one.more).var(ddof=1) for one in found if len(one.more)])
    own = 1 + np.mean([one.n_images / one.n_new for one in found])
    gap = np.mean([one.other - one.f1 for one in found])
    cells = (
        title,
        f"{np.mean([one.f1 for one in found]):.3f}",
        f"{gap:+.3f}",
        f"{np.sqrt(plain):.4f}",
        *(f"{share:.2f}" for share in (seeds / plain, pairs / plain - 1, other / plain - own)),
    )
    print(f"| {' | '.join(cells)} |", flush=True)


def parser_of(description: str | None, halves: int) -> argparse.ArgumentParser:
    """Return the parser of the options that every benchmark of halves has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds oasis/, coco/ and weights/")
    parser.add_argument("--halves", type=int, default=halves, help="an even number")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="only rows with this in their title")
    parser.add_argument("--results", type=Path, help="a folder to keep trained halves in")
    parser.add_argument("--store", type=Path, default=Path(".mediaeval/features"))
    return parser


def heads(options: argparse.Namespace) -> Iterator[tuple[str, SubtaskData, Row, list[Path | None]]]:
    """Yield title, data and settings of each head that the options choose, and the file to keep each half in."""
    for dataset in ("oasis", "coco"):
        for data in load_shared(options.data, dataset, options.store):
            for head, row in head_rows(data):
                title = f"{dataset}, {head}" if dataset == "oasis" else f"{dataset}, {data.task.name}, {head}"
                if options.only in title:
                    names = [f"{title}, {options.seed}/{number}.npz" for number in range(options.halves)]
                    yield title, data, row, [options.results / name if options.results else None for name in names]


def main() -> None:
    """Print the table."""
    parser = parser_of(__doc__, halves=200)
    parser.add_argument("--shares", action="store_true", help="print what the intervals' shares are")
    options = parser.parse_args()
    if options.shares:
        print("| data, head | F1 | other half | sd | fold seeds | REPEATED | TRAINED |\n|---|---|---|---|---|---|---|")
    else:
        print("| data, head | interval | other half | expected | fold seeds | mean width |\n|---|---|---|---|---|---|")
    for title, data, row, files in heads(options):
        halves = (half_of(data, row, number, options.seed, file) for number, file in enumerate(files))
        (print_shares if options.shares else print_coverage)(title, [find(data, half) for half in halves])


if __name__ == "__main__":
    main()
