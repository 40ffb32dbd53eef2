"""Y of Pournaras et al. 2021: the probabilities of YouTube-8M's classes, from the vectors of its Inception."""

import numpy as np

from mediaeval.features.engines import Engine, torch_on
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor, NetworkLookup
from mediaeval.features.kinds.library import identity_of
from mediaeval.features.kinds.settings import YT8MSettings
from mediaeval.features.kinds.vectors import no_image, source_of
from mediaeval.features.weight_files import locate
from mediaeval.files import file_digest
from mediaeval.weights.identity import weights_identity


def build(name: str, extractor: ExtractorConfig, engine: Engine, networks: NetworkLookup) -> FeatureExtractor:
    """Return Y: an Inception vector → PCA to 1024, quantised as in the release → CNN → 3,862 probabilities."""
    from mediaeval.features.modules import frozen
    from mediaeval.features.networks import yt8m as youtube
    from mediaeval.weights.read import read_weights

    arguments = extractor.settings_as(YT8MSettings, name).model_args
    source = source_of(name, extractor, networks, 2048)
    path = locate(name, extractor)
    owner = f"extractor '{name}'"
    head = youtube.load_head(read_weights(path, owner), owner, path, flatten=arguments.flatten)
    # a network trained on the 2,048 numbers themselves needs no PCA
    pca_path = None if head.width == source.width else locate(name, extractor, "pca")
    pca = youtube.read_pca(pca_path) if pca_path else None
    head = frozen(head, engine.device)
    identity = {
        **identity_of(extractor, str(torch_on(engine))),
        "weights": weights_identity(path),
        "pca": f"file sha256 {file_digest(pca_path)}" if pca_path and pca_path.is_file() else str(pca_path),
        "source": source.identity,
    }

    def forward(vectors: np.ndarray) -> np.ndarray:
        return youtube.scores(head, pca, vectors)

    return FeatureExtractor(name, identity, head.dense.out_features, no_image, forward, source=source)
