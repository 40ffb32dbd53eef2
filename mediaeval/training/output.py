"""The files that a training writes: whether they can be written, and where its resumable state lies."""

import tempfile
from pathlib import Path

SUFFIX = ".training"  # of the state from which a training is resumed


def file_problems(out: Path, resume: bool) -> list[str]:
    """Return why a training cannot be written to `out` and the state beside it: nothing, or one sentence."""
    out = Path(out)
    if out.suffix != ".safetensors":
        return [f"--out {out}: a name that ends in .safetensors is wanted."]
    state_file = out.with_suffix(SUFFIX)
    if problem := _unwritable(out):
        return [problem]
    if out.is_dir() or state_file.is_dir():
        return [f"--out {out}: there is a folder of this name, or of {state_file.name}. Give another name."]
    if state_file.exists() and not resume:
        return [
            f"{state_file} is of a training that was not finished. Go on with --resume, or delete it to begin anew."
        ]
    if out.exists() and not state_file.exists():
        return [f"{out} is there already. Give --out another name, or delete it to train anew."]
    return []


def _unwritable(out: Path) -> str | None:
    """Return why no file of this name can be made, or None.

    One is made for a moment, since rights alone say little (a disk may be read-only, a name too long). Folders that
    are still to be made are not made yet: the nearest that there is must take the file.
    """
    try:
        folder = next(folder for folder in out.absolute().parents if folder.exists())
        if not folder.is_dir():
            return f"--out {out}: {folder} is a file, and a folder is wanted there. Give another name."
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{out.name}."):  # named as an atomic write's
            return None
    except OSError as error:
        return f"--out {out}: no file of this name can be written ({error.strerror}). Give another name or folder."
