"""Which extractors can be used without a download: those whose weights are on this machine, the strongest first.

A weight file is looked for where the settings name it, then, by the name under which it is published, in the folder
`weights/` beside the settings, then in the cache. What is there is judged by its content and its size, not loaded.
Importing this needs no torch, and no library is asked.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from mediaeval.errors import WeightsError, first_few
from mediaeval.features.extractors import EXTRACTORS, ExtractorConfig
from mediaeval.features.kinds import KINDS
from mediaeval.features.kinds.kind import import_function
from mediaeval.features.weight_files import own_file
from mediaeval.formats.content import READ_HERE, SAFETENSORS, content_of
from mediaeval.remembered import cache_folder
from mediaeval.weights.cache import recorded

logger = logging.getLogger(__name__)

BESIDE = "weights"  # folder beside the settings
# of weights, for extractors whose time is not known; measured: MobileNetV2 1.5, ResNet-50 1.1, ViT-B/16 1.1
SECONDS_PER_GB = 1.1

Flaws = dict[str, str]  # path → why it is not used


class Extractors(Protocol):
    """What is needed of a configuration; `Config` is one."""

    @property
    def weights_beside(self) -> Path | None:
        """The folder `weights/` beside the settings, which need not exist; None: it is not looked at."""

    @property
    def own_extractors(self) -> tuple[str, ...]:
        """Names of the user's own extractors, in the order in which the settings have them."""

    def all_extractors(self) -> dict[str, ExtractorConfig]:
        """Return the user's own and those of the table, with the files of `weights_beside`."""


def at_hand(config: Extractors) -> list[str]:
    """Return the names of all extractors whose weights are here, the strongest first.

    The user's own without an `order` come first, as the settings have them; then the others by falling `order`. An
    extractor that reads another one is here when both are. What needs no weights is left out, and so are detectors,
    which are used only where they are named. One warning names the files that are there and cannot be used.
    """
    known, own = config.all_extractors(), config.own_extractors
    flaws: Flaws = {}
    beside = _names_in(config.weights_beside, flaws)
    cached = _names_in(cache_folder(), flaws)
    here = [name for name in known if _is_here(name, known, cached, flaws)]
    for extractor in known.values():
        for role, file in _published(extractor).items():
            if file in beside and not own_file(extractor, role):  # else it were the extractor's own
                _is_sound(Path(config.weights_beside or "", file), role, flaws)
    if flaws:
        logger.warning(
            f"weight files that are not used: {first_few(f'{path} ({flaw})' for path, flaw in flaws.items())}."
        )

    def rank(name: str) -> tuple[float, int]:
        order = known[name].order
        return float("-inf") if order is None else -order, own.index(name) if name in own else len(own)

    return sorted(here, key=rank)


def unknown_beside(config: Extractors) -> list[str]:
    """Return the weight files in `weights_beside` that have the name of no published file."""
    published = {name for extractor in config.all_extractors().values() for name in _published(extractor).values()}
    names = _names_in(config.weights_beside, {})
    return [
        f"{BESIDE}/{name}"
        for name in names
        if Path(name).suffix in (".safetensors", ".pth", ".pt", ".bin", ".h5", ".caffemodel") and name not in published
    ]


def seconds_per_image(extractor: ExtractorConfig) -> float:
    """Return how long an extractor takes for an image on one core, in seconds.

    As stated; else that of the same network in the table; else an estimate from the size of its weights.
    """
    if extractor.seconds is not None:
        return extractor.seconds
    for entry in EXTRACTORS.values():
        if entry.seconds and entry.model and (entry.kind, _network(entry)) == (extractor.kind, _network(extractor)):
            return entry.seconds
    files = [Path(own_file(extractor, role) or cache_folder() / name) for role, name in _published(extractor).items()]
    return SECONDS_PER_GB * sum(file.stat().st_size for file in files if file.is_file()) / 1e9


def _network(extractor: ExtractorConfig) -> str:
    """Return the name of a network without that of its weights, which timm writes behind a point."""
    return extractor.model.partition(".")[0]


def with_files_beside(known: Mapping[str, ExtractorConfig], folder: Path | None) -> dict[str, ExtractorConfig]:
    """Return extractors, of which those without files of their own have the published ones that lie in a folder."""
    names = _names_in(folder, {})
    if folder is None or not names:
        return dict(known)
    return {name: _with_files(extractor, folder, names) for name, extractor in known.items()}


def _with_files(extractor: ExtractorConfig, folder: Path, names: Sequence[str]) -> ExtractorConfig:
    found = {
        role: str(folder / name)
        for role, name in _published(extractor).items()
        if name in names and not own_file(extractor, role) and _is_sound(folder / name, role, {})
    }
    if not found:
        return extractor
    weights = found.pop("weights", extractor.weights)
    return extractor.model_copy(update={"weights": weights, "parts": extractor.parts | found})


def _published(extractor: ExtractorConfig) -> dict[str, str]:
    """Return the names of an extractor's published files by role: "" where only a library knows it; no detector's."""
    kind = KINDS[extractor.kind]
    if kind.finds_objects:
        return {}
    if kind.file_name:
        return {"weights": kind.file_name(extractor.model)}
    files = [import_function(file)(extractor) if isinstance(file, str) else file for file in kind.files]
    return {file.role: file.name for file in files}


def _is_here(name: str, known: Mapping[str, ExtractorConfig], cached: Sequence[str], flaws: Flaws) -> bool:
    """Return whether an extractor that needs weights can be used, with what it reads. `flaws` grows."""
    extractor = known[name]
    files = _published(extractor)
    if not files:
        return False
    for role, published in files.items():
        own = own_file(extractor, role)
        if not own and published not in cached:
            return False
        if not _is_sound(Path(own) if own else cache_folder() / published, role, flaws, in_cache=not own):
            return False
    return not extractor.source or _is_here(extractor.source, known, cached, flaws)


def _is_sound(path: Path, role: str, flaws: Flaws, *, in_cache: bool = False) -> bool:
    """Return whether a file can be what an extractor needs; `flaws` gets why not.

    That its numbers are those of the network, or what was published, is found when it is loaded.
    """
    try:
        flaw = _flaw(path, role, _recorded_size(path) if in_cache else None)
    except OSError as error:
        flaw = error.strerror or "unreadable"
    except WeightsError as error:  # the cache's index
        flaw = str(error)
    if flaw:
        flaws[str(path)] = flaw
    return not flaw


def _flaw(path: Path, role: str, size: int | None) -> str:
    """Return what is wrong with a file, "" where nothing is found. `size`: as recorded when it was fetched, bytes."""
    if role != "weights":  # a table or a folder with it
        return "" if path.is_dir() or path.stat().st_size else "empty"
    content = content_of(path)
    if content not in READ_HERE:
        return content.what
    if size is not None and path.stat().st_size != size:
        return f"{path.stat().st_size} of {size} bytes"
    if content is SAFETENSORS:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy"):  # compares its size with the one that its header leads to
                pass
        except (SafetensorError, OSError):
            return "cut short or damaged"
    return ""


def _recorded_size(path: Path) -> int | None:
    size = recorded(path.parent).get(path.name, {}).get("bytes")
    return size if isinstance(size, int) else None


def _names_in(folder: Path | None, flaws: Flaws) -> list[str]:
    """Return the names in a folder; none where there is no folder, or one that cannot be read, which `flaws` gets."""
    try:
        return sorted(path.name for path in folder.iterdir()) if folder is not None else []
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        flaws[str(folder)] = "a file, where a folder is expected"
        return []
    except OSError as error:  # no right to read, for example
        flaws[str(folder)] = error.strerror or "unreadable"
        return []
