"""Engines: the same vectors several times as fast, never mixed, and torch where OpenVINO cannot."""

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

from mediaeval.errors import ConfigError, FeaturesError
from mediaeval.features import by_openvino, engines, preprocess
from mediaeval.features.build import build
from mediaeval.features.engines import Engine, ModuleSpec, resolve_engine
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.precision import TRIAL_IMAGES, least_cosine, resolve_precision, trial_images
from mediaeval.sample.draw import draw_sample
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from tests.conftest import picture, without_digests

pytestmark = pytest.mark.integration

MODEL = "mobilenetv3_small_050"
CPU = ("--device", "cpu")  # beside a GPU, too, where "auto" is torch


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache") / "weights"


@pytest.fixture(autouse=True)
def _converted_once(shared_cache, monkeypatch):
    """These tests keep what they convert for one another, and touch nobody else's."""
    monkeypatch.setenv("MEDIAEVAL_WEIGHTS", str(shared_cache))


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The folder of converted networks of this test alone."""
    monkeypatch.setenv("MEDIAEVAL_WEIGHTS", str(tmp_path / "cache/weights"))
    return tmp_path / "cache/compiled"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    import timm

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_file(timm.create_model(MODEL).state_dict(), path)
    return path


def extractor(weights, **options) -> ExtractorConfig:
    return ExtractorConfig(kind="timm", model=MODEL, weights=str(weights), **options)


def vectors(network, images) -> np.ndarray:
    found = []
    for start in range(0, len(images), network.batch):
        some = [network.prepare(image) for image in images[start : start + network.batch]]
        batch = np.zeros((network.batch, *some[0].shape), some[0].dtype)
        batch[: len(some)] = some
        found.append(network.forward(batch)[: len(some)])
    return np.concatenate(found)


IMAGES = [picture("positive", k, size=(90 + 7 * k, 70)) for k in range(6)]


# --- preprocessing --------------------------------------------------------------------------------------------------

CONFIGS = [
    {"input_size": (3, 260, 260), "crop_pct": 0.89, "interpolation": "bicubic"},  # EfficientNet-B2
    {"input_size": (3, 224, 224), "crop_pct": 0.875, "interpolation": "bilinear"},  # BiT
    {"input_size": (3, 224, 224), "crop_pct": 1.0, "interpolation": "bicubic"},
    {"input_size": (3, 64, 64), "crop_pct": 0.9, "interpolation": "bicubic", "crop_mode": "squash"},
]


def noise(width: int, height: int, seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CONFIGS), st.integers(1, 400), st.integers(1, 400), st.integers(0, 99))
def test_pixels_are_timms_own(config, width, height, seed):
    import timm

    config = config | {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
    expected = timm.data.create_transform(**config, is_training=False)(noise(width, height, seed))
    steps = preprocess.of_timm(config)
    ours = torch.tensor(steps.pixels(noise(width, height, seed))).permute(2, 0, 1).float().div(255)
    ours = (ours - torch.tensor(steps.mean)[:, None, None]) / torch.tensor(steps.std)[:, None, None]
    assert torch.equal(ours, expected)
    assert preprocess.from_dict(json.loads(json.dumps(steps.to_dict()))) == steps


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["squeezenet1_0", "resnet50", "inception_v3"]), st.integers(1, 400), st.integers(1, 400))
def test_pixels_are_torchvisions_own(model, width, height):
    import torchvision

    transform = torchvision.models.get_model_weights(model).DEFAULT.transforms()
    steps = preprocess.of_torchvision(transform)
    ours = torch.tensor(steps.pixels(noise(width, height, 0))).permute(2, 0, 1).float().div(255)
    ours = (ours - torch.tensor(steps.mean)[:, None, None]) / torch.tensor(steps.std)[:, None, None]
    assert torch.equal(ours, transform(noise(width, height, 0)))


def test_other_transforms_are_left_to_their_library():
    odd = {"input_size": (3, 64, 96), "crop_pct": 0.9, "interpolation": "bicubic", "mean": (0,) * 3, "std": (1,) * 3}
    assert preprocess.of_timm(odd) is None
    assert preprocess.of_timm(odd | {"input_size": (3, 64, 64), "crop_mode": "border"}) is None
    assert preprocess.of_torchvision(object()) is None


# --- OpenVINO -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_openvino_agrees_with_torch(weights, precision):
    by_torch = build("net", extractor(weights))
    by_openvino = build("net", extractor(weights), Engine("openvino", "cpu", precision))
    a, b = vectors(by_torch, IMAGES), vectors(by_openvino, IMAGES)
    cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosines.min() > (0.999 if precision == "bfloat16" else 0.999999)
    assert by_torch.identity["engine"] == "torch, float32"
    assert precision in by_openvino.identity["engine"]
    assert {k for k in by_torch.identity if by_torch.identity[k] != by_openvino.identity[k]} == {"engine"}


def test_a_vector_is_the_same_whatever_is_computed_beside_it(weights):
    network = build("net", extractor(weights), Engine("openvino", "cpu", "float32"))
    together = vectors(network, IMAGES)
    for k, image in enumerate(IMAGES):
        np.testing.assert_array_equal(vectors(network, [image])[0], together[k])
    np.testing.assert_array_equal(vectors(network, IMAGES[::-1]), together[::-1])


def test_several_batches_in_flight_keep_apart(weights):
    """More are begun than the network has requests for, and waited for in another order."""
    network = build("net", extractor(weights), Engine("openvino", "cpu", "float32"))
    batches = [np.stack([network.prepare(image)]) for image in IMAGES * 2]
    waits = [network.start(batch) for batch in batches]
    found = [wait() for wait in reversed(waits)][::-1]
    for batch, vector in zip(batches, found, strict=True):
        np.testing.assert_array_equal(vector, network.forward(batch))


def test_what_was_converted_needs_no_torch_the_next_time(weights):
    """In a fresh process: built and computed, and neither torch nor timm was imported; the same vectors."""
    network = build("net", extractor(weights), Engine("openvino", "cpu", "float32"))
    program = f"""
import sys, numpy as np
from mediaeval.features.build import build
from mediaeval.features.engines import Engine
from mediaeval.features.extractors import ExtractorConfig
from PIL import Image
network = build("net", ExtractorConfig(kind="timm", model={MODEL!r}, weights={str(weights)!r}),
                Engine("openvino", "cpu", "float32"))
vector = network.forward(np.stack([network.prepare(Image.new("RGB", (50, 40), "red"))]))
print(len([m for m in ("torch", "timm", "torchvision") if m in sys.modules]), vector.sum())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    imported, total = done.stdout.split()
    assert imported == "0"
    here = network.forward(np.stack([network.prepare(Image.new("RGB", (50, 40), "red"))])).sum()
    assert float(total) == pytest.approx(float(here), rel=1e-6)


def test_other_weights_are_another_conversion(weights, tmp_path, kept):
    import timm

    build("net", extractor(weights), Engine("openvino", "cpu", "float32"))
    torch.manual_seed(1)
    save_file(timm.create_model(MODEL).state_dict(), tmp_path / "other.safetensors")
    other = build("net", extractor(tmp_path / "other.safetensors"), Engine("openvino", "cpu", "float32"))
    again = build("net", extractor(tmp_path / "other.safetensors"))
    np.testing.assert_allclose(vectors(other, IMAGES), vectors(again, IMAGES), atol=1e-4)
    assert len([p for p in kept.iterdir() if (p / "about.json").is_file()]) == 2


def test_what_openvino_cannot_convert_torch_computes_with_a_warning(weights, monkeypatch, caplog, kept):
    def lacks(*arguments, **options):
        raise RuntimeError("no conversion rule for aten::something")

    monkeypatch.setattr("openvino.convert_model", lacks)
    network = build("net", extractor(weights), Engine("openvino", "cpu", "float32"))
    assert "extractor 'net': OpenVINO cannot convert it (no conversion rule" in caplog.text
    assert network.identity["engine"] == "torch, float32"
    np.testing.assert_array_equal(vectors(network, IMAGES), vectors(build("net", extractor(weights)), IMAGES))
    assert not list(kept.glob("*/about.json")), "nothing half converted is kept"


def test_the_package_that_reports_is_not_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)
    by_openvino._openvino()
    assert sys.modules["openvino_telemetry"] is None


@pytest.mark.slow
def test_nothing_is_reported_to_anyone(weights, kept):
    """OpenVINO's converter sends usage reports unless its package for that is absent: it is, in our processes."""
    program = f"""
import socket, sys
def refuse(*arguments, **options): raise AssertionError("somebody was called")
socket.socket.connect = socket.getaddrinfo = refuse
from mediaeval.features.build import build
from mediaeval.features.engines import Engine
from mediaeval.features.extractors import ExtractorConfig
network = build("net", ExtractorConfig(kind="timm", model={MODEL!r}, weights={str(weights)!r}), Engine("openvino"))
print(sys.modules["openvino_telemetry"], network.identity["engine"][:8])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=dict(os.environ))
    assert done.stdout.split() == ["None", "openvino"], done.stderr


def test_an_interrupted_conversion_leaves_nothing(weights, monkeypatch, kept):
    monkeypatch.setattr("openvino.save_model", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        build("net", extractor(weights), Engine("openvino", "cpu", "float32"))
    assert not [p for p in kept.iterdir() if p.name != "blobs"]


# --- choosing -------------------------------------------------------------------------------------------------------


def test_the_engine_is_chosen_by_what_is_here(monkeypatch):
    assert resolve_engine("auto", "cpu") == Engine("openvino", "cpu", "float32"), "bfloat16 is for who asks for it"
    assert resolve_engine("auto", "cuda:1") == Engine("torch", "cuda:1", "mixed")
    assert resolve_engine("torch", "cuda") == Engine("torch", "cuda")
    for name in ("torch-mixed", "torch-fp16"):
        with pytest.raises(ConfigError, match=f"'{name}' computes on a GPU, not on the processor. Use it where"):
            resolve_engine(name, "cpu")
    assert resolve_engine("torch", "cpu") == engines.TORCH
    with pytest.raises(ConfigError, match="'openvino' computes on the processor, not on cuda"):
        resolve_engine("openvino", "cuda")
    with pytest.raises(ConfigError, match="engine: got 'onnx'; expected one of auto, torch, torch-mixed"):
        resolve_engine("onnx", "cpu")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert resolve_engine("auto", "cpu") == engines.TORCH
    with pytest.raises(
        ConfigError, match=r"'openvino' is not installed. Install it \(pip install 'mediaeval\[fast\]'\)"
    ):
        resolve_engine("openvino", "cpu")


@pytest.mark.parametrize("native", [True, False])
def test_bfloat16_is_for_processors_that_have_it(native, monkeypatch):
    class Core:
        def get_property(self, device, name):
            return ["FP32", *(["BF16"] if native else [])]

    monkeypatch.setattr(by_openvino, "_core", Core)
    if native:
        for name, precision in (("openvino-bf16", "bfloat16"), ("openvino-mixed", "mixed")):
            assert resolve_engine(name, "cpu") == Engine("openvino", "cpu", precision)
            assert resolve_engine(name, "cpu").setting == name
    else:
        for name in ("openvino-bf16", "openvino-mixed"):
            with pytest.raises(ConfigError, match=f"'{name}': this processor does not compute in bfloat16. Use openv"):
                resolve_engine(name, "cpu")
        assert resolve_engine("auto", "cpu") == resolve_engine("openvino", "cpu") == Engine("openvino")


@pytest.mark.parametrize(
    ("turned", "precision"), [(0.0, "bfloat16"), (0.02, "bfloat16"), (0.05, "float32"), (1.5, "float32")]
)
def test_mixed_takes_bfloat16_where_no_vector_turns(turned, precision, tmp_path, caplog):
    """The vector of one of 60 drawn images turned by an angle: its cosine is compared with 0.9995, cos(0.0316)."""
    tried = []
    caplog.set_level("INFO")

    def vectors(precision: str, images: np.ndarray) -> np.ndarray:
        tried.append(images)
        found = np.tile(np.float32([1, 0, 0]), (len(images), 1))
        if precision == "bfloat16":
            found[7] = np.cos(turned), np.sin(turned), 0
        return found

    assert resolve_precision(tmp_path, "net", (48, 64, 3), vectors) == precision
    assert tried[0].shape == (60, 48, 64, 3) and tried[0].dtype == np.uint8 and len(np.unique(tried[0], axis=0)) == 60
    assert caplog.messages == [
        f"extractor 'net': computed in {precision}: least cosine {np.cos(turned):.5f} on drawn images."
    ]
    assert resolve_precision(tmp_path, "net", (48, 64, 3), None) == precision, "kept, not tried again"
    assert len(caplog.messages) == 1


def test_mixed_leaves_in_float32_what_takes_no_pixels(tmp_path):
    assert resolve_precision(tmp_path, "net", (), None) == "float32"


def test_the_cosine_of_nothing_is_told():
    a, b = np.float32([[1, 0], [0, 0]]), np.float32([[2, 0], [0, 0]])
    assert least_cosine(a, b) == 1.0 and least_cosine(a, b[::-1]) == 0.0


def test_mixed_gives_each_network_the_vectors_of_its_precision(weights, kept, caplog):
    caplog.set_level("INFO")
    mixed = build("net", extractor(weights), Engine("openvino", "cpu", "mixed"))
    (settled,) = kept.glob("*/precision.json")
    precision = json.loads(settled.read_text())["precision"]
    assert f"computed in {precision}" in caplog.text
    same = build("net", extractor(weights), Engine("openvino", "cpu", precision))
    assert mixed.identity == same.identity, "one store"
    np.testing.assert_array_equal(vectors(mixed, IMAGES), vectors(same, IMAGES))


@pytest.mark.shared
@pytest.mark.slow
def test_mixed_agrees_with_torch_on_real_photographs(shared):
    from mediaeval.data.dataset import load_dataset

    dataset = load_dataset(shared / "oasis", VISUAL_SENTIMENT_2021)
    images = [Image.open(dataset.image_paths[i]).convert("RGB") for i in dataset.ids[::60]]
    for kind, model, precision in (
        ("timm", "mobilenetv2_100", "float32"),
        ("torchvision", "squeezenet1_0", "bfloat16"),
    ):
        real = ExtractorConfig(kind=kind, model=model, weights=str(shared / f"weights/{kind}-{model}.safetensors"))
        mixed = build("real", real, Engine("openvino", "cpu", "mixed"))
        assert mixed.identity["engine"].endswith(precision)
        assert least_cosine(vectors(build("real", real), images), vectors(mixed, images)) > 0.999


@pytest.mark.shared
def test_the_default_agrees_with_torch_on_real_photographs(shared):
    """Least cosine over photographs, with real weights: the reason why bfloat16 is not the default."""
    from mediaeval.data.dataset import load_dataset

    dataset = load_dataset(shared / "oasis", VISUAL_SENTIMENT_2021)
    images = [Image.open(dataset.image_paths[i]).convert("RGB") for i in dataset.ids[::60]]
    file = str(shared / "weights/timm-mobilenetv2_100.safetensors")
    real = ExtractorConfig(kind="timm", model="mobilenetv2_100", weights=file)
    a = vectors(build("real", real), images)
    b = vectors(build("real", real, resolve_engine("auto", "cpu")), images)
    cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert len(images) > 5 and cosines.min() > 0.9999


def test_a_run_is_predicted_by_the_engine_that_it_was_trained_with(weights, workdir, run, make_devset, make_testset):
    (workdir / "mediaeval.toml").write_text(
        f'[features]\nuse = ["net"]\n[extractors.net]\nkind = "timm"\nmodel = "{MODEL}"\nweights = "{weights}"\n'
    )
    dev, test = make_devset(12), make_testset(3)
    settings_ = ["--data", dev, "--set", "classifier=logistic", "--no-refit", *CPU]
    run("train", "subtask1", "--run", "slow", "--engine", "torch", *settings_)
    run("train", "subtask1", "--run", "fast", *settings_)
    engines_of = {}
    for name in ("slow", "fast"):
        manifest = json.loads((workdir / f"runs/{name}/manifest.json").read_text())
        engines_of[name] = manifest["extractors"]["net"]["identity"]["engine"]
        run("predict", name, "--data", test, *CPU)
    assert engines_of["slow"] == "torch, float32" and engines_of["fast"].startswith("openvino")
    assert 'engine = "openvino"' in (workdir / "runs/fast/run.toml").read_text()
    stores = [p.name for p in (workdir / ".mediaeval/features").glob("net-*.features")]
    assert len(stores) == 2, "vectors of two engines lie in two files"
    refused = run("train", "subtask2", "--run", "fast", "--engine", "torch", *settings_, code=1)
    assert "made with another [features]" in refused.stderr


def test_a_run_refuses_vectors_of_another_engine(weights, workdir, run, make_devset, make_testset):
    (workdir / "mediaeval.toml").write_text(
        f'[features]\nuse = ["net"]\n[extractors.net]\nkind = "timm"\nmodel = "{MODEL}"\nweights = "{weights}"\n'
    )
    run("train", "subtask1", "--data", make_devset(12), "--set", "classifier=logistic", "--no-refit", *CPU)
    test = make_testset(3)
    toml = workdir / "runs/first/run.toml"
    toml.write_text(toml.read_text().replace('engine = "openvino"', 'engine = "torch"'))
    refused = run("predict", "first", "--data", test, *CPU, code=1)
    assert "runs/first/run.toml was changed since mediaeval wrote it" in refused.stderr
    without_digests(workdir / "runs/first")
    refused = run("predict", "first", "--data", test, *CPU, code=1)
    assert "extractor 'net': engine was openvino" in refused.stderr and "now torch, float32" in refused.stderr
    assert "Dev and test features must come from the same network" in " ".join(refused.stderr.split())


def test_a_run_is_predicted_by_the_decoder_that_it_was_trained_with(workdir, run, make_devset, make_testset):
    dev, test = make_devset(12), make_testset(3)
    settings_ = ["--data", dev, "--set", "classifier=logistic", "--no-refit"]
    run("train", "subtask1", "--run", "scaled", *settings_, "--set", "features.decoder=scaled")
    run("train", "subtask1", "--run", "whole", *settings_)
    decoders = {}
    for name in ("scaled", "whole"):
        run("predict", name, "--data", test)
        manifest = json.loads((workdir / f"runs/{name}/manifest.json").read_text())
        decoders[name] = manifest["extractors"]["handcrafted"]["identity"]["decoder"]
        assert (
            f'decoder = "{"scaled" if name == "scaled" else "pillow"}"'
            in (workdir / f"runs/{name}/run.toml").read_text()
        )
    assert decoders["scaled"].removeprefix(decoders["whole"]) == ", JPEG scaled to no less than 600"
    stores = [p.name for p in (workdir / ".mediaeval/features").glob("handcrafted-*.features")]
    assert len([name for name in stores if "views" not in name]) == 2, "vectors of two decoders lie in two files"
    refused = run("train", "subtask2", "--run", "scaled", *settings_, code=1)
    assert "made with another [features]" in refused.stderr


def test_a_run_without_networks_goes_on_wherever_it_is_taken(workdir, run, make_devset):
    run("train", "subtask1", "--data", make_devset(12), "--set", "classifier=logistic", "--no-refit")
    assert 'engine = "auto"' in (workdir / "runs/first/run.toml").read_text()


# --- memory ---------------------------------------------------------------------------------------------------------


def test_where_memory_runs_out_fewer_images_are_tried_with_one_warning(caplog):
    """A network that fails above 4 images, as an allocator does: the same vectors as in one go."""

    class Greedy(torch.nn.Module):
        def forward(self, x):
            if len(x) > 4:
                raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
            return x.flatten(1)

    loaded = engines.TORCH.load("big", {}, lambda: ModuleSpec(Greedy(), np.zeros(3, np.float32), {}))
    batch = np.arange(48, dtype=np.float32).reshape(16, 3)
    np.testing.assert_array_equal(loaded.start(batch)(), batch)
    np.testing.assert_array_equal(loaded.start(batch)(), batch)
    assert caplog.messages == ["extractor 'big': out of memory with 16 images at once; trying fewer."]


@pytest.mark.parametrize("error", [RuntimeError("Exception from src/inference: std::bad_alloc"), MemoryError()])
@pytest.mark.parametrize("at", ["start_async", "wait"])
def test_where_openvino_runs_out_of_memory_it_is_told(error, at, tmp_path, monkeypatch):
    class Request:
        def __getattr__(self, name):
            def call(*arguments):
                if name == at:
                    raise error

            return call

    class Compiled:
        def create_infer_request(self):
            return Request()

        def get_property(self, name):
            return 1

    class Core:
        def compile_model(self, *arguments):
            return Compiled()

    monkeypatch.setattr(by_openvino, "_core", Core)
    (tmp_path / "about.json").write_text('{"width": 3, "about": {}}')
    loaded = by_openvino._compiled("float32", tmp_path, "big")
    with pytest.raises(FeaturesError, match=r"'big': out of memory with 2 images at once.*--engine torch"):
        loaded.start(np.zeros((by_openvino.FEW, 3), np.uint8))()


def test_an_error_that_is_not_of_memory_is_reported_with_the_network():
    class Broken(torch.nn.Module):
        def forward(self, x):
            raise RuntimeError("shapes do not fit")

    with pytest.raises(
        ConfigError, match=r"'net': the network cannot compute an input of 3 numbers \(shapes do not fit\)"
    ):
        engines.TORCH.load("net", {}, lambda: ModuleSpec(Broken(), np.zeros(3, np.float32), {}))


def test_openvino_stays_loaded_for_as_long_as_the_process_lives(kept):
    """Where it went with the last network, its threads went on in what was unloaded."""
    core = by_openvino._core()
    assert by_openvino._core() is core, "whatever networks come and go"


def test_the_trial_images_are_those_that_the_sample_draws(tmp_path):
    """They are shipped as data; drawn again, they are the same bytes."""
    drawn = draw_sample(tmp_path / "sample", dev=40, test=20, seed=0)
    paths = sorted(path for side in (drawn.devset, drawn.testset) for path in (side / "images").iterdir())
    with zipfile.ZipFile(TRIAL_IMAGES) as archive:
        assert [(path.name, path.read_bytes()) for path in paths] == [(n, archive.read(n)) for n in archive.namelist()]
    assert trial_images(32, 24).shape == (60, 24, 32, 3)
