"""From a name in SYSTEMS and its settings to a network."""

from collections.abc import Callable
from pkgutil import resolve_name

from mediaeval.errors import choose
from mediaeval.finetune import SYSTEMS
from mediaeval.finetune.network import SystemNetwork
from mediaeval.finetune.settings import TrainingSettings


def build_system(
    name: str, settings: TrainingSettings, n_labels: int, width: int = 0, *, pretrained: bool
) -> SystemNetwork:
    """Build a system for `n_labels` labels; new layers are drawn from torch's global generator.

    width       numbers per image of the extractors that the settings name
    pretrained  whether to load the weight files that the settings name, unless init is "random"; if not, no file is
                read, for a state that is loaded afterwards

    Raises WeightsError for weights that are absent or of another network (random ones never take their place), and
    ConfigError for a network that does not exist.
    """
    build: Callable[..., SystemNetwork] = resolve_name(SYSTEMS[choose("system", name, SYSTEMS)].build)
    return build(settings, n_labels, width, pretrained=pretrained)
