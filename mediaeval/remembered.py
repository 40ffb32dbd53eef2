"""Facts that take seconds to find out, kept beside the cache of weights until what they follow from changes.

What a network's vectors are called, whether torch can use a GPU: finding out imports torch and hashes weights, which
takes longer than a command that has nothing left to compute. A fact is kept under all that it follows from (`key`),
and together with the size and the time of change of each file that it was taken from. It is never trusted for results:
whoever computes something finds it out anew.

    $MEDIAEVAL_WEIGHTS/../remembered/KIND-DIGEST.json
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mediaeval.files import write_atomically

logger = logging.getLogger(__name__)

SETTLED = 2.0  # seconds: a file changed later than this may change again without its time showing it


def cache_folder() -> Path:
    """Return the folder of published weights, which may not exist yet; `mediaeval.weights.cache` says what is in it."""
    if own := os.environ.get("MEDIAEVAL_WEIGHTS"):
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "mediaeval" / "weights"


def recall(kind: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what was kept under `key`, JSON; None where nothing was, or a file that it was taken from changed."""
    try:
        kept = json.loads(_path(kind, key).read_text(encoding="utf-8"))
        if kept["key"] != _plain(key) or any(_stamp(Path(file)) != stamp for file, stamp in kept["files"].items()):
            return None
        value: dict[str, Any] = kept["value"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):  # absent, or damaged
        return None
    return value


def keep(kind: str, key: Mapping[str, Any], value: Mapping[str, Any], files: Iterable[Path] = ()) -> None:
    """Keep `value`, JSON, under `key` until one of `files` changes.

    Nothing is kept where a file was changed just now, or where the folder cannot be written: it is found out again.
    """
    try:
        stamps = {str(file): _stamp(file) for file in files}
        if any(time.time() - stamp["changed"] / 1e9 < SETTLED for stamp in stamps.values()):
            return
        kept = {"key": _plain(key), "files": stamps, "value": value}
        write_atomically(_path(kind, key), json.dumps(kept, indent=1).encode())
    except OSError as error:
        logger.debug(f"{kind} is not remembered: {error}")


def _path(kind: str, key: Mapping[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(_plain(key), sort_keys=True).encode()).hexdigest()
    return cache_folder().parent / "remembered" / f"{kind}-{digest[:32]}.json"


def _plain(key: Mapping[str, Any]) -> Any:
    """Return a key as JSON gives it back: tuples are lists."""
    return json.loads(json.dumps(key))


def _stamp(file: Path) -> dict[str, Any]:
    """Return what shows that a file changed. Raises OSError where it is absent."""
    status = file.stat()
    return {"bytes": status.st_size, "changed": status.st_mtime_ns, "inode": status.st_ino}
