"""Images of another size than a network's weights were made with: taken where the network can, else one sentence."""

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file

from mediaeval.errors import ConfigError, FeaturesError, WeightsError
from mediaeval.features import engines
from mediaeval.features.build import build
from mediaeval.features.engines import Engine, ModuleSpec
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.finetune import settings_of
from mediaeval.finetune.build import build_system
from tests.conftest import picture

pytestmark = pytest.mark.integration

IMAGES = [picture("positive", 1, (80, 60)), picture("negative", 2, (60, 80))]
VIT, MIXER = "vit_tiny_patch16_224", "mixer_s32_224"
SMALL = {VIT: {"depth": 1, "embed_dim": 48}, MIXER: {}}
OPENVINO = Engine("openvino")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Transformers of timm and torchvision, and a network of fixed size, with random weights."""
    import timm

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    save_file(timm.create_model(VIT, **SMALL[VIT]).state_dict(), folder / "vit.safetensors")
    save_file(timm.create_model(MIXER, **SMALL[MIXER]).state_dict(), folder / "mixer.safetensors")
    return folder


def extractor(path, model, model_args=None, **options) -> ExtractorConfig:
    arguments = SMALL[model] | (model_args or {})
    return ExtractorConfig(kind="timm", model=model, weights=str(path), model_args=arguments, **options)


def vectors(network) -> np.ndarray:
    return network.forward(np.stack([network.prepare(image) for image in IMAGES]))


@pytest.mark.parametrize("options", [{}, {"model_args": {"dynamic_img_size": True}}, {"model_args": {"img_size": 192}}])
def test_a_transformer_takes_another_size_and_its_positions_are_resampled(files, options):
    network = build("net", extractor(files / "vit.safetensors", VIT, image_size=192, **options))
    assert network.prepare(Image.new("RGB", (300, 200))).shape == (192, 192, 3)
    plain = build("net", extractor(files / "vit.safetensors", VIT))
    near = torch.nn.functional.cosine_similarity(*(torch.tensor(vectors(n)) for n in (network, plain)))
    assert near.min() > 0.9 and network.identity != plain.identity


def test_the_size_of_the_weights_changes_nothing(files):
    one, two = (build("net", extractor(files / "vit.safetensors", VIT, image_size=size)) for size in (None, 224))
    assert one.identity == two.identity
    np.testing.assert_array_equal(vectors(one), vectors(two))


def test_openvino_computes_another_size_alike(files):
    config = extractor(files / "vit.safetensors", VIT, image_size=192)
    ours, theirs = (build("net", config, engine) for engine in (OPENVINO, engines.TORCH))
    assert ours.identity["engine"].startswith("openvino")
    one, two = (torch.tensor(np.concatenate([n.forward(n.prepare(i)[None]) for i in IMAGES])) for n in (ours, theirs))
    assert torch.nn.functional.cosine_similarity(one, two).min() > 0.9999


MISMATCH = (VIT, {"model_args": {"img_size": 192}}, r"cannot compute an input of 224 × 224 × 3 numbers \(Input height")


@pytest.mark.parametrize(
    ("engine", "model", "options", "reason"),
    [
        (
            engines.TORCH,
            MIXER,
            {"image_size": 16},
            r"image_size: mixer_s32_224 does not take images of 16 × 16 pixels \(",
        ),
        (engines.TORCH, MIXER, {"image_size": 256}, r"is for images of another size, .*mlp_tokens.* Leave image_size"),
        (engines.TORCH, *MISMATCH),
        (OPENVINO, *MISMATCH),
        (Engine("openvino", precision="mixed"), *MISMATCH),
    ],
)
def test_a_size_that_a_network_does_not_take_is_one_sentence(files, engine, model, options, reason):
    path = files / ("vit.safetensors" if model == VIT else "mixer.safetensors")
    with pytest.raises((ConfigError, WeightsError), match=rf"^extractor 'net': .*{reason}") as caught:
        build("net", extractor(path, model, **options), engine)
    assert len(caught.value.problems) == 1 and "\n" not in str(caught.value)


def test_a_transformer_of_torchvision_takes_another_size(tmp_path, monkeypatch):
    def small(*, image_size=224, **options):  # in place of vit_b_16's 12 layers of 768
        return torchvision.models.VisionTransformer(image_size, 16, 2, 2, 32, 64)

    monkeypatch.setattr("torchvision.models.vision_transformer._vision_transformer", small)
    torch.manual_seed(0)
    save_file(small().state_dict(), tmp_path / "vit.safetensors")
    config = ExtractorConfig(kind="torchvision", model="vit_b_16", weights=str(tmp_path / "vit.safetensors"))
    plain, larger = (build("net", config.model_copy(update={"image_size": size})) for size in (None, 256))
    one, two = torch.tensor(vectors(plain)), torch.tensor(vectors(larger))
    assert one.shape == (2, 32) and torch.nn.functional.cosine_similarity(one, two).min() > 0.9
    with pytest.raises(ConfigError, match="image_size: vit_b_16 does not take images of 100 × 100 pixels"):
        build("net", config.model_copy(update={"image_size": 100}))


def test_systems_take_another_size_too(files):
    settings = {"name": "timm", "model": VIT, "weights": str(files / "vit.safetensors"), "image_size": 192}
    settings["model_args"] = SMALL[VIT]
    built = build_system("timm", settings_of(settings), 3, pretrained=True)
    assert built.view.crop == 192
    assert built.network.eval()(torch.zeros(1, 3, 192, 192)).shape == (1, 3)
    again = build_system("timm", settings_of(settings), 3, pretrained=False)  # what a trained state is loaded into
    assert {k: v.shape for k, v in again.network.state_dict().items()} == {
        k: v.shape for k, v in built.network.state_dict().items()
    }
    with pytest.raises(ConfigError, match="system 'timm': image_size: vit_tiny_patch16_224 does not take"):
        tiny = {"model": VIT, "init": "random", "image_size": 32, "model_args": {"patch_size": 64}}
        build_system("timm", settings_of({"name": "timm"} | tiny), 3, pretrained=True)
    with pytest.raises(WeightsError, match="does not fit the network"):
        build_system("timm", settings_of(settings | {"weights": str(files / "mixer.safetensors")}), 3, pretrained=True)


def test_what_a_network_cannot_compute_later_names_it():
    class Later(torch.nn.Module):
        def forward(self, x):
            if x.any():
                raise AssertionError("no such luck")
            return x.flatten(1)

    loaded = engines.TORCH.load("net", {}, lambda: ModuleSpec(Later(), np.zeros(3, np.float32), {}))
    with pytest.raises(FeaturesError, match=r"extractor 'net': the network cannot be computed \(no such luck\)"):
        loaded.start(np.ones((2, 3), np.float32))
