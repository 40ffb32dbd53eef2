"""Which weight files an extractor needs, who publishes them, and what is known of their bytes."""

import re
from pathlib import PurePosixPath

from mediaeval.features.extractors import ExtractorConfig
from mediaeval.weights.files import HUB, Role, WeightFile

# What finds the objects for `objects` and `objectgraphs`
_DETECTOR = "fasterrcnn_resnet50_fpn_v2"

_QUBVEL = "https://github.com/qubvel/classification_models/releases/download/0.0.1/"
_PYTORCH_FID = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
_RESNET = "resnet152_imagenet11k_11221_no_top.h5"
_INCEPTION = "pt_inception-2015-12-05-6726825d.pth"
_TRAINED = "yours: nobody publishes it"

# The files of kinds that are one network, or of "KIND MODEL" where a kind has several; those of timm and
# torchvision are asked of these libraries.
FILES: dict[str, tuple[WeightFile, ...]] = {
    "resnet152_11k": (
        WeightFile(
            "weights",
            _RESNET,
            _QUBVEL + _RESNET,
            "not stated by its authors",
            "the Keras port, by qubvel/classification_models, of the MXNet model zoo's imagenet-11k/resnet-152; the "
            "zoo's own resnet-152-0000.params may be named as weights instead",
            md5="25ab66dec217cb774a27d0f3659cafb3",
        ),
    ),
    "inception2015": (
        WeightFile(
            "weights",
            _INCEPTION,
            _PYTORCH_FID + _INCEPTION,
            "Apache-2.0",
            "TensorFlow's graph of 2015-12-05 as mseitzer/pytorch-fid converted it",
            sha256="6726825d0af5",
        ),
    ),
    "caffenet caffenet": (
        WeightFile(
            "weights",
            "bvlc_reference_caffenet.caffemodel",
            "",
            "unrestricted use",
            "bvlc_reference_caffenet of Caffe's model zoo (sha1 4c8d77deb20ea792f84eb5e6d0a11ca0a8660a46)",
        ),
    ),
    "caffenet deepsentibank": (
        WeightFile(
            "weights",
            "caffe_sentibank_train_iter_250000",
            "",
            "not checked by us",
            "the Caffe model in DeepSentiBank.zip, which its authors (Columbia University, DVMM) give on request",
        ),
    ),
    "caffenet mvso_en": (
        WeightFile(
            "weights",
            "mvso_en.caffemodel",
            "",
            "not checked by us",
            "the English detectors of the Multilingual Visual Sentiment Ontology (Columbia University, DVMM), "
            "fine-tuned from DeepSentiBank, under this name",
        ),
    ),
    "yt8m": (
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
        ),
    ),
    "dual_encoding": (
        WeightFile(
            "weights",
            "signature.safetensors",
            "",
            _TRAINED,
            "made by: mediaeval pretrain signature --features DIR --out signature.safetensors; or a model_best.pth.tar "
            "of danieljf24/dual_encoding or bmezaris/AVS_dual_encoding_attention_network",
        ),
    ),
    "objectgraphs": (
        WeightFile(
            "weights",
            "objectgraphs.safetensors",
            "",
            _TRAINED,
            "made by: mediaeval pretrain objectgraphs --features DIR --out objectgraphs.safetensors; or model-gcn.pt, "
            "which the authors of bmezaris/ObjectGraphs give by e-mail",
        ),
    ),
}


def files_of(name: str, extractor: ExtractorConfig) -> list[WeightFile]:
    """Return the files that an extractor itself needs, its `source` extractor's left out; [] when it needs none.

    A model that its library does not publish, or does not know, gives a file without an address: building the network
    tells what is wrong with the name.
    """
    if extractor.kind == "timm":
        return [_timm(extractor)]
    if extractor.kind == "torchvision":
        return [_torchvision(extractor.model, "weights")]
    network = f"{extractor.kind} {extractor.model}".strip()
    if extractor.kind == "caffenet" and network not in FILES:
        plain = re.sub(r"[^\w.-]", "_", extractor.model)
        return [WeightFile("weights", f"{plain}.caffemodel", "", "not stated", "a file of CaffeNet's shape, yours")]
    detector = [_torchvision(_DETECTOR, "detector")] if extractor.kind in ("objects", "objectgraphs") else []
    return [*FILES.get(network, ()), *detector]


def _timm(extractor: ExtractorConfig) -> WeightFile:
    import timm

    try:
        entry = timm.get_pretrained_cfg(extractor.model)
    except RuntimeError:  # a tag that the model has not
        entry = None
    plain = re.sub(r"[^\w.-]", "_", extractor.model)  # a name from a user's file becomes no path
    licence = (entry.license if entry else "") or extractor.licence or "not stated"
    about = f"timm's {extractor.model}"
    if entry and entry.hf_hub_id:
        filename = entry.hf_hub_filename or "model.safetensors"
        name = plain + PurePosixPath(filename).suffix
        return WeightFile("weights", name, f"{HUB}{entry.hf_hub_id}/{filename}", _spdx(licence), about)
    if entry and entry.url:
        return WeightFile("weights", *_by_url(entry.url), _spdx(licence), about, _digits(entry.url))
    return WeightFile("weights", f"{plain}.safetensors", "", licence, f"timm publishes no weights of {extractor.model}")


def _torchvision(model: str, role: Role) -> WeightFile:
    import torchvision

    try:
        entry = torchvision.models.get_model_weights(model).DEFAULT
    except ValueError:
        plain = re.sub(r"[^\w.-]", "_", model)
        return WeightFile(role, f"{plain}.pth", "", "not stated", f"torchvision publishes no weights of {model}")
    return WeightFile(role, *_by_url(entry.url), "BSD-3-Clause", f"torchvision's {entry}", _digits(entry.url))


def _by_url(url: str) -> tuple[str, str]:
    """Return (name of the file, address)."""
    return PurePosixPath(url).name, url


def _digits(url: str) -> str:
    """Return the first digits of the sha256 that PyTorch's file names end with: resnet50-11ad3fa6.pth → 11ad3fa6."""
    found = re.search(r"-([0-9a-f]{8})\.pth?$", url)
    return found.group(1) if found else ""


def _spdx(licence: str) -> str:
    """Return a licence as it is usually written: timm has them in small letters."""
    return {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause"}.get(licence, licence)
