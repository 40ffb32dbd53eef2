"""Any network of timm, under a new classifier for the labels."""

from typing import Any

import torch
from timm.models import group_parameters
from torch import Tensor, nn

from mediaeval.errors import ConfigError
from mediaeval.features.extractors import ExtractorConfig
from mediaeval.features.kinds.timm import fitting_state, timm_config, timm_model
from mediaeval.features.library_errors import library_errors
from mediaeval.features.preprocess import of_timm
from mediaeval.features.weight_files import locate
from mediaeval.finetune.network import RgbNormalised, SystemNetwork, View
from mediaeval.finetune.settings import TimmSettings
from mediaeval.weights.read import load_state, read_weights, without_prefix

OWNER = "system 'timm'"
_REMEDY = "Leave out system.image_size and system.model_args, or choose another network."
_SMALLER = "Set a smaller system.image_size, close other programs, or choose a smaller network."


class TimmNetwork(nn.Module):
    """Pixels RGB 0..255, (n, 3, crop, crop) → scores (n, n_labels), by a network of timm."""

    def __init__(self, model: nn.Module, mean: tuple[float, float, float], std: tuple[float, float, float]):
        super().__init__()
        self.normalise = RgbNormalised(mean, std)
        self.model = model

    def forward(self, pixels: Tensor, vectors: Tensor | None = None) -> Tensor:
        return self.model(self.normalise(pixels))


def build(settings: TimmSettings, n_labels: int, width: int, *, pretrained: bool) -> SystemNetwork:
    """Build the network `settings.model`. Preprocessing is that of the model's published weights, where not set."""
    extractor = ExtractorConfig(
        kind="timm",
        model=settings.model,
        model_args=settings.model_args,
        weights=settings.weights,
        mean=settings.mean,
        std=settings.std,
        image_size=settings.image_size,
    )
    with library_errors(ConfigError, f"{OWNER}: {settings.model} cannot be trained", _REMEDY, _SMALLER):
        built = _built(settings, extractor, n_labels, pretrained=pretrained)
        if pretrained:
            _try(built)
    return built


def _try(built: SystemNetwork) -> None:
    """Let one image through the network, so that what it cannot compute is known before a training begins."""
    network = built.network.eval()
    with torch.no_grad():  # not inference mode: ConViT keeps tensors that gradients are asked of later
        network(torch.zeros(1, 3, built.view.crop, built.view.crop))
    network.train()


def _built(settings: TimmSettings, extractor: ExtractorConfig, n_labels: int, *, pretrained: bool) -> SystemNetwork:
    model = timm_model(OWNER, extractor, extractor.model_args | {"num_classes": n_labels})
    for head in _classifiers(model):  # timm initialises for many classes: three would begin with a loss of 5
        layer: Any = model.get_submodule(head)  # of several types, all with weight and bias
        nn.init.normal_(layer.weight, std=0.01)
        nn.init.zeros_(layer.bias)
    if pretrained and settings.init == "pretrained":
        _load(model, extractor)
    steps = of_timm(timm_config(model, extractor))
    if steps is None:
        raise ConfigError(f"{OWNER}: {settings.model} needs preprocessing other than resizing and cropping a square.")
    network = TimmNetwork(model, steps.mean, steps.std)
    modules = {name: _computed(module) for name, module in model.named_modules()}
    blocks = [info["module"] for info in getattr(model, "feature_info", []) if info["module"] in modules]
    heads = _classifiers(model)
    matcher: Any = getattr(model, "group_matcher", None)  # a few networks have no order of layers
    deep = group_parameters(model, matcher(coarse=False), reverse=True) if matcher else {}
    return SystemNetwork(
        network=network,
        view=View(max(steps.resize, steps.crop), steps.crop, steps.interpolation, steps.squash),
        new=tuple(f"model.{head}." for head in heads) if settings.init == "pretrained" else ("",),
        taps={name: modules[name] for name in [*blocks, *heads[:1]]},
        maps={name: modules[name] for name in reversed(blocks or _stages(model))},
        layers={f"model.{name}": int(layer) for name, layer in deep.items()},
    )


def _computed(module: nn.Module) -> nn.Module:
    """Return a module that is called; of a list, which a network goes through by itself, the last one in it."""
    while isinstance(module, nn.ModuleList) and len(module):
        module = module[-1]
    return module


def _stages(model: nn.Module) -> list[str]:
    """Return the names of a network's parts, one behind the other, where timm does not name them."""
    return [
        f"{name}.{k}"
        for name, parts in model.named_children()
        if name in ("stages", "blocks", "layers") and isinstance(parts, nn.ModuleList | nn.Sequential)
        for k in range(len(parts))
    ]


def _load(model: nn.Module, extractor: ExtractorConfig) -> None:
    """Load all weights but those of the classifier, which is new."""
    path = locate("", extractor, owner=OWNER, key="system.weights")
    heads = tuple(f"{head}." for head in _classifiers(model))
    state = fitting_state(model, read_weights(path, OWNER), extractor, OWNER, path, heads)
    drawn = {key: value for key, value in model.state_dict().items() if key.startswith(heads)}
    state = without_prefix(state, model.state_dict().keys() - drawn.keys(), OWNER, path)
    loaded = {key: value for key, value in state.items() if not key.startswith(heads)}
    load_state(model, loaded | drawn, OWNER, path)


def _classifiers(model: Any) -> tuple[str, ...]:
    """Return the names of the classifying layers; distilled networks have two."""
    named = model.default_cfg.get("classifier") or ()
    return (named,) if isinstance(named, str) else tuple(named)
