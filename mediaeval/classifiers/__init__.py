"""Classifiers on feature vectors: what exists, and how one is built from a configuration.

To add one, write a file with a subclass of `base.Classifier` (or `training.TorchClassifier`), its settings in
`settings.py`, where they are checked before anything heavy is loaded, and a record in CLASSIFIERS. The tests run over
the table.

    classifier = make_classifier("moe", {"lr": 1e-5, "epochs": 300}, random_state=0)
    classifier.fit(X, y).predict_proba(X)  # (n_images, n_labels)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from mediaeval.classifiers.settings import ClassifierSettings
from mediaeval.errors import choose
from mediaeval.settings import parse_settings

if TYPE_CHECKING:
    from mediaeval.classifiers.base import Classifier


@dataclass(frozen=True)
class ClassifierRecord:
    """One classifier: where it is, what can be chosen, what it is in a sentence, and who described it.

    Both paths are `module:class`; the modules are imported when they are used.
    """

    estimator: str  # a subclass of `base.Classifier`
    settings: str  # a subclass of `ClassifierSettings`; its fields are the estimator's parameters but `random_state`
    summary: str
    source: str


CLASSIFIERS: dict[str, ClassifierRecord] = {
    "moe": ClassifierRecord(
        "mediaeval.classifiers.moe:MixtureOfExperts",
        "mediaeval.classifiers.settings:MoESettings",
        "a layer of 200, then for each label two experts and a gate that may choose nobody",
        "Pournaras et al. 2021, subtask 1; mixture of experts after Abu-El-Haija et al. 2016 (YouTube-8M)",
    ),
    "dense": ClassifierRecord(
        "mediaeval.classifiers.dense:DenseClassifier",
        "mediaeval.classifiers.settings:DenseSettings",
        "layers of 1000 and 200 with dropout",
        "Pournaras et al. 2021, subtasks 2 and 3",
    ),
    "small": ClassifierRecord(
        "mediaeval.classifiers.small:SmallClassifier",
        "mediaeval.classifiers.settings:SmallSettings",
        "one layer of 200 with dropout, batches of 8",
        "Pournaras et al. 2021 (SMAP), single features and their combination",
    ),
    "logistic": ClassifierRecord(
        "mediaeval.classifiers.logistic:LogisticBaseline",
        "mediaeval.classifiers.settings:LogisticSettings",
        "logistic regression: multinomial, or one for each label",
        "baseline",
    ),
    "kernel": ClassifierRecord(
        "mediaeval.classifiers.kernel:KernelRidge",
        "mediaeval.classifiers.settings:KernelSettings",
        "kernel ridge regression on blocks of unit length, chosen by leave-one-out error; no epochs, no chance",
        "Saunders et al. 1998 (ridge regression in dual variables); Platt 1999 (probabilities)",
    ),
    "auto": ClassifierRecord(
        "mediaeval.classifiers.auto:AutoClassifier",
        "mediaeval.classifiers.settings:AutoSettings",
        "moe or dense, logistic and kernel, averaged with weights from out-of-fold log loss",
        "this toolkit",
    ),
    "dummy": ClassifierRecord(
        "mediaeval.classifiers.dummy:PriorBaseline",
        "mediaeval.classifiers.settings:DummySettings",
        "the share of each label in the training data, whatever the image",
        "baseline",
    ),
}


def make_classifier(name: str, params: Mapping[str, Any], random_state: int) -> "Classifier":
    """Build the classifier called `name`, unfitted.

    Raises ConfigError for an unknown name, and with all unknown parameters and all values that do not fit at once.

    >>> make_classifier("dummy", {}, random_state=0)
    PriorBaseline()
    """
    classifier_settings({"name": name, **params})
    estimator: type[Classifier] = resolve_name(CLASSIFIERS[name].estimator)
    return estimator(**params, random_state=random_state)


def classifier_settings(classifier: Mapping[str, Any], section: str = "classifier") -> ClassifierSettings:
    """Return the checked settings of `{name = "moe", epochs = 5, …}`, defaults included.

    `section`: where they are written. Raises ConfigError with every unknown setting and bad value.

    >>> classifier_settings({"name": "logistic"})
    LogisticSettings(C=1.0)
    """
    name = choose("classifier", classifier["name"], CLASSIFIERS)
    own = {key: value for key, value in classifier.items() if key != "name"}
    return parse_settings(settings_model(name), own, section, reference=name)


def settings_model(name: str) -> type[ClassifierSettings]:
    """Return the model of the settings of a classifier of the table."""
    return resolve_name(CLASSIFIERS[choose("classifier", name, CLASSIFIERS)].settings)
