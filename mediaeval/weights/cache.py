"""The folder that published weights are kept in, and its index of what was fetched.

    $MEDIAEVAL_WEIGHTS, else $XDG_CACHE_HOME/mediaeval/weights, else ~/.cache/mediaeval/weights
        index.json      name → sha256, bytes, url, date (UTC): written under a lock, whole or not at all
        NAME …          the files

Copied to another machine, the folder is a mirror that can be fetched from.
"""

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from mediaeval.errors import WeightsError
from mediaeval.files import file_digest, write_atomically
from mediaeval.weights.files import WeightFile

INDEX = "index.json"


def recorded(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the index of a cache folder: name → {"sha256", "bytes", "url", "date"}; {} when it has none.

    Raises WeightsError when it is damaged.
    """
    path = Path(folder) / INDEX
    if not path.is_file():
        return {}
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):  # also UnicodeDecodeError and JSONDecodeError
        index = None
    if not isinstance(index, dict) or not all(_is_entry(entry) for entry in index.values()):
        raise WeightsError(
            f"{path} is damaged: it is not an index of weight files. Delete it: a new one is begun by the next fetch."
        )
    checked: dict[str, dict[str, Any]] = index
    return checked


def _is_entry(entry: object) -> bool:
    sha256 = entry.get("sha256") if isinstance(entry, dict) else None
    return isinstance(sha256, str) and re.fullmatch(r"[0-9a-f]{64}", sha256) is not None


def record(folder: Path, file: WeightFile, sha256: str) -> None:
    """Write a fetched file into the index."""
    with FileLock(folder / f".{INDEX}.lock"):
        entry = {
            "sha256": sha256,
            "bytes": (folder / file.name).stat().st_size,
            "url": file.url,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        index = recorded(folder) | {file.name: entry}
        write_atomically(folder / INDEX, json.dumps(index, indent=2, sort_keys=True).encode() + b"\n")


def check(folder: Path, file: WeightFile) -> tuple[str, str]:
    """Return (sha256 of a file in the cache, what is wrong with it or "").

    A file that was put there by hand, and so was not recorded, is compared with what is known of the published one.
    """
    path = folder / file.name
    sha256 = file_digest(path)
    expected = recorded(folder).get(file.name, {}).get("sha256") or file.sha256
    if expected:
        return sha256, "" if sha256.startswith(expected) else f"got sha256 {sha256}; expected {expected}"
    if file.md5:
        with path.open("rb") as stream:
            md5 = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        return sha256, "" if md5 == file.md5 else f"got md5 {md5}; expected {file.md5}"
    return sha256, ""
