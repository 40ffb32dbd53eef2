"""Splitting a dev set: seeded, saved with ids, and never an image and its duplicate on two sides."""

from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mediaeval.errors import ConfigError, DatasetError, first_few, first_problems
from mediaeval.files import write_atomically

SIDES = ("train", "val")
HOW = ("stratified", "random")


def split(
    labels: pd.DataFrame,
    *,
    val: float = 0.2,
    how: str = "stratified",
    groups: Sequence[Hashable] | None = None,
    rng: np.random.Generator,
) -> pd.Series:
    """Return the side, `train` or `val`, of every image: a Series indexed by image id.

    labels  0/1, (n_images, n_labels), ids as index, all subtasks side by side
    val     share of images on the validation side, between 0 and 1
    how     random, as in Pournaras et al. 2021, or stratified, with similar rates of each label on the two sides
    groups  one entry per image; images with equal entries stay on one side

    Raises ConfigError for a share that leaves one side empty.
    """
    if not 0 < val < 1:
        raise ConfigError(f"--val: got {val}; expected a share between 0 and 1, such as 0.2.")
    if how not in HOW:
        raise ConfigError(f"--how: got '{how}'; expected one of {', '.join(HOW)}.")
    group_of_row = pd.factorize(pd.Series(groups if groups is not None else labels.index, dtype=object))[0]
    n_groups = group_of_row.max() + 1
    # (n_groups, 1 + n_labels): the number of images, and of each label, in a group
    counts = np.zeros((n_groups, 1 + labels.shape[1]))
    np.add.at(counts, group_of_row, np.column_stack([np.ones(len(labels)), labels.to_numpy()]))

    target = counts.sum(axis=0) * val
    order = rng.permutation(n_groups)
    in_val = np.zeros(n_groups, dtype=bool)
    filled = 0.0
    for group in order:  # a group that exceeds the target by more than what is lacking is skipped for a smaller one
        if abs(filled + counts[group, 0] - target[0]) < abs(filled - target[0]):
            in_val[group] = True
            filled += counts[group, 0]
    if in_val.all() or not in_val.any():
        raise ConfigError(
            f"{len(labels)} images in {n_groups} groups cannot be split {1 - val:.0%}/{val:.0%}: one side stays empty."
        )
    if how == "stratified":
        _balance(counts, in_val, target, rng)
    sides = np.where(in_val[group_of_row], "val", "train")
    return pd.Series(sides, index=labels.index, name="side")


def _balance(counts: np.ndarray, in_val: np.ndarray, target: np.ndarray, rng: np.random.Generator) -> None:
    """Exchange groups between the sides, in place, as long as that brings label counts closer to `target`.

    Squared deviations are divided by the target (as in chi-squared), so that rare labels get their share too.
    """
    weight = 1 / np.sqrt(np.maximum(target, 1))
    scaled = counts * weight
    off = (counts[in_val].sum(axis=0) - target) * weight
    rounds_without_gain = 0
    while rounds_without_gain < 20:
        out = rng.permutation(np.flatnonzero(in_val))[:128]
        into = rng.permutation(np.flatnonzero(~in_val))[:128]
        moved = off + scaled[into][None, :, :] - scaled[out][:, None, :]  # (n_out, n_into, columns)
        cost = (moved**2).sum(axis=2)
        best = np.unravel_index(np.argmin(cost), cost.shape)
        if cost[best] >= (off**2).sum() - 1e-9:
            rounds_without_gain += 1
            continue
        rounds_without_gain = 0
        off = moved[best]
        in_val[out[best[0]]], in_val[into[best[1]]] = False, True


def largest_gap(labels: pd.DataFrame, sides: pd.Series) -> float:
    """Return the largest difference of a label's rate between the two sides, 0..1."""
    val = sides.reindex(labels.index) == "val"
    return float((labels[val].mean() - labels[~val].mean()).abs().max())


def write_split(path: Path, sides: pd.Series) -> None:
    """Write `id,side` rows; the file appears whole or not at all.

    Raises DatasetError instead of replacing a folder, or a file that is not a split: it may be the CSV of the dev set.
    """
    path = Path(path)
    if path.is_dir() or (path.exists() and path.read_bytes()[:8].strip() != b"id,side"):
        what = "is a folder" if path.is_dir() else "exists already and is not a split"
        raise DatasetError(f"{path} {what}. Nothing was written; give the split another name with --out.")
    write_atomically(path, sides.rename("side").rename_axis("id").to_csv(lineterminator="\n").encode())


def read_split(path: Path, ids: Sequence[str]) -> pd.Series:
    """Read a split written by `write_split`, in the order of `ids`.

    Raises DatasetError when an id has no side, is not in the dataset or occurs twice, or a side is neither train nor
    val; all problems at once.
    """
    frame = read_csv_by_id(path)
    if list(frame.columns) != ["side"]:
        raise DatasetError(f"{path}: got columns id, {', '.join(frame.columns)}; expected id, side.")
    sides = frame["side"]
    problems = [f"{path}: {i}: got side '{s}'; expected train or val." for i, s in sides.items() if s not in SIDES]
    problems += [f"{path}: {i} is not in the dataset." for i in sides.index.difference(list(ids))]
    problems += [f"{path}: {i} has no side. Split again: mediaeval split." for i in ids if i not in sides.index]
    problems += [f"{path}: no image on the {side} side." for side in SIDES if side not in set(sides)]
    if problems:
        raise DatasetError(*first_problems(problems, 20))
    return sides.reindex(list(ids))


def read_groups(source: str, ids: Sequence[str]) -> list[str]:
    """Return the group of each id from `CSV:COLUMN`. Raises DatasetError when the column or an id is missing."""
    path, _, column = source.rpartition(":")
    if not path:
        raise ConfigError(f"--groups: got '{source}'; expected CSV:COLUMN, such as norms.csv:concept.")
    frame = read_csv_by_id(Path(path))
    if column not in frame.columns:
        raise DatasetError(f"{path}: no column '{column}' (found id, {', '.join(frame.columns)}).")
    absent = [i for i in ids if i not in frame.index]
    if absent:
        raise DatasetError(f"{path}: no row for {len(absent)} images ({first_few(absent, 5)}). Add them.")
    return list(frame[column].reindex(list(ids)))


def read_csv_by_id(path: Path) -> pd.DataFrame:
    """Read a CSV with a column `id`, all cells as text, indexed by id. Raises DatasetError when it cannot be read."""
    try:
        # every cell is text: `NA` and `1e5` are valid ids
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise DatasetError(f"{path} does not exist.") from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read as a CSV: {error}") from None
    if "id" not in frame.columns:
        raise DatasetError(f"{path}: no column 'id' (found {', '.join(frame.columns)}). Rename the id column to id.")
    if len(twice := frame["id"][frame["id"].duplicated()]):
        raise DatasetError(f"{path}: {len(twice)} ids occur twice ({first_few(twice, 5)}). Keep one row per image.")
    return frame.set_index("id")
