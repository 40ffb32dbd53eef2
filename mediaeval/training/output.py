"""The files that a training writes: whether they can be written, and where the state to resume from is."""

import contextlib
import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

from mediaeval.files import passing_file

METADATA = "training"  # the only key, whose value is JSON: safetensors writes several keys in arbitrary order
FIRST_EPOCH = "0"
STATE_SUFFIX = ".training"  # of the file that a training is resumed from; it lies beside the weights


def written_in(out: Path) -> dict[str, str]:
    """Return what a training wrote into the metadata of its weights, {} for another file.

    A training that was killed at the end of its first epoch, after the weights and before the state, left no state:
    by this its weights are known, and resuming repeats the epoch.
    """
    try:
        with safe_open(out, "np") as file:
            return dict(json.loads((file.metadata() or {}).get(METADATA, "{}")))
    except (SafetensorError, OSError, ValueError, TypeError, RecursionError):
        return {}


def file_problems(out: Path, resume: bool) -> list[str]:
    """Return why a training cannot write to `out` and the state file beside it: an empty list, or one sentence.

    resume  whether an unfinished training in these files is to be continued
    """
    out = Path(out)
    if out.suffix != ".safetensors":
        return [f"Cannot write '{out}': expected a file name that ends in .safetensors."]
    state_file = out.with_suffix(STATE_SUFFIX)
    if problem := _unwritable(out):
        return [problem]
    if out.is_dir() or state_file.is_dir():
        return [f"Cannot write '{out}': it or {state_file.name} is a folder. Choose another name."]
    if state_file.exists() and not resume:
        return [
            f"{state_file} belongs to a training that was not finished. Continue it with --resume, or delete the file "
            "to start again."
        ]
    if out.exists() and not state_file.exists() and not (resume and written_in(out).get("epoch") == FIRST_EPOCH):
        return [f"{out} exists already. Choose another name, or delete the file to train again."]
    return []


def _unwritable(out: Path) -> str | None:
    """Return why no file of this name can be made, or None.

    A file is made for a moment, because permissions alone are not enough to know: a disk may be read-only, a name too
    long. Folders that do not exist yet are not made: the nearest one that exists must accept the file.
    """
    try:
        folder = next(folder for folder in out.absolute().parents if folder.exists())
        if not folder.is_dir():
            return f"Cannot write '{out}': {folder} is a file; expected a folder. Choose another name."
        with contextlib.suppress(FileNotFoundError):
            (folder / out.name).lstat()  # a name that is too long is an error
        with passing_file(folder / out.name):
            return None
    except OSError as error:
        return f"Cannot write '{out}': {error.strerror}. Choose another name or folder."
