"""Videos of events in the layout of FCVID that the authors of ObjectGraphs use: reading a folder, and its batches.

    FOLDER/R152/<video>.npy            objects, float32 (F, N, W): 9 × 50 × 2048
    FOLDER/R152_global/<video>.npy     whole frames, float32 (F, W): 9 × 2048
    FOLDER/materials/FCVID_VideoName_TrainTestSplit.txt   a line per video: Class/video.mp4 train, or … test
    FOLDER/materials/FCVID_Label.txt   a line per video, in the same order: 0 or 1 for each class (239)

B videos, F frames, N objects, W width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from mediaeval.errors import DatasetError, first_few, first_line, first_problems

OBJECTS, FRAMES = "R152", "R152_global"
SPLIT, LABELS = "materials/FCVID_VideoName_TrainTestSplit.txt", "materials/FCVID_Label.txt"
SIDES = ("train", "test")

EventBatch = tuple[Tensor, Tensor, Tensor]  # objects (B, F, N, W), frames (B, F, W), 0/1 labels (B, classes)


@dataclass(frozen=True)
class Events:
    """Videos with features, for training and for testing, and their labels."""

    folder: Path
    videos: dict[str, list[str]]  # side → videos: paths below R152 and R152_global, without suffix
    labels: dict[str, np.ndarray]  # video → float32 (classes,), 0 or 1
    absent: list[str]  # videos without features, which are left out
    shape: tuple[int, int, int]  # F, N, W of each video

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(next(iter(self.labels.values())))


def read_events(folder: Path) -> Events:
    """Read the split and the labels, and check the header of every array.

    Raises DatasetError, with all problems at once, for lines that are not a video and a side, names that lead out of
    the folder, videos listed twice or on both sides, rows of labels that differ in length or are not 0 or 1, a folder
    without a training video, and arrays that cannot be read or differ in shape from the first video's.
    """
    folder = Path(folder)
    names, sides = _read_split(folder / SPLIT)
    labels = _read_labels(folder / LABELS)
    if len(names) != len(labels):
        raise DatasetError(
            f"{folder / SPLIT} has {len(names)} videos, {folder / LABELS} has {len(labels)} rows; expected a row per "
            "video. Download both again."
        )
    videos: dict[str, list[str]] = {side: [] for side in SIDES}
    absent: list[str] = []
    for name, side in zip(names, sides, strict=True):
        has_features = all(_file(folder, kind, name).is_file() for kind in (OBJECTS, FRAMES))
        listed = videos[side] if has_features else absent
        listed.append(name)
    if not videos["train"]:
        raise DatasetError(
            f"{folder}: none of the {sides.count('train')} training videos has features. Expected "
            f"{OBJECTS}/<video>.npy and {FRAMES}/<video>.npy, such as {OBJECTS}/{names[0]}.npy."
        )
    shape = _common_shape(folder, [name for side in SIDES for name in videos[side]])
    return Events(folder, videos, dict(zip(names, labels, strict=True)), absent, shape)


def _read_split(path: Path) -> tuple[list[str], list[str]]:
    """Return the videos, without suffix, and their sides, in the order of the lines."""
    names: list[str] = []
    sides: list[str] = []
    problems: list[str] = []
    first: dict[str, tuple[int, str]] = {}  # video → the line that lists it, and its side
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        name, side = [*line.rsplit(maxsplit=1), ""][:2]
        parts = PurePosixPath(name.strip()).parts
        if not parts or side not in SIDES:
            problems.append(f"line {number}: '{line.strip()[:80]}' is not a video followed by train or test")
            continue
        if parts[0] == "/" or ".." in parts or "\0" in name:
            problems.append(f"line {number}: '{name.strip()[:80]}' leads out of the folder")
            continue
        video = str(PurePosixPath(name.strip()).with_suffix(""))
        line_before, side_before = first.setdefault(video, (number, side))
        if side_before != side:
            problems.append(f"line {number}: '{video}' is listed both as train and as test")
        elif line_before != number:
            problems.append(
                f"line {number}: '{video}' is already on line {line_before}; keep one of them, and its row of labels"
            )
        names.append(video)
        sides.append(side)
    if problems:
        raise DatasetError(f"{path}: {len(problems)} lines cannot be used.", *first_problems(problems))
    return names, sides


def _read_labels(path: Path) -> np.ndarray:
    """Return labels of 0 and 1, float32 (n_videos, classes)."""
    lines = [line for line in _lines(path) if line.strip()]
    try:
        labels = np.loadtxt(lines, dtype=np.float32, ndmin=2, comments=None)
    except ValueError as error:
        raise DatasetError(f"{path} is not numbers ({error}). Expected a line of 0 and 1 per video.") from error
    strange = np.flatnonzero(~np.isin(labels, (0, 1)).all(axis=1))
    if len(strange):
        rows = [f"row {k + 1} has {labels[k][~np.isin(labels[k], (0, 1))][0]:g}" for k in strange]
        raise DatasetError(f"{path}: {len(strange)} rows have labels other than 0 and 1.", *first_problems(rows))
    if not labels.size:
        raise DatasetError(f"{path} is empty. Expected a line of 0 and 1 per video.")
    return labels


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise DatasetError(f"{path} not found. It is one of the files of FCVID: put it there.") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not text in UTF-8 (byte {error.start}). Download it again.") from error


def _file(folder: Path, kind: str, video: str) -> Path:
    return folder / kind / f"{video}.npy"


def _common_shape(folder: Path, videos: Sequence[str]) -> tuple[int, int, int]:
    """Return F, N and W, which the arrays of all videos have in common; only their headers are read."""
    expected: dict[str, tuple[int, ...]] = {}  # kind → shape, from the first video's objects
    words = {OBJECTS: "(frames, objects, width)", FRAMES: "(frames, width)"}
    problems = []
    for video in videos:
        for kind in (OBJECTS, FRAMES):
            path = _file(folder, kind, video)
            try:
                array = np.load(path, mmap_mode="r", allow_pickle=False)
                found, dtype = array.shape, array.dtype
            except OSError:
                raise
            except Exception as error:  # NumPy evaluates the header; an archive has no shape
                problems.append(f"{path} cannot be read as an array ({first_line(error)[:100]})")
                continue
            if not expected and kind == OBJECTS and len(found) == 3 and 0 not in found:
                expected = {OBJECTS: found, FRAMES: (found[0], found[2])}
            if found != expected.get(kind) or dtype.kind != "f":
                shape = expected.get(kind, words[kind])
                problems.append(f"{path}: got shape {found} of {dtype}; expected {shape} of floats")
    if problems:
        raise DatasetError(f"{folder}: {len(problems)} arrays cannot be used.", *first_problems(problems))
    n_frames, n_objects, width = expected[OBJECTS]
    return n_frames, n_objects, width


def event_batches(events: Events, videos: Sequence[str], batch_size: int, device: torch.device) -> Iterator[EventBatch]:
    """Yield the batches of `videos`, in that order; the last one may be smaller."""
    for start in range(0, len(videos), batch_size):
        part = videos[start : start + batch_size]
        arrays = [_stack(events.folder, kind, part) for kind in (OBJECTS, FRAMES)]
        y = torch.from_numpy(np.stack([events.labels[video] for video in part]))
        yield arrays[0].to(device), arrays[1].to(device), y.to(device)


def _stack(folder: Path, kind: str, videos: Sequence[str]) -> Tensor:
    paths = [_file(folder, kind, video) for video in videos]
    stacked = np.stack([np.load(path, allow_pickle=False).astype(np.float32) for path in paths])
    if not np.isfinite(stacked).all():
        bad = [str(path) for path, array in zip(paths, stacked, strict=True) if not np.isfinite(array).all()]
        raise DatasetError(f"NaN or infinite values in {first_few(bad, 5)}. Compute these features again.")
    return torch.from_numpy(stacked)
