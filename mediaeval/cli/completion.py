"""Shell completion: the names that arguments and options take.

Nothing is raised: a traceback would be typed into the user's command line. Nothing heavy is imported either, since a
key press waits for it.
"""

from collections.abc import Callable, Iterable

Complete = Callable[[str], list[str]]


def _completion(names: Callable[[], Iterable[str]], *, separator: str = "") -> Complete:
    """Return a completion function for names that are looked up when it is asked.

    `separator`: between several names in one word, the last of which is completed.
    """

    def complete(incomplete: str) -> list[str]:
        before, found, last = incomplete.rpartition(separator) if separator else ("", "", incomplete)
        try:
            return [f"{before}{found}{name}" for name in names() if name.startswith(last)]
        except Exception:  # a broken mediaeval.toml or a folder without rights: there is nothing to offer
            return []

    return complete


def _runs() -> list[str]:
    from mediaeval.runs import all_runs

    return [run.name for run in all_runs()]


def _subtasks() -> list[str]:
    """Those of the task of mediaeval.toml."""
    from mediaeval.tasks import decide_task

    return list(decide_task().names)


def _tasks() -> list[str]:
    from submission.taskfile import task_names

    return list(task_names())


def _extractors() -> list[str]:
    """The published ones and those of mediaeval.toml."""
    from mediaeval.config import load_config
    from mediaeval.tasks import decide_task

    return list(load_config(task=decide_task()).all_extractors())


def _systems() -> list[str]:
    from mediaeval.finetune import SYSTEMS

    return list(SYSTEMS)


def _presets() -> list[str]:
    from mediaeval.config import PRESETS

    return list(PRESETS)


def _settings() -> list[str]:
    from mediaeval.classifiers import CLASSIFIERS

    return [f"classifier={name}" for name in CLASSIFIERS]


def _settings_names() -> list[str]:
    from mediaeval.settings_reference import all_groups

    return list(dict.fromkeys(group.name for group in all_groups()))


def _pretrained_networks() -> list[str]:
    from mediaeval.pretrain import PRETRAINERS

    return list(PRETRAINERS)


def _devices() -> list[str]:
    from mediaeval.devices import DEVICES, NVIDIA

    files = NVIDIA.parent.glob("nvidia[0-9]*")  # torch, which may see fewer, is too slow to be asked
    return [*DEVICES, *sorted(f"cuda:{file.name.removeprefix('nvidia')}" for file in files)]


def _engines() -> tuple[str, ...]:
    from typing import get_args

    from mediaeval.config import FeaturesSection  # the engines' own list comes with numpy

    return get_args(FeaturesSection.model_fields["engine"].annotation)


def _lists() -> list[str]:
    from mediaeval.cli.ls import LISTS

    return [*LISTS, "settings"]


complete_runs = _completion(_runs)
complete_subtasks = _completion(_subtasks)
complete_subtasks_or_all = _completion(lambda: [*_subtasks(), "all"])
complete_tasks = _completion(_tasks)
complete_extractors = _completion(_extractors, separator=",")
complete_systems = _completion(_systems)
complete_presets = _completion(_presets)
complete_presets_and_extractors = _completion(lambda: [*_presets(), *_extractors()])
complete_settings = _completion(_settings)
complete_settings_names = _completion(_settings_names)
complete_pretrained_networks = _completion(_pretrained_networks)
complete_devices = _completion(_devices)
complete_engines = _completion(_engines)
complete_lists = _completion(_lists)
