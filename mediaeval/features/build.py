"""From an `ExtractorConfig` to something that turns images into vectors; torch is imported by what needs it alone."""

import contextlib
from collections.abc import Mapping, Sequence

from mediaeval.errors import FeaturesError, UserError, WeightsError, choose
from mediaeval.features.engines import TORCH, Engine
from mediaeval.features.extractors import EXTRACTORS, ExtractorConfig, require_settings
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup, decoded_by
from mediaeval.features.kinds import KINDS
from mediaeval.features.kinds.kind import import_function
from mediaeval.features.weight_files import files_of, locate


def build_all(
    names: Sequence[str], known: Mapping[str, ExtractorConfig], engine: Engine = TORCH, decoder: str = "pillow"
) -> list[FeatureExtractor]:
    """Build extractors in the order of `names`. What several of them read, such as R, is built once and shared.

    Raises what `build` raises, with all that is wrong with any of them at once.
    """
    done, wrong = build_each(names, known, engine, decoder)
    if wrong:
        raise type(next(iter(wrong.values())))(
            *dict.fromkeys(problem for error in wrong.values() for problem in error.problems)
        )
    return [done[name] for name in names]


def build_each(
    names: Sequence[str], known: Mapping[str, ExtractorConfig], engine: Engine = TORCH, decoder: str = "pillow"
) -> tuple[dict[str, FeatureExtractor], dict[str, UserError]]:
    """Build what can be built: return the networks by name, and by name why the others cannot be."""
    done: dict[str, FeatureExtractor] = {}
    wrong: dict[str, UserError] = {}

    def built(name: str) -> FeatureExtractor:
        if name in wrong:
            raise wrong[name]
        if name not in done:
            try:
                network = build(name, known[choose("extractor", name, known)], engine, built)
                done[name] = decoded_by(decoder, network)
            except UserError as error:
                wrong[name] = error
                raise
        return done[name]

    for name in names:
        with contextlib.suppress(UserError):
            built(name)
    for name in list(wrong):  # building stops at the first file that is absent; all of them are told
        absent = [problem for error in _absent(name, known) for problem in error.problems]
        wrong[name] = type(wrong[name])(*dict.fromkeys([*wrong[name].problems, *absent]))
    return {name: done[name] for name in names if name in done}, {name: wrong[name] for name in names if name in wrong}


def _absent(name: str, known: Mapping[str, ExtractorConfig]) -> list[WeightsError]:
    """Return what is wrong with the weight files of an extractor and of the one it reads."""
    found = []
    for part in filter(None, [name, known[name].source if name in known else ""]):
        for file in files_of(known[part]) if part in known else ():
            try:
                locate(part, known[part], file.role)
            except WeightsError as error:
                found.append(error)
    return found


def build(
    name: str, extractor: ExtractorConfig, engine: Engine = TORCH, built: NetworkLookup | None = None
) -> FeatureExtractor:
    """Build one extractor with its weights loaded. `built` gives the networks it reads; without it, the table's own.

    Raises WeightsError when the weights are absent or those of another network - there are never random ones -
    ConfigError when the library knows no such model or argument, and FeaturesError when the vectors are not as wide
    as the table records: a concatenation would silently be another one.
    """
    if built is None:

        def built(source: str) -> FeatureExtractor:
            return build(source, EXTRACTORS[choose("extractor", source, EXTRACTORS)], engine)

    require_settings(name, extractor)
    builder = import_function(KINDS[extractor.kind].builder)  # some need torch, some never do
    network: FeatureExtractor = builder(name, extractor, engine, built)
    if extractor.width not in (None, network.width):
        raise FeaturesError(
            f"extractor '{name}': {extractor.model or extractor.kind} gives {network.width} numbers an image, "
            f"{extractor.width} are recorded. Take the weights that belong to it; if this width is meant, say so: "
            f"[extractors.{name}] width = {network.width}."
        )
    return network
