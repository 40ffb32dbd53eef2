"""Classifiers and regressors on feature vectors: what exists, and how one is built from a configuration.

To add one, write a file with a subclass of `base.Classifier` (or `training.TorchClassifier`), its settings in
`settings.py`, where they are checked before anything heavy is loaded, and a record in CLASSIFIERS. The tests run over
the table. A regressor is a subclass of `regressor.Regressor` and of a `Head`, with a record in REGRESSORS.

    classifier = make_classifier("moe", {"lr": 1e-5, "epochs": 300}, random_state=0)
    classifier.fit(X, y).predict_proba(X)  # (n_images, n_labels)
    make_regressor("ridge", {}, random_state=0).fit(X, scores).predict(X)
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
    from mediaeval.classifiers.regressor import Regressor


@dataclass(frozen=True)
class ClassifierRecord:
    """One classifier or regressor: where it is, what can be chosen, what it is in a sentence, and who described it.

    Both paths are `module:class`; the modules are imported when they are used.
    """

    estimator: str  # a subclass of `base.Classifier` or `regressor.Regressor`
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


REGRESSORS: dict[str, ClassifierRecord] = {
    "ridge": ClassifierRecord(
        "mediaeval.classifiers.ridge:RidgeRegressor",
        "mediaeval.classifiers.settings:RidgeSettings",
        "scores: kernel ridge regression on blocks of unit length, chosen by leave-one-out error",
        "Saunders et al. 1998 (ridge regression in dual variables)",
    ),
    "network": ClassifierRecord(
        "mediaeval.classifiers.regression_network:RegressionNetwork",
        "mediaeval.classifiers.settings:RegressionNetworkSettings",
        "scores: one layer of 200 with dropout, three networks averaged",
        "this toolkit",
    ),
    "best": ClassifierRecord(
        "mediaeval.classifiers.best_regressor:BestRegressor",
        "mediaeval.classifiers.settings:BestRegressorSettings",
        "scores: ridge or network, whichever ranks better (Spearman) out of fold within the training images",
        "this toolkit",
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


def make_regressor(name: str, params: Mapping[str, Any], random_state: int) -> "Regressor":
    """Build the regressor called `name`, unfitted. Raises ConfigError as `make_classifier` does.

    >>> make_regressor("ridge", {}, random_state=0)
    RidgeRegressor()
    """
    classifier_settings({"name": name, **params}, scores=True)
    estimator: type[Regressor] = resolve_name(REGRESSORS[name].estimator)
    return estimator(**params, random_state=random_state)


def classifier_settings(
    classifier: Mapping[str, Any], section: str = "classifier", *, scores: bool = False
) -> ClassifierSettings:
    """Return the checked settings of `{name = "moe", epochs = 5, …}`, defaults included.

    section  where they are written
    scores   whether it is to predict scores, and so one of REGRESSORS

    Raises ConfigError with every unknown setting and bad value.

    >>> classifier_settings({"name": "logistic"})
    LogisticSettings(C=1.0)
    """
    table = REGRESSORS if scores else CLASSIFIERS
    name = choose("regressor" if scores else "classifier", classifier["name"], table)
    own = {key: value for key, value in classifier.items() if key != "name"}
    return parse_settings(resolve_name(table[name].settings), own, section, reference=name)


def settings_model(name: str) -> type[ClassifierSettings]:
    """Return the model of the settings of a classifier of the table, or else of a regressor."""
    known = REGRESSORS | CLASSIFIERS
    return resolve_name(known[choose("classifier", name, CLASSIFIERS if name not in REGRESSORS else known)].settings)
