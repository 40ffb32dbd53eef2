"""The ways in which image-sentiment sets are split, and splits as files.

The same seed gives the same splits of the same ids, in whatever order these are listed: lists circulate in several.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mediaeval.errors import DatasetError
from mediaeval.experiments.datasets.lists import raise_problems, read_text
from mediaeval.files import write_atomically
from submission.wording import quoted

PARTS = ("train", "validation", "test")
HEADER = ["split", "part", "id"]


@dataclass(frozen=True)
class Split:
    """Image ids in the three parts of one split; `validation` is empty where a protocol has none."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def without(self, ids: Sequence[str]) -> "Split":
        """Return the split without some images."""
        gone = set(ids)
        return Split(*(tuple(i for i in getattr(self, part) if i not in gone) for part in PARTS))


def hold_outs(ids: Sequence[str], seed: int, *, times: int = 5, test: float = 0.2) -> list[Split]:
    """Return random splits drawn independently, so that an image may be tested more than once or never."""
    ids, splits = sorted(ids), []
    for k in range(times):
        order = np.random.default_rng((seed, k)).permutation(len(ids))
        n_test = round(test * len(ids))
        splits.append(Split(_take(ids, order[n_test:]), (), _take(ids, order[:n_test])))
    return splits


def disjoint_folds(ids: Sequence[str], seed: int, *, folds: int = 5) -> list[Split]:
    """Return folds of equal size after one shuffle; the remainder is in none of them, as in Campos et al. 2017."""
    ids, size = sorted(ids), len(ids) // folds
    order = np.random.default_rng(seed).permutation(len(ids))[: size * folds]
    return [
        Split(_take(ids, np.delete(order, np.s_[k * size : (k + 1) * size])), (), _take(ids, order[k * size :][:size]))
        for k in range(folds)
    ]


def stratified(classes: Mapping[str, str], seed: int, *, validation: float = 0.05, test: float = 0.15) -> Split:
    """Return one random split with the same shares of every class. `classes`: image id → class."""
    rng = np.random.default_rng(seed)
    parts: dict[str, list[str]] = {part: [] for part in PARTS}
    for name in sorted(set(classes.values())):
        ids = sorted(i for i, c in classes.items() if c == name)
        order = rng.permutation(len(ids))
        n_test, n_validation = round(test * len(ids)), round(validation * len(ids))
        parts["test"] += _take(ids, order[:n_test])
        parts["validation"] += _take(ids, order[n_test : n_test + n_validation])
        parts["train"] += _take(ids, order[n_test + n_validation :])
    return Split(*(tuple(parts[part]) for part in PARTS))


def _take(ids: Sequence[str], order: np.ndarray) -> tuple[str, ...]:
    return tuple(ids[k] for k in order)


def require_sides(splits: Sequence[Split], source: object) -> None:
    """Raise DatasetError when a split has no training or no test images, or an image in two parts."""
    problems = []
    for k, split in enumerate(splits):
        if not split.train or not split.test:
            problems.append(
                f"{source}: split {k + 1} has {len(split.train)} training and {len(split.test)} test images; "
                "both are needed. The set is too small, or most of its images are absent."
            )
        every = [*split.train, *split.validation, *split.test]
        if len(set(every)) < len(every):
            problems.append(f"{source}: split {k + 1} has an image in two parts. Keep it in one.")
    raise_problems(problems)


def write_splits(path: Path, splits: Sequence[Split]) -> None:
    """Write splits as a CSV with the columns split (from 1), part and id; `read_splits` reads it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for k, split in enumerate(splits, start=1):
        writer.writerows([k, part, i] for part in PARTS for i in getattr(split, part))
    write_atomically(path, text.getvalue().encode())


def read_splits(path: Path) -> list[Split]:
    """Read a file written by `write_splits`. Raises DatasetError with every line in another format."""
    if not path.is_file():
        raise DatasetError(
            f"{path} does not exist. An experiment writes the splits it used into its results folder, as "
            f"splits-NAME.csv: copy that file to {path}, or choose another protocol."
        )
    problems: list[str] = []
    parts: dict[int, dict[str, list[str]]] = {}
    try:
        rows = list(csv.reader(io.StringIO(read_text(path), newline="")))
    except csv.Error as error:
        raise DatasetError(f"{path} cannot be read as a CSV: {error}.") from None
    if not rows or rows[0] != HEADER:
        problems.append(f"{path}: expected the header {','.join(HEADER)}.")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != 3 or row[1] not in PARTS or not (row[0].isascii() and row[0].isdigit()) or not row[2]:
            problems.append(f"{path}:{number}: got {quoted(','.join(row))}; expected NUMBER,{'|'.join(PARTS)},ID.")
        else:
            parts.setdefault(int(row[0][:9]), {part: [] for part in PARTS})[row[1]].append(row[2])
    raise_problems(problems)
    return [Split(*(tuple(parts[k][part]) for part in PARTS)) for k in sorted(parts)]
