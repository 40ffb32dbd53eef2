"""What is searched: classifiers with the ranges of their settings, how features are scaled, and which are used.

One table: a classifier is searched that has an entry here. A setting without a range keeps the value that `fixed` or
the classifier's own default gives.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from mediaeval.answers.learned import SCORES, form
from submission.task import Subtask

Params = dict[str, Any]  # as optuna has them: name → value
USE = "+"  # between the extractors of a set


@dataclass(frozen=True)
class Searched:
    """A classifier that is searched: the ranges of its settings, and values that are set beside them."""

    ranges: Mapping[str, BaseDistribution] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)


_PENALTY, _GAMMA = FloatDistribution(1e-3, 100, log=True), FloatDistribution(0.1, 5, log=True)
_NETWORK = {
    "lr": FloatDistribution(1e-4, 5e-3, log=True),
    "epochs": IntDistribution(5, 60, log=True),
    "dropout": FloatDistribution(0.0, 0.7),
}
_COSINE = {"schedule": "cosine"}

CLASSIFIERS: dict[str, Searched] = {
    "logistic": Searched({"C": FloatDistribution(1e-5, 1, log=True)}),
    "kernel": Searched({"gamma": _GAMMA, "penalty": _PENALTY}),
    "moe": Searched(_NETWORK, _COSINE),
    "dense": Searched(_NETWORK, _COSINE),
}
REGRESSORS: dict[str, Searched] = {
    "ridge": Searched({"gamma": _GAMMA, "penalty": _PENALTY}),
    "network": Searched(_NETWORK),
}
_OWN_SCALE = ("kernel", "ridge")  # which scale blocks themselves, whatever the setting
_SCALES = ("standard", "unit")


@dataclass(frozen=True)
class Space:
    """The settings that are searched for a subtask, on features of some extractors."""

    searched: Mapping[str, Searched]
    sets: tuple[str, ...]  # of extractors, joined by USE

    @classmethod
    def of(cls, subtask: Subtask, extractors: Sequence[str]) -> "Space":
        """Return the space of a subtask: with several extractors, all of them, each alone, and all but one."""
        everything = USE.join(extractors)
        sets = [everything]
        if len(extractors) > 1:
            sets += [*extractors, *(USE.join(e for e in extractors if e != one) for one in extractors)]
        return cls(REGRESSORS if form(subtask) == SCORES else CLASSIFIERS, tuple(dict.fromkeys(sets)))

    def distributions(self, classifier: str) -> dict[str, BaseDistribution]:
        """Return what is searched where this classifier is taken: name → distribution."""
        found: dict[str, BaseDistribution] = {"classifier": CategoricalDistribution(list(self.searched))}
        if len(self.sets) > 1:
            found["use"] = CategoricalDistribution(list(self.sets))
        if classifier not in _OWN_SCALE:
            found["scale"] = CategoricalDistribution(_SCALES)
        own = self.searched[classifier].ranges
        return found | {f"{classifier}.{name}": one for name, one in own.items()}

    def suggest(self, trial: optuna.Trial) -> Params:
        """Return what the sampler suggests."""
        classifier = trial.suggest_categorical("classifier", list(self.searched))
        return {name: _suggested(trial, name, one) for name, one in self.distributions(classifier).items()}

    def defaults(self) -> list[list[str]]:
        """Return each classifier as it is by default, which is tried before anything is searched."""
        found = []
        for name, searched in self.searched.items():
            fixed = [f"classifier.{key}={_value(value)}" for key, value in searched.fixed.items()]
            quick = ["classifier.lr=0.001", "classifier.epochs=15"] if "epochs" in searched.ranges and fixed else []
            found.append([f"classifier={name}", *fixed, *quick])
        return found

    def settings(self, params: Params) -> list[str]:
        """Return parameters as `--set` and a value each, in the form of mediaeval.toml."""
        classifier = params["classifier"]
        own = {name.partition(".")[2]: value for name, value in params.items() if "." in name}
        given = [f"classifier={classifier}"]
        given += [
            f"classifier.{name}={_value(one)}" for name, one in {**self.searched[classifier].fixed, **own}.items()
        ]
        if "scale" in params:
            given.append(f"features.scale={params['scale']}")
        return given

    def describe(self) -> str:
        """Return the space as text, by which a search that goes on is known to have the same."""
        parts = {name: {key: repr(one) for key, one in self.distributions(name).items()} for name in self.searched}
        fixed = {name: dict(one.fixed) for name, one in self.searched.items()}
        return json.dumps([parts, fixed], sort_keys=True)


def _suggested(trial: optuna.Trial, name: str, one: BaseDistribution) -> Any:
    if isinstance(one, CategoricalDistribution):
        return trial.suggest_categorical(name, one.choices)
    if isinstance(one, IntDistribution):
        return trial.suggest_int(name, one.low, one.high, log=one.log)
    assert isinstance(one, FloatDistribution), "numbers and choices are searched"
    return trial.suggest_float(name, one.low, one.high, log=one.log)


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
