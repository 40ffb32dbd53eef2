"""Faults of the zip archive in which a run is sent; the run inside is sound."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator

_BOMB = 20_000_000  # bytes


def spoilt_archives(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the name of each fault, and an archive with it of a run file called `name`."""
    sound = packed((name, data))
    yield "no archive but the file", data
    yield "a second file", packed((name, data), ("notes.txt", b"notes"))
    yield "the run twice", packed((name, data), (f"copy of {name}", data))
    yield "a folder in place of the file", packed((f"runs/{name}", data))
    yield "a folder beside the file", packed((name, data), ("runs/", b""))
    yield "an empty folder", packed(("runs/", b""))
    yield "nothing inside", packed()
    yield "files that macOS adds", packed((name, data), (f"__MACOSX/._{name}", b"\0\5\x16\7"), (".DS_Store", b"\0"))
    yield "files that Windows adds", packed((name, data), ("Thumbs.db", b"\0"))
    yield "a path out of the archive", packed((f"../{name}", data))
    yield "an absolute path", packed((f"/tmp/{name}", data))
    yield "a path of Windows", packed((f"C:\\runs\\{name}", data))
    yield "a link", packed((_link(name), b"/etc/passwd"))
    yield "an encrypted file", _with_flag(sound)
    yield "another method", packed((name, data), method=zipfile.ZIP_BZIP2)
    yield "a bomb", packed((name, b"0" * _BOMB))
    yield "cut short", sound[: len(sound) // 2]
    yield "without its last bytes", sound[:-4]
    yield "changed bytes", _changed(sound, data)
    yield "an archive within", packed((name, sound))
    yield "an empty file inside", packed((name, b""))


def packed(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive of some files, each its name and content."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return target.getvalue()


def _link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


def _with_flag(sound: bytes) -> bytes:
    """Return an archive that says its file is encrypted."""
    data = bytearray(sound)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    return bytes(data)


def _changed(sound: bytes, content: bytes) -> bytes:
    """Return an archive whose checksum is that of other bytes."""
    checksum = zlib.crc32(content).to_bytes(4, "little")
    return sound.replace(checksum, bytes(255 - byte for byte in checksum))
