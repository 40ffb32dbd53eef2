"""From an `Extractor` to something that turns images into vectors; torch is imported by what needs it alone."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from mediaeval.data.duplicates import THUMBNAIL, thumbnail
from mediaeval.data.images import DECODER
from mediaeval.errors import FeaturesError, UserError, WeightsError, choose
from mediaeval.features.engines import TORCH, Engine
from mediaeval.features.extractors import EXTRACTORS, Extractor
from mediaeval.features.network import Network, decoded_by
from mediaeval.features.sources import locate
from mediaeval.features.weight_files import files_of

Built = Callable[[str], Network]  # a name in the table of extractors → the network, built once however many read it


def build_all(
    names: Sequence[str], known: Mapping[str, Extractor], engine: Engine = TORCH, decoder: str = "pillow"
) -> list[Network]:
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
    names: Sequence[str], known: Mapping[str, Extractor], engine: Engine = TORCH, decoder: str = "pillow"
) -> tuple[dict[str, Network], dict[str, UserError]]:
    """Build what can be built: return the networks by name, and by name why the others cannot be."""
    done: dict[str, Network] = {}
    wrong: dict[str, UserError] = {}

    def built(name: str) -> Network:
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


def _absent(name: str, known: Mapping[str, Extractor]) -> list[WeightsError]:
    """Return what is wrong with the weight files of an extractor and of the one it reads."""
    found = []
    for part in filter(None, [name, known[name].source if name in known else ""]):
        for file in files_of(part, known[part]) if part in known else ():
            try:
                locate(part, known[part], file.role)
            except WeightsError as error:
                found.append(error)
    return found


def build(name: str, extractor: Extractor, engine: Engine = TORCH, built: Built | None = None) -> Network:
    """Build one extractor with its weights loaded. `built` gives the networks it reads; without it, the table's own.

    Raises WeightsError when the weights are absent or those of another network - there are never random ones -
    ConfigError when the library knows no such model or argument, and FeaturesError when the vectors are not as wide
    as the table records: a concatenation would silently be another one.
    """
    if built is None:

        def built(source: str) -> Network:
            return build(source, EXTRACTORS[choose("extractor", source, EXTRACTORS)], engine)

    module, _, function = KINDS[extractor.kind].partition(":")
    network = getattr(import_module(f"mediaeval.features.{module}"), function)(name, extractor, engine, built)
    if extractor.width not in (None, network.width):
        raise FeaturesError(
            f"extractor '{name}': {extractor.model or extractor.kind} gives {network.width} numbers an image, "
            f"{extractor.width} are recorded. Take the weights that belong to it; if this width is meant, say so: "
            f"[extractors.{name}] width = {network.width}."
        )
    return network


def handcrafted_network(name: str, extractor: Extractor, engine: Engine, built: Built) -> Network:
    """Colour, texture and edge statistics."""
    import cv2
    import skimage

    from mediaeval.features.kinds import handcrafted

    libraries = f"opencv {cv2.__version__}, scikit-image {skimage.__version__}"
    identity = {"kind": "handcrafted", "version": handcrafted.VERSION, "decoder": DECODER, "libraries": libraries}
    side = handcrafted.SIDE
    return Network(name, identity, handcrafted.WIDTH, handcrafted.handcrafted, lambda batch: batch, side=side)


def thumbnail_network(name: str, extractor: Extractor, engine: Engine, built: Built) -> Network:
    """Grey thumbnails, to find near-duplicates."""
    identity = {"kind": "thumbnail", "side": THUMBNAIL, "decoder": DECODER}
    return Network(name, identity, THUMBNAIL**2, thumbnail, lambda batch: batch, side=THUMBNAIL)


def witness_network(name: str, extractor: Extractor, engine: Engine, built: Built) -> Network:
    """What a run file is held against."""
    from mediaeval.features.kinds import witness

    identity = {"kind": "witness", "version": witness.VERSION, "decoder": witness.DECODER}
    return Network(name, identity, witness.WIDTH, witness.witness, lambda batch: batch, from_bytes=True)


# kind → "module:function" below mediaeval.features, imported when it is used: some need torch, some never do
KINDS: dict[str, str] = {
    "handcrafted": "build:handcrafted_network",
    "timm": "kinds.libraries:timm_network",
    "torchvision": "kinds.libraries:torchvision_network",
    "resnet152_11k": "kinds.video:resnet152_11k",
    "inception2015": "kinds.video:inception2015",
    "caffenet": "kinds.caffenet:caffenet",
    "yt8m": "kinds.video:yt8m",
    "dual_encoding": "kinds.video:dual_encoding",
    "objectgraphs": "kinds.objects:objectgraphs",
    "objects": "kinds.objects:mean_of_objects",
    "thumbnail": "build:thumbnail_network",
    "witness": "build:witness_network",
}
