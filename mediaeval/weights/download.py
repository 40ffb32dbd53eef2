"""Fetching one file: from a mirror folder, from a library's own cache, from the Hugging Face hub, or over https.

Wherever it is from, it is written under a temporary name while its digest is computed, and gets its name only after the
digest was compared with all that is known about the file.
"""

import contextlib
import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from mediaeval.errors import WeightsError, first_line
from mediaeval.files import passing_file, passing_folder
from mediaeval.formats.content import content_of
from mediaeval.weights.files import HUB, WeightFile
from submission.reading import open_regular

TIMEOUT = 30  # seconds without a byte
CHUNK = 2**20  # bytes

Advance = Callable[[int, int | None], None]  # bytes done; bytes in all, None where unknown


@dataclass
class Origin:
    """An opened file and what is stated about it where it is. `known`: who states it → sha256 or md5, hex."""

    stream: BinaryIO
    place: str
    size: int | None = None  # bytes
    known: Mapping[str, str] = field(default_factory=dict)


def download(file: WeightFile, target: Path, known: Mapping[str, str], mirror: Path | None, advance: Advance) -> str:
    """Write the file to `target`, whole and checked, and return its sha256.

    `known`: further digests by who states them. Raises WeightsError with the reason alone - the caller knows whose
    file it is - and leaves nothing behind. An error of the disk is raised as OSError.
    """
    with passing_file(target) as part:
        with opened(file, mirror, target.parent) as origin:
            stated = {"its name or table": file.sha256, "its table": file.md5} | dict(origin.known) | dict(known)
            sha256 = _write(origin, part, {who: digest.lower() for who, digest in stated.items() if digest}, advance)
            _require_kind(part, file.name, origin.place)
        part.chmod(0o644)
        part.replace(target)
    return sha256


# first bytes of a file by the end of its name; .pth: a zip archive, or before PyTorch 1.6 a pickle
_BEGINS = {".pth": (b"PK", b"\x80"), ".pt": (b"PK", b"\x80"), ".bin": (b"PK", b"\x80"), ".h5": (b"\x89HDF",)}
_BEGINS |= {".tgz": (b"\x1f\x8b",)}


def _require_kind(path: Path, name: str, place: str) -> None:
    """Raise WeightsError when a file is not what its name says, such as the page of a captive portal, or nothing."""
    with path.open("rb") as file:
        start = file.read(8)
        header = file.read(1)
    fits = start.startswith(_BEGINS.get(Path(name).suffix, (b"",)))
    if name.endswith(".safetensors"):  # the length of a JSON header, then that
        fits = header == b"{" and int.from_bytes(start, "little") <= path.stat().st_size
    if not start or not fits:
        raise WeightsError(f"{place} is not a {Path(name).suffix} file: it is {content_of(path).what}")


def _write(origin: Origin, part: Path, stated: Mapping[str, str], advance: Advance) -> str:
    sha256, md5, done = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with part.open("wb") as file:
        while chunk := _read(origin):
            file.write(chunk)
            sha256.update(chunk)
            md5.update(chunk)
            done += len(chunk)
            advance(done, origin.size)
        file.flush()
        os.fsync(file.fileno())
    if origin.size is not None and done != origin.size:
        raise WeightsError(f"{origin.place} ended after {done} of {origin.size} bytes")
    for who, digest in stated.items():
        kind, value = ("md5", md5.hexdigest()) if len(digest) == 32 else ("sha256", sha256.hexdigest())
        if not value.startswith(digest):
            raise WeightsError(f"{origin.place}: got {kind} {value}; expected {digest} according to {who}")
    return sha256.hexdigest()


def _read(origin: Origin) -> bytes:
    try:
        return origin.stream.read(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise WeightsError(f"{origin.place} broke off: {first_line(error)}") from error


@contextlib.contextmanager
def opened(file: WeightFile, mirror: Path | None, folder: Path) -> Iterator[Origin]:
    """Open the file where it is: in the mirror if one is given, else on this machine, else where it is published.

    `folder`: where the hub's client may put files until they are copied. Raises WeightsError.
    """
    if mirror is not None:
        from mediaeval.weights.cache import recorded

        digest = recorded(mirror).get(file.name, {}).get("sha256", "")
        with _local(mirror / file.name, {"the mirror's index": digest}) as origin:
            yield origin
    elif path := _in_library_cache(file):
        # the hub names large files by their sha256
        digest = path.resolve().name
        with _local(path, {"its name in the hub's cache": digest if len(digest) == 64 else ""}) as origin:
            yield origin
    elif is_offline():
        raise WeightsError("HF_HUB_OFFLINE is set")
    else:
        with (_from_hub if file.url.startswith(HUB) else _from_web)(file, folder) as origin:
            yield origin


def is_offline() -> bool:
    """Return whether HF_HUB_OFFLINE is set, which holds for every kind of fetch, not for the hub alone."""
    from huggingface_hub import constants

    return constants.HF_HUB_OFFLINE or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


@contextlib.contextmanager
def _local(path: Path, known: Mapping[str, str]) -> Iterator[Origin]:
    try:
        stream = open_regular(path)
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}") from error
    with stream:
        yield Origin(stream, str(path), path.stat().st_size, known)


def _in_library_cache(file: WeightFile) -> Path | None:
    """Return the file in the cache of the Hugging Face client or of PyTorch, if it is there."""
    if file.url.startswith(HUB):
        from huggingface_hub import constants, try_to_load_from_cache

        found = try_to_load_from_cache(*_hub_address(file), cache_dir=constants.HF_HUB_CACHE)
        return Path(found) if isinstance(found, str) else None
    import torch

    path = Path(torch.hub.get_dir()) / "checkpoints" / file.name
    return path if path.is_file() else None


def _hub_address(file: WeightFile) -> tuple[str, str]:
    """Return (repository, file in it)."""
    owner, repository, filename = file.url.removeprefix(HUB).split("/", 2)
    return f"{owner}/{repository}", filename


@contextlib.contextmanager
def _from_hub(file: WeightFile, folder: Path) -> Iterator[Origin]:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    repository, filename = _hub_address(file)
    with passing_folder(folder) as temporary:
        try:
            entry = get_hf_file_metadata(hf_hub_url(repository, filename), timeout=TIMEOUT)
            path = hf_hub_download(repository, filename, revision=entry.commit_hash, local_dir=temporary)
        except Exception as error:  # the client and its web library, which changed twice, raise many exception types
            raise WeightsError(f"{file.url}: {first_line(error)}") from error
        sha256 = entry.etag if entry.etag and len(entry.etag) == 64 else ""
        with Path(path).open("rb") as stream:
            yield Origin(stream, file.url, entry.size, {"the hub": sha256})


@contextlib.contextmanager
def _from_web(file: WeightFile, folder: Path) -> Iterator[Origin]:
    _check_address(file.url)
    request = urllib.request.Request(file.url, headers={"User-Agent": "mediaeval", "Accept-Encoding": "identity"})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except (OSError, http.client.HTTPException) as error:
        raise WeightsError(f"{file.url}: {first_line(error)}") from error
    with response:
        _check_address(response.geturl())
        size = response.headers.get("Content-Length", "")
        yield Origin(response, file.url, int(size) if size.isdigit() else None)


def _check_address(url: str) -> None:
    """Raise WeightsError unless the connection is encrypted, or to this machine."""
    address = urllib.parse.urlsplit(url)
    if address.scheme != "https" and not (address.scheme == "http" and address.hostname in ("127.0.0.1", "localhost")):
        raise WeightsError(f"{url} is not an https address")
