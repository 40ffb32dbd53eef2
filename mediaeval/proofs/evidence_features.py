"""Features for checking run files against images, by a path of their own, of the best extractors that are at hand.

They share as little as possible with how a run was made: OpenCV decodes the images, and vectors are kept in a folder of
their own, under identities that no run can use. So a slip in a run's decoding or in its feature store is seen even
where a run was trained on features of the same network.
"""

import logging
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mediaeval.config import Config
from mediaeval.data.dataset import Dataset
from mediaeval.errors import UserError
from mediaeval.features.at_hand import at_hand, seconds_per_image
from mediaeval.features.build import build, build_all
from mediaeval.features.engines import TORCH, Engine, resolve_engine
from mediaeval.features.extract import Features, extract
from mediaeval.features.extractors import WITNESS, ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.features.kinds import KINDS
from mediaeval.features.store import FeatureStore
from mediaeval.progress import progress

logger = logging.getLogger(__name__)

FOLDER = Path(".mediaeval/evidence")
WITNESS_NAME = "witness"
MINUTES = 10.0  # that evidence may take by default
# of an extractor's images, after which its time is known; it is given up from twice the time that is left
_BEGINNING, _PATIENCE = 32, 2.0


@dataclass(frozen=True)
class Vectors:
    """The features of one extractor."""

    dev: Features
    test: Features


@dataclass(frozen=True)
class Gathered:
    """Features of dev and test set.

    vectors   extractor → its features
    left_out  extractor → why there are none, though its weights are here
    """

    vectors: Mapping[str, Vectors]
    left_out: Mapping[str, str]


class _TooLongError(Exception):
    """An extractor turned out to take longer than there is time for; `args`: seconds that it would take."""


def of_named(dev: Dataset, test: Dataset, config: Config, device: str) -> Gathered:
    """Return the features of the extractors that a configuration uses, however long that takes.

    Raises WeightsError, ConfigError or FeaturesError for those that cannot be built or computed.
    """
    known = config.all_extractors()
    networks = build_all(config.features.use, known, _engine(config.used_extractors(), config, device), "opencv")
    with _store() as store:
        return Gathered({network.name: _compute(network, dev, test, store) for network in networks}, {})


def of_best_at_hand(
    dev: Dataset, test: Dataset, config: Config, device: str, *, first: Sequence[str] = (), minutes: float = MINUTES
) -> Gathered:
    """Return the features of the extractors whose weights are here: those of `first`, then the strongest first.

    An extractor is left out when by its estimated time per image, or by that of its first images, it would take more
    than what is left of `minutes`; what was computed by an earlier call takes no time. So is one that cannot be built
    or fails. Where none remains, the witness's features, which need no weights, are all there are.
    """
    known, here = config.all_extractors(), at_hand(config)
    vectors: dict[str, Vectors] = {}
    left_out: dict[str, str] = {}
    left = 60 * minutes
    with _store() as store:
        for name in dict.fromkeys(name for name in (*first, *here) if name in here):
            began = time.monotonic()
            estimate = seconds_per_image(known[name]) * (len(dev.ids) + len(test.ids))
            if estimate > left and not any(store.folder.glob(f"{name}-*.features")):
                left_out[name] = _too_long(estimate, left, minutes)
                continue
            try:
                (network,) = build_all([name], known, _engine({name: known[name]}, config, device), "opencv")
                vectors[name] = _compute(network, dev, test, store, limit=left)
            except _TooLongError as error:
                left_out[name] = _too_long(error.args[0], left, minutes)
            except UserError as error:
                left_out[name] = str(error.problems[0]).rstrip(".")
            left -= time.monotonic() - began
        if not vectors:
            vectors[WITNESS_NAME] = _compute(build(WITNESS_NAME, WITNESS), dev, test, store)
    return Gathered(vectors, left_out)


def _too_long(seconds: float, left: float, minutes: float) -> str:
    took = f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 60:.0f} minutes"
    return f"it would take about {took}, and {max(left, 0):.0f} seconds are left of --evidence-time {minutes:g}"


def _engine(extractors: Mapping[str, ExtractorConfig], config: Config, device: str) -> Engine:
    if not any(KINDS[extractor.kind].uses_engine for extractor in extractors.values()):
        return TORCH
    return resolve_engine(config.features.engine, device)


@contextmanager
def _store() -> Iterator[FeatureStore]:
    """Give the store of evidence, or, where its folder cannot be written to, one that is removed afterwards."""
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=FOLDER):
            pass
    except OSError as error:
        logger.warning(
            f"{FOLDER} cannot be written to ({error.strerror}): the features are not kept, so the next check computes "
            "them again."
        )
        with tempfile.TemporaryDirectory() as folder:
            yield FeatureStore(Path(folder))
    else:
        yield FeatureStore(FOLDER)


def _compute(
    network: FeatureExtractor, dev: Dataset, test: Dataset, store: FeatureStore, *, limit: float | None = None
) -> Vectors:
    """Return the vectors of a network, computing what the store lacks; `limit`: seconds. Raises _TooLongError."""
    began = time.monotonic()

    def of(dataset: Dataset, others: int) -> Features:
        with progress(f"evidence of {dataset.folder}: {network.name}") as advance:

            def on_image(done: int, total: int) -> None:
                advance(done, total)
                spent = time.monotonic() - began
                if limit is not None and done == _BEGINNING:
                    needed = spent / done * (total + others)
                    if needed > _PATIENCE * max(limit, 1):
                        raise _TooLongError(needed)

            return extract(dataset, [network], store, on_image=on_image)

    return Vectors(of(dev, len(test.ids)), of(test, 0))
