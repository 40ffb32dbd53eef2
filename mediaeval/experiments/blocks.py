"""Which network a block's name stands for: the one in the table of extractors, or a stand-in.

mediaeval.toml may define another network under a name of that table. A report must not call one network by another's
name, so definitions are compared, not names. Different weights for the same network are the user's own choice, since
the papers' weights were never published; they are named in a note.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mediaeval.config import Config, blocks_of
from mediaeval.features.extractors import EXTRACTORS, ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor

# Fields by which a network is the same; `source` is compared by what it names.
MAKES = ("kind", "model", "model_args", "output", "mean", "std", "image_size")


def stand_ins(config: Config) -> dict[str, str]:
    """Return, in words, how each block in use that has a name of the table but is another network differs from it."""
    known = config.all_extractors()
    differences = {name: _differences(name, known) for name in config.features.use if name in EXTRACTORS}
    return {name: ", ".join(differs) for name, differs in differences.items() if differs}


def _differences(name: str, known: Mapping[str, ExtractorConfig]) -> list[str]:
    """Return how an extractor differs from the one of that name in the table, or its source from that one's source.

    Sources in the table are networks that read images, so there is no source of a source.
    """
    ours, theirs = known[name], EXTRACTORS[name]
    differs = _unlike(ours, theirs)
    if bool(ours.source) != bool(theirs.source):
        differs.append(f"source {_in_words(ours.source)}, not {_in_words(theirs.source)}")
    elif ours.source:
        of_source = _unlike(known[ours.source], EXTRACTORS[theirs.source])
        differs += [f"source {ours.source}: {difference}" for difference in of_source]
    return differs


def _unlike(ours: ExtractorConfig, theirs: ExtractorConfig) -> list[str]:
    pairs = [(part, getattr(ours, part), getattr(theirs, part)) for part in MAKES]
    return [f"{part} {_in_words(own)}, not {_in_words(table)}" for part, own, table in pairs if own != table]


def _in_words(value: Any) -> str:
    return "none" if value in ("", None, {}) else str(value)


def block_notes(config: Config, absent: Iterable[str] = ()) -> list[str]:
    """Return notes on how the blocks differ from the papers', and on weight files of the user's own.

    `absent`: blocks that could not be built; notes on their files are made elsewhere.
    """
    notes = []
    use, known = config.features.use, config.all_extractors()
    if use != blocks_of("certh2021"):
        notes.append(f"features {', '.join(use)} stand in for the paper's: the published figures are not comparable")
    notes += [
        f"{name} is a stand-in ({differs}): the published figures are not comparable"
        for name, differs in stand_ins(config).items()
    ]
    built = [name for name in use if name not in set(absent)]
    for name in dict.fromkeys([*built, *(known[name].source for name in built if known[name].source)]):
        files = [*filter(None, [known[name].weights]), *(f"{role} {path}" for role, path in known[name].parts.items())]
        if files:
            notes.append(f"{name} has weights of your own: {', '.join(files)}")
    return notes


def block_settings(config: Config, networks: Sequence[FeatureExtractor]) -> dict[str, dict[str, str]]:
    """Return, for each block in use, its kind and, where it has them, its model and the digest of its weights."""
    known, built = config.all_extractors(), {network.name: network for network in networks}
    return {f"block {name}": _block(known[name], built.get(name)) for name in config.features.use}


def _block(extractor: ExtractorConfig, network: FeatureExtractor | None) -> dict[str, str]:
    metadata = {"kind": extractor.kind} | ({"model": extractor.model} if extractor.model else {})
    if network is None:
        return metadata | {"weights": "absent"}
    metadata |= {part: network.identity[part] for part in ("weights", "detector") if part in network.identity}
    source = network.identity.get("source")
    if extractor.source and isinstance(source, dict):
        metadata["source"] = f"{extractor.source}, weights {source.get('weights', 'none needed')}"
    return metadata
