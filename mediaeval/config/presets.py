"""The presets: whole configurations under a name, on which mediaeval.toml and the command line build."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mediaeval.answers.learned import CLASSES, PROBABILITIES, SCORES, form
from mediaeval.classifiers.recipes import RECIPES
from mediaeval.errors import choose
from submission.task import Subtask, Task

Section = Mapping[str, Any]


@dataclass(frozen=True)
class Preset:
    """A whole configuration; what it leaves out has the defaults of the sections."""

    summary: str
    features: Section
    single_label: Section  # of a subtask whose images have exactly one label
    multi_label: Section  # of a subtask whose images have any number of labels
    scores: Section = field(default_factory=lambda: {"classifier": {"name": "best"}})  # of a subtask of real numbers
    by_name: Mapping[str, Section] = field(default_factory=dict)  # in place of `multi_label`, of subtasks named here
    split: Section = field(default_factory=dict)

    def section(self, subtask: Subtask) -> Section:
        """Return how a subtask is trained."""
        of_form = {SCORES: self.scores, CLASSES: self.single_label}.get(form(subtask), self.multi_label)
        section = self.by_name.get(subtask.name, of_form) if of_form is self.multi_label else of_form
        if form(subtask) == PROBABILITIES:
            return {key: value for key, value in section.items() if key != "threshold"}
        return section

    def tree(self, task: Task) -> dict[str, Any]:
        """Return the configuration of a task as mediaeval.toml has it, section by section."""
        shared = {"features": self.features, "split": self.split}
        return shared | {subtask.name: self.section(subtask) for subtask in task.subtasks}

    @property
    def extractors(self) -> list[str]:
        """The extractors in use, in the order of concatenation; none where those at hand are chosen."""
        return list(self.features.get("use", ()))


# What was measured for the default is documented with the presets, with the command that measures it again.
_DEFAULT = {"lr": 1e-3, "epochs": 15, "schedule": "cosine", "batch_size": 64}
# three networks averaged: no better on average than one, but steadier from seed to seed
_SINGLE: Section = {"classifier": {"name": "moe", "ensemble": 3} | _DEFAULT}
_MULTI: Section = {"classifier": {"name": "dense"} | _DEFAULT, "threshold": "tuned"}

PRESETS: dict[str, Preset] = {
    "default": Preset(
        "15 epochs at lr 0.001 on standardised features: on few photographs better than the published rates, and "
        "quicker",
        features={"scale": "standard"},
        single_label=_SINGLE,
        multi_label={**_MULTI, "augment": 4},
    ),
    # The strongest network of the table whose weights are below 40 MB, by its `order`.
    "small": Preset(
        "the default's training on one small public network: 37 MB of weights",
        features={"use": ["efficientnet_b2"], "scale": "standard"},
        single_label=_SINGLE,
        multi_label={**_MULTI, "augment": 4},
    ),
    "open2026": Preset(
        "the default's training on five blocks in the roles of the paper's five, all with public weights",
        features={
            "use": ["efficientnet_b2", "bit_resnet101", "imagenet21k_scores", "siglip", "objects"],
            "scale": "standard",
        },
        # no augmented views: four would make hours on a CPU five times as many
        single_label=_SINGLE,
        multi_label=_MULTI,
    ),
    "certh2021": Preset(
        "Pournaras et al. 2021 (MediaEval): its losses, learning rates, epochs, halving every 70, batches of 64",
        # 1408 + 2048 + 3862 + 2048 + 2048 = 11,414, in the order in which the paper presents them. The scale is not
        # stated; none as in the group's MoE of the year (SMAP 2021).
        features={"use": ["efficientnet_b2", "resnet152_11k", "yt8m", "signature", "objectgraphs"], "scale": "none"},
        single_label=RECIPES["certh2021-subtask1"].section(),
        multi_label=RECIPES["certh2021-subtask2"].section(),
        by_name={"subtask3": RECIPES["certh2021-subtask3"].section()},
        split={"how": "random", "folds": 0},  # as published: one split
    ),
}


def blocks_of(preset: str) -> list[str]:
    """Return the extractors that a preset names, in the order of concatenation."""
    return PRESETS[choose("preset", preset, PRESETS)].extractors
