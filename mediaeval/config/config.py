"""A run's configuration, and how a nested table becomes one: every section checked, all problems at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field, InstanceOf, PrivateAttr

from mediaeval.answers.learned import CLASSES, DECISIONS, SCORES, form, is_numeric
from mediaeval.classifiers import classifier_settings
from mediaeval.config.sections import (
    AUTO,
    DataSection,
    FeaturesSection,
    RunSection,
    SplitSection,
    SubtaskSection,
)
from mediaeval.errors import ConfigError, choose
from mediaeval.features.at_hand import with_files_beside
from mediaeval.features.extractors import EXTRACTORS, ExtractorConfig, require_file_name, require_settings
from mediaeval.features.kinds import KINDS
from mediaeval.finetune import settings_of
from mediaeval.settings import Settings, parse_settings, unknown_key
from submission.task import Subtask, Task
from submission.wording import quoted

M = TypeVar("M", bound=BaseModel)

FOLDS = 5  # of the out-of-fold score, where nothing else is set


class Config(Settings):
    """Every choice that changes a number (see `sections`), for the subtasks of a task."""

    task: InstanceOf[Task]
    preset: str = "default"
    seed: int = 0
    data: DataSection = Field(default_factory=DataSection)
    split: SplitSection = Field(default_factory=SplitSection)
    features: FeaturesSection = Field(default_factory=FeaturesSection)
    extractors: dict[str, ExtractorConfig] = Field(default_factory=dict)  # the user's own, beside EXTRACTORS
    subtasks: dict[str, SubtaskSection]  # by name, in the task's order
    _groups_in_file: tuple[str, str] = PrivateAttr(default=("", ""))
    _weights_beside: Path | None = PrivateAttr(default=None)

    def __eq__(self, other: object) -> bool:
        """Return whether all choices are the same, whatever file they are from."""
        return isinstance(other, Config) and dict(self) == dict(other)

    @property
    def groups_as_written(self) -> str:
        """`split.groups` as the settings file has it, relative to its folder; empty where it is given elsewhere."""
        resolved, written = self._groups_in_file
        return written if resolved == self.split.groups else ""

    def keep_written_groups(self, resolved: str, written: str) -> None:
        """Keep how the settings file writes the groups file whose path was resolved: it may be in the dev folder."""
        self._groups_in_file = (resolved, written)

    @property
    def weights_beside(self) -> Path | None:
        """The folder in which published weight files are found by their names; None where no settings were read."""
        return self._weights_beside

    def keep_weights_beside(self, folder: Path) -> None:
        """Keep the folder in which published weight files are found by their names: `weights/` beside the settings."""
        self._weights_beside = folder

    @property
    def own_extractors(self) -> tuple[str, ...]:
        """Names of the user's own extractors, in the order in which the settings have them."""
        return tuple(self.extractors)

    def subtask(self, name: str) -> SubtaskSection:
        """Return how a subtask is trained."""
        return self.subtasks[name]

    def with_subtasks(self, sections: Mapping[str, SubtaskSection]) -> "Config":
        """Return the configuration with other sections for the subtasks named."""
        assert sections.keys() <= self.subtasks.keys(), f"{list(sections)} are not all subtasks of {self.task.name}"
        return self.model_copy(update={"subtasks": self.subtasks | dict(sections)})

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as run.toml has it: a table per section and subtask, without what is not set."""
        tree = self.model_dump(mode="json", exclude_none=True, exclude={"task", "subtasks"})
        return tree | {
            name: section.model_dump(mode="json", exclude_none=True) for name, section in self.subtasks.items()
        }

    def for_training(self, subtasks: Sequence[str], use: str | None = None) -> "Config":
        """Return the configuration by which `subtasks` are trained: for systems, with the extractors that they read.

        The number of folds is set, unless it was.

        `use`: what --use gave. Raises ConfigError when some are trained on features and others end to end, since one
        run has one set of inputs.
        """
        systems = {name: system for name in subtasks if (system := self.subtask(name).system)}
        rest = [name for name in subtasks if name not in systems]
        if systems and rest:
            raise ConfigError(
                f"{', '.join(systems)} by a system and {', '.join(rest)} on features: the subtasks of a run are all "
                "trained in one of the two ways. Train them as two runs and combine these: mediaeval ensemble RUN RUN "
                "--run NEW."
            )
        folds = self.split.folds
        if folds is None:  # trainings of systems take hours
            folds = 0 if systems else FOLDS
        self = self.model_copy(update={"split": self.split.model_copy(update={"folds": folds})})
        if not systems:
            return self
        if use is not None:
            raise ConfigError(f"--use {use}: a system looks at pixels. Leave it out, or leave --system out.")
        read = dict.fromkeys(name for system in systems.values() for name in settings_of(system).extractors())
        return self.using(list(read))

    def without_effect(self, subtasks: Sequence[str]) -> list[str]:
        """Return a sentence for each setting of `subtasks` that changes nothing, or less than it says."""
        default = SubtaskSection.model_fields["threshold"].default
        found = [
            f"{name}: threshold = {self.subtask(name).threshold} has no effect: "
            + (
                "its answers are numbers. Leave it out."
                if is_numeric(self.task[name])
                else f"an image gets the likeliest of {name}'s labels, whatever its probability. Leave it out, or set "
                "that of a subtask with several labels per image."
            )
            for name in subtasks
            if form(self.task[name]) != DECISIONS and self.subtask(name).threshold != default
        ]
        for name in subtasks:
            settings = settings_of(system) if (system := self.subtask(name).system) else None
            if settings and settings.warmup < settings.warmup_epochs:
                found.append(
                    f"{name}: warm-up takes {settings.warmup:g} of {settings.epochs} epochs, a fifth, in place of "
                    f"system.warmup_epochs = {settings.warmup_epochs:g}."
                )
        return found

    def all_extractors(self) -> dict[str, ExtractorConfig]:
        """Return the table's extractors and the user's, with the weight files that lie beside the settings.

        One in a table entry's place takes over what is recorded there of features: width, strength and time.
        """
        own = {name: _completed(name, extractor) for name, extractor in self.extractors.items()}
        return with_files_beside(EXTRACTORS | own, self.weights_beside)

    @property
    def chooses_features(self) -> bool:
        """Whether no extractors are named, so that those at hand are to be chosen before features are computed."""
        return self.features.use == [AUTO]

    def using(self, names: Sequence[str]) -> "Config":
        """Return the configuration with these extractors in use.

        Those that have files beside the settings, and what these read, become the user's own: a run records the paths.
        """
        known, own = self.all_extractors(), dict(self.extractors)
        for name in [*names, *(known[name].source for name in names if known[name].source)]:
            before = own.get(name, EXTRACTORS.get(name))
            if before and (before.weights, before.parts) != (known[name].weights, known[name].parts):
                own[name] = known[name]
        features = self.features.model_copy(update={"use": list(names)})
        return self.model_copy(update={"features": features, "extractors": own})

    def used_extractors(self) -> dict[str, ExtractorConfig]:
        """Return the extractors in use, in the order in which their blocks are concatenated."""
        assert not self.chooses_features, "extractors are chosen first: steps.chosen_features"
        known = self.all_extractors()
        return {name: known[name] for name in self.features.use}


def _completed(name: str, extractor: ExtractorConfig) -> ExtractorConfig:
    """Return a user's extractor, in the place of one of the table with what it leaves out of the features' record."""
    if name not in EXTRACTORS:
        return extractor
    left_out = [key for key in ("width", "order", "seconds") if getattr(extractor, key) is None]
    return extractor.model_copy(update={key: getattr(EXTRACTORS[name], key) for key in left_out})


_SECTIONS: dict[str, type[Settings]] = {"data": DataSection, "split": SplitSection, "features": FeaturesSection}


def parse_config(tree: Mapping[str, Any], task: Task, source: Path | str) -> Config:
    """Return a nested table, such as a TOML file, as a checked configuration with a section for each subtask of `task`.

    `source`: where it is from, for messages. Raises ConfigError with every unknown key and bad value, those of
    classifiers and systems included: nothing is computed before all of it is known to be right.
    """
    parser = _Parser()
    known = [*RunSection.model_fields, *_SECTIONS, "extractors", *task.names]
    parser.problems += [unknown_key("key", key, known) for key in tree if key not in [*known, "task"]]
    if "task" in tree:
        parser.problems.append("task: got it as a setting; expected a section [task] of a settings file, or --task.")
    run = parser.parse(RunSection, {key: tree[key] for key in RunSection.model_fields if key in tree}, "")
    sections = {name: parser.parse(model, tree.get(name, {}), name) for name, model in _SECTIONS.items()}
    extractors = parser.parse_extractors(tree.get("extractors", {}))
    subtasks = {subtask.name: parser.parse_subtask(subtask, tree.get(subtask.name, {})) for subtask in task.subtasks}
    if parser.problems or run is None:
        raise ConfigError(*(f"{source}: {problem}" for problem in dict.fromkeys(parser.problems)))
    config = Config.model_validate(
        {"task": task, **dict(run or {}), **sections, "extractors": extractors, "subtasks": subtasks}
    )
    if problems := list(_problems_between(config)):
        raise ConfigError(*dict.fromkeys(problems))
    return config


class _Parser:
    """Reads sections one after the other and gathers their problems; a section that has one is None."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def parse(self, model: type[M], values: object, section: str) -> M | None:
        try:
            return parse_settings(model, values, section)
        except ConfigError as error:
            self.problems += error.problems
            return None

    def parse_extractors(self, tables: object) -> dict[str, ExtractorConfig | None]:
        if not isinstance(tables, Mapping):
            self.problems.append(
                f"extractors: got {quoted(tables)}; expected a table per name, such as [extractors.mine]."
            )
            return {}
        return {name: self.parse_extractor(name, table) for name, table in tables.items()}

    def parse_extractor(self, name: str, table: object) -> ExtractorConfig | None:
        extractor = self.parse(ExtractorConfig, table, f"extractors.{name}")
        try:
            require_file_name(name)
            if extractor:
                require_settings(name, extractor)
        except ConfigError as error:
            self.problems += error.problems
        return extractor

    def parse_subtask(self, subtask: Subtask, values: object) -> SubtaskSection | None:
        section = self.parse(SubtaskSection, values, subtask.name)
        try:
            if section and section.classifier:
                where = f"{subtask.name}.classifier"
                settings = classifier_settings(section.classifier, where, scores=form(subtask) == SCORES)
                if problem := settings.unsuitable(multi_label=form(subtask) != CLASSES):
                    self.problems.append(f"{where}.{problem}")
            elif section and section.system:
                settings_of(section.system, f"{subtask.name}.system")
                if form(subtask) == SCORES:
                    self.problems.append(
                        f"{subtask.name}.system: got {quoted(section.system['name'])} for a subtask whose answers are "
                        "scores; expected a regressor on features, since systems learn labels. Leave the system out."
                    )
        except ConfigError as error:
            self.problems += error.problems
        return section


def _problems_between(config: Config) -> Iterator[str]:
    """Yield a sentence for every name that does not exist and for what does not go together."""
    known = config.all_extractors()
    if AUTO in config.extractors:
        yield f"extractors.{AUTO}: this name stands for what is at hand. Choose another name, such as mine."
    if AUTO not in config.features.use:
        yield from _unknown_extractors(config.features.use, known)
    elif not config.chooses_features:
        yield f"features.use: got {', '.join(config.features.use)}; expected '{AUTO}' alone, or names of extractors."
    for name, extractor in config.extractors.items():
        if extractor.source and extractor.source not in known:
            yield from _unknown_extractors([extractor.source], known, f"extractors.{name}.source: ")
        elif extractor.source and KINDS[known[extractor.source].kind].reads_vectors:
            yield (
                f"extractors.{name}.source: got '{extractor.source}', which reads vectors itself; expected an "
                "extractor that looks at images."
            )
    for name, section in config.subtasks.items():
        if section.system:
            yield from _unknown_extractors(settings_of(section.system).extractors(), known, f"{name}.system: ")
    if not config.features.use and all(section.classifier for section in config.subtasks.values()):
        yield "features.use: got []; expected at least one extractor, such as 'handcrafted'."
    if len(set(config.features.use)) < len(config.features.use):
        yield f"features.use names an extractor twice: {', '.join(config.features.use)}."


def _unknown_extractors(names: Iterable[str], known: Mapping[str, object], where: str = "") -> Iterator[str]:
    for name in names:
        try:
            choose("extractor", name, known)
        except ConfigError as error:
            yield from (f"{where}{problem}" for problem in error.problems)
