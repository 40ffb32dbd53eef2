"""The folders of five image-sentiment sets as they are distributed: one function per layout, folder → `Found`.

An image that is listed but absent is reported and left out: the larger sets are lists of links, and links die. Whatever
makes a set unusable - no list, no images, unknown labels, names outside the folder - is a DatasetError.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mediaeval.errors import DatasetError, first_few
from mediaeval.experiments.datasets.lists import (
    NEGATIVE,
    POSITIVE,
    count_images,
    folder_of_images,
    id_of,
    image_files,
    parse_categories,
    parse_labelled,
    parse_names,
    parse_urls,
    raise_problems,
    read_text,
)
from mediaeval.experiments.datasets.splits import Split

# Fine class → polarity. EmotionROI and FI as in Pournaras et al. 2021 (SMAP); WEBEmo in the order of its indices.
EMOTIONROI = dict.fromkeys(("anger", "disgust", "fear", "sadness"), NEGATIVE) | dict.fromkeys(
    ("joy", "surprise"), POSITIVE
)
FI = dict.fromkeys(("anger", "disgust", "fear", "sadness"), NEGATIVE) | dict.fromkeys(
    ("amusement", "awe", "contentment", "excitement"), POSITIVE
)
_WEBEMO = (
    "+affection +cheerfulness -confusion +contentment -disappointment -disgust +enthrallment -envy -exasperation "
    "+gratitude -horror -irritability +lust -neglect -nervousness +optimism +pride -rage +relief -sadness -shame "
    "-suffering +surprise -sympathy +zest"
)
WEBEMO = {word[1:]: POSITIVE if word[0] == "+" else NEGATIVE for word in _WEBEMO.split()}
_AGREED = {5: "five|5", 4: "four|4", 3: "three|3"}


@dataclass
class Found:
    """What a folder holds: images by id, their polarity and, where the set has them, their emotions."""

    paths: dict[str, Path]
    labels: dict[str, str]
    emotions: dict[str, str] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)  # listed, but not in the folder
    shipped: list[Split] = field(default_factory=list)  # from the folder's own files, without absent images
    notes: list[str] = field(default_factory=list)


def read_twitter1(folder: Path, agreed: int) -> Found:
    """TwitterI: images in Agg_AMT_Candidates/ or images/; lists of names with 0 or 1, or folds of such lists.

    Lists are called five_agrees.txt, twitter_five_agrees.txt, five_agree.txt …; folds five_agrees/test1/train.txt …
    Both lie in the folder itself or in ground_truth/. Sets are cumulative: stricter lists are included where present.
    """
    problems: list[str] = []
    notes: list[str] = []
    _, files = folder_of_images(folder, ("Agg_AMT_Candidates", "images"), problems)
    listed: dict[str, str] = {}
    folds: list[Split] = []
    for level in range(agreed, 6):
        of_level, of_folds = _agreed_lists(folder, level, problems)
        if level == agreed:
            folds = of_folds
            if not of_level:
                raise_problems([*problems, _no_list(folder, agreed)])
        elif more := [i for i in of_level if i not in listed]:
            notes.append(
                f"{count_images(len(more))} of the {level}-agree list not in the {agreed}-agree list: included, since "
                "the sets are cumulative"
            )
        if other := [i for i in of_level if listed.get(i, of_level[i]) != of_level[i]]:
            notes.append(
                f"different label in the {level}-agree list: {first_few(other)}; that of the {agreed}-agree is kept"
            )
        listed = of_level | listed
    raise_problems(problems)
    found = _present(folder, files, listed, notes)
    found.shipped = [fold.without(found.absent) for fold in folds]
    return found


def _agreed_lists(folder: Path, agreed: int, problems: list[str]) -> tuple[dict[str, str], list[Split]]:
    """Return id → polarity from the list of one level, or from all its folds; and the folds."""
    pattern = re.compile(rf"(.*[^a-z0-9])?({_AGREED[agreed]})[ _-]?agrees?", re.IGNORECASE)
    entries = [p for place in (folder, folder / "ground_truth") if place.is_dir() for p in sorted(place.iterdir())]
    lists = [p for p in entries if p.suffix.lower() == ".txt" and pattern.fullmatch(p.stem) and p.is_file()]
    folders = [p for p in entries if p.is_dir() and pattern.fullmatch(p.name)]
    if len(lists) > 1 or len(folders) > 1:
        problems.append(
            f"{folder}: several lists of {agreed}-agree ({first_few([str(p) for p in (*lists, *folders)])}). Keep one."
        )
    labels: dict[str, str] = {}
    for path in lists[:1]:
        labels = _by_id(parse_labelled(read_text(path), path, problems))
    folds: list[Any] = []
    from_folds: dict[str, str] = {}
    for fold in sorted((p for p in folders[0].glob("test*") if p.is_dir()), key=_natural) if folders else []:
        sides = []
        for name in ("train.txt", "test.txt"):
            side = _by_id(parse_labelled(read_text(fold / name), fold / name, problems))
            sides.append(side)
            from_folds |= side
        folds.append(Split(tuple(sides[0]), (), tuple(sides[1])))
    return labels or from_folds, folds


def _no_list(folder: Path, agreed: int) -> str:
    word = _AGREED[agreed].partition("|")[0]
    votes = (
        f" {folder / 'amt_result.csv'} alone is not enough: nothing says which column counts positive votes."
        if (folder / "amt_result.csv").is_file()
        else ""
    )
    return (
        f"{folder}: no list of the {agreed}-agree images. Looked for {word}_agrees.txt (also {word}_agree.txt, "
        f"twitter_{word}_agrees.txt) and {word}_agrees/test1/train.txt, there and in ground_truth/.{votes}"
    )


def read_twitter2(folder: Path) -> Found:
    """TwitterII: images in partition1/ … partition5/, and groundTruthLabel.txt with ids, tabs and polarities."""
    problems: list[str] = []
    truth = _one_of(folder, ("groundTruthLabel.txt",))
    places = [p for top in (folder, folder / "images") if top.is_dir() for p in top.iterdir() if p.is_dir()]
    places = sorted((p for p in places if re.fullmatch(r"partition[ _-]?\d+", p.name, re.IGNORECASE)), key=_natural)
    if truth is None:
        problems.append(f"{folder}: no groundTruthLabel.txt.")
    if len(places) < 2:
        problems.append(f"{folder}: got {len(places)} of the folders partition1 … partition5, which are the folds.")
    raise_problems(problems)
    assert truth is not None, "its absence is a problem"
    partition: dict[str, Path] = {}
    files: dict[str, Path] = {}
    for place in places:
        for image_id, path in image_files(place, problems).items():
            if image_id in files:
                problems.append(f"{folder}: {image_id} is in {partition[image_id].name} and {place.name}. Keep one.")
            files[image_id], partition[image_id] = path, place
    listed = _by_id(parse_labelled(read_text(truth), truth, problems))
    raise_problems(problems)
    notes = [] if len(places) == 5 else [f"{len(places)} partitions; 5 are published"]
    if unlabelled := [i for i in files if i not in listed]:
        notes.append(f"{count_images(len(unlabelled))} without a label left out: {first_few(unlabelled)}")
    found = _present(folder, files, listed, notes)
    for place in places:
        test = tuple(i for i in found.paths if partition[i] == place)
        found.shipped.append(Split(tuple(i for i in found.paths if partition[i] != place), (), test))
    return found


def read_emotionroi(folder: Path) -> Found:
    """EmotionROI: images/CLASS/N.jpg, and training_testing_split/training.txt and testing.txt with `CLASS/N.jpg`."""
    problems: list[str] = []
    lists = [
        _one_of(folder / "training_testing_split", names)
        for names in (("training.txt", "train.txt"), ("testing.txt", "test.txt"))
    ]
    if not (folder / "images").is_dir():
        problems.append(f"{folder}: no folder images/ with a folder for each of {', '.join(sorted(EMOTIONROI))}.")
    present = [path for path in lists if path is not None]
    if len(present) < len(lists):
        problems.append(f"{folder}: no training_testing_split/training.txt, or no testing.txt beside it.")
    raise_problems(problems)
    files = image_files(folder / "images", problems, deep=True)
    sides: list[list[str]] = []
    for path in present:
        ids = [id_of(name.removeprefix("images/")) for name in parse_names(read_text(path), path, problems)]
        unknown = sorted({i.rpartition("/")[0] for i in ids} - set(EMOTIONROI))
        problems += [f"{path}: got class '{c}'; expected one of {', '.join(sorted(EMOTIONROI))}." for c in unknown]
        sides.append(list(dict.fromkeys(ids)))
    if both := set(sides[0]) & set(sides[1]):
        problems.append(
            f"{folder}: {count_images(len(both))} in both lists ({first_few(sorted(both))}). Keep each in one."
        )
    raise_problems(problems)
    train, test = map(len, sides)
    share = 100 * test / max(train + test, 1)
    notes = [
        f"shipped split: {train} for training, {test} for testing, {100 - share:.0f}/{share:.0f} (SMAP 2021 says 80/20)"
    ]
    emotions = {i: i.rpartition("/")[0] for side in sides for i in side}
    if unlisted := [i for i in files if i not in emotions]:
        notes.append(f"{count_images(len(unlisted))} in neither list left out: {first_few(unlisted)}")
    found = _present(folder, files, {i: EMOTIONROI[c] for i, c in emotions.items()}, notes, emotions)
    found.shipped = [Split(tuple(sides[0]), (), tuple(sides[1])).without(found.absent)]
    return found


def read_fi(folder: Path) -> Found:
    """FI: a folder of images for each of eight emotions, in the folder itself or in images/; there is no list."""
    problems: list[str] = []
    top = folder / "images" if (folder / "images").is_dir() else folder
    places = {p.name.lower(): p for p in sorted(top.iterdir()) if p.is_dir() and not p.name.startswith(".")}
    if not set(places) & set(FI):
        raise DatasetError(f"{top}: none of the folders {', '.join(sorted(FI))}. Give the folder that holds them.")
    files: dict[str, Path] = {}
    emotions: dict[str, str] = {}
    for name, place in places.items():
        of_class = image_files(place, problems)
        if of_class and name not in FI:
            problems.append(f"{place}: got emotion '{name}'; expected one of {', '.join(sorted(FI))}.")
        files |= {f"{name}/{i}": path for i, path in of_class.items()}
        emotions |= {f"{name}/{i}": name for i in of_class}
    raise_problems(problems)
    return _present(folder, files, {i: FI[c] for i, c in emotions.items()}, [], emotions)


def read_webemo(folder: Path) -> Found:
    """WEBEmo: train25.txt and test25.txt with a URL and a class index per line, category.txt with the classes.

    The images are anywhere below the folder, named like the end of their URL or INDEX_NAME. Subfolders called train,
    test, or after a class or its index, narrow down which line an image belongs to. An image that lines of several
    parts or classes could refer to is left out.
    """
    problems: list[str] = []
    lists = {part: _one_of(folder, (f"{part}25.txt",)) for part in ("train", "test")}
    problems += [f"{folder}: no {part}25.txt." for part, path in lists.items() if path is None]
    raise_problems(problems)
    classes = list(WEBEMO)
    if categories := _one_of(folder, ("category.txt",)):
        classes = parse_categories(read_text(categories), categories, WEBEMO, problems)
    raise_problems(problems)
    files = image_files(folder, problems, deep=True)
    by_name: dict[str, list[str]] = {}
    for image_id in files:
        by_name.setdefault(image_id.rpartition("/")[2], []).append(image_id)

    meant: dict[str, set[tuple[str, int]]] = {}  # image id → (part, class) that the lists give it
    absent, listed = [], {}
    for part, path in lists.items():
        assert path is not None, "its absence is a problem"
        entries = parse_urls(read_text(path), path, len(classes), problems)
        listed[part] = len(entries)
        for name, index in entries:
            named = [i for stem in (f"{index}_{id_of(name)}", id_of(name)) for i in by_name.get(stem, [])]
            fitting = [i for i in named if _may_be(i, part, {str(index), classes[index]}, classes)]
            if fitting:
                meant.setdefault(fitting[0], set()).add((part, index))
            else:
                absent.append(name)
    raise_problems(problems)
    notes = [f"listed: {listed['train']} for training, {listed['test']} for testing; published 213952 and 53489"]
    sure = {i: said.pop() for i, said in meant.items() if len(said) == 1}
    if unsure := [i for i in meant if i not in sure]:
        notes.append(
            f"{count_images(len(unsure))} left out: several classes or parts end in the name: {first_few(unsure)}"
        )
    emotions = {i: classes[index] for i, (_, index) in sure.items()}
    found = _present(folder, files, {i: WEBEMO[c] for i, c in emotions.items()}, notes, emotions)
    _note_absent(found, absent)
    train, test = (tuple(i for i, (p, _) in sure.items() if p == part) for part in lists)
    found.shipped = [Split(train, (), test)]
    return found


def _may_be(image_id: str, part: str, own: set[str], classes: list[str]) -> bool:
    """Return whether the names of an image's folders agree with its part and its class."""
    folders = set(image_id.lower().split("/")[:-1])
    of_class = folders & {*classes, *map(str, range(len(classes)))}
    return (not folders & {"train", "test"} or part in folders) and (not of_class or bool(of_class & own))


def _present(
    folder: Path,
    files: dict[str, Path],
    listed: dict[str, str],
    notes: list[str],
    emotions: dict[str, str] | None = None,
) -> Found:
    """Return the listed images that exist, and note the others. Raises DatasetError when none exists."""
    there = [i for i in listed if i in files]
    if not there:
        raise DatasetError(
            f"{folder}: none of {count_images(len(listed))} listed is there ({first_few(listed)}); found "
            f"{count_images(len(files))} with other names. Put the images where the set has them."
        )
    found = Found(
        {i: files[i] for i in there},
        {i: listed[i] for i in there},
        {i: emotions[i] for i in there} if emotions else {},
        notes=notes,
    )
    _note_absent(found, [i for i in listed if i not in files])
    return found


def _note_absent(found: Found, absent: list[str]) -> None:
    if absent:
        found.absent += absent
        found.notes.append(f"{count_images(len(absent))} listed but absent, left out: {first_few(absent)}")


def _by_id(labels: dict[str, str]) -> dict[str, str]:
    return {id_of(name): label for name, label in labels.items()}


def _one_of(folder: Path, names: tuple[str, ...]) -> Path | None:
    """Return the file with one of these names, in any case; None where there is none."""
    if not folder.is_dir():
        return None
    by_name = {p.name.lower(): p for p in sorted(folder.iterdir()) if p.is_file()}
    return next((by_name[name.lower()] for name in names if name.lower() in by_name), None)


def _natural(path: Path) -> int:
    """Return the number at the end of a name, so that test10 comes after test9."""
    digits = re.search(r"\d+$", path.name)
    return int(digits[0]) if digits else 0
