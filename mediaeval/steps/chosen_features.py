"""Which features are computed where none are named: those of the run, else of the strongest networks at hand."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from mediaeval.config import Config
from mediaeval.errors import RunFolderError, first_few
from mediaeval.features.at_hand import at_hand, seconds_per_image, unknown_beside
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.runs import RunFolder
from mediaeval.sample.paths import sample_of
from mediaeval.steps.run_config import read_config

logger = logging.getLogger(__name__)

MOST = 2  # extractors; every further one is weaker than those before, and takes its time
SLOWEST = 0.3  # seconds per image, on one core; 500 images take as many as two minutes and a half
WITHOUT_NETWORKS = "handcrafted"
SMALL, SMALL_MB = "small", 37  # the preset of a small network, and the size of its weights


def with_chosen_features(config: Config, datasets: Sequence[Path], run: RunFolder | None = None) -> Config:
    """Return a configuration that names its extractors, and say in one line which were chosen, if none were named.

    datasets  the folders whose features are computed; those of a drawn sample have hand-crafted ones
    run       the run that is trained into; what it holds was made from its extractors, which are taken again
    """
    if not config.chooses_features:
        return config
    if run is not None and (kept := _of_run(config, run)):
        return kept
    if all(sample_of(folder) for folder in datasets):
        return config.using([WITHOUT_NETWORKS])
    here, known = at_hand(config), config.all_extractors()
    chosen = _quick(here, known)[:MOST]
    others = [name for name in here if name not in chosen]
    if not chosen:
        _warn_of_hand_crafted(config, others)
        return config.using([WITHOUT_NETWORKS])
    rest = f"; also here: {_with_times(others, known)}" if others else ""
    logger.info(f"features: {', '.join(chosen)} (the strongest at hand{rest}). To name others: --use NAMES.")
    return config.using(chosen)


def _of_run(config: Config, run: RunFolder) -> Config | None:
    """Return the configuration with the extractors of a run, as it has them; None where there are none."""
    if not run.manifest.is_file():
        return None
    try:
        old = read_config(run, config.task)
    except RunFolderError:  # damaged: it is refused, or replaced by another
        return None
    names = old.features.use
    if not names or old.chooses_features:
        return None
    logger.info(f"features: {', '.join(names)} (those of {run.path}). To choose others, train another run: --run NAME.")
    features = config.features.model_copy(update={"use": names})
    return config.model_copy(update={"features": features, "extractors": config.extractors | old.extractors})


def _quick(names: Sequence[str], known: Mapping[str, ExtractorConfig]) -> list[str]:
    return [name for name in names if seconds_per_image(known[name]) < SLOWEST]


def _with_times(names: Sequence[str], known: Mapping[str, ExtractorConfig]) -> str:
    return first_few(f"{name}, {seconds_per_image(known[name]):.2g} s per image" for name in names)


def _warn_of_hand_crafted(config: Config, slow: Sequence[str]) -> None:
    """Say what hand-crafted features cost, and what to do instead. `slow`: the names of networks that are at hand."""
    why, do = "no network's weights are here", "Fetch"
    if slow:
        why = f"networks here take long ({_with_times(slow, config.all_extractors())})"
        do = f"Take one of them: --use {slow[0]}; or fetch"
    elif others := unknown_beside(config):
        why = f"weights here have names of no published file ({first_few(others)})"
        do = 'Name each as weights = "FILE" in a section [extractors.NAME] of mediaeval.toml; or fetch'
    logger.warning(
        f"features: {WITHOUT_NETWORKS}, since {why}: learned from 483 photographs, they reached weighted F1 .476 where "
        f"three small networks reached .545. {do} a quick one ({SMALL_MB} MB): mediaeval weights fetch {SMALL}."
    )
