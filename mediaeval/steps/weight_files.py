"""The weight files of extractors: where each stands, and fetching the absent ones into the cache."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mediaeval.config import PRESETS, Config, blocks_of
from mediaeval.errors import ConfigError, WeightsError, choose
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.weight_files import files_of, own_file
from mediaeval.progress import progress
from mediaeval.weights.fetch import fetch, status
from mediaeval.weights.files import WeightFile

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExtractorFile:
    """A file that an extractor needs. `own`: the user's file in its place, or empty. `digest`: sha256, or empty."""

    extractor: str
    file: WeightFile
    own: str
    status: str  # here, absent, damaged, not published, fetched, yours: PATH
    digest: str

    @property
    def is_here(self) -> bool:
        """Whether the file can be used as it is."""
        return self.status in ("here", "fetched") or self.status.startswith("yours: ")

    def to_dict(self) -> dict[str, Any]:
        """Return what is printed of it, by the names that `--json` has."""
        return {
            "extractor": self.extractor,
            "role": self.file.role,
            "file": self.file.name,
            "status": self.status,
            "sha256": self.digest[:12],
            "licence": "yours" if self.own else self.file.licence,
            "from": self.file.url or self.file.origin,
        }


def extractors_named(config: Config, name: str | None) -> dict[str, ExtractorConfig]:
    """Return the extractors of a preset, or one, or without a name all, and those that they read.

    Raises ConfigError for a name that is neither.
    """
    known = config.all_extractors()
    if name is None:
        return known
    choose("preset or extractor", name, [*PRESETS, *known])
    return with_sources(blocks_of(name) if name in PRESETS else [name], known)


def with_sources(names: Sequence[str], known: Mapping[str, ExtractorConfig]) -> dict[str, ExtractorConfig]:
    """Return extractors by name, and those that they read after them."""
    found = list(names)
    for extractor in found:  # grows while it is read
        source = known[extractor].source
        if source and source not in found:
            found.append(source)
    return {extractor: known[extractor] for extractor in found}


def files_of_extractors(extractors: Mapping[str, ExtractorConfig]) -> Iterator[ExtractorFile]:
    """Yield every file that the extractors need, and where it stands."""
    for name, extractor in extractors.items():
        for file, own in _files(extractor):
            yield ExtractorFile(name, file, own, *_status(file, own))


def fetch_files(
    extractors: Mapping[str, ExtractorConfig], mirror: Path | None = None, *, replace_recorded: bool = False
) -> tuple[list[ExtractorFile], list[str]]:
    """Fetch missing files of the extractors into the cache; return their files, and why some could not be fetched.

    `mirror`: a folder that the files are copied from, in place of the network. `replace_recorded`: published files are
    fetched again, though others were recorded before. Raises ConfigError for a mirror that is not a folder.
    """
    if mirror is not None and not mirror.is_dir():
        raise ConfigError(f"--mirror {mirror}: not a folder. Give the cache of another machine, for example.")
    files: list[ExtractorFile] = []
    problems: list[str] = []
    for found in files_of_extractors(extractors):
        absent = found.status in ("absent", "damaged") or (replace_recorded and bool(found.file.url) and not found.own)
        unpublished = found.status == "not published"
        if absent or (unpublished and mirror is not None and (mirror / found.file.name).is_file()):
            try:
                found = _fetch(found, mirror, replace_recorded)
            except WeightsError as error:
                address = f" ({found.file.address})" if found.file.url else ""
                problems += [f"extractor '{found.extractor}': {problem}{address}" for problem in error.problems]
                found = replace(found, status=f"{found.status}, not fetched")
        elif unpublished:
            file = found.file
            problems.append(f"extractor '{found.extractor}': {file.name} is not published; it is {file.origin}.")
        files.append(found)
    return files, problems


def _fetch(found: ExtractorFile, mirror: Path | None, replace_recorded: bool) -> ExtractorFile:
    file = found.file
    logger.info(f"{file.name} from {mirror or file.url}")
    with progress(f"{file.name}, MB") as advance:

        def on_bytes(done: int, total: int | None) -> None:
            advance(done // 10**6, (total or done) // 10**6)

        fetch(file, mirror, on_bytes, replace=replace_recorded)
    return replace(found, status="fetched", digest=status(file)[1])


def _files(extractor: ExtractorConfig) -> list[tuple[WeightFile, str]]:
    """Return (file, the user's own path or "") for all that an extractor needs itself."""
    # a model that its library publishes no weights of may still be used with a file of one's own
    if extractor.weights and extractor.kind in ("timm", "torchvision"):
        origin = f"{extractor.kind} {extractor.model}"
        own = WeightFile("weights", Path(extractor.weights).name, "", extractor.licence, origin)
        return [(own, extractor.weights)]
    return [(file, own_file(extractor, file.role)) for file in files_of(extractor)]


def _status(file: WeightFile, own: str) -> tuple[str, str]:
    """Return (where a file stands, its sha256 or "")."""
    if own:
        return f"yours: {own}" if Path(own).exists() else f"yours, absent: {own}", ""
    word, digest = status(file)
    return ("not published" if word == "absent" and not file.url else word), digest
