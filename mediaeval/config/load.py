"""Reading the configuration of a command: defaults, the preset, mediaeval.toml and the options, one over the other.

Files may be somebody else's: what they name is read from anywhere, and written only in their folder or the working one.
"""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mediaeval.classifiers import settings_model as classifier_settings_model
from mediaeval.config.config import Config, parse_config
from mediaeval.config.presets import PRESETS
from mediaeval.config.sections import DataSection, FeaturesSection, SplitSection, SubtaskSection
from mediaeval.errors import ConfigError, choose
from mediaeval.features.at_hand import BESIDE
from mediaeval.features.kinds import KINDS
from mediaeval.finetune import SYSTEMS, settings_model
from mediaeval.records import RunManifest
from mediaeval.settings import parse_assignment, path_settings, properties
from mediaeval.tasks import CONFIG_FILE, task_of_settings
from mediaeval.toml_text import read_toml, require_plausible
from submission.task import Task
from submission.wording import quoted

logger = logging.getLogger(__name__)

STORE_VARIABLE = "MEDIAEVAL_FEATURES"  # environment variable: the feature store of all commands, such as a shared one


def load_config(
    file: Path | None = None,
    *,
    task: Task,
    preset: str | None = None,
    data: str | None = None,
    use: str | None = None,
    engine: str | None = None,
    system: str | None = None,
    sets: Sequence[str] = (),
    subtasks: Sequence[str] | None = None,
) -> Config:
    """Return the configuration of a command.

    file      mediaeval.toml; None takes the one in this folder, if any. Its relative paths are meant from its folder
    task      whose subtasks have a section each
    sets      KEY=VALUE, VALUE as in TOML or a bare word; a key of a subtask's section that is written alone, such as
              `classifier.epochs`, goes to each of `subtasks`
    subtasks  those that are trained, None for all: `system` and the keys written alone are theirs

    Raises ConfigError with every unknown key and bad value, for a file whose [task] is another, and for a feature store
    that the file puts elsewhere than into its folder or the working folder.
    """
    path, written, groups = _read_toml(file, task)
    trained = task.names if subtasks is None else subtasks
    name = preset or written.get("preset", "default")
    if not isinstance(name, str):
        raise ConfigError(f"preset: got {quoted(name)}; expected a name in quotes.")
    tree = _merge(PRESETS[choose("preset", name, PRESETS)].tree(task), written) | {"preset": name}
    if data is not None:
        tree = _merge(tree, {"data": {"dev": data}})
    if use is not None:
        tree = _merge(tree, {"features": {"use": [name.strip() for name in use.split(",") if name.strip()]}})
    if engine is not None:
        tree = _merge(tree, {"features": {"engine": engine}})
    if system is not None:
        choose("system", system, SYSTEMS)
        for subtask in trained:
            tree = _merge(tree, {subtask: {"system": {"name": system}}})
    if store := os.environ.get(STORE_VARIABLE):
        tree = _merge(tree, {"features": {"store": store}})
    tree = _with_sets(tree, sets, trained, system)
    sources = [str(path)] if path else []
    sources += ["--engine"] if engine is not None else []
    sources += ["--set"] if sets else []
    source = " or ".join(sources) or f"preset {name}"
    require_plausible(tree, source)
    config = parse_config(tree, task, source)
    if path and _is_written_store(written, config.features.store):
        _require_near(path, config.features.store)
    config.keep_written_groups(*groups)
    config.keep_weights_beside((path.parent if path and not _is_of_a_run(path) else Path()) / BESIDE)
    return config if config.chooses_features else config.using(config.features.use)


def with_store_near(config: Config, source: Path, *folders: Path) -> Config:
    """Return a recorded configuration with a feature store that may be written to: another one for a path elsewhere.

    source   the run.toml that it is from, for messages; the run may be somebody else's
    folders  where its store may be, beside the working folder
    """
    own = os.environ.get(STORE_VARIABLE)
    store = own or config.features.store
    usual = FeaturesSection().store
    if not own and store != usual and not _is_within(store, Path(), *folders):
        logger.info(
            f"{source}: its feature store {store} is outside of this folder and is not used; features are kept in "
            f"{usual}. To use it all the same: {STORE_VARIABLE}={store}"
        )
        store = usual
    return config.model_copy(update={"features": config.features.model_copy(update={"store": store})})


def _is_written_store(written: Mapping[str, Any], store: str) -> bool:
    """Return whether a feature store is the one that a file names, not one of the command line or the environment."""
    section = written.get("features")
    return isinstance(section, Mapping) and section.get("store") == store != os.environ.get(STORE_VARIABLE)


def _require_near(file: Path, store: str) -> None:
    """Raise ConfigError for a feature store in which a file, which may be somebody else's, must not write."""
    if not _is_within(store, file.parent, Path()):
        raise ConfigError(
            f"{file}: features.store: got {store}; expected a folder inside of {file.parent.absolute()} or of the "
            f"folder that you work in. Give another one yourself: --set features.store={store}, or the "
            f"environment variable {STORE_VARIABLE}={store}."
        )


def _is_within(path: str, *folders: Path) -> bool:
    """Return whether a path is in one of some folders, symbolic links followed."""
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(os.path.realpath(folder)) for folder in folders)


def _read_toml(file: Path | None, task: Task) -> tuple[Path | None, dict[str, Any], tuple[str, str]]:
    """Return the configuration file, if there is one, what it holds, and its groups file, resolved and as written."""
    path = Path(file) if file else Path(CONFIG_FILE)
    if not file and not os.path.lexists(path):
        return None, {}, ("", "")
    tree = read_toml(path)
    _require_task(path, task, tree.pop("task", None))
    as_written = _groups_of(tree)
    if not _is_of_a_run(path):  # a run records paths as they held where it was trained: in the working folder
        _resolve_paths(path.parent, tree, task)
    return path, tree, (_groups_of(tree), as_written)


def _require_task(path: Path, task: Task, section: object) -> None:
    """Raise ConfigError where a settings file is for another task: its sections are of the subtasks of that one."""
    if section is not None and (own := task_of_settings(path)) not in (None, task):
        raise ConfigError(
            f"{path}: [task] is '{own.name}', while this command is of '{task.name}' (--task, its run's own, or a "
            "published table's). Give settings of that task with --config, or leave --task out."
        )


def _is_of_a_run(path: Path) -> bool:
    return path.name == "run.toml" and path.with_name(RunManifest.FILE).is_file()


def _groups_of(tree: Mapping[str, Any]) -> str:
    section = tree.get("split")
    groups = section.get("groups") if isinstance(section, dict) else None
    return groups if isinstance(groups, str) else ""


def _resolve_paths(folder: Path, tree: Mapping[str, Any], task: Task) -> None:
    """Make the file's relative paths, which are meant from its folder, hold wherever the command is run; in place."""

    def resolve(section: Any, names: Iterable[str]) -> None:
        for name in names:
            if isinstance(section, dict) and isinstance(section.get(name), str) and section[name]:
                section[name] = str(folder / section[name])

    sections: dict[str, type[BaseModel]] = {"data": DataSection, "split": SplitSection, "features": FeaturesSection}
    for name, model in sections.items():
        resolve(tree.get(name), path_settings(model))
    of_systems = {name for system in SYSTEMS for name in path_settings(settings_model(system))}
    for name in task.names:
        section = tree.get(name)
        resolve(section.get("system") if isinstance(section, dict) else None, of_systems)
    extractors = tree.get("extractors")
    for section in extractors.values() if isinstance(extractors, dict) else ():
        kind = KINDS.get(str(section.get("kind"))) if isinstance(section, dict) else None
        for path in path_settings(kind.settings) if kind else ():
            table, _, name = path.rpartition(".")
            resolve(section.get(table) if table else section, [name])


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return `below` with `above` laid over it, table by table.

    Naming another classifier or system drops the settings below; naming a system drops the classifier and what is of
    features, and the other way round.
    """
    merged = dict(below)
    if above.get("system") is not None and below.get("system") is None:
        merged = {key: value for key, value in below.items() if key not in ("classifier", "augment")}
    elif above.get("classifier") is not None:
        merged.pop("system", None)
    for key, value in above.items():
        old = merged.get(key)
        if key in ("classifier", "system"):
            old, value = _as_table(old), _as_table(value)
            if isinstance(old, Mapping) and isinstance(value, Mapping):
                renamed = value.get("name", old.get("name")) != old.get("name")
                old = None if renamed else old
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = _merge(old, value)
        merged[key] = value
    return merged


def _as_table(value: Any) -> Any:
    """Return a name alone as the table that it stands for."""
    return {"name": value} if isinstance(value, str) else value


def _with_sets(tree: dict[str, Any], sets: Sequence[str], trained: Sequence[str], system: str | None) -> dict[str, Any]:
    """Return a configuration with what --set gave laid over it.

    Raises ConfigError, all problems at once, for a setting of a classifier where a system is trained, or the reverse.
    """
    given: list[tuple[str, list[str], Any]] = []
    problems: list[str] = []
    for item in sets:
        try:
            given += [(item, keys, value) for keys, value in _parse_set(item, trained)]
        except ConfigError as error:
            problems += error.problems
    given.sort(key=lambda one: not _names_how(one[1]))  # the name first: another one drops the settings before it
    for item, keys, value in given:
        problem = _misplaced(tree, item, keys, system if keys[0] in trained else None)
        if problem:
            problems.append(problem)
        else:
            tree = _merge(tree, _nest(keys, value))
    if problems:
        raise ConfigError(*dict.fromkeys(problems))
    return tree


def _names_how(keys: Sequence[str]) -> bool:
    """Return whether keys are those of a classifier's or a system's name."""
    return keys[1:] in (["classifier"], ["system"], ["classifier", "name"], ["system", "name"])


def _misplaced(tree: Mapping[str, Any], item: str, keys: Sequence[str], system: str | None) -> str:
    """Return why a setting is not of what is trained, or nothing. `system`: what --system gave for its subtask."""
    section = tree.get(keys[0])
    if len(keys) < 2 or keys[1] not in _OTHER or not isinstance(section, Mapping):
        return ""
    how, other = keys[1], _OTHER[keys[1]]
    if _names_how(keys):
        both = how == "classifier" and system is not None
        return f"--set {item}: got --system {system} as well; expected one of them. Leave one out." if both else ""
    table = _as_table(section.get(other))
    if section.get(how) is not None or not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
        return ""
    name, setting = table["name"], ".".join(keys[2:])
    models = {"classifier": classifier_settings_model, "system": settings_model}
    try:
        same = setting in properties(models[other](name))
    except ConfigError:  # unknown: said when the whole is checked
        return ""
    do = f"{other}.{setting}" if same else f"mediaeval ls settings {name}"
    do = f"With --system: {do}." if how == "classifier" else f"Write {do}, or choose a system: --system NAME."
    return f"--set {item}: got a setting of a {how}, but {other} '{name}' is trained. {do}"


_OTHER = {"classifier": "system", "system": "classifier"}


def _parse_set(item: str, subtasks: Sequence[str]) -> list[tuple[list[str], Any]]:
    """Return what --set KEY=VALUE sets: keys from the outermost section inwards, and the value."""
    key, value = parse_assignment(item, "classifier.epochs=100")
    keys = key.split(".")
    if keys[0] in SubtaskSection.model_fields:
        return [([subtask, *keys], value) for subtask in subtasks]
    return [(keys, value)]


def _nest(keys: Sequence[str], value: Any) -> dict[str, Any]:
    for key in reversed(keys):
        value = {key: value}
    return value
