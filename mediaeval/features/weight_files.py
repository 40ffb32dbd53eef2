"""Which weight files an extractor needs, and where they are: the user's own, or the published ones in the cache."""

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from mediaeval.errors import WeightsError
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.kinds import KINDS
from mediaeval.features.kinds.kind import import_function
from mediaeval.remembered import cache_folder
from mediaeval.weights.cache import check
from mediaeval.weights.fetch import failure_of, fetch
from mediaeval.weights.files import WeightFile

logger = logging.getLogger(__name__)


def files_of(extractor: ExtractorConfig) -> list[WeightFile]:
    """Return the files that an extractor itself needs, without those of its `source`; [] when it needs none.

    A model that its library does not publish, or does not know, gives a file without an address; what is wrong with
    the name is reported when the network is built.
    """
    files = KINDS[extractor.kind].files
    return [import_function(file)(extractor) if isinstance(file, str) else file for file in files]


def own_file(extractor: ExtractorConfig, role: str) -> str:
    """Return the path of the user's own file for a role, or an empty string."""
    return extractor.weights if role == "weights" else extractor.parts.get(role, "")


_located: ContextVar[list[Path] | None] = ContextVar("_located", default=None)


@contextlib.contextmanager
def files_located() -> Iterator[list[Path]]:
    """Give a list that grows by the files that `locate` returns within, those in folders one by one."""
    files: list[Path] = []
    token = _located.set(files)
    try:
        yield files
    finally:
        _located.reset(token)


def locate(name: str, extractor: ExtractorConfig, role: str = "weights", *, owner: str = "", key: str = "") -> Path:
    """Return the file of an extractor: the user's own, or the published one, which is fetched now if it is absent.

    role   which of its files
    owner  who needs it, for messages; empty: the extractor
    key    the setting that names another file, for messages; empty: that of the extractor

    Raises WeightsError that names file, network and origin when it is absent and cannot be fetched, or is damaged.
    """
    path = _locate(name, extractor, role, owner, key)
    if (files := _located.get()) is not None:
        files += [path.absolute()] if path.is_file() else sorted(path.absolute().rglob("*"))
    return path


def _locate(name: str, extractor: ExtractorConfig, role: str, owner: str, key: str) -> Path:
    network = f"{extractor.kind} {extractor.model}".strip()
    what = f"weights of {network}" if role == "weights" else f"weights of {network} ({role})"
    again = "" if owner else f": mediaeval weights fetch {name}"
    owner = owner or f"extractor '{name}'"
    key = key or f"[extractors.{name}] " + ("weights" if role == "weights" else f"parts.{role}")
    if own := own_file(extractor, role):
        path = Path(own)
        if not (path.is_file() or (_may_be_folder(extractor, role) and path.is_dir())):
            if path.exists():
                raise WeightsError(f"{owner}: {key}: got {path}, which is not a file; expected {what}.")
            raise WeightsError(f"{owner}: {what} not found: {path}. Put the file there, or set {key} to another one.")
        return path
    file = next(file for file in files_of(extractor) if file.role == role)
    path = cache_folder() / file.name
    if path.is_file():
        if problem := check(cache_folder(), file)[1]:
            raise WeightsError(
                f"{owner}: {path} is damaged: {problem}. Fetch it again{again} "
                "(with --replace, if the wrong file was recorded first)."
            )
        return path
    if not file.url:
        raise WeightsError(
            f"{owner}: {what} not found: {path} does not exist. It is {file.origin}. "
            f"Put the file there, or set {key} to its path."
        )
    if not failure_of(file):
        logger.info(f"fetching {file.name} ({file.origin}) into {path.parent}")
    try:
        return fetch(file)
    except WeightsError as error:
        raise WeightsError(
            f"{owner}: {what} are not on this machine and could not be fetched ({' '.join(error.problems)}). Connect "
            f"to the network{again}, or download {file.name} ({file.address}) elsewhere and set {key} to its path."
        ) from error


def _may_be_folder(extractor: ExtractorConfig, role: str) -> bool:
    """Return whether a folder may replace a file; asks no library, which would import torch beside a kept network."""
    files = [file for file in KINDS[extractor.kind].files if isinstance(file, WeightFile)]
    return any(file.or_folder for file in files if file.role == role)
