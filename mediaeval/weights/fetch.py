"""Fetching published weight files into the cache, and whether each is there."""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path

from filelock import FileLock

from mediaeval.errors import WeightsError
from mediaeval.remembered import cache_folder
from mediaeval.weights.cache import check, record, recorded
from mediaeval.weights.download import download
from mediaeval.weights.files import WeightFile

_failed: ContextVar[dict[str, WeightsError] | None] = ContextVar("_failed", default=None)


@contextlib.contextmanager
def each_file_tried_once() -> Iterator[None]:
    """Within, a file that could not be fetched is not tried again: the same error is raised at once."""
    if _failed.get() is not None:
        yield
        return
    token = _failed.set({})
    try:
        yield
    finally:
        _failed.reset(token)


def failure_of(file: WeightFile) -> str:
    """Return why a file could not be fetched before, within `each_file_tried_once`; empty where it was not tried."""
    error = (_failed.get() or {}).get(file.name)
    return " ".join(problem.removeprefix(f"{file.url}: ") for problem in error.problems) if error else ""


def status(file: WeightFile) -> tuple[str, str]:
    """Return ("here", "absent" or "damaged", sha256 or "") of a published file in the cache."""
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
    """Fetch one published file into the cache, and return its path.

    mirror    a folder that it is copied from, in place of the network
    on_bytes  called with (done, total) in bytes; total is None where it is not stated
    replace   whether the digest that was recorded when the file was first fetched is ignored

    The file is compared with every known digest: the publisher's, the hub's, the mirror's, and the recorded one. Where
    none is known, the first fetch is trusted and recorded. Raises WeightsError, leaving nothing behind, when the file
    cannot be fetched, is truncated, or is another one.
    """
    failed = _failed.get()
    if failed is None:
        return _fetch(file, mirror, on_bytes, replace)
    if file.name not in failed:
        try:
            return _fetch(file, mirror, on_bytes, replace)
        except WeightsError as error:
            failed[file.name] = error
    raise WeightsError(*failed[file.name].problems)


def _fetch(file: WeightFile, mirror: Path | None, on_bytes: Callable[[int, int | None], None], replace: bool) -> Path:
    folder = cache_folder()
    if mirror is None and not file.url:
        raise WeightsError(f"{file.name} is not published; it is {file.origin}.")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{file.name}.lock"):
        before = "" if replace else recorded(folder).get(file.name, {}).get("sha256", "")
        sha256 = download(file, folder / file.name, {"the cache's index": before}, mirror, on_bytes)
        record(folder, file, sha256)
    return folder / file.name
