"""Evidence for checking run files against images: which labels to expect of the test images, and what that rests on."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mediaeval.config import Config
from mediaeval.data.dataset import Dataset
from mediaeval.errors import DatasetError, first_few
from mediaeval.proofs.evidence_features import WITNESS_NAME, Gathered
from mediaeval.steps.split import given_groups
from submission.alignment.combine import Combined, combine
from submission.alignment.expectation import Expectation, columns_of, expect, label_matrix
from submission.alignment.remoteness import remoteness
from submission.labels import LabelTable
from submission.wording import both

# By how much more test and dev images must differ than images of one set (`remoteness`), and how many of each there are
# at least, before this is reported.
_FAR, _ENOUGH = 0.02, 20
_BETTER = "mediaeval weights fetch small"  # what makes better evidence than the witness's possible


@dataclass(frozen=True)
class Evidence:
    """Which labels to expect of the test images.

    weights   extractor → its weight in the expectation, 0..1
    left_out  extractor → why it was not used
    notes     sentences on what the evidence rests on, and what weakens it
    doubt     why no verdict can rest on it, or ""
    far       whether test and dev images seem to be of different kinds
    """

    expectation: Expectation
    weights: Mapping[str, float]
    left_out: Mapping[str, str]
    notes: tuple[str, ...]
    doubt: str
    far: bool = False

    @property
    def skill(self) -> float:
        """Correlation with the labels of left-out dev images, 0..1: the mean over labels."""
        return float(self.expectation.skill.mean())

    def text(self) -> str:
        """Return what the evidence rests on, for people; a line for each thing."""
        return "\n".join(f"evidence: {line}." for line in self._lines())

    def _lines(self) -> list[str]:
        shares = [f"{name} ({weight:.0%})" for name, weight in self.weights.items() if weight]
        lines = []
        if shares:
            which = f"which predict{'s' * (len(shares) == 1)} labels of left-out dev images"
            lines.append(f"{both(shares)}, {which} with a correlation of {self.skill:.2f}")
        elif self.weights:
            lines.append(f"{both(list(self.weights))} predicted no label of left-out dev images")
        lines += [f"without {name}: {why}" for name, why in self.left_out.items()]
        return [*lines, *self.notes, *filter(None, [self.doubt])]

    def to_dict(self) -> dict[str, object]:
        """Return the same for `json.dumps`."""
        return {
            "extractors": dict(self.weights),
            "skill": self.skill,
            "left_out": dict(self.left_out),
            "notes": list(self.notes),
            "doubt": self.doubt,
        }


def evidence_of(dev: Dataset, dev_table: LabelTable, test: Dataset, gathered: Gathered, config: Config) -> Evidence:
    """Learn from the dev set what to expect of the test images, from the features of one or several extractors.

    Images that cannot be decoded are left out. Raises DatasetError where none can be decoded.
    """
    dev_ids, no_dev = _decoded(dev, {i: why for of in gathered.vectors.values() for i, why in of.dev.failures.items()})
    test_ids, lost = _decoded(test, {i: why for of in gathered.vectors.values() for i, why in of.test.failures.items()})
    notes = [f"{no_dev}, and nothing is learned from them"] if no_dev else []
    notes += [f"{lost}, and their rows are not tested"] if lost else []
    groups = _groups(dev, dev_ids, config, notes)
    assert dev.task is not None, "a dataset with labels has a task"
    subtasks = [dev.task[name] for name in dev.subtasks]
    labels, columns = label_matrix(subtasks, dev_table.labels, dev_ids), columns_of(subtasks)
    features = {
        name: (vectors.dev.matrix([name], dev_ids), vectors.test.matrix([name], test_ids))
        for name, vectors in gathered.vectors.items()
    }
    combined = combine(
        {
            name: expect(of_dev, labels, of_test, test_ids, columns, dev_ids=dev_ids, groups=groups)
            for name, (of_dev, of_test) in features.items()
        }
    )
    heaviest = max(combined.weights, key=lambda name: combined.weights[name], default=None)
    far = _far(*features[heaviest]) if heaviest else []
    notes += far
    if list(features) == [WITNESS_NAME]:
        what, better = "the weights of no network are here", _BETTER
        if gathered.left_out:
            what, better = "no network could be used", "remove one of these reasons (such as a short --evidence-time)"
        notes.append(
            f"{what}, and colours and textures show little of photographs; for better evidence: {better}, or --use "
            "NAME with an extractor of your own"
        )
    doubt = _contradicted(combined)
    if doubt and combined.weights:  # the others agree
        notes, doubt = [*notes, doubt], ""
    left_out = dict(gathered.left_out) | dict.fromkeys(combined.left_out, "it contradicts another one")
    return Evidence(combined.expectation, combined.weights, left_out, tuple(notes), doubt, bool(far))


def _decoded(dataset: Dataset, failures: Mapping[str, str]) -> tuple[list[str], str]:
    """Return the ids of images with features, and a clause on those without, or ""."""
    ids = [image_id for image_id in dataset.ids if image_id not in failures]
    if not ids:
        raise DatasetError(f"{dataset.folder}: none of its images can be decoded: {next(iter(failures.values()))}.")
    if not failures:
        return ids, ""
    those = first_few(f"{image_id}: {why}" for image_id, why in failures.items())
    return ids, f"{dataset.folder}: {len(failures)} of {len(dataset.ids)} images have no features ({those})"


def _groups(dev: Dataset, ids: Sequence[str], config: Config, notes: list[str]) -> list[Hashable] | None:
    """Return the groups that the settings give the dev images; None without. `notes` grows where they do not fit."""
    try:
        groups = given_groups(config, dev, skip_bad=True)
        return [group or ("alone", i) for i, group in zip(ids, groups.of(ids), strict=True)] if groups else None
    except DatasetError as error:
        notes.append(f"the groups of the settings are not used: {str(error.problems[0]).rstrip('.')}")
        return None


def _far(of_dev: np.ndarray, of_test: np.ndarray) -> list[str]:
    """Return a clause where dev and test images are of different kinds."""
    excess = remoteness(of_dev, of_test)
    if excess < _FAR or min(len(of_dev), len(of_test)) < _ENOUGH:
        return []
    return [
        "test and dev images seem to be of different kinds, so what was learned may not hold: by their features a test "
        f"and a dev image differ by {excess:.0%} more than two images of one set (1 % or less in one collection)"
    ]


def _contradicted(combined: Combined) -> str:
    """Return how extractors contradict each other, or ""."""
    return "; ".join(
        f"{one.first} and {one.second} contradict each other: what they expect correlates by {one.on_dev:.2f} on dev "
        f"images and by {one.on_test:.2f} on test images, so one of them has misread these"
        for one in combined.contradictions
    )
