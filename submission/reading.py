"""Opening a file that a stranger may have made: only a regular file is read, never a pipe that waits for ever."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NotRegularFileError(OSError):
    """A path that leads to a pipe, a socket or a device; `strerror` says which."""


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading bytes; a symbolic link is followed.

    Raises OSError as `open` does, IsADirectoryError for a folder, and NotRegularFileError for a pipe, socket or device
    without waiting for it.
    """
    # a pipe nobody writes to would block in open(); without a reader's terminal a device must not become one
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except ValueError:  # NUL or a lone surrogate in the name
        raise FileNotFoundError(errno.ENOENT, "has a name that no file can have", repr(str(path))) from None
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        for is_kind, kind in _KINDS:
            if is_kind(mode):
                raise NotRegularFileError(errno.EINVAL, f"is {kind}, not a file", str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: Path, limit: int | None = None) -> bytes:
    """Return the bytes of a file. Raises as `open_regular` does, and OSError for one of more than `limit` bytes."""
    with open_regular(path) as file:
        data = file.read() if limit is None else file.read(limit + 1)
    if limit is not None and len(data) > limit:
        raise OSError(errno.EFBIG, f"is larger than {limit / 1e6:.0f} MB", str(path))
    return data
