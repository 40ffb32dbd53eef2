"""Splitting a dev set: seeded, saved with ids, and never an image and its duplicate on two sides."""

import logging
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mediaeval.errors import ConfigError, DatasetError, first_few, first_problems
from mediaeval.files import write_atomically
from submission.errors import LabelFileError
from submission.names import same_name_key
from submission.reading import read_regular
from submission.table import ID_COLUMNS, read_table
from submission.task import Task
from submission.wording import counted, cut, quoted

logger = logging.getLogger(__name__)

SIDES = ("train", "val")
_MISSING = ("nan", "na", "n/a", "#n/a", "null", "none", "<na>", "-", "?")  # in lower case: probably no group's name
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
        remedy = "Use more images, or another share: --set split.val=0.4."
        if n_groups == 1 and len(labels) > 1:
            remedy = "All are copies of one image, or of one group: see mediaeval inspect, or split without groups."
        raise ConfigError(
            f"{len(labels)} images in {counted(n_groups, 'group{s}')} cannot be split {1 - val:.0%}/{val:.0%}: one "
            f"side stays empty. {remedy}"
        )
    if how == "stratified":
        _balance(counts, in_val, target, rng)
    sides = np.where(in_val[group_of_row], "val", "train")
    return pd.Series(sides, index=labels.index, name="side")


def make_folds(
    labels: pd.DataFrame,
    folds: int,
    *,
    how: str = "stratified",
    groups: Sequence[Hashable] | None = None,
    rng: np.random.Generator,
) -> pd.Series:
    """Return a fold, counted from 0, for every image: a Series indexed by image id; each is split off as `split` does.

    The arguments are those of `split`. With few or with very uneven groups there are fewer folds than `folds`.
    """
    group_of = pd.Series(groups if groups is not None else labels.index, index=labels.index, dtype=object)
    fold = pd.Series(0, index=labels.index, name="fold")
    rest, k = labels, 0
    while (left := min(folds - k, group_of[rest.index].nunique())) > 1:
        try:
            sides = split(rest, val=1 / left, how=how, groups=list(group_of[rest.index]), rng=rng)
        except ConfigError:  # all groups are larger than a fold would be
            folds -= 1
            continue
        fold[sides.index[sides == "val"]] = k
        rest, k = rest[sides == "train"], k + 1
    fold[rest.index] = k
    return fold


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


def read_split(path: Path, ids: Sequence[str], task: Task | None = None) -> pd.Series:
    """Read a split: a CSV with a column of ids and a column `side`, see `write_split`. Its order is that of `ids`.

    Ids are compared after Unicode normalisation; `task` says which headings their column may have. Raises DatasetError
    when an id has no side, is not in the dataset or occurs twice, or a side is neither train nor val, or empty; all
    problems at once.
    """
    side_of = _column(path, read_csv_by_id(path, task, ids), "side")
    problems = []
    strange: dict[str, list[str]] = {}
    for i, side in side_of.items():
        if side not in SIDES:
            strange.setdefault(side, []).append(i)
    for side, of_side in strange.items():
        problems.append(f"{path}: {first_few(of_side)}: got side {quoted(side)}; expected train or val.")
    by_key = {same_name_key(i): side for i, side in side_of.items()}
    known = {same_name_key(i) for i in ids}
    if foreign := [i for i in side_of if same_name_key(i) not in known]:
        problems.append(f"{path}: {first_few(foreign)} {'is' if len(foreign) == 1 else 'are'} not in the dataset.")
    if absent := [i for i in ids if same_name_key(i) not in by_key]:
        has = "has" if len(absent) == 1 else "have"
        problems.append(f"{path}: {first_few(absent)} {has} no side. Split again: mediaeval split.")
    problems += [f"{path}: no image on the {side} side." for side in SIDES if side not in by_key.values()]
    if problems:
        raise DatasetError(*first_problems(problems, 20))
    return pd.Series([by_key[same_name_key(i)] for i in ids], index=list(ids), name="side", dtype=object)


@dataclass(frozen=True)
class Groups:
    """The groups of images: `of_key` is `same_name_key` of an id → its group, empty where the cell is blank."""

    path: Path
    column: str
    of_key: Mapping[str, str]

    def require(self, ids: Sequence[str]) -> None:
        """Raise DatasetError where an id has no row."""
        if absent := [i for i in ids if same_name_key(i) not in self.of_key]:
            raise DatasetError(f"{self.path}: no row for {len(absent)} images ({first_few(absent, 5)}). Add them.")

    def of(self, ids: Sequence[str]) -> list[str | None]:
        """Return the group of each id, None for a blank, which names no group; a warning counts these.

        Raises DatasetError where an id has no row.
        """
        self.require(ids)
        groups = [self.of_key[same_name_key(i)] or None for i in ids]
        if blank := [i for i, group in zip(ids, groups, strict=True) if group is None]:
            logger.warning(
                f"{self.path}: {len(blank)} of {len(ids)} images have a blank in column {quoted(self.column)} "
                f"({first_few(blank)}): each of them is split by itself."
            )
        for word in sorted({group for group in groups if group and group.lower() in _MISSING}):
            if (times := groups.count(word)) > 1:
                logger.warning(
                    f"{self.path}: {times} images have {word!r} in column {quoted(self.column)}: they are one group. "
                    "Leave the cell empty where the group is not known."
                )
        return groups


def read_groups(source: str, task: Task | None = None) -> Groups:
    """Read the groups in `CSV:COLUMN`. Ids and groups are compared after Unicode normalisation.

    Raises DatasetError when the file cannot be read or has no such column.
    """
    path, column = _parse_source(source)
    group_of = _column(path, read_csv_by_id(path, task), column)
    return Groups(path, column, {same_name_key(i): same_name_key(group) for i, group in group_of.items()})


def find_groups(source: str, dataset: Path, written: str = "") -> str:
    """Return `CSV:COLUMN` with the file that is there: the one at the given path, else the one in the dataset folder.

    `written` is how a settings file has it, whose relative paths are meant from its own folder: then two files that
    differ are refused. Raises DatasetError for these, and where there is no file in either place.
    """
    path, column = _parse_source(source)
    relative = _parse_source(written or source)[0]
    beside = dataset / relative
    if path.exists():
        if written and not relative.is_absolute() and beside.is_file() and not _same_bytes(path, beside):
            raise DatasetError(
                f"{source}: got two files, {path} and {beside}, that differ; expected one. Remove the other, or write "
                "the whole path of the one that is meant."
            )
        return source
    if relative.is_absolute() or beside == path:
        raise DatasetError(f"{path}: no such file; expected the CSV of the groups. Check the path.")
    if not beside.exists():
        raise DatasetError(
            f"{path}: no such file, and no {beside} either; expected the CSV of the groups. Put it into one of these "
            "folders, or correct the path."
        )
    return f"{beside}:{column}"


def read_csv_by_id(path: Path, task: Task | None = None, ids: Collection[str] = ()) -> pd.DataFrame:
    """Read a CSV with a column of ids: all cells as text without blanks around, indexed by id.

    task  its headings of the column of ids are known beside `id` and `filename`
    ids   are known ids: what looks like an extension in them is a part of the id

    Raises DatasetError when it cannot be read, with every problem; see `submission.table.read_table`.
    """
    try:
        taken = {column.heading.lower() for column in task.columns} if task else set()  # a second key may be an `id`
        known = (*(name for name in ID_COLUMNS if name not in taken), *(task.id_columns if task else ()))
        headings = tuple(dict.fromkeys(known))
        table = read_table(Path(path), headings, ids, extension=task is not None and task.layout.extension)
    except LabelFileError as error:
        raise DatasetError(*error.problems) from None
    # every cell is text: `NA` and `1e5` are valid ids
    index = pd.Index(list(table.rows), name="id", dtype=object)
    return pd.DataFrame(list(table.rows.values()), index=index, columns=list(table.columns), dtype=object)


def _parse_source(source: str) -> tuple[Path, str]:
    """Return the file and the column of `CSV:COLUMN`. Raises ConfigError for another form."""
    path, _, column = source.rpartition(":")
    if not path or not column.strip():
        raise ConfigError(f"groups: got {quoted(source)}; expected CSV:COLUMN, such as norms.csv:concept.")
    return Path(path), column.strip()


def _same_bytes(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other) or read_regular(one) == read_regular(other)
    except OSError:  # reported where the file is read
        return True


def _column(path: Path, frame: pd.DataFrame, column: str) -> dict[str, str]:
    """Return id → cell of a column. Raises DatasetError when there is none of this name, or several."""
    key = same_name_key(column)
    places = [place for place, name in enumerate(frame.columns) if same_name_key(name) == key]
    if len(places) == 1:
        return dict(zip(frame.index, frame.iloc[:, places[0]], strict=True))
    if places:
        raise DatasetError(f"{path}: got {len(places)} columns {quoted(column)}; expected one. Rename the others.")
    found = ", ".join(cut(name) for name in ["id", *frame.columns[:5]])
    more = ", …" if len(frame.columns) > 5 else ""
    raise DatasetError(f"{path}: no column {quoted(column)} (found {found}{more}).")
