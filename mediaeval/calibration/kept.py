"""A calibration as a run keeps it: calibration.json in a subtask's folder, fitted on its out-of-fold predictions."""

import json
from pathlib import Path

from mediaeval.calibration.calibration import Calibration
from mediaeval.errors import RunFolderError
from mediaeval.files import write_atomically
from submission.reading import read_regular
from submission.task import Subtask

FILE = "calibration.json"


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Write a calibration into a subtask's folder."""
    text = json.dumps(calibration.to_dict(), indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / FILE, text.encode())


def read_calibration(folder: Path, subtask: Subtask, *, remedy: str) -> Calibration | None:
    """Return what `write_calibration` wrote; None where there is no file.

    remedy  the sentence that says what makes the file anew

    Raises RunFolderError for a file that is damaged, or of other labels.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        found = Calibration.from_dict(json.loads(read_regular(path).decode()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, ZeroDivisionError):
        raise RunFolderError(f"{path} is damaged; expected the calibration of {subtask.name}. {remedy}") from None
    if found.labels != tuple(subtask.labels):
        raise RunFolderError(
            f"{path}: got the labels {', '.join(found.labels)}; expected {', '.join(subtask.labels)}. {remedy}"
        )
    return found
