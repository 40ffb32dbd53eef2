"""Files and folders that appear whole or not at all, and what killed commands leave behind.

A file or folder is written beside its place, under a temporary name, and then renamed:

.NAME.XXXXXXXX.mediaeval-part   a file, or a folder that is only passed through
.NAME.XXXXXXXX.mediaeval-new    a folder that is to take NAME's place
.NAME.XXXXXXXX.mediaeval-old    the folder that had this place, for the moment between two renames and its removal

While a process writes, it holds a lock (flock) on what it writes. So a temporary name without a lock was left by a
process that was killed, and is removed by the next write into the same folder, or `clear_leftovers`. Where there are
no such locks (Windows), leftovers stay.
"""

import contextlib
import functools
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from submission.reading import open_regular

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PART, NEW, OLD = ".mediaeval-part", ".mediaeval-new", ".mediaeval-old"
_KINDS = "|".join(map(re.escape, (PART, NEW, OLD)))
_TEMPORARY = re.compile(rf"\.(?P<name>.*)\.(?P<token>[0-9a-f]{{8}})(?P<kind>{_KINDS})", re.DOTALL)
_PASSING = "passing"  # what is only passed through takes nobody's place
_LONGEST_STEM = 100  # letters of a file's name in its temporary name, which must not be too long either


def file_digest(path: Path) -> str:
    """Return the sha256 hex digest of a file. Raises OSError, also for what is not a file, such as a pipe."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, data: bytes | memoryview) -> None:
    """Write `data` to `path` so that the file is there whole or not at all, whatever interrupts the writing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_leftovers_once(path.parent.absolute())
    temporary, handle = _begin(path.parent, path.name[:_LONGEST_STEM], PART, folder=False)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)  # while it is locked
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None  # a failing write names no file
        raise


@contextlib.contextmanager
def folder_atomically(path: Path) -> Iterator[Path]:
    """Give a new empty folder beside `path`; on leaving, it takes `path`'s place.

    When anything fails or interrupts, `path` is as it was before. Where `path` is a symbolic link, it is the folder
    that it leads to that is exchanged.
    """
    path = _followed(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(path.parent)
    temporary, handle = _begin(path.parent, path.name, NEW, folder=True)
    old = temporary.with_name(temporary.name.removesuffix(NEW) + OLD)
    try:
        yield temporary
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    except BaseException as error:
        if old.exists() and not path.exists():
            old.rename(path)
        if isinstance(error, OSError):
            _name_the_place(error, temporary, path)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
        _close(handle)


@contextlib.contextmanager
def passing_folder(parent: Path) -> Iterator[Path]:
    """Give a new empty folder below `parent`, which is removed on leaving, or by a later command after a kill."""
    parent = Path(parent)
    parent.mkdir(parents=True, exist_ok=True)
    _clear_leftovers_once(parent.absolute())
    folder, handle = _begin(parent, _PASSING, PART, folder=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _close(handle)


@contextlib.contextmanager
def passing_file(path: Path) -> Iterator[Path]:
    """Give the path of an empty file beside `path`, to be written and then renamed to it, or else removed."""
    path = Path(path)
    _clear_leftovers_once(path.parent.absolute())
    temporary, handle = _begin(path.parent, path.name[:_LONGEST_STEM], PART, folder=False)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        _close(handle)


def clear_leftovers(folder: Path) -> None:
    """Remove what killed commands left in `folder`; what runs now is not touched, and no error is raised.

    A folder that was killed between its two renames is put back as it was before: it is the only state in which both
    temporary names exist and the folder itself does not. A lone `.mediaeval-old` is never put back.
    """
    found: dict[tuple[str, str], set[str]] = {}
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if match := _TEMPORARY.fullmatch(entry.name):
                found.setdefault((match["name"], match["token"]), set()).add(match["kind"])
    for (name, token), kinds in found.items():
        places = {kind: Path(folder) / f".{name}.{token}{kind}" for kind in kinds}
        claimed = places.get(NEW) or places.get(PART) or places[OLD]
        with contextlib.suppress(OSError), _claim(claimed) as is_left:
            if not is_left:
                continue
            target = Path(folder) / name
            if kinds == {NEW, OLD} and not os.path.lexists(target):
                places[OLD].rename(target)
            for place in places.values():
                if place.is_dir() and not place.is_symlink():
                    shutil.rmtree(place, ignore_errors=True)
                else:
                    place.unlink(missing_ok=True)


def wait_for(path: Path, seconds: float = 5.0) -> None:
    """Put back a folder that a kill took away; wait while another process is exchanging it for a new one."""
    path = _followed(path)
    clear_leftovers(path.parent)
    until = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < until and _is_being_exchanged(path):
        time.sleep(0.02)


def link_folder(source: Path, target: Path, *, leave_out: Collection[str] = ()) -> None:
    """Put what `source` holds into the folder `target` too, but for the top-level entries named in `leave_out`.

    Files are linked where the disk allows it, else copied: files are only ever replaced, never changed in place, so
    that a link is as good as a copy. Symbolic links stay what they are. Temporary names are left out. Raises the first
    OSError as it came.
    """
    for path in sorted(source.rglob("*")):
        place = path.relative_to(source)
        if place.parts[0] in leave_out or any(_TEMPORARY.fullmatch(part) for part in place.parts):
            continue
        if path.is_dir() and not path.is_symlink():
            (target / place).mkdir(exist_ok=True)
            continue
        try:
            os.link(path, target / place, follow_symlinks=False)
        except OSError:
            shutil.copy2(path, target / place, follow_symlinks=False)


def _followed(path: Path) -> Path:
    """Return where a symbolic link leads to, whether or not that is there; any other path as it is."""
    path = Path(path)
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _is_being_exchanged(path: Path) -> bool:
    with contextlib.suppress(OSError):
        for entry in os.scandir(path.parent):
            match = _TEMPORARY.fullmatch(entry.name)
            if match and match["name"] == path.name and match["kind"] == OLD:
                return True
    return False


def _begin(parent: Path, name: str, kind: str, *, folder: bool) -> tuple[Path, int]:
    """Make a temporary file or folder, and lock it; return its path and an open handle."""
    while True:
        path = parent / f".{name}.{secrets.token_hex(4)}{kind}"
        try:
            if folder:
                path.mkdir(mode=0o755)
                handle = os.open(path, os.O_RDONLY) if fcntl else -1
            else:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        except FileExistsError:
            continue
        except FileNotFoundError:  # the folder was taken for a leftover before it was opened
            if not parent.is_dir():
                raise
            continue
        except OSError as error:  # the temporary name says nothing to people
            error.filename = str(parent if name == _PASSING else parent / name)
            raise
        if fcntl is None or _is_locked_in_place(path, handle):
            return path, handle
        _close(handle)


def _is_locked_in_place(path: Path, handle: int) -> bool:
    """Lock what was just made; return False where another process took it for a leftover before that."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: nobody can take it for a leftover there either
    return _is_same(path, handle)


@contextlib.contextmanager
def _claim(path: Path) -> Iterator[bool]:
    """Lock a temporary file or folder; gives whether that succeeded, which shows that nobody is writing it."""
    if fcntl is None:
        yield False
        return
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_left = _is_same(path, handle)
        except OSError:
            is_left = False
        yield is_left
    finally:
        os.close(handle)


def _is_same(path: Path, handle: int) -> bool:
    """Return whether a name still leads to what was opened."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _close(handle: int) -> None:
    if handle >= 0:
        os.close(handle)


def _name_the_place(error: OSError, temporary: Path, path: Path) -> None:
    """Let an error name the file by where it was to be, not by its temporary place."""
    filename = str(error.filename or "")
    if filename.startswith(f"{temporary}{os.sep}"):
        error.filename, error.filename2 = str(path / Path(filename).relative_to(temporary)), None


@functools.lru_cache(maxsize=1024)
def _clear_leftovers_once(folder: Path) -> None:
    """Look for leftovers at the first write into a folder: looking costs time where it holds many files."""
    clear_leftovers(folder)
