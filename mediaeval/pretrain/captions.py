"""Captioned videos in the layout of danieljf24/dual_encoding: reading and checking the folder of one collection.

    FOLDER/FeatureData/FEATURE/   id.txt, shape.txt, feature.bin: a vector for every frame (`BigFile`)
    FOLDER/FeatureData/FEATURE/video2frames.txt   {'video0': ['video0_0', 'video0_1', …], …}: frames in their order
    FOLDER/TextData/NAME.caption.txt              a line per caption: video0#0 a man is talking
    FOLDER/word2vec/              optional: vectors of words, in the files of a feature folder

`video2frames.txt` may also lie in FeatureData itself. Of two caption files the one with `val` in its name is for
validation; with one file a share of its videos is held out.

All text is read as ISO-8859-1, as the public code reads id.txt: each byte is a character, so an id in any alphabet is
the same in each file, and words consist of A–Z and 0–9 only.
"""

import ast
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mediaeval.errors import DatasetError, UserError, choose, first_few
from mediaeval.pretrain.bigfile import BigFile

ENCODING = "iso-8859-1"
_WORD = re.compile("[A-Za-z0-9]+")


@dataclass(frozen=True)
class Caption:
    """The words of one caption, in lower case, and the id of its video."""

    video: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class CaptionedVideos:
    """Captions for training and for validation, with no video in common, and the frames of each video."""

    train: list[Caption]
    val: list[Caption]
    frames: dict[str, list[str]]  # video id → ids of its frames, in order
    features: BigFile
    word_vectors: BigFile | None
    feature: str  # name of the feature folder


def words_of(text: str) -> tuple[str, ...]:
    """Return the words as the public code cleans them: runs of A–Z, a–z and 0–9, in lower case."""
    # interned, since captions repeat few different words millions of times
    return tuple(sys.intern(word.lower()) for word in _WORD.findall(text))


def read_captioned_videos(
    folder: Path, *, feature: str | None = None, val: float = 0.05, seed: int = 0
) -> CaptionedVideos:
    """Read a collection.

    feature  name of the folder in FeatureData; needed if there are several
    val      share of the videos, 0..1, at least one, that are held out with all their captions, drawn by `seed`;
             ignored if there is a caption file for validation

    Raises DatasetError with all problems at once: files missing or damaged, lines that are not captions, videos without
    frames, frames without vectors, videos both in training and in validation.
    """
    problems: list[str] = []
    feature_folder = _feature_folder(Path(folder) / "FeatureData", feature, problems)
    features = _bigfile(feature_folder, problems) if feature_folder else None
    frames = _video2frames(feature_folder, problems) if feature_folder else None
    train, held_out = _captions(Path(folder) / "TextData", problems)
    vectors_folder = Path(folder) / "word2vec"
    word_vectors = _bigfile(vectors_folder, problems) if vectors_folder.exists() else None

    captioned = dict.fromkeys(caption.video for caption in [*train, *held_out])
    if frames is not None:
        if absent := [video for video in captioned if not frames.get(video)]:
            problems.append(_count(absent, "captioned videos have no frames in video2frames.txt"))
        frames = {video: frames[video] for video in captioned if video in frames}
        if features is not None:
            absent = [frame for ids in frames.values() for frame in ids if frame not in features]
            if absent:
                problems.append(_count(absent, f"frames of captioned videos have no vector in {feature_folder}/id.txt"))
    if both := sorted({c.video for c in train} & {c.video for c in held_out}):
        problems.append(_count(both, "videos are captioned both for training and for validation; remove them from one"))
    if not held_out:
        train, held_out = _hold_out(train, val, seed)
    if not problems and len({caption.video for caption in train}) < 2:
        problems.append(f"{folder}: expected captions of at least 2 videos for training, besides those for validation.")
    if problems:
        raise DatasetError(*problems)
    assert feature_folder and features and frames is not None, "what is missing is among the problems"
    return CaptionedVideos(train, held_out, frames, features, word_vectors, feature_folder.name)


def _feature_folder(folder: Path, feature: str | None, problems: list[str]) -> Path | None:
    found = sorted(p.parent.name for p in folder.glob("*/shape.txt"))
    if not found:
        problems.append(
            f"{folder}/FEATURE/shape.txt not found. Expected frame vectors: id.txt, shape.txt and feature.bin."
        )
    elif feature is not None:
        return folder / choose("feature", feature, found)
    elif len(found) > 1:
        problems.append(f"{folder} has several features: {', '.join(found)}. Choose one with the setting 'feature'.")
    else:
        return folder / found[0]
    return None


def _bigfile(folder: Path, problems: list[str]) -> BigFile | None:
    try:
        return BigFile(folder)
    except UserError as error:
        problems.extend(error.problems)
        return None


def _video2frames(feature_folder: Path, problems: list[str]) -> dict[str, list[str]] | None:
    """Return the contents of video2frames.txt; it is parsed as a literal, not executed as in the public code."""
    places = [place / "video2frames.txt" for place in (feature_folder, feature_folder.parent)]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        problems.append(f"{places[0]} and {places[1]} not found. Expected {{'video': ['frame id', …], …}}.")
        return None
    try:
        frames = ast.literal_eval(path.read_text(encoding=ENCODING).strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        problems.append(f"{path} is not a Python literal ({error}). Expected {{'video': ['frame id', …], …}}.")
        return None
    if not isinstance(frames, dict):
        problems.append(f"{path} is a {type(frames).__name__}. Expected {{'video': ['frame id', …], …}}.")
        return None
    strange = [
        repr(video)
        for video, ids in frames.items()
        if not isinstance(video, str) or not isinstance(ids, list | tuple) or not all(isinstance(i, str) for i in ids)
    ]
    if strange:
        problems.append(f"{path}: " + _count(strange, "entries are not 'video': ['frame id', …]"))
        return None
    return frames


def _captions(folder: Path, problems: list[str]) -> tuple[list[Caption], list[Caption]]:
    """Return the captions for training and for validation; the latter are empty if there is only one file."""
    found = sorted(folder.glob("*.caption.txt"))
    val = [path for path in found if "val" in path.name] if len(found) > 1 else []
    train = [path for path in found if path not in val]
    if len(train) != 1 or len(val) > 1:
        names = ", ".join(path.name for path in found) or "none"
        problems.append(
            f"{folder}: got {names}; expected one NAME.caption.txt for training, and at most one with 'val' in its "
            "name for validation."
        )
        return [], []
    return _read_captions(train[0], problems), _read_captions(val[0], problems) if val else []


def _read_captions(path: Path, problems: list[str]) -> list[Caption]:
    captions, strange = [], []
    # split at line feeds only: `splitlines` also splits at 0x85, which is part of some letters in UTF-8
    for number, line in enumerate(path.read_text(encoding=ENCODING).split("\n"), start=1):
        if not line.strip():
            continue
        ident, text, *_ = [*line.strip().split(maxsplit=1), ""]
        video = ident.partition("#")[0].removesuffix(".jpg").removesuffix(".mp4")  # as the public code does
        if not video or not words_of(text):
            strange.append(str(number))
        captions.append(Caption(video, words_of(text)))
    if strange:
        problems.append(
            f"{path}: lines without an id or without a word: {first_few(strange, 5)}. Expected such as: video0#0 a man"
        )
    if not captions:
        problems.append(f"{path} has no captions. Expected lines such as: video0#0 a man")
    return captions


def _hold_out(captions: list[Caption], share: float, seed: int) -> tuple[list[Caption], list[Caption]]:
    videos = sorted({caption.video for caption in captions})
    n = min(max(round(share * len(videos)), 1), len(videos))
    held = {videos[k] for k in np.random.default_rng(seed).permutation(len(videos))[:n]}
    return [c for c in captions if c.video not in held], [c for c in captions if c.video in held]


def _count(names: Sequence[str], what: str) -> str:
    return f"{len(names)} {what}: {first_few(names, 5)}."
