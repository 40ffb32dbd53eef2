"""Reading what image-sentiment sets come with: lists of names and labels, folders of images.

Functions that find more than one thing wrong add sentences to `problems`, so that everything is told at once. A name
in a list is only ever a path below the folder that it is meant from.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mediaeval.errors import DatasetError, first_few, first_problems
from submission.labels import IMAGE_SUFFIXES

VIDEO_SUFFIXES = (".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")
OTHER_SUFFIXES = (".bmp", ".gif", ".tif", ".tiff")  # images that are not read; as part of a name they are no id

NEGATIVE, POSITIVE = "negative", "positive"
POLARITIES = {"0": NEGATIVE, "negative": NEGATIVE, "1": POSITIVE, "positive": POSITIVE}


def images(n: int) -> str:
    """Return `n` in words: `1 image`, `2 images`."""
    return f"{n} image" + "s" * (n != 1)


def raise_problems(problems: list[str]) -> None:
    """Raise DatasetError with the problems, if there are any; more than twenty are counted."""
    if problems:
        raise DatasetError(*first_problems(problems, 20))


def read_text(path: Path) -> str:
    """Return a list file's text. Raises DatasetError when it cannot be read or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DatasetError(f"{path} is not UTF-8 text. Save it as UTF-8.") from None
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from None


def parse_names(text: str, source: object, problems: list[str]) -> list[str]:
    """Return the names in a list, a name a line; empty lines are passed over, unsafe names are problems."""
    names = []
    for number, name in _lines(text):
        if _is_inside(name, f"{source}:{number}", problems):
            names.append(name)
    return names


def parse_labelled(text: str, source: object, problems: list[str]) -> dict[str, str]:
    """Return name → polarity of a list with a name and, after a blank or tab, a label a line: 0, 1, or the word.

    Problems: a line without a label, a label that is no polarity, a name that leaves the folder, one with two labels.
    """
    labels: dict[str, str] = {}
    for number, line in _lines(text):
        where = f"{source}:{number}"
        name, word = _split_last(line)
        if not name:
            problems.append(f"{where}: '{line}' is a name without a label; NAME LABEL is wanted.")
            continue
        polarity = POLARITIES.get(word.lower())
        if polarity is None:
            problems.append(f"{where}: label '{word}'; {', '.join(POLARITIES)} is wanted.")
        elif _is_inside(name, where, problems) and labels.setdefault(name, polarity) != polarity:
            problems.append(f"{where}: {name} is both positive and negative. Keep one line.")
    return labels


def parse_urls(text: str, source: object, n_classes: int, problems: list[str]) -> list[tuple[str, int]]:
    """Return (file name, class index) of a list with an address and an index from 0 a line.

    The file name is the last part of the address, which is what a download calls the file. Problems: a line of
    another form, an index that is no class, an address that ends in no name.
    """
    entries = []
    for number, line in _lines(text):
        url, index = _split_last(line)
        name = re.split(r"[?#]", url, maxsplit=1)[0].rpartition("/")[2]
        if not (index.isascii() and index.isdigit()) or int(index[:9]) >= n_classes:
            problems.append(f"{source}:{number}: class '{index}'; a whole number from 0 to {n_classes - 1} is wanted.")
        elif name in ("", ".", "..") or "\\" in name or "\0" in name:
            problems.append(f"{source}:{number}: '{url}' ends in no file name.")
        else:
            entries.append((name, int(index)))
    return entries


def parse_categories(text: str, source: object, known: dict[str, str], problems: list[str]) -> list[str]:
    """Return the fine classes of WEBEmo's category.txt in the order of their indices.

    A line is a triple such as `('affection', 'love', '+')`: fine class, emotion, sign. `known`: fine class → polarity.
    Problems: a class that is not known or stands twice, a sign that is not the known one, another number of classes.
    """
    signs = {"+": POSITIVE, "-": NEGATIVE, "1": POSITIVE, "0": NEGATIVE, POSITIVE: POSITIVE, NEGATIVE: NEGATIVE}
    classes = []
    for number, line in _lines(text):
        words = re.findall(r"[^\s,()'\"]+", line)
        fine = SPELLINGS.get(words[0].lower(), words[0].lower()) if words else ""
        sign = signs.get(words[-1].lower().replace("−", "-")) if len(words) == 3 else None
        if fine not in known or fine in classes:
            what = "stands twice" if fine in classes else "is no class of this set"
            problems.append(f"{source}:{number}: '{fine}' {what}.")
        elif sign != known[fine]:
            problems.append(f"{source}:{number}: '{line}'; ('{fine}', EMOTION, SIGN) is wanted, {known[fine]}.")
        classes.append(fine)
    if len(classes) != len(known):
        problems.append(f"{source}: {len(classes)} classes; {len(known)} are wanted.")
    return classes


SPELLINGS = {"cheerfullness": "cheerfulness", "irritabilty": "irritability"}  # as WEBEmo's file has them


def id_of(name: str) -> str:
    """Return a name without the suffix of an image or a video; other dots belong to the name."""
    path = PurePosixPath(name)
    known = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES, *OTHER_SUFFIXES)
    return str(path.with_suffix("")) if path.suffix.lower() in known else str(path)


def image_files(folder: Path, problems: list[str], *, deep: bool = False) -> dict[str, Path]:
    """Return the images of a folder, id → file: the path below the folder without its suffix, `/` between its parts.

    With `deep` folders within count, too. Hidden files are passed over. Problems: two images with one id. Raises
    DatasetError where there are videos and no image.
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
            f"{folder} holds videos ({first_few(v.name for v in videos)}) and no images. Images are wanted "
            f"({', '.join(IMAGE_SUFFIXES)}): take stills of the videos, or give the set's image folder."
        )
    return found


def folder_of_images(folder: Path, names: tuple[str, ...], problems: list[str]) -> tuple[Path, dict[str, Path]]:
    """Return the first of the folders `names` below `folder` that is there, or `folder` itself, and its images."""
    place = next((folder / name for name in names if (folder / name).is_dir()), folder)
    return place, image_files(place, problems)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, line without blanks around it) for every line that holds anything."""
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if line := line.strip():
            yield number, line


def _split_last(line: str) -> tuple[str, str]:
    """Return what stands before the last blank or tab of a line, and what after it; names may hold blanks."""
    parts = line.rsplit(maxsplit=1)
    return (parts[0], parts[1]) if len(parts) == 2 else ("", "")


def _is_inside(name: str, where: str, problems: list[str]) -> bool:
    """Whether a name stays in its folder and may be an image; else a sentence is added to `problems`."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or re.match(r"[A-Za-z]:", name):
        problems.append(f"{where}: {name!r} lies outside the folder. Write names as they are below it, without a path.")
        return False
    if path.suffix.lower() in VIDEO_SUFFIXES:
        problems.append(f"{where}: {name} is a video; an image is wanted.")
        return False
    return True
