"""From an `ExtractorConfig` to a `FeatureExtractor`; torch is imported only by kinds that need it."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mediaeval.errors import FeaturesError, UserError, WeightsError, choose
from mediaeval.features.engines import TORCH, Engine
from mediaeval.features.extractors import EXTRACTORS, ExtractorConfig, require_settings
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup, decoded_by
from mediaeval.features.kinds import KINDS
from mediaeval.features.kinds.kind import import_function
from mediaeval.features.recalled import recalled_or_built
from mediaeval.features.weight_files import files_located, files_of, locate
from mediaeval.weights.fetch import each_file_tried_once


def build_all(
    names: Sequence[str],
    known: Mapping[str, ExtractorConfig],
    engine: Engine = TORCH,
    decoder: str = "pillow",
    *,
    recall: bool = False,
) -> list[FeatureExtractor]:
    """Build extractors in the order of `names`. What several of them read, such as R, is built once and shared.

    recall  whether those that are remembered are returned as they are, and build themselves when asked to: see
            `features.recalled`

    Raises what `build` raises, with the problems of all of them at once.
    """
    built, failed = build_each(names, known, engine, decoder, recall=recall)
    if failed:
        errors = list(failed.values())
        raise type(errors[0])(*_distinct(problem for error in errors for problem in error.problems))
    return [built[name] for name in names]


def build_each(
    names: Sequence[str],
    known: Mapping[str, ExtractorConfig],
    engine: Engine = TORCH,
    decoder: str = "pillow",
    *,
    recall: bool = False,
) -> tuple[dict[str, FeatureExtractor], dict[str, UserError]]:
    """Build what can be built: return the extractors by name, and by name why the others cannot be built."""
    built: dict[str, FeatureExtractor] = {}
    files: dict[str, list[Path]] = {}  # that each was built from
    recalled: dict[str, FeatureExtractor] = {}
    failed: dict[str, UserError] = {}

    def lookup(name: str) -> FeatureExtractor:
        if name in failed:
            raise failed[name]
        if name not in built:
            try:
                with files_located() as files[name]:
                    network = build(name, known[choose("extractor", name, known)], engine, lookup)
                built[name] = decoded_by(decoder, network)
            except UserError as error:
                failed[name] = error
                raise
        return built[name]

    def lookup_recalled(name: str) -> FeatureExtractor:
        def build_with_files() -> tuple[FeatureExtractor, list[Path]]:
            return lookup(name), [*files[name], *files.get(known[name].source, [])]

        if name not in recalled:
            if name not in known:
                return lookup(name)  # which says so
            recalled[name] = recalled_or_built(name, known, engine, decoder, lookup_recalled, build_with_files)
        return recalled[name]

    find = lookup_recalled if recall else lookup
    with each_file_tried_once():
        for name in names:
            with contextlib.suppress(UserError):
                find(name)
        for name, error in failed.items():  # building stops at the first absent file; all of them are reported
            failed[name] = type(error)(*_distinct([*error.problems, *_problems_of_files(name, known)]))
    return (
        {name: find(name) for name in names if name not in failed},
        {name: failed[name] for name in names if name in failed},
    )


def _problems_of_files(name: str, known: Mapping[str, ExtractorConfig]) -> list[str]:
    """Return what is wrong with the weight files of an extractor and of the one that it reads."""
    source = known[name].source if name in known else ""
    problems: list[str] = []
    for part in (name, source):
        for file in files_of(known[part]) if part in known else ():
            try:
                locate(part, known[part], file.role)
            except WeightsError as error:
                problems += error.problems
    return problems


def _distinct(problems: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(problems))


def build(
    name: str, extractor: ExtractorConfig, engine: Engine = TORCH, networks: NetworkLookup | None = None
) -> FeatureExtractor:
    """Build one extractor with its weights loaded.

    networks  gives the extractors that it reads; None: those of the table, built now

    Raises WeightsError when the weights are absent or those of another network - they are never random -, ConfigError
    when its kind has no such setting or the library no such model, and FeaturesError when the vectors do not have the
    recorded width, since a concatenation would silently be another one.
    """
    require_settings(name, extractor)
    builder = import_function(KINDS[extractor.kind].builder)
    network: FeatureExtractor = builder(name, extractor, engine, networks or _of_table(engine))
    if extractor.width not in (None, network.width):
        raise FeaturesError(
            f"extractor '{name}': got {network.width} numbers per image from {extractor.model or extractor.kind}; "
            f"expected the recorded {extractor.width}. Use the weights that belong to it, or record this width: "
            f"[extractors.{name}] width = {network.width}."
        )
    return network


def _of_table(engine: Engine) -> NetworkLookup:
    def lookup(name: str) -> FeatureExtractor:
        return build(name, EXTRACTORS[choose("extractor", name, EXTRACTORS)], engine)

    return lookup
