"""The features of Pournaras et al. 2021 that come from video research, as extractors: R, Y with its Inception, and S.

R and Inception look at images; Y and S read their vectors, so that a backbone runs once for all who want it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from mediaeval.data.images import DECODER
from mediaeval.errors import ConfigError, WeightsError
from mediaeval.features.engines import Engine, Made, torch_on
from mediaeval.features.extractors import Extractor
from mediaeval.features.kinds.libraries import arguments_of, identity_of, network_of
from mediaeval.features.network import Network
from mediaeval.features.sources import locate
from mediaeval.features.tensorflow1 import normalise, resize
from mediaeval.files import file_digest

if TYPE_CHECKING:
    pass

SQUASHED, CROP = 256, 224  # pixels: the whole image squashed, then cut, as the group's video features were made
INCEPTION_SIDE = 299  # pixels
_RESIZE = f"opencv {cv2.__version__} bilinear"


def resnet152_11k(name: str, extractor: Extractor, engine: Engine, built: Callable) -> Network:
    """R: image squashed to 256², centre crop of 224² or the mean over ten, pixels 0..255 → 2048."""
    how = arguments_of(name, extractor, {"crops": "centre"})["crops"]
    if how not in ("centre", "ten"):
        raise ConfigError(f"extractor '{name}': model_args.crops = '{how}': 'centre' or 'ten' is wanted.")
    path = locate(name, extractor)
    digest = f"file sha256 {file_digest(path)}"

    def make() -> Made:
        from mediaeval.features.networks import resnet152
        from mediaeval.weights.read import load_state, read_weights

        network, owner = resnet152.ResNet11k(), f"extractor '{name}'"
        load_state(network, resnet152.state_from(read_weights(path, owner), owner), owner, path)
        example = np.zeros((SQUASHED, SQUASHED, 3), np.uint8)
        return Made(resnet152.OfSquares(network, CROP, how), example, {})

    def prepare(image: Image.Image) -> np.ndarray:
        return cv2.resize(np.asarray(image), (SQUASHED, SQUASHED), interpolation=cv2.INTER_LINEAR)

    loaded = engine.load(name, {"kind": extractor.kind, "crops": how, "weights": digest}, make)
    identity = {
        **identity_of(extractor, loaded.engine),
        "weights": digest,
        "preprocessing": f"{_RESIZE} to {SQUASHED}², {how} of {CROP}², 0..255",
        "decoder": DECODER,
    }
    return network_of(name, identity, loaded, prepare, SQUASHED)


def inception2015(name: str, extractor: Extractor, engine: Engine, built: Callable) -> Network:
    """Inception of 2015-12-05: image squashed to 299² as TensorFlow 1 did → `pool_3`, 2048."""
    arguments_of(name, extractor, {})
    path = locate(name, extractor)
    digest = f"file sha256 {file_digest(path)}"

    def make() -> Made:
        from mediaeval.features.networks import inception2015
        from mediaeval.weights.read import load_into

        network = inception2015.inception2015()
        load_into(network, path, f"extractor '{name}'", head="fc")
        return Made(network, np.zeros((3, INCEPTION_SIDE, INCEPTION_SIDE), np.float32), {})

    def prepare(image: Image.Image) -> np.ndarray:
        return normalise(resize(np.asarray(image), INCEPTION_SIDE))

    loaded = engine.load(name, {"kind": extractor.kind, "weights": digest}, make)
    identity = {
        **identity_of(extractor, loaded.engine),
        "weights": digest,
        "preprocessing": f"TensorFlow 1 bilinear to {INCEPTION_SIDE}², (x - 128) / 128",
        "decoder": DECODER,
    }
    return network_of(name, identity, loaded, prepare, INCEPTION_SIDE)


def yt8m(name: str, extractor: Extractor, engine: Engine, built: Callable) -> Network:
    """Y: an Inception vector → PCA to 1024, quantised as in the release → CNN → 3,862 sigmoids."""
    from mediaeval.features.modules import frozen
    from mediaeval.features.networks import yt8m as youtube
    from mediaeval.weights.read import read_weights

    arguments = arguments_of(name, extractor, {"flatten": "channels_first"})
    source = _source(name, extractor, built, 2048)
    path = locate(name, extractor)
    owner = f"extractor '{name}'"
    head = youtube.load_head(read_weights(path, owner), owner, path, **arguments)
    # a head on the 2048 numbers themselves wants no PCA
    pca_path = None if head.width == source.width else locate(name, extractor, "pca")
    pca = youtube.read_pca(pca_path) if pca_path else None
    head = frozen(head, engine.device)
    identity = {
        **identity_of(extractor, str(torch_on(engine))),
        "weights": f"file sha256 {file_digest(path)}",
        "pca": f"file sha256 {file_digest(pca_path)}" if pca_path and pca_path.is_file() else str(pca_path),
        "source": source.identity,
    }

    def forward(vectors: np.ndarray) -> np.ndarray:
        return youtube.scores(head, pca, vectors)

    return Network(name, identity, head.dense.out_features, _no_image, forward, source=source)


def dual_encoding(name: str, extractor: Extractor, engine: Engine, built: Callable) -> Network:
    """S: a frame's vector, here R of the image as a video of one frame → 2048, unit length."""
    import torch

    from mediaeval.features.modules import frozen
    from mediaeval.features.networks import dual_encoding as dual
    from mediaeval.weights.read import read_weights

    path = locate(name, extractor)
    arguments_of(name, extractor, {"attention_axis": "time", "normalise": True})  # unsaid: what the file's layout says
    owner = f"extractor '{name}'"
    network = dual.load_visual(read_weights(path, owner), owner, path, **extractor.model_args)
    source = _source(name, extractor, built, network.frame_width)
    network = frozen(network, engine.device)

    def forward(vectors: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            frames = torch.from_numpy(vectors).to(engine.device)[:, None]  # (B, T = 1, 2048)
            lengths = torch.ones(len(frames), dtype=torch.int64)
            return network(frames, lengths).cpu().numpy()

    identity = {
        **identity_of(extractor, str(torch_on(engine))),
        "weights": f"file sha256 {file_digest(path)}",
        "source": source.identity,
    }
    return Network(name, identity, network.space, _no_image, forward, source=source)


def _source(name: str, extractor: Extractor, built: Callable[[str], Network], width: int) -> Network:
    """Return the network whose vectors the extractor reads. Raises unless they are as wide as its weights want."""
    if not extractor.source:
        raise ConfigError(
            f"extractor '{name}': {extractor.kind} reads another extractor's vectors; "
            f"name it: [extractors.{name}] source = 'resnet152_11k'."
        )
    source = built(extractor.source)
    if source.source:
        raise ConfigError(f"extractor '{name}': source '{source.name}' reads vectors itself; one of images is wanted.")
    if source.width != width:
        raise WeightsError(
            f"extractor '{name}': its weights read vectors of {width} numbers, source '{source.name}' gives "
            f"{source.width}. Take weights that were trained on that source, or another source."
        )
    return source


def _no_image(image: Image.Image) -> np.ndarray:
    raise AssertionError("a network that reads vectors is never given an image")
