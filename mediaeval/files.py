"""Files and folders that appear whole or not at all."""

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

_OLD = ".old"


def file_digest(path: Path) -> str:
    """Return the sha256 hex digest of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, data: bytes | memoryview) -> None:
    """Write `data` to `path` so that the file is there whole or not at all, whatever interrupts the writing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # noqa: PTH101 - mkstemp makes 0600
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)  # noqa: PTH108
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None  # a failing write names no file
        raise


@contextlib.contextmanager
def folder_atomically(path: Path) -> Iterator[Path]:
    """Give a new empty folder beside `path`; on leaving, it takes `path`'s place.

    When anything fails or interrupts, `path` is as it was before.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    recover(path)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    old = temporary.with_name(temporary.name + _OLD)
    try:
        temporary.chmod(0o755)
        yield temporary
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    except BaseException:
        if old.exists() and not path.exists():
            old.rename(path)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def recover(path: Path) -> None:
    """Put a folder back that a kill between the two renames of `folder_atomically` left under its temporary name."""
    path = Path(path)
    if path.exists() or not path.parent.is_dir():
        return
    left = re.compile(re.escape(f".{path.name}.") + r"\w{8}" + re.escape(_OLD))
    if found := [entry for entry in path.parent.iterdir() if left.fullmatch(entry.name)]:
        max(found, key=lambda entry: entry.stat().st_mtime_ns).rename(path)


def copy_folder(source: Path, target: Path, *, leave_out: Collection[str] = ()) -> None:
    """Copy what `source` holds into the folder `target`, but for the entries named in `leave_out`.

    Raises the first OSError as it came (`shutil.copytree` gathers them into one without an errno).
    """
    for path in sorted(source.rglob("*")):
        place = path.relative_to(source)
        if place.parts[0] in leave_out:
            continue
        if path.is_dir():
            (target / place).mkdir(exist_ok=True)
        else:
            shutil.copy2(path, target / place)
