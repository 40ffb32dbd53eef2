"""What the organisers of a task need to take runs on a platform, written from its task file and the truth.

codabench.zip       a bundle for Codabench
kaggle_metric.py    a metric for Kaggle
trial/              a run file that passes, and faulty/ with those that must not
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isinf
from pathlib import Path
from typing import Any

from submission.check import expected_header
from submission.csvfile import LARGEST
from submission.desk.bundle import bundle_files
from submission.desk.codabench import MEAN
from submission.desk.kaggle import kaggle_metric
from submission.desk.measures import Measure, measures_of
from submission.desk.ranking import averaged_of
from submission.desk.trial import sample_name, trial_of
from submission.errors import LabelFileError, RunFileError
from submission.reading import read_regular
from submission.score import read_truth
from submission.task import Task
from submission.wording import counted

_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold: the same bytes at any time


@dataclass(frozen=True)
class Organised:
    """What was written: the folder, its files, the keys of the scores, the number of faulty runs, and warnings."""

    folder: Path
    files: tuple[str, ...]
    keys: tuple[str, ...]
    faulty: int
    warnings: tuple[str, ...] = ()

    def text(self) -> str:
        """Return what was written, for people."""
        return "\n".join(
            [
                f"{self.folder}/codabench.zip: a bundle for Codabench with the scores {', '.join(self.keys)}",
                f"{self.folder}/kaggle_metric.py: a metric for Kaggle",
                f"{self.folder}/trial: a run file that passes, and {counted(self.faulty, 'faulty one{s}')}",
                *(f"warning: {warning}" for warning in self.warnings),
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the same for `json.dumps`."""
        return {
            "folder": str(self.folder),
            "files": list(self.files),
            "keys": list(self.keys),
            "faulty": self.faulty,
            "warnings": list(self.warnings),
        }


def organise(task: Task, truth_file: Path, out: Path, *, dev: Path | None = None) -> Organised:
    """Write all of it into a folder that is new or empty.

    `dev` is the dev set whose header runs must have. Raises LabelFileError for a truth that cannot be used, and
    RunFileError for a folder that is not empty.
    """
    assert task.text, "a task that was made in Python has no task file to go into a bundle"
    truth, header = read_truth(truth_file, task), expected_header(dev, task)
    measures = measures_of(task, truth)
    if not measures:
        raise LabelFileError(
            f"{truth_file}: got no column of labels; expected those of at least one subtask. Give the truth, not a "
            "list of ids."
        )
    if out.is_dir() and any(out.iterdir()):
        raise RunFileError(f"{out}: got a folder that is not empty; expected a new or an empty one. Give another.")
    trial, name = trial_of(task, truth.ids, header), sample_name(task)
    reference = (truth_file.suffix or ".csv", read_regular(truth_file, LARGEST))
    bundle = bundle_files(task, header, measures, reference, (name, trial.sound))
    files = {
        "codabench.zip": zipped(bundle),
        "kaggle_metric.py": kaggle_metric(task).encode(),
        f"trial/{name}": trial.sound,
    }
    for number, (fault, data) in enumerate(trial.faulty.items(), 1):
        files[f"trial/faulty/{number:02d}-{_plain(fault)}{Path(name).suffix}"] = data
    _write(files, out)
    mean = (MEAN,) if len(averaged_of(measures)) > 1 else ()
    keys = (*mean, *(one.key for one in measures))
    return Organised(out, tuple(files), keys, len(trial.faulty), tuple(_unbounded(measures)))


def _unbounded(measures: Sequence[Measure]) -> Iterator[str]:
    """Yield a sentence for each measure that has no worst value, so that a bad answer may count more than none."""
    for one in measures:
        if isinf(one.metric.lowest):
            yield (
                f"{one.key} has no worst value: a file that cannot be scored may rank above one with wild answers. "
                "Give its columns low and high in the task file."
            )


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of files, path → content, in the order of their paths, the same bytes at any time."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, _DATE)
            member.create_system, member.external_attr = 3, 0o100644 << 16  # as on Unix, whatever this system is
            archive.writestr(member, files[name], zipfile.ZIP_STORED)  # what deflate makes depends on its library
    return target.getvalue()


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    try:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise RunFileError(f"{folder}: cannot be written to ({error.strerror}). Check the folder.") from None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
