"""mediaeval tune."""

import logging
import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediaeval.cli.completion import complete_runs, complete_subtasks_or_all
from mediaeval.cli.options import (
    ConfigFile,
    Device,
    Engine,
    Json,
    Preset,
    Replace,
    SkipBad,
    TaskName,
    Use,
    choose_data,
)
from mediaeval.cli.output import print_json, print_line, print_table

if TYPE_CHECKING:
    from mediaeval.search.journal import TrialRecord
    from mediaeval.search.tune import Tuned

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval tune subtask1 --trials 40 --run tuned"
NEEDS_ARGUMENTS = True
SHOWN = 10  # trials


def command(
    subtask: Annotated[
        str,
        typer.Argument(metavar="SUBTASK", autocompletion=complete_subtasks_or_all, help="The subtask to search for."),
    ],
    data: Annotated[
        str | None, typer.Option("--data", metavar="FOLDER", help="Dev set folder.", show_default="the drawn sample")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN",
            autocompletion=complete_runs,
            help="Compare with the settings of this run.",
            show_default="the default settings, or those of mediaeval.toml",
        ),
    ] = None,
    trials: Annotated[int, typer.Option("--trials", metavar="N", min=1, help="Settings to try, in all.")] = 30,
    time: Annotated[
        float | None, typer.Option("--time", metavar="S", min=1, help="Begin no trial after S seconds.")
    ] = None,
    run: Annotated[
        str, typer.Option("--run", metavar="NAME", help="Name of the run that takes the winner over.")
    ] = "tuned",
    nested: Annotated[
        bool, typer.Option("--nested", help="Search anew in each fold, and score it there: as many times the work.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of what is tried.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the trials that are there.")] = False,
    replace: Replace = False,
    use: Use = None,
    preset: Preset = None,
    skip_bad: SkipBad = False,
    task: TaskName = None,
    config: ConfigFile = None,
    device: Device = "auto",
    engine: Engine = None,
    json: Json = False,
) -> None:
    """Search for settings of a subtask: its classifier, that one's settings, the scale and the choice of features.

    Each trial is trained in the folds of `train`, on features that are computed once. The best of many is best by
    chance as well, so the score to expect of it is corrected for the choice. Trials are kept, and a search that was
    stopped goes on with --resume.
    """
    from mediaeval.config import Config, load_config
    from mediaeval.errors import ConfigError
    from mediaeval.runs import open_run, run_folder
    from mediaeval.steps.subtasks import ALL, named_subtasks
    from mediaeval.tasks import decide_task

    if subtask == ALL:
        raise ConfigError("got subtask 'all'; expected one. Search for each by itself: mediaeval tune subtask1.")
    folder = run_folder(run)
    started = open_run(start) if start else None
    of = decide_task(task, runs=[started.path] if started else [], settings=config)
    subtasks = named_subtasks(subtask, of)
    _require_optuna()
    base, own_use = _settings_of(started, subtask, of) if started else ([], None)
    use_given = use or own_use

    def load(sets: Any, extractors: Any) -> Config:
        settings = load_config(
            config,
            task=of,
            preset=preset,
            data=data,
            use=",".join(extractors) if extractors else use_given,
            engine=engine,
            sets=list(sets),
            subtasks=subtasks,
        )
        settings.data.dev = dev or choose_data(settings.data.dev, of)
        return settings.for_training(subtasks, use)

    dev = None
    dev = load(base, ()).data.dev

    from mediaeval.search.tune import tune

    found = tune(
        load,
        subtask,
        base,
        folder.path.with_name(f".{folder.name}.tune"),
        n_trials=trials,
        seconds=time,
        seed=seed,
        nested=nested,
        resume=resume,
        replace=replace,
        skip_bad=skip_bad,
        device=device,
    )
    command = _command(found, subtask, run, data=data, preset=preset, config=config, task=task, engine=engine)
    if json:
        print_json(_as_json(found, subtask, command))
        return
    _print(found, subtask, command)


def _require_optuna() -> None:
    from importlib.util import find_spec

    from mediaeval.errors import ConfigError

    if find_spec("optuna") is None:
        raise ConfigError("settings are searched by optuna, which is not installed: pip install 'mediaeval[tune]'.")


def _settings_of(folder: Any, subtask: str, task: Any) -> tuple[list[str], str]:
    """Return the settings of a run's subtask, as --set takes them, and its extractors."""
    import json

    from mediaeval.errors import ConfigError
    from mediaeval.steps.run_config import read_config

    config = read_config(folder, task)
    classifier = config.subtask(subtask).classifier
    if subtask not in folder.subtasks(task) or classifier is None:
        raise ConfigError(
            f"--from {folder.name}: it holds no classifier of {subtask} on features. Give a run that was trained on "
            "features, or leave --from out."
        )
    own = [f"classifier.{key}={json.dumps(value)}" for key, value in classifier.items() if key != "name"]
    return [f"classifier={classifier['name']}", *own, f"features.scale={config.features.scale}"], ",".join(
        config.features.use
    )


def _command(found: "Tuned", subtask: str, run: str, **given: Any) -> str:
    """Return the command that trains the best settings."""
    options = ["mediaeval", "train", subtask]
    for name in ("data", "preset", "config", "task", "engine"):
        if given[name] is not None:
            options += [f"--{name}", str(given[name])]
    options += ["--run", run, "--use", ",".join(found.best.use)]
    for one in found.best.settings:
        options += ["--set", one]
    return shlex.join(options)


def _print(found: "Tuned", subtask: str, command: str) -> None:
    base, best, more = found.of_base, found.of_best, found.corrected
    sign = -1 if found.metric.greater_is_better else 1
    done = sorted(
        (one for one in found.trials if one.score is not None), key=lambda one: (sign * (one.score or 0), one.number)
    )
    failed = [one for one in found.trials if one.score is None]
    title = [
        f"{subtask}: {found.metric.title} of {len(done)} settings out of fold on {found.n_images} dev images",
        f"the best: {best.f1:.3f}, chosen by this score, so it flatters; expect {more.score:.3f} of it "
        f"({more.interval[0]:.3f} to {more.interval[1]:.3f}, 95 %)",
        f"compared with: {base.f1:.3f} (95 % interval {base.interval[0]:.3f} to {base.interval[1]:.3f}), trial 0",
    ]
    if found.nested:
        low, high = found.nested.interval
        title.append(f"nested, the whole search: {found.nested.f1:.3f} (95 % interval {low:.3f} to {high:.3f})")
    shown = done[:SHOWN] if found.base in done[:SHOWN] else [*done[:SHOWN], found.base]
    rows = [[one.number, one.score, one.seconds, _settings(one), ",".join(one.use)] for one in shown]
    print_table("\n".join(title), ["trial", "score", "seconds", "settings", "features"], rows)
    if failed:
        logger.warning(
            f"{len(failed)} settings could not be trained, such as trial {failed[0].number}: {failed[0].failed}"
        )
    print_line(_verdict(found))
    if found.best.number:
        print_line(f"{'take it over' if found.convincing else 'to take it over all the same'}: {command}")


def _settings(one: "TrialRecord") -> str:
    """Return settings as they are read: `kernel, gamma=2, penalty=0.1`."""
    return ", ".join(text.removeprefix("classifier=").removeprefix("classifier.") for text in one.settings)


def _verdict(found: "Tuned") -> str:
    more = found.corrected
    if found.best.number == 0:
        return "none is better than trial 0: keep it"
    low, high = found.gap_interval
    gains = f"gain {found.gap:+.3f} ({low:+.3f} to {high:+.3f}, paired p = {found.p:.2g})"
    gains += (
        f"; corrected for the choice {more.gain:+.3f} ({more.gain_interval[0]:+.3f} to {more.gain_interval[1]:+.3f})"
    )
    if found.convincing:
        return gains
    return f"{gains}: not more than noise, trial 0 is as good: keep it"


def _trial(one: "TrialRecord") -> dict[str, Any]:
    return {
        "number": one.number,
        "settings": one.settings,
        "use": one.use,
        "score": one.score,
        "trial_seconds": one.seconds,
        "failed": one.failed,
    }


def _as_json(found: "Tuned", subtask: str, command: str) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "subtask": subtask,
        "metric": found.metric.title,
        "signature": found.metric.signature,
        "trials": [_trial(one) for one in found.trials],
        "base": {"trial": found.base.number} | found.of_base.to_dict(),
        "best": {"trial": found.best.number, "settings": found.best.settings, "use": found.best.use}
        | found.of_best.to_dict(),
        "corrected": asdict(found.corrected),
        "gap": {"value": found.gap, "interval": found.gap_interval, "p": found.p},
        "nested": found.nested and found.nested.to_dict(),
        "convincing": found.convincing,
        "command": command,
        "folder": str(found.folder),
    }
