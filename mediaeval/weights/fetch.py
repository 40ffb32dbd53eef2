"""Putting published weight files into the cache, and how each stands there."""

from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from mediaeval.errors import WeightsError
from mediaeval.weights.cache import cache_folder, check, record, recorded
from mediaeval.weights.download import download
from mediaeval.weights.files import WeightFile


def status(file: WeightFile) -> tuple[str, str]:
    """Return (here, absent or damaged; sha256 or empty) of a published file in the cache."""
    if not (cache_folder() / file.name).is_file():
        return "absent", ""
    sha256, problem = check(cache_folder(), file)
    return "damaged" if problem else "here", sha256


def fetch(
    file: WeightFile,
    mirror: Path | None = None,
    on_bytes: Callable[[int, int | None], None] = lambda done, total: None,
    *,
    replace: bool = False,
) -> Path:
    """Put one published file into the cache, and return its path; from a mirror folder, if one is given.

    What came is compared with every digest that is known: the publisher's, the hub's, the mirror's, and the one
    recorded when the file was first fetched. Where none is known, the first fetch is trusted and recorded; `replace`
    leaves what was recorded out. `on_bytes(done, total)`; total is None where it is not stated. Raises WeightsError,
    leaving nothing behind, when the file cannot be had, is truncated, or is another.
    """
    folder = cache_folder()
    if mirror is None and not file.url:
        raise WeightsError(f"{file.name}: nobody publishes it: {file.origin}.")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{file.name}.lock"):
        before = "" if replace else recorded(folder).get(file.name, {}).get("sha256", "")
        sha256 = download(file, folder / file.name, {"the cache's index": before}, mirror, on_bytes)
        record(folder, file, sha256)
    return folder / file.name
