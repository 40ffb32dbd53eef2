"""Training networks whose weights nobody publishes, from features in the layouts of the public code.

To add one, write a file with its settings, a subclass of `settings.PretrainSettings`, and its objective, a subclass of
`objective.PretrainObjective`, and add a record to PRETRAINERS. The settings of those below are in `settings.py`, which
needs no torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from mediaeval.errors import ConfigError, choose
from mediaeval.pretrain.settings import PretrainSettings
from mediaeval.settings import parse_assignment, setting_problems

if TYPE_CHECKING:
    from mediaeval.pretrain.objective import PretrainObjective


@dataclass(frozen=True)
class PretrainerRecord:
    """A network that can be trained: what trains it, what can be chosen, and what it reads.

    Both paths are `module:name`; the modules are imported when they are used.
    """

    objective: str  # a subclass of `PretrainObjective`
    settings: str  # a subclass of `PretrainSettings`
    summary: str
    source: str
    layout: str  # what the folder of features holds


PRETRAINERS: dict[str, PretrainerRecord] = {
    "yt8m": PretrainerRecord(
        "mediaeval.pretrain.yt8m:YouTube8MObjective",
        "mediaeval.pretrain.settings:YouTube8MSettings",
        "YouTube-8M classifier, feature Y",
        "bmezaris/subclass_deep_neural_networks",
        "train*.tfrecord and validate*.tfrecord of YouTube-8M, video-level or frame-level",
    ),
    "signature": PretrainerRecord(
        "mediaeval.pretrain.signature:SignatureObjective",
        "mediaeval.pretrain.settings:SignatureSettings",
        "visual branch of dual encoding, feature S",
        "danieljf24/dual_encoding, bmezaris/AVS_dual_encoding_attention_network",
        "FeatureData/<feature>/{id.txt,shape.txt,feature.bin,video2frames.txt} and TextData/*.caption.txt",
    ),
    "objectgraphs": PretrainerRecord(
        "mediaeval.pretrain.objectgraphs:ObjectGraphsObjective",
        "mediaeval.pretrain.settings:ObjectGraphsSettings",
        "graph over the objects of an image, feature G",
        "bmezaris/ObjectGraphs",
        "R152/<video>.npy, R152_global/<video>.npy and materials/FCVID_{VideoName_TrainTestSplit,Label}.txt",
    ),
}


def objective_class(name: str) -> "type[PretrainObjective[Any]]":
    """Return the class of the objective of a network. Raises ConfigError for an unknown name."""
    found: type[PretrainObjective[Any]] = resolve_name(PRETRAINERS[choose("network", name, PRETRAINERS)].objective)
    return found


def settings_model(name: str) -> type[PretrainSettings]:
    """Return the class of the settings of a network. Raises ConfigError for an unknown name."""
    found: type[PretrainSettings] = resolve_name(PRETRAINERS[choose("network", name, PRETRAINERS)].settings)
    return found


def read_settings(name: str, sets: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a network that were given: as KEY=VALUE, and as options of their own, None if left out.

    Raises ConfigError, all problems at once, for an unknown setting or a value that does not fit.
    """
    settings: dict[str, Any] = {}
    problems: list[str] = []
    for text in sets:
        try:
            key, value = parse_assignment(text, "epochs=5")
            settings[key] = value
        except ConfigError as error:
            problems += error.problems
    settings |= {key: value for key, value in options.items() if value is not None}
    problems += setting_problems(settings_model(name), settings, reference=name)
    if problems:
        raise ConfigError(*problems)
    return settings
