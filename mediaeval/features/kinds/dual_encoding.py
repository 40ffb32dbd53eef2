"""S of Pournaras et al. 2021, the signature: the visual branch of a dual encoding network, from the vectors of R."""

import numpy as np

from mediaeval.features.engines import Engine, torch_on
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup
from mediaeval.features.kinds.library import identity_of
from mediaeval.features.kinds.settings import DualEncodingSettings
from mediaeval.features.kinds.vectors import no_image, source_of
from mediaeval.features.weight_files import locate
from mediaeval.weights.identity import weights_identity


def build(name: str, extractor: ExtractorConfig, engine: Engine, networks: NetworkLookup) -> FeatureExtractor:
    """Return S: the vector of a frame, here R of an image as a video of one frame → 2048 numbers of unit length."""
    import torch

    from mediaeval.features.modules import frozen
    from mediaeval.features.networks import dual_encoding as dual
    from mediaeval.weights.read import read_weights

    path = locate(name, extractor)
    arguments = extractor.settings_as(DualEncodingSettings, name).model_args
    owner = f"extractor '{name}'"
    network = dual.load_visual(
        read_weights(path, owner),
        owner,
        path,
        attention_axis=arguments.attention_axis,
        normalise=arguments.normalise,
    )
    source = source_of(name, extractor, networks, network.frame_width)
    network = frozen(network, engine.device)

    def forward(vectors: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            frames = torch.from_numpy(vectors).to(engine.device)[:, None]  # (B, T = 1, 2048)
            lengths = torch.ones(len(frames), dtype=torch.int64)
            signatures: np.ndarray = network(frames, lengths).cpu().numpy()
            return signatures

    identity = {
        **identity_of(extractor, str(torch_on(engine))),
        "weights": weights_identity(path),
        "source": source.identity,
    }
    return FeatureExtractor(name, identity, network.space, no_image, forward, source=source)
