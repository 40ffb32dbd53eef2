"""Training the graph of ObjectGraphs (feature G) on events in videos, in the authors' layout of FCVID.

    FOLDER/R152/<video>.npy            objects, float32 (F, N, W): 9 × 50 × 2048
    FOLDER/R152_global/<video>.npy     whole frames, float32 (F, W): 9 × 2048
    FOLDER/materials/FCVID_VideoName_TrainTestSplit.txt   a line a video: Class/video.mp4 train, or … test
    FOLDER/materials/FCVID_Label.txt   a line a video, in the same order: 0 or 1 for each of the classes (239)

bmezaris/ObjectGraphs trains for 60 epochs and takes the last; so does this. B videos, F frames, N objects, W width.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mediaeval.errors import DatasetError
from mediaeval.features.networks.objectgraphs import EventModel
from mediaeval.pretrain.checks import check_training
from mediaeval.seeding import seeded
from mediaeval.training.loop import LoopOptions, OnProgress, no_progress, train
from mediaeval.training.objective import EpochMetrics, TrainingObjective, all_finite, epoch_rng

OBJECTS, FRAMES = "R152", "R152_global"
SPLIT, LABELS = "materials/FCVID_VideoName_TrainTestSplit.txt", "materials/FCVID_Label.txt"
SIDES = ("train", "test")
STEP, GAMMA = 50, 0.1  # epochs, factor of the rate
_LISTED = 5  # names that a message shows

EventBatch = tuple[Tensor, Tensor, Tensor]  # objects (B, F, N, W), frames (B, F, W), 0/1 labels (B, classes)


@dataclass(frozen=True)
class Events:
    """Videos with features, by side; the labels of each; and what was left out."""

    folder: Path
    videos: dict[str, list[str]]  # side → paths below R152 and R152_global, without suffix
    labels: dict[str, np.ndarray]  # video → float32 (classes,), 0 or 1
    absent: list[str]  # videos without features
    shape: tuple[int, int, int]  # F, N, W of each video

    @property
    def classes(self) -> int:
        return len(next(iter(self.labels.values())))


def train_objectgraphs(
    folder: Path,
    out: Path,
    *,
    epochs: int = 60,
    lr: float = 1e-4,
    batch_size: int = 64,  # of 9 × 50 × 2048 objects: 236 MB
    seed: int = 0,
    device: str | torch.device = "cpu",
    resume: bool = False,
    tell: Callable[[str], None] = lambda text: None,
    on_progress: OnProgress = no_progress,
) -> list[EpochMetrics]:
    """Train the event network on FOLDER's videos, write its graph to `out`, return the history.

    With test videos a row has `map`, their mean average precision over the classes that they have, 0..1; it chooses
    nothing, `out` keeps the last epoch. Videos without features are left out, and told. `load_graph` reads the file.
    Raises DatasetError for a folder that cannot be used and ConfigError for settings, all problems at once.
    """
    check_training({"epochs": epochs, "lr": lr, "batch_size": batch_size, "seed": seed}, out, resume)
    objective = EventObjective(folder, lr=lr, batch_size=batch_size, seed=seed, device=torch.device(device), tell=tell)
    options = LoopOptions(epochs=epochs, seed=seed, device=objective.device, resume=resume)
    return train(objective, options, out, on_progress)


class EventObjective(TrainingObjective[EventBatch]):
    """The event network on the videos of a folder: binary cross entropy and, with test videos, their mean precision."""

    def __init__(
        self,
        folder: Path,
        *,
        lr: float,
        batch_size: int,
        seed: int,
        device: torch.device,
        tell: Callable[[str], None],
    ):
        self.lr, self.batch_size, self.seed, self.device = lr, batch_size, seed, device
        self.events = read_events(folder)
        absent = self.events.absent
        if absent:
            tell(f"{folder}: videos without features, left out: {len(absent)} ({_some(absent)})")
        if not self.events.videos["test"]:
            tell(f"{folder}: no test video has features, so nothing is scored")
        with seeded(seed, torch.device("cpu")):  # drawn on the CPU, whatever the device
            model = EventModel(self.events.classes, self.events.shape[2])
        self.model = model.to(device)
        self.modules = {"model": self.model}
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=lr)
        n_train, n_test = (len(self.events.videos[side]) for side in SIDES)
        frames, objects, width = self.events.shape
        self.metadata = {
            "network": "ObjectGraphs, the graph alone",
            "videos": f"{n_train} for training, {n_test} for testing, {len(absent)} without features",
            "shape": f"{frames} frames, {objects} objects, width {width}, {self.events.classes} classes",
            "lr": f"{lr:g}, × {GAMMA} every {STEP} epochs",
            "batch_size": str(batch_size),
        }

    def batches(self, epoch: int) -> Iterator[EventBatch]:
        videos = self.events.videos["train"]
        order = epoch_rng(self.seed, epoch).permutation(len(videos))
        return tensors(self.events, [videos[k] for k in order], self.batch_size, self.device)

    def loss(self, batch: EventBatch) -> Tensor:
        objects, frames, y = batch
        return binary_cross_entropy_with_logits(self.model(objects, frames), y)

    def size(self, batch: EventBatch) -> int:
        return len(batch[2])

    def lr_at(self, epoch: int, examples: int, history: Sequence[EpochMetrics]) -> float:
        return self.lr * GAMMA ** (epoch // STEP)

    def weights(self) -> Mapping[str, Tensor]:
        return self.model.graph.state_dict()

    def after_epoch(self, epoch: int) -> dict[str, float]:
        if not self.events.videos["test"]:
            return {}
        scores, truth = [], []
        for objects, frames, y in tensors(self.events, self.events.videos["test"], self.batch_size, self.device):
            scores.append(all_finite(self.model(objects, frames), "scores of test videos").cpu().numpy())
            truth.append(y.cpu().numpy())
        return {"map": mean_average_precision(np.concatenate(scores), np.concatenate(truth))}


def read_events(folder: Path) -> Events:
    """Read the split and the labels, and look at the header of every array.

    Raises DatasetError, all problems at once: lines that are no video and side, names that lead out of the folder,
    a video that is listed twice or on both sides, labels of other lengths or that are not 0 or 1, no video to train
    on, arrays that cannot be read or have another shape than the first video's.
    """
    folder = Path(folder)
    names, sides = _read_split(folder / SPLIT)
    labels = _read_labels(folder / LABELS)
    if len(names) != len(labels):
        raise DatasetError(
            f"{folder / SPLIT} has {len(names)} videos, {folder / LABELS} {len(labels)} rows; a row belongs to each "
            "video. Fetch both again."
        )
    videos: dict[str, list[str]] = {side: [] for side in SIDES}
    absent = []
    for name, side in zip(names, sides, strict=True):
        there = all(_file(folder, kind, name).is_file() for kind in (OBJECTS, FRAMES))
        (videos[side] if there else absent).append(name)
    if not videos["train"]:
        raise DatasetError(
            f"{folder}: none of the {sides.count('train')} videos to train on has features. Wanted are "
            f"{OBJECTS}/<video>.npy and {FRAMES}/<video>.npy, such as {OBJECTS}/{names[0]}.npy."
        )
    shape = _common_shape(folder, [name for side in SIDES for name in videos[side]])
    return Events(folder, videos, dict(zip(names, labels, strict=True)), absent, shape)


def _read_split(path: Path) -> tuple[list[str], list[str]]:
    """Return the videos, without suffix, and their sides, in the order of the file."""
    names, sides, problems = [], [], []
    first: dict[str, tuple[int, str]] = {}  # video → the line that lists it, and its side
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        name, side = [*line.rsplit(maxsplit=1), ""][:2]
        parts = PurePosixPath(name.strip()).parts
        if not parts or side not in SIDES:
            problems.append(f"line {number}: '{line.strip()[:80]}' is no video with train or test after it")
            continue
        if parts[0] == "/" or ".." in parts or "\0" in name:
            problems.append(f"line {number}: '{name.strip()[:80]}' leads out of the folder")
            continue
        video = str(PurePosixPath(name.strip()).with_suffix(""))
        line_before, side_before = first.setdefault(video, (number, side))
        if side_before != side:
            problems.append(f"line {number}: '{video}' is to train on and to test on")
        elif line_before != number:
            problems.append(
                f"line {number}: '{video}' is listed already, on line {line_before}; keep one, and its row of labels"
            )
        names.append(video)
        sides.append(side)
    if problems:
        raise DatasetError(f"{path}: {len(problems)} lines cannot be used.", *_first(problems))
    return names, sides


def _read_labels(path: Path) -> np.ndarray:
    """Return 0 and 1, float32 (n_videos, classes)."""
    lines = [line for line in _lines(path) if line.strip()]
    try:
        labels = np.loadtxt(lines, dtype=np.float32, ndmin=2, comments=None)
    except ValueError as error:
        raise DatasetError(f"{path}: a line of 0 and 1 for each video is wanted ({error}).") from error
    strange = np.flatnonzero(~np.isin(labels, (0, 1)).all(axis=1))
    if len(strange):
        rows = [f"row {k + 1} has {labels[k][~np.isin(labels[k], (0, 1))][0]:g}" for k in strange]
        raise DatasetError(f"{path}: labels are 0 or 1; {len(strange)} rows have others.", *_first(rows))
    if not labels.size:
        raise DatasetError(f"{path} is empty. A line of 0 and 1 for each video is wanted.")
    return labels


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise DatasetError(f"{path} is not there. It is one of FCVID's own files; put it there.") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is no text in UTF-8 (byte {error.start}). Fetch it again.") from error


def _file(folder: Path, kind: str, video: str) -> Path:
    return folder / kind / f"{video}.npy"


def _common_shape(folder: Path, videos: Sequence[str]) -> tuple[int, int, int]:
    """Return F, N, W of the arrays of all videos; only their headers are read."""
    wanted: dict[str, tuple[int, ...]] = {}  # as the first video's objects say
    words = {OBJECTS: "(frames, objects, width)", FRAMES: "(frames, width)"}
    problems = []
    for video in videos:
        for kind in (OBJECTS, FRAMES):
            path = _file(folder, kind, video)
            try:
                array = np.load(path, mmap_mode="r", allow_pickle=False)
                found, dtype = array.shape, array.dtype
            except (ValueError, EOFError, AttributeError) as error:  # AttributeError: an archive, which has no shape
                problems.append(f"{path} cannot be read as an array ({str(error).splitlines()[0][:100]})")
                continue
            if not wanted and kind == OBJECTS and len(found) == 3 and 0 not in found:
                wanted = {OBJECTS: found, FRAMES: (found[0], found[2])}
            if found != wanted.get(kind) or dtype.kind != "f":
                problems.append(f"{path} is {found} {dtype}, wanted {wanted.get(kind, words[kind])} of floats")
    if problems:
        raise DatasetError(f"{folder}: {len(problems)} arrays cannot be used.", *_first(problems))
    return wanted[OBJECTS]


def tensors(events: Events, videos: Sequence[str], batch_size: int, device: torch.device) -> Iterator[EventBatch]:
    """Give batches, the last may be smaller: objects (B, F, N, W), frames (B, F, W), 0/1 labels (B, classes)."""
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
        raise DatasetError(f"numbers that are not finite: {_some(bad)}. Compute these features again.")
    return torch.from_numpy(stacked)


def mean_average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean over classes of the average precision, 0..1; classes without a video in `truth` have none.

    Scores, the larger the likelier, and 0/1 truth, both (videos, classes). NaN where no class has a video.
    """
    present = [k for k in range(truth.shape[1]) if truth[:, k].any()]
    return float(np.mean([average_precision_score(truth[:, k], scores[:, k]) for k in present])) if present else np.nan


def _first(problems: Sequence[str]) -> list[str]:
    more = [f"  … and {len(problems) - _LISTED} more"] if len(problems) > _LISTED else []
    return [f"  {problem}" for problem in problems[:_LISTED]] + more


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (f" … and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
