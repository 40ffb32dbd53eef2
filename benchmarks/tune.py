"""How much the best of many settings flatters, and whether the correction says so: a table of docs/benchmarks.md.

    python -m benchmarks.tune ../shared/data

A half of the groups of a dataset is what somebody searches on (see `benchmarks.coverage`): settings of logistic
regression and of the kernel, drawn at random from the space that `mediaeval tune` searches, are tried in its folds. The
best of them is trained on the whole half and scored on the other one, of other concepts. Printed: the mean score of the
best where it was chosen, of what `mediaeval.search.optimism` expects of it, and on the other half; how far both are
from the latter, with the interval that 95 % of bootstrap samples over pairs of halves fall in; how often the interval
holds it; and what the best gained on the kernel as it is, out of fold, corrected, and on the other half.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.coverage import cut, decide_folds, divide, model_of, out_of_fold
from benchmarks.photographs import Row, SubtaskData, load_shared, of_preset
from mediaeval.search.optimism import corrected
from mediaeval.search.space import CLASSIFIERS
from mediaeval.steps.scoring import Answered
from submission.score import weighted_f1

QUICK = ("logistic", "kernel")  # whose trials take less than a second


@dataclass(frozen=True)
class Found:
    """Of one half: scores of the best and of the first trial, out of fold, corrected, and on the other half."""

    best: float
    expected: float
    interval: tuple[float, float]
    other: float
    gain: float
    expected_gain: float
    other_gain: float


def rows_of(data: SubtaskData, n_trials: int, rng: np.random.Generator) -> list[Row]:
    """Return the kernel as it is, logistic regression as it is, and settings at random."""
    plain = replace(of_preset("default", data.task), augment=0)
    rows = [replace(plain, classifier="kernel", params={}), replace(plain, classifier="logistic", params={"C": 1.0})]
    while len(rows) < n_trials:
        name = QUICK[int(rng.integers(len(QUICK)))]
        params: dict[str, Any] = {
            key: float(np.exp(rng.uniform(np.log(one.low), np.log(one.high))))
            for key, one in CLASSIFIERS[name].ranges.items()
        }
        scale = ("standard", "unit")[int(rng.integers(2))]
        rows.append(replace(plain, classifier=name, params=params, scale=scale))
    return rows


def find(data: SubtaskData, number: int, n_trials: int) -> Found:
    """Search on one half, and score what was found on the other."""
    Y, inside = data.labels.to_numpy(), divide(data.groups, number, 0)
    groups = [group for group, there in zip(data.groups, inside, strict=True) if there]
    rows = rows_of(data, n_trials, np.random.default_rng((7, number)))
    trials, tables = [], []
    for row in rows:
        fold, P = out_of_fold(data, row, inside, number)
        tables.append(P)
        trials.append(decide_folds(data, row, Y[inside], fold, P))
    scores = [weighted_f1(Y[inside], decided) for decided in trials]
    best = int(np.argmax(scores))
    answers = [Answered(P, decided) for P, decided in zip(tables, trials, strict=True)]
    found = corrected(data.task, Y[inside], answers, groups)

    def outside(k: int) -> float:
        P = model_of(data, rows[k], number, inside).predict_matrix(data.X[~inside]).to_numpy()
        return weighted_f1(Y[~inside], cut(data, rows[k], P, Y[inside], tables[k]))

    other, first = outside(best), outside(0)
    return Found(scores[best], found.score, found.interval, other, scores[best] - scores[0], found.gain, other - first)


def _error(found: list[Found], name: str) -> str:
    errors = np.array([getattr(one, name) - one.other for one in found])
    pairs = errors.reshape(-1, 2).mean(axis=1)
    rng = np.random.default_rng(0)
    low, high = np.quantile(rng.choice(pairs, (2000, len(pairs))).mean(axis=1), [0.025, 0.975])
    return f"{errors.mean():+.3f} ({low:+.3f} to {high:+.3f})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds oasis/, coco/ and weights/")
    parser.add_argument("--halves", type=int, default=20, help="an even number")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--store", type=Path, default=Path(".mediaeval/features"))
    options = parser.parse_args()
    print(
        "| data | the best | expected | other half | the best − other half | expected − other half | interval holds it "
        "| gain | expected | other half |\n|" + "---|" * 10
    )
    for dataset in ("oasis", "coco"):
        for data in load_shared(options.data, dataset, options.store):
            found = [find(data, number, options.trials) for number in range(options.halves)]
            names = [name for name in vars(found[0]) if name != "interval"]
            means = {name: np.mean([getattr(one, name) for one in found]) for name in names}
            holds = np.mean([one.interval[0] <= one.other <= one.interval[1] for one in found])
            cells = (
                f"{dataset}, {data.task.name}",
                *(f"{means[name]:.3f}" for name in ("best", "expected", "other")),
                _error(found, "best"),
                _error(found, "expected"),
                f"{holds:.0%}",
                *(f"{means[name]:+.3f}" for name in ("gain", "expected_gain", "other_gain")),
            )
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
