"""One expectation from those of several extractors, weighted by what they say of dev images that were left out.

    combined = combine({"mobilenet": expect(...), "squeeze": expect(...)})

The weights are those by which the left-out expectations predict the dev labels best (least squares, none negative,
drawn a little towards equal ones), the same for all columns. Two extractors that agree on the dev images and not on the
test images contradict each other: at least one of the two has read its test images wrongly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from submission.alignment.expectation import Expectation, standardise

if TYPE_CHECKING:
    import numpy as np

_TO_EQUAL = 0.1  # how strongly weights are drawn to equal ones, as a share of the rows of the least squares
# Two extractors contradict each other if their agreement is lower on the test images than on the dev images by so many
# standard errors, and by half.
_CONTRADICTION = 4.5
_LEAST_IMAGES = 10
_LEAST_AGREEMENT = 0.2  # on the dev images; below, nothing can be concluded from a low one on the test images


@dataclass(frozen=True)
class Contradiction:
    """Two extractors whose expectations of the test images disagree; both agreements are correlations, −1..1."""

    first: str
    second: str
    on_dev: float
    on_test: float

    def __str__(self) -> str:
        return f"{self.first} and {self.second} agree by {self.on_dev:.2f} on dev, {self.on_test:.2f} on test images"


@dataclass(frozen=True)
class Combined:
    """The expectation of several extractors.

    weights         extractor → its weight, of those that were not left out; sum 1, or 0 where none learned anything
    left_out        extractors that contradict most of the others
    contradictions  every one that was found
    """

    expectation: Expectation
    weights: Mapping[str, float]
    left_out: tuple[str, ...]
    contradictions: tuple[Contradiction, ...]


def combine(parts: Mapping[str, Expectation]) -> Combined:
    """Return the expectation of several extractors for the same images and columns.

    An extractor that contradicts more than half of the others is left out; where that settles nothing, as with two,
    every one that contradicts another. Where none remains, nothing is expected of any label.
    """
    import numpy as np

    found = _contradictions(parts)
    against = {name: sum(name in (one.first, one.second) for one in found) for name in parts}
    wrong = [name for name in parts if against[name] > (len(parts) - 1) / 2] or [n for n in parts if against[n]]
    trusted = {name: part for name, part in parts.items() if name not in wrong}
    like = next(iter(parts.values()))
    of_test, of_dev = np.zeros_like(like.expected), np.zeros_like(like.left_out)
    weights = _weights([part.left_out for part in trusted.values()], like.truth)
    for weight, part in zip(weights, trusted.values(), strict=True):
        of_test += weight * part.expected
        of_dev += weight * part.left_out
    combined = Expectation.of(like.ids, like.columns, of_test, like.dev_ids, of_dev, like.truth)
    best = max(trusted, key=lambda name: float(trusted[name].skill.mean()), default=None)
    if best is not None and trusted[best].skill.mean() > combined.skill.mean():
        combined, weights = trusted[best], [float(name == best) for name in trusted]
    return Combined(combined, dict(zip(trusted, weights, strict=True)), tuple(wrong), found)


def _weights(left_out: Sequence[np.ndarray], truth: np.ndarray) -> list[float]:
    """Return a weight per extractor, none negative, with sum 1; 0 for one that learned nothing."""
    import numpy as np

    truth = standardise(truth)
    learned = [j for j, predicted in enumerate(left_out) if predicted.any()]
    k = len(learned)
    gram = np.array([np.vdot(left_out[i], left_out[j]) for i in learned for j in learned]).reshape(k, k)
    with_truth = np.array([np.vdot(left_out[j], truth) for j in learned])
    if not k:
        return [0.0] * len(left_out)
    equal = max(with_truth.sum() / gram.sum(), 0.0)  # the best of the weights that are all the same
    pull = _TO_EQUAL * float(np.diag(gram).mean()) / k
    gram, with_truth = gram + pull * np.eye(k), with_truth + pull * equal
    found = np.full(k, equal)
    for _ in range(1000):  # least squares without negative weights, one weight at a time; the problem is convex
        before = found.copy()
        for j in range(k):
            found[j] = max(found[j] + (with_truth[j] - gram[j] @ found) / gram[j, j], 0.0)
        if np.abs(found - before).max() < 1e-12:
            break
    weights = np.zeros(len(left_out))
    weights[learned] = found / (found.sum() or 1.0)
    return [float(weight) for weight in weights]


def _contradictions(parts: Mapping[str, Expectation]) -> tuple[Contradiction, ...]:
    import numpy as np

    found = []
    for (first, one), (second, other) in combinations(parts.items(), 2):
        both = (one.skill > 0) & (other.skill > 0)
        if not both.any() or min(len(one.ids), len(one.left_out)) < _LEAST_IMAGES:
            continue
        on_dev, on_test = (
            float(np.mean((a[:, both] * b[:, both]).mean(axis=0)))  # both are standardised
            for a, b in ((one.left_out, other.left_out), (one.expected, other.expected))
        )
        error = math.sqrt(1 / len(one.ids) + 1 / len(one.left_out))
        fallen = (math.atanh(min(on_dev, 0.999)) - math.atanh(max(min(on_test, 0.999), -0.999))) / error
        if on_dev > _LEAST_AGREEMENT and on_test < on_dev / 2 and fallen > _CONTRADICTION:
            found.append(Contradiction(first, second, on_dev, on_test))
    return tuple(found)
