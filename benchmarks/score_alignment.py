"""How reliably slips are detected in run files of scores, on photographs with real ratings.

    python -m benchmarks.score_alignment ../shared/data

Each split halves OASIS by concept (about 240 test rows). Ridge regression on the features of two networks learns the
mean valence and arousal of the dev half and predicts the test half, which gives a run file of realistic quality; it is
judged, without test ratings, by three networks decoded by OpenCV. Faults count that cost at least .1 of the mean
Spearman correlation. Sound files are those of the model, of one trained on a tenth of the dev half and on 24 images;
apart, those of which a column has a correlation below .1, so that more cannot be known.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from benchmarks.integrity import Images
from mediaeval.classifiers import make_regressor
from mediaeval.data.split import read_csv_by_id
from submission.alignment.align import CANNOT_TELL, MISALIGNED, SUSPICIOUS, Alignment, align
from submission.alignment.orders import usual_orders
from submission.kinds import ScoreKind
from submission.labels import LabelTable
from submission.task import Subtask

RATINGS = ("Valence_mean", "Arousal_mean")
SUBTASKS = [Subtask(name, name, (name,), (name,), multi_label=True, kinds=(ScoreKind(),)) for name in RATINGS]
COSTLY = LEAST = 0.1

FAULTS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "slipped by a row": lambda Y, rng: np.roll(Y, 1, axis=0),
    "slipped by a row from a third on": lambda Y, rng: _slipped(Y, len(Y) // 3),
    "slipped by a row from three quarters on": lambda Y, rng: _slipped(Y, 3 * len(Y) // 4),
    "halves exchanged": lambda Y, rng: np.roll(Y, len(Y) // 2, axis=0),
    "backwards": lambda Y, rng: Y[::-1],
    "shuffled": lambda Y, rng: rng.permutation(Y),
    "columns swapped": lambda Y, rng: Y[:, ::-1],
    "valence inverted": lambda Y, rng: np.column_stack([8 - Y[:, 0], Y[:, 1]]),
    "valence alone slipped by a row": lambda Y, rng: np.column_stack([np.roll(Y[:, 0], 1), Y[:, 1]]),
}


def _slipped(Y: np.ndarray, start: int) -> np.ndarray:
    return np.concatenate([Y[:start], np.roll(Y[start:], 1, axis=0)])


def spearman(truth: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of each column."""
    return np.array([spearmanr(truth[:, k], Y[:, k]).statistic for k in range(Y.shape[1])])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--store", type=Path, help="feature store to keep")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images = Images("oasis", options.data, options.store or Path(folder), other_only=False)
    norms = read_csv_by_id(options.data / "oasis/norms.csv").loc[images.ids]
    images.subtasks, images.Y = SUBTASKS, norms[list(RATINGS)].to_numpy(dtype=float)
    noticed, costly, sound = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    accusations: Counter[tuple[str, str]] = Counter()
    fits: list[float] = []
    for seed in range(options.first, options.first + options.splits):
        rng = np.random.default_rng(seed)
        dev, test = images.halves(rng)
        ids = [images.ids[k] for k in test]
        expectation, truth = images.expectation(dev, test), images.Y[test]

        def judged(Y: np.ndarray, ids=ids, expectation=expectation) -> Alignment:
            answers = {
                one.name: {i: (value,) for i, value in zip(ids, Y[:, k].tolist(), strict=True)}
                for k, one in enumerate(SUBTASKS)
            }
            table = LabelTable(Path("run.csv"), ("id", *RATINGS), tuple(ids), answers)
            return align(table, expectation, usual_orders(ids))

        for name, n in (("all", len(dev)), ("a tenth", len(dev) // 10), ("24 images", 24)):
            some = dev if n == len(dev) else rng.choice(dev, n, replace=False)
            model = make_regressor("ridge", {}, 0).fit(images.run[some], images.Y[some])
            Y = model.predict(images.run[test])
            fit = spearman(truth, Y)
            kind = name if fit.min() >= LEAST else "a column below .1"
            found = judged(Y)
            sound[kind, found.verdict] += 1
            accusations.update((kind, problem.code) for problem in found.problems)
            if name != "all":
                continue
            fits.append(fit.mean())
            for fault, spoil in FAULTS.items():
                spoilt = spoil(Y, rng)
                if fit.mean() - spearman(truth, spoilt).mean() >= COSTLY:
                    costly[fault] += 1
                    noticed[fault] += not judged(spoilt).ok
    print(f"mean Spearman correlation of the sound files: {np.mean(fits):.3f}")
    print("fault\tcostly\tnoticed")
    for fault in FAULTS:
        print(f"{fault}\t{costly[fault]}\t{noticed[fault]}")
    print(f"all\t{sum(costly.values())}\t{sum(noticed.values())}")
    print("sound files\tnumber\taccused\tcannot-tell\tof what")
    for kind in dict.fromkeys(kind for kind, _ in sound):
        total = sum(times for (of, _), times in sound.items() if of == kind)
        accused = sound[kind, MISALIGNED] + sound[kind, SUSPICIOUS]
        codes = ", ".join(f"{code} {times}" for (of, code), times in accusations.items() if of == kind)
        print(f"{kind}\t{total}\t{accused}\t{sound[kind, CANNOT_TELL]}\t{codes}")


if __name__ == "__main__":
    main()
