"""Image-sentiment sets beside the task's own: TwitterI, TwitterII, EmotionROI, FI and WEBEmo.

None may be redistributed, so they are read from wherever you have them, in the layouts in which they are distributed.
Images are counted and compared with the published counts; differences are reported in `notes` and never an error.

    found = load_sentiment_set("emotionroi", Path("EmotionROI"))
    found.labels  # image id → negative or positive
    extract(found.dataset, networks, store)
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd

from mediaeval.data.dataset import Dataset
from mediaeval.errors import DatasetError, choose
from mediaeval.experiments.datasets.layouts import (
    EMOTIONROI,
    Found,
    read_emotionroi,
    read_fi,
    read_twitter1,
    read_twitter2,
    read_webemo,
)
from mediaeval.experiments.datasets.lists import count_images
from mediaeval.experiments.datasets.splits import (
    Split,
    disjoint_folds,
    hold_outs,
    read_splits,
    require_sides,
    stratified,
)

STORED = "stored"  # a protocol of every set: the splits in splits.csv
SPLITS_FILE = "splits.csv"
Splitter = Callable[[Found, int], list[Split]]


@dataclass(frozen=True)
class SetEntry:
    """One set: what it is, how its folder is read, what was published about it, and how it is split."""

    title: str
    summary: str
    source: str
    read: Callable[[Path], Found] = field(repr=False)
    published: dict[str, int]  # class → images; `all` where only the total is known
    protocol: str  # the default, in words
    splitters: dict[str, Splitter] = field(repr=False)  # the first is the default


@dataclass(frozen=True)
class SentimentSet:
    """A set as found: only images that exist, joined by id.

    `emotions`: id → emotion, empty where the set has none. `labels`: id → `negative` or `positive`. `notes`: in words,
    every difference from what was published, and what was left out. `absent`: names that are listed but have no image.
    """

    name: str
    protocol: str
    dataset: Dataset
    emotions: pd.Series
    labels: pd.Series
    splits: list[Split]
    notes: tuple[str, ...]
    absent: tuple[str, ...]


def _shipped(found: Found, seed: int) -> list[Split]:
    if not found.shipped:
        raise DatasetError("the folder holds no folds of its own. Choose another protocol.")
    return found.shipped


_TWITTER1: dict[str, Callable[[Found, int], list[Split]]] = {
    "hold-out": lambda found, seed: hold_outs(list(found.labels), seed),
    "folds": lambda found, seed: disjoint_folds(list(found.labels), seed),
    "shipped": _shipped,
}
_SHIPPED: dict[str, Callable[[Found, int], list[Split]]] = {"shipped": _shipped}


def _twitter1(agreed: int, positive: int, negative: int) -> SetEntry:
    return SetEntry(
        f"TwitterI, {agreed}-agree",
        f"images of tweets; at least {agreed} of 5 workers agreed",
        "You et al. 2015",
        partial(read_twitter1, agreed=agreed),
        {"negative": negative, "positive": positive},
        "five random splits 80/20, mean accuracy; an image may be tested several times",
        _TWITTER1,
    )


SENTIMENT_SETS: dict[str, SetEntry] = {
    "twitter1-5": _twitter1(5, positive=581, negative=301),
    "twitter1-4": _twitter1(4, positive=689, negative=427),
    "twitter1-3": _twitter1(3, positive=769, negative=500),
    "twitter2": SetEntry(
        "TwitterII",
        "images of tweets on 21 topics",
        "Borth et al. 2013",
        read_twitter2,
        {"negative": 133, "positive": 470},
        "the set's own five partitions, each tested once",
        _SHIPPED,
    ),
    "emotionroi": SetEntry(
        "EmotionROI",
        "Flickr images of six emotions; joy and surprise are positive",
        "Peng et al. 2016",
        read_emotionroi,
        dict.fromkeys(EMOTIONROI, 330),
        "the set's own training.txt and testing.txt",
        _SHIPPED,
    ),
    "fi": SetEntry(
        "FI",
        "Flickr and Instagram images of eight emotions, four of them positive",
        "You et al. 2016",
        read_fi,
        {
            "amusement": 4942,
            "anger": 1266,
            "awe": 3151,
            "contentment": 5374,
            "disgust": 1658,
            "excitement": 2963,
            "fear": 1032,
            "sadness": 2922,
        },
        "one random split 80/5/15, the same shares of every emotion",
        {"random": lambda found, seed: [stratified(found.emotions, seed)]},
    ),
    "webemo": SetEntry(
        "WEBEmo",
        "stock photographs of 25 emotions; confusion is negative, surprise positive",
        "Panda et al. 2018",
        read_webemo,
        {"all": 267441},
        "the set's own train25.txt and test25.txt",
        _SHIPPED,
    ),
}


def load_sentiment_set(name: str, folder: Path, seed: int = 0, protocol: str | None = None) -> SentimentSet:
    """Read the set called `name` from `folder`.

    `protocol`: one of the ways to split in the set's entry (TwitterI: hold-out, folds as in Campos et al. 2017, or
    shipped), or `stored` for the splits in `splits.csv` (see `write_splits`; experiments write such files); None is
    the first. `seed` draws random splits. Raises ConfigError for an unknown name or protocol; DatasetError when files
    are missing, with what was looked for, or when a list cannot be used, with all its problems.
    """
    entry = SENTIMENT_SETS[choose("sentiment set", name, SENTIMENT_SETS)]
    protocol = choose(f"protocol of {name}", protocol or next(iter(entry.splitters)), [*entry.splitters, STORED])
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise DatasetError(f"{folder} {what}. Give the folder of {entry.title}.")
    found = entry.read(folder)
    notes = [*_count_notes(entry, found), *found.notes]
    if protocol == STORED:
        splits, gone = _known(read_splits(folder / SPLITS_FILE), found)
        notes += [f"{count_images(len(gone))} of {SPLITS_FILE} not in the set, left out"] if gone else []
    else:
        splits = entry.splitters[protocol](found, seed)
    require_sides(splits, f"{folder}, protocol {protocol}")
    ids = tuple(found.labels)
    index = pd.Index(ids, name="id")
    return SentimentSet(
        name=name,
        protocol=protocol,
        dataset=Dataset(folder, ids, found.paths, missing=(), table=None),
        emotions=pd.Series(found.emotions, index=index if found.emotions else [], name="emotion", dtype=object),
        labels=pd.Series(found.labels, index=index, name="label", dtype=object),
        splits=splits,
        notes=tuple(notes),
        absent=tuple(found.absent),
    )


def _count_notes(entry: SetEntry, found: Found) -> list[str]:
    """Return a note on every class whose count differs from the published one."""
    have = Counter(found.emotions.values() or found.labels.values()) | Counter({"all": len(found.labels)})
    wrong = [f"{c} {have[c]}, published {n}" for c, n in entry.published.items() if have[c] != n]
    return [f"counts found: {'; '.join(wrong)}"] if wrong else []


def _known(splits: list[Split], found: Found) -> tuple[list[Split], list[str]]:
    """Return the splits without images that are not in the set, and those images."""
    stored = {i for split in splits for part in (split.train, split.validation, split.test) for i in part}
    gone = sorted(stored - set(found.labels))
    return [split.without(gone) for split in splits], gone
