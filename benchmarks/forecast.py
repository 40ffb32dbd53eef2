"""How often the forecast of a test score holds it: a table of docs/benchmarks.md.

    python -m benchmarks.forecast ../shared/data
    python -m benchmarks.forecast ../shared/data --shifts

A half of the groups of a dataset is what somebody has (see `benchmarks.coverage` and `benchmarks.calibration`); the
model of it answers for the other half, of other concepts, whose score was forecast before. Printed, at the level of
90 %: coverage and mean width of the `new_set` interval and of the forecast, the mean error of the score out of fold and
of the forecast as guesses of the other half's, how much of the spread expected scores explain, and alarms of a shift.

`--shifts`: the other images differ. Four fifths of the images of one label are taken out of them; or they are all of
one theme of OASIS, or one cluster of features of COCO, of which the model saw none.

`--drawn N`: N drawn dev sets of 240 images, test sets of 80, and the scores that the commands report.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from benchmarks.calibration import Half, half_of
from benchmarks.coverage import cut, decide_folds, folds_of, heads, inside_of, model_of, out_of_fold, parser_of
from benchmarks.photographs import Row, SubtaskData
from mediaeval.calibration.calibration import cross_calibrated, fit_calibration
from mediaeval.calibration.forecast import Z, forecast
from mediaeval.calibration.shift import FARTHER, WIDENED, distance_errors, shifted_labels
from mediaeval.data.split import read_csv_by_id
from submission.intervals import Z as Z_95
from submission.intervals import intervals
from submission.score import weighted_f1

CLUSTERS, LEAST = 6, 15  # of COCO, and images of one that is left out


@dataclass(frozen=True)
class Found:
    """One half: its score out of fold, the other's, both intervals, and whether there was an alarm."""

    f1: float
    other: float
    new_set: tuple[float, float]
    forecast: tuple[float, float]
    widened: tuple[float, float]
    guess: float
    explained: float
    by_labels: bool
    by_distance: bool


def find(row: Row, data: SubtaskData, half: Half, fold: np.ndarray) -> Found:
    """Return what is forecast from one half, and what became of it; `fold`: of the images inside."""
    Y, inside = data.labels.to_numpy(), half.inside
    groups = [group for group, there in zip(data.groups, inside, strict=True) if there]
    P, new = half.P[inside], half.P[~inside]
    decided, answers = decide_folds(data, row, Y[inside], fold, P), cut(data, row, new, Y[inside], P)
    calibrated = cross_calibrated(data.task, P, Y[inside], fold.tolist(), groups)
    new_calibrated = fit_calibration(data.task, P, Y[inside], groups).apply(new)
    arguments = (Y[inside], decided, calibrated, groups, answers, new_calibrated)
    found, wide = forecast(*arguments), forecast(*arguments, widened=WIDENED)
    own = intervals(Y[inside], decided, groups, n_new=len(new))
    labels = bool(shifted_labels(calibrated, groups, new_calibrated))
    distance = distance_errors(data.X[inside], groups, data.X[~inside]) >= FARTHER
    said = wide if labels or distance else found
    return Found(
        own.f1,
        weighted_f1(Y[~inside], answers),
        _at_90(own.new_set),
        (found.low, found.high),
        (said.low, said.high),
        found.f1,
        found.explained,
        labels,
        distance,
    )


def _at_90(limits: tuple[float, float]) -> tuple[float, float]:
    """Return an interval of 95 % as one of 90 %."""
    low, high = np.arcsin(np.sqrt(limits))
    middle, half = (low + high) / 2, (high - low) / 2 * Z / Z_95
    low, high = np.sin(np.clip([middle - half, middle + half], 0, np.pi / 2)) ** 2
    return float(low), float(high)


def without_a_label(data: SubtaskData, half: Half, number: int) -> tuple[SubtaskData, Half]:
    """Return a half of whose other images four fifths of those with one label are gone."""
    label = number % data.labels.shape[1]
    has = data.labels.to_numpy()[:, label] == 1
    keep = half.inside | ~has | (np.random.default_rng(number).random(len(has)) >= 0.8)
    groups = [group for group, there in zip(data.groups, keep, strict=True) if there]
    return replace(data, labels=data.labels[keep], X=data.X[keep], groups=groups, views=None), Half(
        half.inside[keep], half.P[keep]
    )


def other_kinds(data: SubtaskData, folder: Path) -> Iterator[np.ndarray]:
    """Yield whether each image is inside, where those outside are of one kind: a theme, or a cluster of features."""
    if len(set(data.groups)) < len(data.groups):  # OASIS
        kinds = read_csv_by_id(folder / "oasis/norms.csv")["Category"].loc[list(data.labels.index)].to_numpy()
    else:
        X = StandardScaler().fit_transform(data.X)
        kinds = KMeans(CLUSTERS, n_init=4, random_state=0).fit_predict(X)
    for kind in np.unique(kinds):
        if (kinds == kind).sum() >= LEAST:
            yield kinds != kind


def print_row(title: str, found: list[Found]) -> None:
    """Print one row of the table."""
    n = len(found)
    cells = [title, str(n)]
    for kind in ("new_set", "forecast", "widened"):
        limits = [getattr(one, kind) for one in found]
        held = np.mean([inside_of(one.other, ends) for one, ends in zip(found, limits, strict=True)])
        cells += [f"{held:.1%}", f"{np.mean([high - low for low, high in limits]):.3f}"]
    cells += [f"{np.mean([abs(one.other - guess) for one, guess in pairs]):.3f}" for pairs in _guesses(found)]
    cells += [f"{np.mean([one.explained for one in found]):.0%}"]
    cells += [f"{np.mean([getattr(one, kind) for one in found]):.1%}" for kind in ("by_labels", "by_distance")]
    print(f"| {' | '.join(cells)} |", flush=True)


def _guesses(found: list[Found]) -> tuple[list[tuple[Found, float]], list[tuple[Found, float]]]:
    return [(one, one.f1) for one in found], [(one, one.guess) for one in found]


def main() -> None:
    """Print the table."""
    parser = parser_of(__doc__, halves=40)
    parser.add_argument("--shifts", action="store_true", help="the other images differ")
    parser.add_argument("--drawn", type=int, metavar="N", help="N drawn sets instead, by the commands")
    options = parser.parse_args()
    if options.drawn:
        print_drawn(options.drawn)
        return
    print(
        "| data, head | halves | `new_set` | width | forecast | width | as reported | width | error out of fold "
        "| error of the forecast | explained | alarms: labels | distance |\n" + "|---" * 13 + "|"
    )
    for title, data, row, files in heads(options):
        found = []
        for number, file in enumerate(files):
            half = half_of(data, row, number, options.seed, file)
            fold = folds_of(data, half.inside, options.seed + number)
            others = without_a_label(data, half, number) if options.shifts else (data, half)
            found.append(find(row, *others, fold))
        print_row(f"{title}: a label taken out" if options.shifts else title, found)
        if options.shifts:
            print_row(f"{title}: another kind", list(_of_other_kinds(data, row, options.data)))


def drawn(n_sets: int) -> Iterator[tuple[str, bool, float]]:
    """Yield subtask, whether the forecast held the score, and its width, of drawn sets, by the commands."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(n_sets):
            home = Path(folder) / str(seed)
            home.mkdir()
            for arguments in (
                ("sample", "sample", "--seed", str(1000 + seed)),
                ("train", "all", "--run", "first", "--set", "classifier=kernel"),
                ("predict", "first"),
                ("submit", "first"),
                ("score", "runs/first/run.csv", "--truth", "sample/truth.csv"),
            ):
                subprocess.run(
                    [sys.executable, "-m", "mediaeval", *arguments], cwd=home, check=True, capture_output=True
                )
            lines = [json.loads(line) for line in (home / "runs/ledger.jsonl").read_text("utf-8").splitlines()]
            said, became = lines[0]["forecast"], lines[-1]["scores"]
            for name, one in said.items():
                yield name, one["low"] <= became[name]["f1"] <= one["high"], one["high"] - one["low"]


def print_drawn(n_sets: int) -> None:
    """Print a row for each subtask of drawn sets."""
    print("| drawn | sets | forecast | width |\n|---|---|---|---|")
    rows = list(drawn(n_sets))
    for name in dict.fromkeys(name for name, *_ in rows):
        own = [(held, width) for of, held, width in rows if of == name]
        held, width = np.mean(own, axis=0)
        print(f"| {name} | {len(own)} | {held:.1%} | {width:.3f} |", flush=True)


def _of_other_kinds(data: SubtaskData, row: Row, folder: Path) -> Iterator[Found]:
    for seed, inside in enumerate(other_kinds(data, folder)):
        P = np.zeros(data.labels.shape)
        fold, P[inside] = out_of_fold(data, row, inside, seed)
        P[~inside] = model_of(data, row, seed, inside).predict_matrix(data.X[~inside]).to_numpy()
        yield find(row, data, Half(inside, P), fold)


if __name__ == "__main__":
    main()
