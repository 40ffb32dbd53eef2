"""The one file in a zip archive that a stranger may have made, read in memory: nothing is ever unpacked.

opened = open_archive(data, limit=100_000_000)
opened.faults    # everything that is wrong with the archive
opened.content   # of the file that is meant, where it can be read
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from submission.wording import quoted, quoted_list

BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")

_MOST_FILES = 1000
_ENTRY = b"PK\x01\x02"
_HIGHEST_RATIO, _SMALL = 200, 10_000_000  # tables unpack to 20 times their bytes; small ones may be all alike
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
_OF_SYSTEMS = {  # names of files and folders that programs add
    "__macosx": "macOS adds when it makes a zip",
    ".ds_store": "macOS leaves in folders",
    "thumbs.db": "Windows leaves in folders",
    "desktop.ini": "Windows leaves in folders",
    ".ipynb_checkpoints": "Jupyter leaves in folders",
}
_ANEW = "Make the archive of the run file alone, with the command pack or with zip -j."


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an archive: its code, what was found, what was expected, what to do."""

    code: str
    actual: str
    expected: str
    remedy: str


@dataclass
class Opened:
    """An archive that was read: `name` and `content` of its file, None where none can be read, and every fault."""

    faults: list[Fault] = field(default_factory=list)
    name: str | None = None
    content: bytes | None = None

    def add(self, code: str, actual: str, expected: str, remedy: str = _ANEW) -> None:
        """Add a fault."""
        self.faults.append(Fault(code, actual, expected, remedy))


def open_archive(data: bytes, limit: int, fits: Callable[[str], bool] = lambda name: True) -> Opened:
    """Return the one file of an archive, of at most `limit` bytes, and everything that is wrong with the archive.

    Of several files it is the only one whose name `fits`.
    """
    opened = Opened()
    if (number := data.count(_ENTRY)) > _MOST_FILES:
        opened.add("zip-files", f"more than {min(number, _MOST_FILES):,} files", "one run file")
        return opened
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            member = _only_file(archive.infolist(), fits, opened)
            if member is not None and _is_readable(member, limit, opened):
                with archive.open(member) as file:
                    opened.content = file.read()  # no more than the size that it says it has
                opened.name = member.filename
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, ValueError, OSError) as error:
        reason = str(error).rstrip(".") or type(error).__name__
        opened.add("zip-invalid", f"a damaged archive ({quoted(reason)[1:-1]})", "a zip archive")
    return opened


def _only_file(
    members: Sequence[zipfile.ZipInfo], fits: Callable[[str], bool], opened: Opened
) -> zipfile.ZipInfo | None:
    """Return the run file among the members, None where it is not known; report all others."""
    of_systems = {one.filename: about for one in members if (about := _of_system(one.filename))}
    for about in dict.fromkeys(of_systems.values()):
        names = [name for name, of_it in of_systems.items() if of_it == about]
        remedy = f"{_ANEW} Or delete them: zip -d ARCHIVE {quoted(names[0])}."
        opened.add("zip-system-files", f"what {about}: {quoted_list(names)}", "one run file", remedy)
    members = [one for one in members if one.filename not in of_systems]
    folders = [one.filename for one in members if one.filename.endswith("/")]
    files = [one for one in members if not one.filename.endswith("/")]
    if unsafe := [one.filename for one in files if _leads_out(one.filename)]:
        opened.add("zip-path", f"a path that leads out of the archive: {quoted_list(unsafe)}", "a name without folder")
    inside = [one.filename for one in files if "/" in _plain(one.filename) and not _leads_out(one.filename)]
    if folders or inside:
        what = quoted_list(inside or folders)
        remedy = f"{_ANEW} The file was in a folder when it was zipped; many readers look for it at the top alone."
        opened.add("zip-folder", f"a folder: {what}", "the run file itself", remedy)
    if links := [one.filename for one in files if stat.S_ISLNK(one.external_attr >> 16)]:
        opened.add("zip-link", f"a link in place of a file: {quoted_list(links)}", "the file itself")
        files = [one for one in files if one.filename not in links]
    if not files:
        if not links:
            opened.add("zip-empty", "an archive without a file", "one run file")
        return None
    if len(files) > 1:
        opened.add("zip-files", f"{len(files)} files: {quoted_list([one.filename for one in files])}", "one run file")
        files = [one for one in files if fits(base_name(one.filename))]
    return files[0] if len(files) == 1 else None


def _is_readable(member: zipfile.ZipInfo, limit: int, opened: Opened) -> bool:
    """Return whether the content of a member can be read; report why not."""
    if member.flag_bits & 1:
        opened.add("zip-encrypted", f"an encrypted file, {quoted(member.filename)}", "one without password")
        return False
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = _METHODS.get(member.compress_type, f"method {member.compress_type}")
        opened.add("zip-method", f"a file packed by {method}", "one packed by deflate, which every program reads")
        return False
    size, packed = member.file_size, max(member.compress_size, 1)
    if size > limit or (size > _SMALL and size / packed > _HIGHEST_RATIO):
        actual = f"a file that unpacks to {size:,} bytes, of {packed:,}"
        expected = f"at most {limit / 1e6:.0f} MB, and {_HIGHEST_RATIO} bytes for each one packed"
        opened.add("zip-too-large", actual, expected)
        return False
    return True


def base_name(name: str) -> str:
    """Return the name of a member without its folder."""
    return _plain(name).rpartition("/")[2]


def _plain(name: str) -> str:
    return name.replace("\\", "/")


def _leads_out(name: str) -> bool:
    """Return whether a name is a path that leads out of the folder in which the archive would be unpacked."""
    parts = _plain(name).split("/")
    return not parts[0] or ".." in parts or parts[0][1:2] == ":"


def _of_system(name: str) -> str | None:
    """Return which program made a file that nobody means to send."""
    parts = [part.lower() for part in _plain(name).split("/")]
    return next((_OF_SYSTEMS[part] for part in parts if part in _OF_SYSTEMS), None)
