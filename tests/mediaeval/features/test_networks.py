"""Networks from weight files: the right vector, or an error that says what is wrong with the file."""

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file

from mediaeval.errors import ConfigError, RunFolderError, WeightsError
from mediaeval.features.build import build
from mediaeval.features.extractors import EXTRACTORS, ExtractorConfig, require_settings
from mediaeval.features.kinds.torchvision import remove_head
from mediaeval.finetune import settings_of
from mediaeval.finetune.model import SystemModel, load_system
from mediaeval.runs import RunFolder
from mediaeval.steps.run_config import read_config
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from tests.conftest import picture

pytestmark = pytest.mark.integration

TIMM = "mobilenetv3_small_050"
TORCHVISION = "squeezenet1_1"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Small networks with random weights, saved as others save theirs."""
    import timm

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    model = timm.create_model(TIMM)
    save_file(model.state_dict(), folder / "timm.safetensors")
    torch.save({"state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}, folder / "timm.pth.tar")
    torch.save({"model": model}, folder / "whole-model.pth")
    save_file(torchvision.models.get_model(TORCHVISION).state_dict(), folder / "torchvision.safetensors")
    (folder / "cut.safetensors").write_bytes((folder / "timm.safetensors").read_bytes()[:5000])
    (folder / "text.pth").write_text("<html>404</html>")
    return folder


def timm_extractor(weights, **options) -> ExtractorConfig:
    return ExtractorConfig(kind="timm", model=TIMM, weights=str(weights), **options)


def features(network, image: Image.Image) -> np.ndarray:
    return network.forward(network.prepare(image)[None])[0]


def test_timm_features_are_the_vector_that_its_classifier_reads(files):
    import timm

    network = build("net", timm_extractor(files / "timm.safetensors"))
    model = timm.create_model(TIMM).eval()
    from safetensors.torch import load_file

    model.load_state_dict(load_file(files / "timm.safetensors"))
    image = picture("positive", 1)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    with torch.no_grad():
        logits = model(transform(image)[None])
        ours = model.get_classifier()(torch.from_numpy(features(network, image)))[None]
    torch.testing.assert_close(ours, logits)
    assert network.width == model.get_classifier().in_features


def test_squeezenet_features_are_the_average_of_its_last_map(files):
    import torchvision
    from safetensors.torch import load_file

    weights = files / "torchvision.safetensors"
    network = build("net", ExtractorConfig(kind="torchvision", model=TORCHVISION, weights=str(weights)))
    model = torchvision.models.get_model(TORCHVISION).eval()
    model.load_state_dict(load_file(weights))
    image = picture("positive", 1)
    transform = torchvision.models.get_model_weights(TORCHVISION).DEFAULT.transforms()
    with torch.no_grad():
        expected = model.features(transform(image)[None]).mean(dim=(2, 3))
    np.testing.assert_allclose(features(network, image), expected.numpy()[0], rtol=1e-4, atol=1e-6)
    assert network.width == 512


@pytest.mark.parametrize(
    ("model", "width"),
    [
        ("resnet18", 512),
        ("vgg11", 4096),
        ("mobilenet_v2", 1280),
        ("densenet121", 1024),
        ("swin_t", 768),
        ("vit_b_32", 768),
    ],
)
def test_torchvision_heads_come_off_whatever_they_are_called(model, width):
    import torchvision

    with torch.device("meta"):  # shapes alone, no weights
        network = torchvision.models.get_model(model).eval()
        prefix = remove_head(network)
        assert network(torch.zeros(1, 3, 224, 224)).shape == (1, width)
    assert not any(key.startswith(prefix) for key in network.state_dict())


def test_wrappers_and_prefixes_of_training_scripts_are_taken_off(files):
    a, b = (build("net", timm_extractor(files / name)) for name in ("timm.safetensors", "timm.pth.tar"))
    image = picture("neutral", 2)
    np.testing.assert_array_equal(features(a, image), features(b, image))
    assert a.identity["weights"] != b.identity["weights"], "another file is another identity"


def test_preprocessing_is_the_weights_own_unless_it_is_replaced(files):
    own = build("net", timm_extractor(files / "timm.safetensors"))
    half = build("net", timm_extractor(files / "timm.safetensors", mean=(0.5,) * 3, std=(0.5,) * 3))
    large = build("net", timm_extractor(files / "timm.safetensors", image_size=256))
    image = picture("positive", 1)
    assert own.prepare(image).shape == (224, 224, 3) and large.prepare(image).shape == (256, 256, 3)
    assert own.prepare(image).dtype == np.uint8, "8-bit pixels; mean and std are the engine's part"
    np.testing.assert_array_equal(own.prepare(image), half.prepare(image))
    assert np.abs(features(own, image) - features(half, image)).max() > 1e-3
    identities = [str(n.identity) for n in (own, half, large)]
    assert len(set(identities)) == 3


def test_a_vector_does_not_depend_on_its_neighbours_in_the_batch(files):
    network = build("net", timm_extractor(files / "timm.safetensors"))
    images = [network.prepare(picture("positive", k)) for k in range(16)]
    together = network.forward(np.stack(images))
    for place in (0, 5):
        alone = np.zeros((16, *images[0].shape), np.uint8)
        alone[place] = images[11]
        np.testing.assert_array_equal(network.forward(alone)[place], together[11])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "nothing.safetensors",
            r"weights of timm mobilenetv3_small_050 not found: .*nothing.safetensors.*\[extractors",
        ),
        ("cut.safetensors", "is a .safetensors file, cut short or damaged"),
        ("text.pth", r"text\.pth is a web page \(HTML\) saved in place of the file; expected weights"),
        ("whole-model.pth", r"refused: it holds more than tensors \(\S+\), and loading that could run code"),
        (
            "torchvision.safetensors",
            "does not fit the network(.|\n)*keys that the network lacks(.|\n)*keys that the file",
        ),
    ],
)
def test_weights_that_do_not_fit_say_why(files, name, message):
    with pytest.raises(WeightsError, match=message):
        build("net", timm_extractor(files / name))


def test_weights_of_another_width_show_the_shapes(files):
    extractor = ExtractorConfig(kind="timm", model="mobilenetv3_small_075", weights=str(files / "timm.safetensors"))
    with pytest.raises(WeightsError, match=r"other shapes: .*: got \(\d+.*\), expected \(\d+"):
        build("net", extractor)


def test_unknown_models_and_arguments_are_told_with_the_nearest(files):
    with pytest.raises(
        ConfigError, match=r"timm cannot build 'mobilenetv3_smal_050'.*Similar names: .*mobilenetv3_small"
    ):
        build(
            "net", ExtractorConfig(kind="timm", model="mobilenetv3_smal_050", weights=str(files / "timm.safetensors"))
        )
    with pytest.raises(ConfigError, match="no_such_argument"):
        build("net", timm_extractor(files / "timm.safetensors", model_args={"no_such_argument": 1}))


LOADING = {
    "checkpoint_path": "evil.pth",
    "pretrained": True,
    "pretrained_cfg": "evil",
    "pretrained_cfg_overlay": {"file": "evil.pth"},
    "pretrained_model_args": {},
    "cache_dir": "cache",
    "model_cfg": "evil",
    "hf_hub_id": "a",
    "weights": "DEFAULT",
    "weights_backbone": "DEFAULT",
    "progress_file": "x",
    "features_only": True,
    "in_chans": 1,
    "kwargs_filter": ["img_size"],
    "act_layer": "../evil.pth",
    "img_size": {"file": "evil.pth"},
    "depths": [[[[[[1]]]]]],
    "drop_rate": float("nan"),
    "__class__": "x",
    "depth": 10**9,  # would be built until the memory is full
    "layers": [2, 1001],
    "embed_dim": 65537,
    "channels": [1] * 101,
}


@pytest.mark.parametrize("kind", ["timm", "torchvision"])
@pytest.mark.parametrize("argument", LOADING)
def test_an_argument_that_loads_never_reaches_the_library(files, monkeypatch, kind, argument):
    import timm

    for library, name in ((timm, "create_model"), (torchvision.models, "get_model"), (torch, "load")):
        monkeypatch.setattr(library, name, lambda *a, **k: pytest.fail("the library was asked"))
    arguments = {"global_pool": "avg", argument: LOADING[argument]}
    extractor = ExtractorConfig(
        kind=kind, model="resnet18", weights=str(files / "timm.safetensors"), model_args=arguments
    )
    with pytest.raises(ConfigError, match=rf"extractors\.net\.model_args: .*{argument}.*; expected"):
        build("net", extractor)
    with pytest.raises(ConfigError, match=rf"system\.model_args: .*{argument}.*; expected"):
        settings_of({"name": "timm", "model": "resnet18", "model_args": arguments})


@pytest.mark.parametrize("section", ["[extractors.x]\nkind = 'timm'", "[subtask1.system]\nname = 'timm'"])
def test_what_loads_is_refused_in_a_run_folder_too(tmp_path, monkeypatch, section):
    monkeypatch.setattr("timm.create_model", lambda *a, **k: pytest.fail("timm was asked"))
    evil = "model = 'resnet18'\nmodel_args = { checkpoint_path = 'evil.pth' }"
    (tmp_path / "run.toml").write_text(f"{section}\n{evil}\n")
    with pytest.raises(RunFolderError, match="got 'checkpoint_path'; expected arguments that build the network"):
        read_config(RunFolder(tmp_path), VISUAL_SENTIMENT_2021)


def test_what_loads_is_refused_in_a_saved_system_too(tmp_path, monkeypatch):
    settings = settings_of({"name": "timm", "model": "test_efficientnet", "init": "random"})
    model = SystemModel(VISUAL_SENTIMENT_2021["subtask1"], "timm", settings, {}, seed=0)
    model._built = model._build(pretrained=False)
    model.settings = settings.model_copy(update={"model_args": {"checkpoint_path": "evil.pth"}})
    model.save(tmp_path / "model.safetensors")
    monkeypatch.setattr("timm.create_model", lambda *a, **k: pytest.fail("timm was asked"))
    with pytest.raises(ConfigError, match="got 'checkpoint_path'; expected arguments that build the network"):
        load_system(tmp_path / "model.safetensors", VISUAL_SENTIMENT_2021["subtask1"])


def test_arguments_that_build_are_taken():
    arguments = {
        "img_size": [224, 224], "dynamic_img_size": True, "drop_rate": 0.2, "drop_path_rate": 0.1, "patch_size": 16,
        "act_layer": "gelu", "global_pool": "avg", "weight_init": "jax", "pad_type": "same", "depths": [1, 2, 3],
        "pretrained_window_sizes": [8, 8, 8, 4], "use_checkpoint": False, "class_token": True,
        "inverted_residual_setting": [[1, 16, 1, 1], [6, 24, 2, 2]],
    }  # fmt: skip
    assert settings_of({"name": "timm", "model_args": arguments}).model_args == arguments
    require_settings("net", ExtractorConfig(kind="torchvision", model="resnet18", model_args=arguments))
    with pytest.raises(ConfigError, match="num_classes is the number of the subtask's labels"):
        settings_of({"name": "timm", "model_args": {"num_classes": 3}})


@pytest.mark.parametrize("name", [n for n, e in EXTRACTORS.items() if e.kind in ("timm", "torchvision")])
def test_weights_that_cannot_be_fetched_are_an_error_never_random(name, tmp_path, monkeypatch):
    """The real loading code of every table entry, run where no hub can be reached and nothing is cached."""
    monkeypatch.setenv("MEDIAEVAL_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=rf"extractor '{name}': weights of .* could not be\s+fetched"):
        build(name, EXTRACTORS[name])
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("extractor", "width"),
    [
        ({"kind": "timm", "model": "mobilenetv2_100", "weights": "timm-mobilenetv2_100.safetensors"}, 1280),
        (
            {
                "kind": "timm",
                "model": "mobilenetv2_100",
                "model_args": {"pad_type": "same"},
                "mean": (0.5,) * 3,
                "std": (0.5,) * 3,
                "weights": "timm-mobilenetv2_100-tfsame.safetensors",
            },
            1280,
        ),
        ({"kind": "torchvision", "model": "squeezenet1_0", "weights": "torchvision-squeezenet1_0.safetensors"}, 512),
    ],
)
def test_real_weights_see_likeness(shared, extractor, width):
    """Photographs of one concept lie nearer to each other than to others, in real weights' features."""
    from mediaeval.data.dataset import load_dataset
    from mediaeval.data.split import read_csv_by_id

    weights = str(shared / "weights" / extractor["weights"])
    network = build("net", ExtractorConfig(**extractor | {"weights": weights}))
    assert network.width == width
    concepts = read_csv_by_id(shared / "oasis/norms.csv")["concept"]
    chosen = [i for c in ("Fire", "Lake", "Baby") for i in concepts.index[concepts == c][:4]]
    dataset = load_dataset(shared / "oasis", VISUAL_SENTIMENT_2021)
    batch = np.stack([network.prepare(Image.open(dataset.image_paths[i]).convert("RGB")) for i in chosen])
    X = network.forward(batch)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    same = concepts[chosen].to_numpy()[:, None] == concepts[chosen].to_numpy()
    likeness = X @ X.T
    assert len(chosen) >= 8
    assert likeness[same & ~np.eye(len(chosen), dtype=bool)].mean() > likeness[~same].mean() + 0.1


@pytest.fixture
def as_published(monkeypatch, tmp_path):
    """as_published(tensors) → the table's MobileNetV2, with these tensors as its published file in the cache."""
    monkeypatch.setenv("MEDIAEVAL_WEIGHTS", str(tmp_path))

    def put(tensors):
        save_file(tensors, tmp_path / f"{EXTRACTORS['mobilenetv2'].model}.safetensors")
        return build("mobilenetv2", EXTRACTORS["mobilenetv2"])

    return put


def test_a_published_file_gives_the_vector_of_its_network(as_published):
    import timm

    torch.manual_seed(0)
    model = timm.create_model("mobilenetv2_100").eval()
    network = as_published(model.state_dict())
    image = picture("positive", 1)
    transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=model))
    with torch.no_grad():
        expected = model.forward_head(model.forward_features(transform(image)[None]), pre_logits=True)[0]
    np.testing.assert_allclose(features(network, image), expected.numpy(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("tensors", [{"a": torch.zeros(1)}, {"conv_stem.weight": torch.zeros(32, 3, 3, 3)}])
def test_what_a_published_file_lacks_is_never_filled_with_random_numbers(as_published, tensors):
    with pytest.raises(WeightsError, match=r"does not fit the network(.|\n)*keys that the file lacks"):
        as_published(tensors)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"model": "hf-hub:timm/resnet18"}, "expected the name of a network of the library"),
        ({"model": "local-dir:x"}, "expected the name of a network of the library"),
        ({"model": "../resnet18"}, "expected the name of a network of the library"),
        ({"kind": "torchvision", "model": "fasterrcnn_resnet50_fpn_v2"}, "it has no classification network"),
        ({"model_args": {"block_size": "x"}}, "timm cannot build"),
        ({"model": "resnet18", "model_args": {"block": "x"}}, "timm cannot build"),
        ({"model": "resnet18", "model_args": {"global_pool": "nope"}}, "timm cannot build"),
    ],
)
def test_names_and_arguments_that_timm_cannot_build_are_told(files, options, told):
    extractor = ExtractorConfig(**{"kind": "timm", "model": TIMM, "weights": str(files / "timm.safetensors")} | options)
    with pytest.raises(ConfigError, match=told):
        build("net", extractor)
