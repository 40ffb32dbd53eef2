"""Reading what image-sentiment sets come with: lists of names and labels, folders of images.

Functions that may find several problems add sentences to `problems`, so that all are reported at once. A name in a
list is always a path relative to the folder of the list.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mediaeval.errors import DatasetError, first_few, first_problems
from submission.filekind import file_kind
from submission.image_files import IMAGE_SUFFIXES, USUAL_SUFFIXES, VIDEO_SUFFIXES
from submission.reading import read_regular
from submission.wording import quoted

HEADINGS = ("sentiment", "label", "labels", "polarity", "class")  # of the labels in a list, in lower case

NEGATIVE, POSITIVE = "negative", "positive"
POLARITIES = {"0": NEGATIVE, "negative": NEGATIVE, "1": POSITIVE, "positive": POSITIVE}


def count_images(n: int) -> str:
    """Return a number of images in words: `1 image`, `2 images`."""
    return f"{n} image" + "s" * (n != 1)


def raise_problems(problems: list[str]) -> None:
    """Raise DatasetError with the problems, if there are any; only the first twenty are listed."""
    if problems:
        raise DatasetError(*first_problems(problems, 20))


def read_text(path: Path) -> str:
    """Return a list file's text. Raises DatasetError when it cannot be read, is of another kind or is not UTF-8."""
    try:
        data = read_regular(path)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from None
    if kind := file_kind(data):
        raise DatasetError(f"{path}: got {kind.name}; expected a text file. {kind.remedy}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DatasetError(f"{path} is not UTF-8 text. Save it as UTF-8.") from None


def parse_names(text: str, source: object, problems: list[str]) -> list[str]:
    """Return the names in a list, one per line; empty lines are skipped, unsafe names are problems."""
    names = []
    for number, name in _lines(text):
        if _is_inside(name, f"{source}:{number}", problems):
            names.append(name)
    return names


def parse_labelled(text: str, source: object, problems: list[str]) -> dict[str, str]:
    """Return name → polarity of a list whose lines hold a name and, after a space or tab, a label: 0, 1, or the word.

    A first line with headings, such as `Image` and `Sentiment`, is skipped. Problems: a line without a label, an
    unknown label, a name that leads out of the folder, a name with two labels.
    """
    labels: dict[str, str] = {}
    for place, (number, line) in enumerate(_lines(text)):
        where = f"{source}:{number}"
        name, word = _split_last(line)
        if not name:
            problems.append(f"{where}: {quoted(line)} has no label; expected NAME LABEL.")
            continue
        polarity = POLARITIES.get(word.lower())
        if place == 0 and word.lower() in HEADINGS:
            continue
        if polarity is None:
            problems.append(f"{where}: got label {quoted(word)}; expected one of {', '.join(POLARITIES)}.")
        elif _is_inside(name, where, problems) and labels.setdefault(name, polarity) != polarity:
            problems.append(f"{where}: {name} is both positive and negative. Keep one line.")
    return labels


def parse_urls(text: str, source: object, n_classes: int, problems: list[str]) -> list[tuple[str, int]]:
    """Return (file name, class index) of a list whose lines hold a URL and an index from 0.

    The file name is the last part of the URL, under which the file is saved when it is downloaded. Problems: a line in
    another format, an index that is not a class, a URL without a file name.
    """
    entries = []
    for number, line in _lines(text):
        url, index = _split_last(line)
        name = re.split(r"[?#]", url, maxsplit=1)[0].rpartition("/")[2]
        if not (index.isascii() and index.isdigit()) or int(index[:9]) >= n_classes:
            problems.append(f"{source}:{number}: got class '{index}'; expected an integer from 0 to {n_classes - 1}.")
        elif name in ("", ".", "..") or "\\" in name or "\0" in name:
            problems.append(f"{source}:{number}: '{url}' does not end in a file name.")
        else:
            entries.append((name, int(index)))
    return entries


def parse_categories(text: str, source: object, known: dict[str, str], problems: list[str]) -> list[str]:
    """Return the fine classes of WEBEmo's category.txt in the order of their indices.

    A line is a triple such as `('affection', 'love', '+')`: fine class, emotion, sign. As it was released, the file is
    Python, `labels=[('affection', 'love', '+'), …]`: triples are taken in order. Comments, which begin with #, are
    skipped. `known`: fine class → polarity. Problems: a class that is unknown or listed twice, a sign that contradicts
    `known`, a missing class.
    """
    signs = {"+": POSITIVE, "-": NEGATIVE, "1": POSITIVE, "0": NEGATIVE, POSITIVE: POSITIVE, NEGATIVE: NEGATIVE}
    classes: list[str] = []
    for number, line in _triples(text):
        words = re.findall(r"[^\s,()'\"]+", line)
        fine = SPELLINGS.get(words[0].lower(), words[0].lower()) if words else ""
        sign = signs.get(words[-1].lower().replace("−", "-")) if len(words) == 3 else None
        if fine not in known or fine in classes:
            what = "is listed twice" if fine in classes else "is not a class of this set"
            problems.append(f"{source}:{number}: {quoted(fine)} {what}.")
        elif sign != known[fine]:
            problems.append(f"{source}:{number}: got {line}; expected ('{fine}', EMOTION, SIGN), {known[fine]}.")
        classes.append(fine)
    if len(classes) != len(known):
        problems.append(f"{source}: got {len(classes)} classes; expected {len(known)}.")
    return classes


SPELLINGS = {"cheerfullness": "cheerfulness", "irritabilty": "irritability"}  # as in WEBEmo's file


def id_of(name: str) -> str:
    """Return a name without its image or video suffix; any other dot is part of the name."""
    path = PurePosixPath(name)
    known = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)
    return str(path.with_suffix("")) if path.suffix.lower() in known else str(path)


def image_files(folder: Path, problems: list[str], *, deep: bool = False) -> dict[str, Path]:
    """Return the images of a folder, id → file. An id is the path below the folder, with `/`, without the suffix.

    `deep`: search subfolders as well. Hidden files are skipped. Problems: two images with one id. Raises DatasetError
    where there are videos and no images.
    """
    found: dict[str, Path] = {}
    videos = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".")) if deep else []
        for name in sorted(names):
            path = Path(place) / name
            suffix = path.suffix.lower()
            if name.startswith("."):
                continue
            if suffix in VIDEO_SUFFIXES:
                videos.append(path)
            elif suffix in IMAGE_SUFFIXES:
                image_id = id_of(path.relative_to(folder).as_posix())
                if image_id in found:
                    problems.append(
                        f"{image_id}: two image files ({found[image_id].name}, {name}) in {folder}; keep one."
                    )
                found[image_id] = path
    if videos and not found:
        raise DatasetError(
            f"{folder} holds videos ({first_few(v.name for v in videos)}) and no images; expected images "
            f"({', '.join(USUAL_SUFFIXES)}). Extract frames from the videos, or give the set's image folder."
        )
    return found


def folder_of_images(folder: Path, names: tuple[str, ...], problems: list[str]) -> tuple[Path, dict[str, Path]]:
    """Return the first of the subfolders `names` that exists, or else `folder` itself, and its images."""
    place = next((folder / name for name in names if (folder / name).is_dir()), folder)
    return place, image_files(place, problems)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, line without surrounding whitespace) for every line that is not empty."""
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if line := line.strip():
            yield number, line


def _triples(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, what is in a pair of brackets) of every line, or the line where it has no brackets.

    Comments and what else there is in a line of Python are skipped.
    """
    for number, line in _lines(text):
        if line.startswith("#"):
            continue
        if found := re.findall(r"\([^()]*\)", line):
            yield from ((number, triple) for triple in found)
        elif not re.fullmatch(r"(\w+\s*=\s*)?[\[\](),]*", line):
            yield number, line


def _split_last(line: str) -> tuple[str, str]:
    """Split a line at its last whitespace, since names may contain spaces; two empty strings where there is none."""
    parts = line.rsplit(maxsplit=1)
    return (parts[0], parts[1]) if len(parts) == 2 else ("", "")


def _is_inside(name: str, where: str, problems: list[str]) -> bool:
    """Return whether a name stays in its folder and may be an image; otherwise add a sentence to `problems`."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or re.match(r"[A-Za-z]:", name):
        problems.append(f"{where}: {name!r} leads out of the folder. Write names relative to it.")
        return False
    if path.suffix.lower() in VIDEO_SUFFIXES:
        problems.append(f"{where}: {name} is a video; expected an image.")
        return False
    return True
