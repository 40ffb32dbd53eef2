"""Objects: what is detected, at least one always, and the features made of their vectors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file
from torchvision.models.detection import fasterrcnn_resnet50_fpn_v2

from mediaeval.errors import ConfigError, WeightsError
from mediaeval.features.build import build
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.feature_extractor import FeatureExtractor
from mediaeval.features.networks.detector import detect, detector, whole_pixels
from tests.conftest import picture

pytestmark = pytest.mark.integration

SMALL = {"min_size": 96, "max_size": 160}  # pixels: quick, and boxes still differ
WIDTH = 3  # of the stand-in for R below


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A detector with random weights (nobody's hub is asked), and a graph over vectors of 3 numbers."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    model = fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
    torch.save(model.state_dict(), folder / "detector.pth")
    graph = {f"{w}.{part}": torch.randn(*shape) for w in ("wq", "wk") for part, shape in GRAPH_LINEAR}
    for k in (0, 1):
        graph |= {f"gcn.{k}.weight": torch.randn(WIDTH, WIDTH)}
        graph |= {f"gcn.{k}.norm.weight": torch.ones(WIDTH), f"gcn.{k}.norm.bias": torch.zeros(WIDTH)}
    save_file(graph, folder / "graph.safetensors")
    return folder


GRAPH_LINEAR = (("weight", (WIDTH, WIDTH)), ("bias", (WIDTH,)))


@pytest.fixture(scope="module")
def network(weights):
    model = detector(objects=50, **SMALL)
    model.load_state_dict(torch.load(weights / "detector.pth", weights_only=True))
    return model.eval()


def tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def colour(calls: list | None = None) -> FeatureExtractor:
    """A stand-in for R: the mean of each channel, 0..1."""

    def forward(batch):
        if calls is not None:
            calls.append(len(batch))
        return batch.mean(axis=(1, 2)) / 255

    return FeatureExtractor(
        "colour", {"kind": "fake"}, WIDTH, lambda i: np.asarray(i.resize((8, 8)), np.float32), forward
    )


def test_boxes_and_scores_are_torchvisions_own(network):
    image = tensor(picture("positive", 3, size=(150, 100)))
    found = detect(network, image)
    with torch.no_grad():
        theirs = network([image])[0]
    np.testing.assert_allclose(found.boxes, theirs["boxes"].numpy(), rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(found.scores, theirs["scores"].numpy())
    assert found.found and found.vectors.shape == (len(found.boxes), 1024) and len(found.boxes) <= 50


def test_a_vector_is_that_of_its_box(network):
    """Its class scores are those that the box predictor gives for the pooled box; other boxes, other vectors."""
    found = detect(network, tensor(picture("neutral", 4, size=(150, 100))))
    assert len(found.boxes) > 1
    apart = np.abs(found.boxes[:, None] - found.boxes[None]).max(axis=2) > 20
    a, b = np.argwhere(apart)[0]
    assert (found.vectors[a] - found.vectors[b]).abs().max() > 1e-6


def test_where_nothing_is_found_the_whole_image_is_the_object(weights):
    model = detector(objects=50, score=0.99, **SMALL)
    model.load_state_dict(torch.load(weights / "detector.pth", weights_only=True))
    found = detect(model.eval(), tensor(picture("negative", 5, size=(150, 100))))
    assert not found.found
    np.testing.assert_allclose(found.boxes, [[0, 0, 150, 100]], rtol=1e-5)
    assert found.vectors.shape == (1, 1024)


@given(
    st.tuples(*[st.floats(0, 60, allow_nan=False)] * 4).map(sorted),
    st.integers(1, 60),
    st.integers(1, 60),
)
def test_a_box_in_whole_pixels_is_inside_and_never_empty(edges, width, height):
    left, right = min(edges[0], width), min(edges[2], width)
    top, bottom = min(edges[1], height), min(edges[3], height)
    box = whole_pixels(np.array([left, top, right, bottom]), width, height)
    assert 0 <= box[0] < box[2] <= width and 0 <= box[1] < box[3] <= height
    assert box[0] <= left and box[1] <= top


def mean_of(weights, **arguments) -> FeatureExtractor:
    parts = {"detector": str(weights / "detector.pth")}
    return build("objects", ExtractorConfig(kind="objects", parts=parts, model_args=SMALL | arguments))


@pytest.fixture(scope="module")
def objects(weights) -> FeatureExtractor:
    return mean_of(weights)


def graph_of(weights, source: FeatureExtractor, **options) -> FeatureExtractor:
    extractor = ExtractorConfig(
        kind="objectgraphs",
        source="colour",
        weights=str(weights / "graph.safetensors"),
        parts={"detector": str(weights / "detector.pth")},
        model_args=SMALL | options,
    )
    return build("G", extractor, networks=lambda name: source)


@pytest.mark.slow
def test_objects_is_the_mean_of_the_detectors_vectors(weights, network):
    image = picture("positive", 6, size=(150, 100))
    extractor = mean_of(weights)
    ours = extractor.forward(extractor.prepare(image)[None])
    np.testing.assert_allclose(ours[0], detect(network, tensor(image)).vectors.mean(0).numpy(), rtol=1e-5)
    assert not extractor.notes


@pytest.mark.slow
def test_g_is_the_graph_over_the_crops_vectors(weights, network):
    """The graph by its formula, over the mean colour of each box: ObjectGraphs with another R."""
    image, calls = picture("positive", 6, size=(150, 100)), []
    extractor = graph_of(weights, colour(calls))
    ours = extractor.forward(extractor.prepare(image)[None])[0]

    boxes = detect(network, tensor(image)).boxes
    crops = [image.crop(whole_pixels(box, *image.size)) for box in boxes]
    X = np.stack([np.asarray(c.resize((8, 8)), np.float64).mean(axis=(0, 1)) / 255 for c in crops])
    from safetensors.numpy import load_file

    w = {k: v.astype(np.float64) for k, v in load_file(weights / "graph.safetensors").items()}
    S = ((X @ w["wq.weight"].T + w["wq.bias"]) @ (X @ w["wk.weight"].T + w["wk.bias"]).T) ** 2
    A = S / S.sum(axis=1, keepdims=True)
    for k in (0, 1):
        X = A @ X @ w[f"gcn.{k}.weight"]
        X = (X - X.mean(axis=1, keepdims=True)) / np.sqrt(X.var(axis=1, keepdims=True) + 1e-5)
        X = np.maximum(X, 0)
    np.testing.assert_allclose(ours, X.mean(axis=0), rtol=1e-3, atol=1e-4)
    assert set(calls) == {10}, "crops go through their network in batches of one size"


def test_an_image_without_objects_is_told(weights):
    extractor = mean_of(weights, score=0.99)
    image = Image.new("RGB", (1, 1), "grey")
    vector = extractor.forward(extractor.prepare(image)[None])
    assert np.isfinite(vector).all()
    assert list(extractor.notes) == ["nothing was detected: the whole image is used as the only object"]


def test_weights_of_another_width_are_refused(weights):
    wide = FeatureExtractor("wide", {"kind": "fake"}, 5, lambda i: np.zeros(5, np.float32), lambda b: b)
    with pytest.raises(WeightsError, match=r"reads object vectors of 3 numbers, source wide gives 5"):
        graph_of(weights, wide)
    reader = FeatureExtractor("S", {"kind": "fake"}, WIDTH, None, None, source=colour())
    with pytest.raises(ConfigError, match="source: got 'S', which reads no images"):
        graph_of(weights, reader)


def test_the_detectors_settings_are_checked_and_part_of_the_identity(weights, objects):
    with pytest.raises(
        ConfigError, match=r"unknown setting 'extractors.objects.model_args.boxes'.* Known: objects, score"
    ):
        mean_of(weights, boxes=50)
    with pytest.raises(ConfigError, match=r"objects.model_args.objects: got 'many'; expected a whole number"):
        mean_of(weights, objects="many")
    assert objects.identity != mean_of(weights, score=0.5).identity


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"min_size": 0}, "min_size: got 0; expected a whole number of at least 32"),
        (
            {"objects": 0, "score": 1.0},
            r"objects: got 0; .* of at least 1.\n.*score: got 1.0; .* of at least 0 and below 1",
        ),
        ({"min_size": 200, "max_size": 100}, "max_size: got 100; expected at least min_size, 200"),
    ],
)
def test_settings_that_find_nothing_are_refused(weights, arguments, told):
    with pytest.raises(ConfigError, match=told):
        mean_of(weights, **arguments)


@pytest.mark.parametrize("size", [(1, 3000), (3000, 2)])
def test_an_image_as_narrow_as_a_thread_has_a_vector(objects, size):
    vector = objects.forward(objects.prepare(Image.new("RGB", size, "red"))[None])
    assert np.isfinite(vector).all() and vector.shape == (1, 1024)
