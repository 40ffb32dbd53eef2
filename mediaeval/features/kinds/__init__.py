"""The kinds of extractor: one record each in KINDS, and one file each that builds the network and prepares images.

A new kind is a record here and its file. Importing this needs no torch: what builds is imported when it is used.
library, vectors and detection hold what several kinds share: an engine's networks, a source's vectors, a detector.
"""

from mediaeval.features.kinds.kind import ExtractorKind
from mediaeval.features.kinds.settings import (
    CaffeNetSettings,
    DualEncodingSettings,
    LibrarySettings,
    NoSettings,
    ObjectGraphsSettings,
    ObjectsSettings,
    ResNet11kSettings,
    WeightsSettings,
    YT8MSettings,
)
from mediaeval.weights.files import WeightFile, plain_name

_QUBVEL = "https://github.com/qubvel/classification_models/releases/download/0.0.1/"
_PYTORCH_FID = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
_RESNET = "resnet152_imagenet11k_11221_no_top.h5"
_INCEPTION = "pt_inception-2015-12-05-6726825d.pth"
_DETECTOR = "mediaeval.features.kinds.torchvision:detector_file"
# their names end with digits of the content, which only the library knows; those of the table of extractors
_OF_TORCHVISION = {"resnet50": "resnet50-11ad3fa6.pth", "squeezenet1_0": "squeezenet1_0-b66bff10.pth"}
_TRAINED = "yours: nobody publishes it"

KINDS: dict[str, ExtractorKind] = {
    "handcrafted": ExtractorKind("mediaeval.features.kinds.handcrafted:build", NoSettings, uses_engine=False),
    "timm": ExtractorKind(
        "mediaeval.features.kinds.timm:build",
        LibrarySettings,
        weights="timm",
        files=("mediaeval.features.kinds.timm:weight_file",),
        file_name=lambda model: f"{plain_name(model)}.safetensors",
    ),
    "torchvision": ExtractorKind(
        "mediaeval.features.kinds.torchvision:build",
        LibrarySettings,
        weights="torchvision",
        files=("mediaeval.features.kinds.torchvision:weight_file",),
        file_name=lambda model: _OF_TORCHVISION.get(model, ""),
    ),
    "resnet152_11k": ExtractorKind(
        "mediaeval.features.kinds.resnet152_11k:build",
        ResNet11kSettings,
        weights="public: MXNet model zoo, or its Keras port",
        files=(
            WeightFile(
                "weights",
                _RESNET,
                _QUBVEL + _RESNET,
                "not stated by its authors",
                "the Keras port, by qubvel/classification_models, of the MXNet model zoo's imagenet-11k/resnet-152; "
                "the zoo's own resnet-152-0000.params may be named as weights instead",
                md5="25ab66dec217cb774a27d0f3659cafb3",
            ),
        ),
    ),
    "inception2015": ExtractorKind(
        "mediaeval.features.kinds.inception2015:build",
        WeightsSettings,
        weights="public: pytorch-fid",
        files=(
            WeightFile(
                "weights",
                _INCEPTION,
                _PYTORCH_FID + _INCEPTION,
                "Apache-2.0",
                "TensorFlow's graph of 2015-12-05 as mseitzer/pytorch-fid converted it",
                sha256="6726825d0af5",
            ),
        ),
    ),
    "caffenet": ExtractorKind(
        "mediaeval.features.kinds.caffenet:build",
        CaffeNetSettings,
        weights="a .caffemodel that you bring:",
        files=("mediaeval.features.kinds.caffenet:weight_file",),
    ),
    "yt8m": ExtractorKind(
        "mediaeval.features.kinds.yt8m:build",
        YT8MSettings,
        weights="trained by you: pretrain yt8m; PCA public",
        files=(
            WeightFile(
                "weights",
                "yt8m.safetensors",
                "",
                _TRAINED,
                "made by: mediaeval pretrain yt8m --features DIR --out yt8m.safetensors",
            ),
            WeightFile(
                "pca",
                "yt8m_pca.tgz",
                "https://data.yt8m.org/yt8m_pca.tgz",
                "not checked by us",
                "the PCA of YouTube-8M's feature extractor",
                or_folder=True,
            ),
        ),
        reads_vectors=True,
    ),
    "dual_encoding": ExtractorKind(
        "mediaeval.features.kinds.dual_encoding:build",
        DualEncodingSettings,
        weights="trained by you: pretrain signature",
        files=(
            WeightFile(
                "weights",
                "signature.safetensors",
                "",
                _TRAINED,
                "made by: mediaeval pretrain signature --features DIR --out signature.safetensors; or a "
                "model_best.pth.tar of danieljf24/dual_encoding or bmezaris/AVS_dual_encoding_attention_network",
            ),
        ),
        reads_vectors=True,
    ),
    "objectgraphs": ExtractorKind(
        "mediaeval.features.kinds.objectgraphs:build",
        ObjectGraphsSettings,
        weights="trained by you: pretrain objectgraphs; detector public",
        files=(
            WeightFile(
                "weights",
                "objectgraphs.safetensors",
                "",
                _TRAINED,
                "made by: mediaeval pretrain objectgraphs --features DIR --out objectgraphs.safetensors; or "
                "model-gcn.pt, which the authors of bmezaris/ObjectGraphs give by e-mail",
            ),
            _DETECTOR,
        ),
        finds_objects=True,
    ),
    "objects": ExtractorKind(
        "mediaeval.features.kinds.objects:build",
        ObjectsSettings,
        weights="torchvision fasterrcnn_resnet50_fpn_v2",
        files=(_DETECTOR,),
        finds_objects=True,
    ),
    "thumbnail": ExtractorKind("mediaeval.features.kinds.thumbnail:build", NoSettings, uses_engine=False),
    "witness": ExtractorKind("mediaeval.features.kinds.witness:build", NoSettings, uses_engine=False),
}
