"""The five features of Pournaras et al. 2021 together, at full size, from files in their public layouts."""

import argparse
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mediaeval.config import PRESETS, load_config
from mediaeval.errors import FeaturesError, WeightsError
from mediaeval.features.build import build, build_all
from mediaeval.features.extractors import EXTRACTORS, ExtractorConfig
from mediaeval.features.networks.resnet152 import ResNet11k
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from tests.mediaeval.features.test_resnet152 import draw, write_h5

pytestmark = pytest.mark.integration

E_R_Y_S_G = {"efficientnet_b2": 1408, "resnet152_11k": 2048, "yt8m": 3862, "signature": 2048, "objectgraphs": 2048}


def write_signature(path: Path) -> None:
    """S as its authors' training saves it: a checkpoint of both branches and the options of the command line."""
    from mediaeval.features.networks.dual_encoding import VisualEncoder

    branches = [VisualEncoder().state_dict(), {"embed_w2v.weight": torch.zeros(5, 500)}]
    torch.save({"epoch": 3, "model": branches, "opt": argparse.Namespace(margin=0.2)}, path)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights of all five under the names and in the shapes that their authors publish or would."""
    import timm
    import torchvision

    from mediaeval.features.networks.objectgraphs import GraphModule

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    save_file(timm.create_model("tf_efficientnet_b2").state_dict(), folder / "e.safetensors")
    write_h5(folder / "resnet152_imagenet11k_11221_no_top.h5", {k: v for k, v in draw().items() if "fc1" not in k})
    inception = torchvision.models.inception_v3(num_classes=1008, aux_logits=False, init_weights=False, weights=None)
    torch.save(inception.state_dict(), folder / "inception.pth")
    head = {"conv.weight": torch.randn(64, 1, 3), "conv.bias": torch.zeros(64)}
    head |= {"dense.weight": torch.randn(3862, 32768).half() / 100, "dense.bias": torch.zeros(3862)}
    save_file(head, folder / "y.safetensors")
    rng = np.random.default_rng(0)
    pca = {"mean": rng.random((2048, 1)), "eigenvals": np.ones((2048, 1)), "eigenvecs": rng.normal(size=(1024, 2048))}
    with tarfile.open(folder / "yt8m_pca.tgz", "w:gz", compresslevel=1) as archive:
        for name, array in pca.items():
            np.save(buffer := io.BytesIO(), array.astype(np.float32))
            member = tarfile.TarInfo(f"yt8m_pca/{name}.npy")
            member.size = buffer.tell()
            archive.addfile(member, io.BytesIO(buffer.getvalue()))
    write_signature(folder / "model_best.pth.tar")
    save_file(GraphModule().state_dict(), folder / "model-gcn.safetensors")
    detector = torchvision.models.detection.fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
    torch.save(detector.state_dict(), folder / "detector.pth")
    return folder


@pytest.fixture
def toml(weights, workdir):
    """Where the files are; objects few and images small, or a test would look at every one for seconds."""
    (workdir / "mediaeval.toml").write_text(f"""
[extractors.efficientnet_b2]
kind = "timm"
model = "tf_efficientnet_b2.aa_in1k"
weights = "{weights}/e.safetensors"
[extractors.resnet152_11k]
kind = "resnet152_11k"
weights = "{weights}/resnet152_imagenet11k_11221_no_top.h5"
[extractors.inception2015]
kind = "inception2015"
weights = "{weights}/inception.pth"
[extractors.yt8m]
kind = "yt8m"
source = "inception2015"
weights = "{weights}/y.safetensors"
parts = {{ pca = "{weights}/yt8m_pca.tgz" }}
[extractors.signature]
kind = "dual_encoding"
source = "resnet152_11k"
weights = "{weights}/model_best.pth.tar"
[extractors.objectgraphs]
kind = "objectgraphs"
source = "resnet152_11k"
weights = "{weights}/model-gcn.safetensors"
parts = {{ detector = "{weights}/detector.pth" }}
model_args = {{ objects = 3, min_size = 64, max_size = 96 }}
""")
    return workdir / "mediaeval.toml"


def test_the_preset_of_seed_000_is_the_11414_numbers():
    blocks = PRESETS["certh2021"].extractors
    assert {name: EXTRACTORS[name].width for name in blocks} == E_R_Y_S_G
    assert list(E_R_Y_S_G) == blocks and sum(E_R_Y_S_G.values()) == 11414  # Pournaras et al. 2021, section 3


@pytest.mark.slow
def test_all_five_from_their_files_and_r_looks_once(toml, run, make_devset, make_testset, monkeypatch):
    """`train` and `predict` on 11,414 numbers; R sees every image once for R, S and G, and the crops for G."""
    batches = []
    forward = ResNet11k.forward
    monkeypatch.setattr("mediaeval.features.kinds.objectgraphs.CROPS", 3)  # as many as there are objects
    monkeypatch.setattr(ResNet11k, "forward", lambda self, x: batches.append(len(x)) or forward(self, x))
    devset, testset = make_devset(6), make_testset(2)
    settings = ["--preset", "certh2021", "--no-refit", "--set", "classifier.epochs=1", "--engine", "torch"]
    run("train", "subtask1", "--data", devset, "--run", "five", *settings)
    # the first is the one picture with which a network is tried when it is built
    assert sorted(batches) == [1] + [3] * 6 + [16], "one batch of whole images, and one of crops for each image"
    manifest = json.loads((toml.parent / "runs/five/manifest.json").read_text())
    assert {name: entry["width"] for name, entry in manifest["extractors"].items()} == E_R_Y_S_G
    identities = {name: entry["identity"] for name, entry in manifest["extractors"].items()}
    assert identities["signature"]["source"] == identities["resnet152_11k"]
    batches.clear()
    run("predict", "five", "--data", testset)
    assert sorted(batches) == [1] + [3] * 2 + [16]
    run("submit", "five", "--partial")
    assert len((toml.parent / "runs/five/run.csv").read_text().splitlines()) == 3


@pytest.mark.slow
def test_blocks_concatenate_in_any_order_and_s_has_unit_length(toml, make_devset):
    from mediaeval.data.dataset import load_dataset
    from mediaeval.features.extract import extract
    from mediaeval.features.store import FeatureStore

    dataset = load_dataset(make_devset(2), VISUAL_SENTIMENT_2021)
    known = load_config(toml, task=VISUAL_SENTIMENT_2021).all_extractors()
    networks = build_all(["signature", "yt8m", "resnet152_11k"], known)
    assert networks[0].source is networks[2], "built once, shared"
    features = extract(dataset, networks, FeatureStore(toml.parent / "store"))
    X = features.matrix(["yt8m", "signature"], dataset.ids)
    assert X.shape == (2, 3862 + 2048)
    np.testing.assert_array_equal(X[:, :3862], features.matrix(["yt8m"], dataset.ids))
    assert (X[:, :3862] > 0).all() and (X[:, :3862] < 1).all(), "probabilities"
    np.testing.assert_allclose(np.linalg.norm(X[:, 3862:], axis=1), 1, rtol=1e-5)


def test_another_width_than_recorded_is_refused(tmp_path):
    """Under R's name a network of 4,096 numbers, such as BiT's 152x2: the concatenation would not be 11,414."""
    import timm

    save_file(timm.create_model("mobilenetv3_small_050", num_classes=10).state_dict(), tmp_path / "wide.safetensors")
    (tmp_path / "mediaeval.toml").write_text(
        '[extractors.resnet152_11k]\nkind = "timm"\nmodel = "mobilenetv3_small_050"\nweights = "wide.safetensors"\n'
    )
    config = load_config(tmp_path / "mediaeval.toml", task=VISUAL_SENTIMENT_2021, use="resnet152_11k")
    with pytest.raises(FeaturesError, match=r"got 1024 numbers per image .*recorded 2048(.|\n)*width = 1024"):
        build_all(["resnet152_11k"], config.all_extractors())


def test_every_weight_that_is_absent_is_named_at_once(monkeypatch, tmp_path):
    """The file, the network, where it comes from and how to make it; never random numbers."""
    monkeypatch.setenv("MEDIAEVAL_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError) as caught:
        build_all(list(E_R_Y_S_G), EXTRACTORS)
    told = str(caught.value)
    for named in (
        "resnet152_imagenet11k_11221_no_top.h5",
        "mediaeval pretrain objectgraphs",
        "tf_efficientnet_b2.aa_in1k",
        "pt_inception-2015-12-05-6726825d.pth",
    ):
        assert named in told, told
    assert not list(tmp_path.glob("*.h5"))


def test_s_refuses_vectors_of_another_width(tmp_path):
    """A checkpoint of the published repository read ResNeXt beside ResNet, 4,096 numbers a frame."""
    from tests.mediaeval.features.test_extract import average_colour

    write_signature(tmp_path / "model_best.pth.tar")
    extractor = ExtractorConfig(kind="dual_encoding", source="colours", weights=str(tmp_path / "model_best.pth.tar"))
    with pytest.raises(WeightsError, match=r"reads? vectors of 2048 numbers, source 'colours' gives 3"):
        build("S", extractor, networks=lambda name: average_colour())


def test_the_readmes_table_of_the_five_is_true():
    """Width, and whether weights are public, trainable or both: as the tables of files and of trainers have it."""
    from mediaeval.features.weight_files import files_of
    from mediaeval.pretrain import PRETRAINERS

    document = (Path(__file__).parents[3] / "docs/papers.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in document.splitlines() if line[:4] in LETTERS
    ]
    assert [row[1].strip("`") for row in rows] == list(E_R_Y_S_G)
    trainers = {"yt8m": "yt8m", "signature": "signature", "objectgraphs": "objectgraphs"}
    for letter, name, width, _, weights in rows:
        extractor = EXTRACTORS[name.strip("`")]
        assert int(width) == extractor.width and extractor.summary.startswith(f"{letter}: ")
        public = all(file.url for file in files_of(extractor) if file.role == "weights")
        assert weights.startswith("public weights" if public else "trainable"), name
        if not public:
            assert (
                f"mediaeval pretrain {trainers[name.strip('`')]}" in weights
                and trainers[name.strip("`")] in PRETRAINERS
            )


LETTERS = [f"| {letter} " for letter in "ERYSG"]
