"""Every setting there is, read from the models that check them: for `mediaeval ls settings` and for the documentation.

python -m mediaeval.settings_reference    print the reference as Markdown
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from mediaeval.classifiers import CLASSIFIERS, REGRESSORS
from mediaeval.classifiers import settings_model as classifier_model
from mediaeval.config.sections import DataSection, FeaturesSection, RunSection, SplitSection, SubtaskSection
from mediaeval.errors import choose
from mediaeval.features.extractors import OF_ALL_KINDS, ExtractorConfig
from mediaeval.features.kinds import KINDS
from mediaeval.finetune import SYSTEMS
from mediaeval.finetune import settings_model as system_model
from mediaeval.finetune.settings import TrainingSettings
from mediaeval.pretrain import PRETRAINERS
from mediaeval.pretrain import settings_model as pretrainer_model
from mediaeval.settings import JsonSchema, properties, range_in_words, type_in_words
from mediaeval.tasks import TaskSection

NOT_SET, REQUIRED = "not set", "required"


@dataclass(frozen=True)
class Setting:
    """One setting: its key as --set takes it, and what it may be; `default` as in TOML, None where it is not set."""

    key: str
    type: str
    default: Any
    required: bool
    range: str
    meaning: str

    @property
    def default_in_words(self) -> str:
        """The default for a table: in TOML's form."""
        if self.default is None:
            return REQUIRED if self.required else NOT_SET
        return json.dumps(self.default, ensure_ascii=False)


@dataclass(frozen=True)
class SettingsGroup:
    """The settings of one thing.

    kind     section, classifier, regressor, system, extractor kind, or network to pretrain
    name     what `mediaeval ls settings` calls it
    place    where its settings are written
    """

    kind: str
    name: str
    summary: str
    place: str
    settings: tuple[Setting, ...]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row per setting, for JSON and for tables."""
        for setting in self.settings:
            yield {
                "kind": self.kind,
                "of": self.name,
                "setting": setting.key,
                "type": setting.type,
                "default": setting.default,
                "required": setting.required,
                "range": setting.range,
                "meaning": setting.meaning,
            }


def all_groups() -> list[SettingsGroup]:
    """Return the settings of every section, classifier, regressor, system, extractor kind and network to pretrain."""
    return [*_sections(), *_classifiers(), *_regressors(), *_systems(), *_extractor_kinds(), *_pretrainers()]


def groups_named(name: str) -> list[SettingsGroup]:
    """Return the settings of what is called `name`: a system and a kind of extractor may have the same name.

    Raises ConfigError, with the nearest name and all there are, where nothing is.
    """
    groups = all_groups()
    choose("name", name, dict.fromkeys(group.name for group in groups))
    return [group for group in groups if group.name == name]


def _sections() -> Iterator[SettingsGroup]:
    of_all_kinds = {key: schema for key, schema in properties(ExtractorConfig).items() if key in OF_ALL_KINDS}
    for name, model, schemas, prefix, place in (
        ("run", RunSection, properties(RunSection), "", "before all sections"),
        ("task", TaskSection, properties(TaskSection), "task.", "under `[task]`"),
        ("data", DataSection, properties(DataSection), "data.", "under `[data]`"),
        ("split", SplitSection, properties(SplitSection), "split.", "under `[split]`"),
        ("features", FeaturesSection, properties(FeaturesSection), "features.", "under `[features]`"),
        ("extractors", ExtractorConfig, of_all_kinds, "extractors.NAME.", "under `[extractors.NAME]`"),
        ("subtask", SubtaskSection, properties(SubtaskSection), "", "under `[subtask1]`, `[subtask2]` …"),
    ):
        place = f"in mediaeval.toml {place}"
        yield SettingsGroup("section", name, _first_line(model), place, _settings(schemas, prefix))


def _classifiers() -> Iterator[SettingsGroup]:
    for name, record in CLASSIFIERS.items():
        settings = _settings(properties(classifier_model(name)), "classifier.")
        place = f'in mediaeval.toml under `[subtask1.classifier]`, with `name = "{name}"`'
        yield SettingsGroup("classifier", name, record.summary, place, settings)


def _regressors() -> Iterator[SettingsGroup]:
    for name, record in REGRESSORS.items():
        settings = _settings(properties(classifier_model(name)), "classifier.")
        place = f'in mediaeval.toml under `[SUBTASK.classifier]` of a subtask with scores, with `name = "{name}"`'
        yield SettingsGroup("regressor", name, record.summary, place, settings)


def _systems() -> Iterator[SettingsGroup]:
    for name, record in SYSTEMS.items():
        settings = _settings(properties(system_model(name)), "system.", record.defaults)
        place = f'in mediaeval.toml under `[subtask1.system]`, with `name = "{name}"`'
        yield SettingsGroup("system", name, record.summary, place, settings)


def _extractor_kinds() -> Iterator[SettingsGroup]:
    for name, kind in KINDS.items():
        settings = _settings(properties(kind.settings), "extractors.NAME.")
        place = f'in mediaeval.toml under `[extractors.NAME]`, with `kind = "{name}"`'
        yield SettingsGroup("extractor kind", name, _first_line(kind.settings), place, settings)


def _pretrainers() -> Iterator[SettingsGroup]:
    for name, record in PRETRAINERS.items():
        settings = _settings(properties(pretrainer_model(name)), "")
        place = f"with `mediaeval pretrain {name} --set KEY=VALUE`"
        yield SettingsGroup("network to pretrain", name, record.summary, place, settings)


def _settings(
    schemas: Mapping[str, JsonSchema], prefix: str, defaults: Mapping[str, Any] | None = None
) -> tuple[Setting, ...]:
    return tuple(
        Setting(
            key=prefix + name,
            type=type_in_words(schema),
            default=(defaults or {}).get(name, schema.get("default")),
            required="default" not in schema,
            range=range_in_words(schema).replace("of at ", "at "),
            meaning=schema.get("description", ""),
        )
        for name, schema in schemas.items()
    )


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


# --- Markdown ---------------------------------------------------------------------------------------------------------

# Heading and introduction of each kind of group
_CHAPTERS = {
    "section": ("Sections of mediaeval.toml", ""),
    "classifier": (
        "Classifiers",
        "Defaults are those of the classifier alone. Presets, also `default`, set others: `mediaeval ls presets`.",
    ),
    "regressor": (
        "Regressors",
        "They predict the scores of tasks that have such columns, in the place of classifiers.",
    ),
    "system": (
        "Systems",
        "The settings of all systems come first. The table of a system holds the settings that it adds and those whose "
        "default it changes.",
    ),
    "extractor kind": ("Kinds of extractor", "Besides, an extractor has the settings of section `extractors`."),
    "network to pretrain": ("Networks to pretrain", ""),
}


def to_markdown() -> str:
    """Return the reference as Markdown: a heading per kind of thing that has settings, a table for each of them."""
    common = _settings(properties(TrainingSettings), "system.")
    lines: list[str] = []
    for kind, (title, introduction) in _CHAPTERS.items():
        lines += [f"## {title}", ""]
        lines += [introduction, ""] if introduction else []
        if kind == "system":
            lines += ["### All systems", "", _first_line(TrainingSettings), "", *_table(common), ""]
        for group in all_groups():
            if group.kind == kind:
                own = [setting for setting in group.settings if kind != "system" or setting not in common]
                lines += [f"### `{group.name}`", "", f"{_sentence(group.summary)} Set {group.place}.", ""]
                lines += [*_table(own), ""] if own else ["No settings.", ""]
    return "\n".join(lines).rstrip() + "\n"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _table(settings: Sequence[Setting]) -> list[str]:
    rows = [["Setting", "Type", "Default", "Range", "Meaning"], ["---"] * 5]
    for one in settings:
        default = one.default_in_words
        shown = default if default in (NOT_SET, REQUIRED) else f"`{default}`"
        rows.append([f"`{one.key}`", one.type, shown, one.range, one.meaning])
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]


if __name__ == "__main__":
    print(to_markdown(), end="")
