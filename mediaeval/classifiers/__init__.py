"""Classifiers on feature vectors: what exists, and how one is built from a configuration.

A newcomer adds one entry to CLASSIFIERS and its file: a subclass of `base.Classifier` (or `training.TorchClassifier`)
whose `checks` names every parameter. The tests run over the table. Importing this table imports neither torch nor
scikit-learn, so that listing it is instant.

    classifier = make_classifier("moe", {"lr": 1e-5, "epochs": 300}, random_state=0)
    classifier.fit(X, y).predict_proba(X)  # (n_images, n_labels)
"""

import inspect
from dataclasses import dataclass
from importlib import import_module

from mediaeval.classifiers.checks import find_problems
from mediaeval.errors import ConfigError, choose


@dataclass(frozen=True)
class Entry:
    """One classifier: where it is, what it is in a sentence, and who described it."""

    path: str  # "module:class"
    summary: str
    source: str


CLASSIFIERS: dict[str, Entry] = {
    "moe": Entry(
        "mediaeval.classifiers.moe:MixtureOfExperts",
        "a layer of 200, then for each label two experts and a gate that may choose nobody",
        "Pournaras et al. 2021, subtask 1; mixture of experts after Abu-El-Haija et al. 2016 (YouTube-8M)",
    ),
    "dense": Entry(
        "mediaeval.classifiers.dense:DenseClassifier",
        "layers of 1000 and 200 with dropout",
        "Pournaras et al. 2021, subtasks 2 and 3",
    ),
    "small": Entry(
        "mediaeval.classifiers.small:SmallClassifier",
        "one layer of 200 with dropout, batches of 8",
        "Pournaras et al. 2021 (SMAP), single features and their combination",
    ),
    "logistic": Entry(
        "mediaeval.classifiers.logistic:LogisticBaseline",
        "logistic regression: multinomial, or one for each label",
        "baseline",
    ),
    "dummy": Entry(
        "mediaeval.classifiers.dummy:PriorBaseline",
        "the share of each label in the training data, whatever the image",
        "baseline",
    ),
}


def make_classifier(name: str, params: dict, random_state: int):
    """Build the classifier called `name`, unfitted.

    Raises ConfigError for an unknown name, and with all unknown parameters and all values that do not fit at once.

    >>> make_classifier("dummy", {}, random_state=0)
    PriorBaseline()
    """
    kind = _load(name)
    known = parameters(name)
    problems = []
    for param in params:
        try:
            choose(f"parameter of classifier {name}", param, known)
        except ConfigError as error:
            problems.extend(error.problems)
    settings = {param: value for param, value in params.items() if param in known} | {"random_state": random_state}
    problems.extend(find_problems(kind.checks, settings, "classifier"))
    if problems:
        raise ConfigError(*problems)
    return kind(**settings)


def parameters(name: str) -> dict[str, object]:
    """The parameters of a classifier with their defaults; `random_state` is the run's seed and not among them.

    >>> parameters("logistic")
    {'C': 1.0}
    """
    signature = inspect.signature(_load(name))
    return {key: param.default for key, param in signature.parameters.items() if key != "random_state"}


def _load(name: str) -> type:
    module, _, kind = CLASSIFIERS[choose("classifier", name, CLASSIFIERS)].path.partition(":")
    return getattr(import_module(module), kind)
