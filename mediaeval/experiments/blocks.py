"""What stands behind the names of the blocks: the network that the table of extractors has, or a stand-in.

mediaeval.toml may put any network under a table's name, and a name alone does not tell. A report must not call one
network by another's name, so entries are compared, not names. Other weights for the same network are the user's own
choice - the papers' were never published - and are named.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mediaeval.config import Config, blocks_of
from mediaeval.features.extractors import EXTRACTORS, ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor

# What makes a network this network; `source` is compared by what it names.
MAKES = ("kind", "model", "model_args", "output", "mean", "std", "image_size")


def stand_ins(config: Config) -> dict[str, str]:
    """Return, for each block in use that bears a table name and is another network, how it differs, in words."""
    known = config.all_extractors()
    differences = {name: _differences(name, known) for name in config.features.use if name in EXTRACTORS}
    return {name: ", ".join(differs) for name, differs in differences.items() if differs}


def _differences(name: str, known: Mapping[str, ExtractorConfig]) -> list[str]:
    """Tell how the entry called `name` differs from the table's, and the network that it reads from the one it should.

    What the table's own readers read are networks that look at images, so one step is enough.
    """
    ours, theirs = known[name], EXTRACTORS[name]
    differs = _unlike(ours, theirs)
    if bool(ours.source) != bool(theirs.source):
        differs.append(f"source {_said(ours.source)}, not {_said(theirs.source)}")
    elif ours.source:
        of_source = _unlike(known[ours.source], EXTRACTORS[theirs.source])
        differs += [f"source {ours.source}: {difference}" for difference in of_source]
    return differs


def _unlike(ours: ExtractorConfig, theirs: ExtractorConfig) -> list[str]:
    pairs = [(part, getattr(ours, part), getattr(theirs, part)) for part in MAKES]
    return [f"{part} {_said(came)}, not {_said(wanted)}" for part, came, wanted in pairs if came != wanted]


def _said(value: Any) -> str:
    return "none" if value in ("", None, {}) else str(value)


def block_notes(config: Config, absent: Iterable[str] = ()) -> list[str]:
    """Tell what makes the blocks others than the papers', and whose weight files they have.

    `absent`: blocks that could not be built, whose files are told elsewhere.
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
    """Return, for each block in use, its kind, its model and the digest of its weights, where it has such."""
    known, built = config.all_extractors(), {network.name: network for network in networks}
    return {f"block {name}": _block(known[name], built.get(name)) for name in config.features.use}


def _block(extractor: ExtractorConfig, network: FeatureExtractor | None) -> dict[str, str]:
    about = {"kind": extractor.kind} | ({"model": extractor.model} if extractor.model else {})
    if network is None:
        return about | {"weights": "absent"}
    about |= {part: network.identity[part] for part in ("weights", "detector") if part in network.identity}
    source = network.identity.get("source")
    if extractor.source and isinstance(source, dict):
        about["source"] = f"{extractor.source}, weights {source.get('weights', 'none needed')}"
    return about
