"""Reading thresholds.json: thresholds that a person chose, label by label, in the report of a run.

    {"format": 1, "run": "first", "digest": sha256 of the run's manifest.json,
     "thresholds": {"subtask2": {"T2.1: Joy": 0.42}}}

It names the labels whose thresholds are moved; all others keep theirs.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mediaeval.answers.learned import CLASSES, DECISIONS, form
from mediaeval.digests import digests_since_training
from mediaeval.errors import ConfigError, first_problems, nearest
from mediaeval.steps.trained_run import TrainedRun
from submission.reading import read_regular
from submission.task import Subtask
from submission.wording import both, quoted

FORMAT = 1
LARGEST = 1_000_000  # bytes; a task of a thousand labels takes a tenth of it

Thresholds = dict[str, dict[str, float]]  # subtask → label → threshold


def read_thresholds(path: Path, run: TrainedRun) -> Thresholds:
    """Return the thresholds in a file for a run: subtask → label → threshold, 0..1, at least one.

    Raises ConfigError for a file that cannot be read or is of another run, and, all at once, for subtasks and labels
    that the run does not have or does not decide by thresholds, and for numbers that are none.
    """
    again = f"Export it from the report: mediaeval report {run.name}."
    read = _object(path, again)
    if read.get("format") != FORMAT:
        raise ConfigError(
            f"{path}: got format {quoted(read.get('format'))}; this version reads format {FORMAT}. Update mediaeval, "
            f"or export the file anew: mediaeval report {run.name}."
        )
    name, digest, given = read.get("run"), read.get("digest"), read.get("thresholds")
    if not isinstance(name, str) or not isinstance(digest, str) or not isinstance(given, dict):
        raise ConfigError(
            f'{path}: got the keys {both([quoted(key) for key in read]) or "none"}; expected "run" and "digest" with '
            f'text, and "thresholds" with subtasks. {again}'
        )
    known = digests_since_training(run.folder.path, run.manifest)
    if digest not in known:
        raise ConfigError(
            f"{path}: got thresholds of the run {quoted(name)} whose manifest.json has the sha256 "
            f"{quoted(digest[:12])}; expected those of {run.folder.path}, which has {known[0][:12]}. Give the run that "
            f"they were chosen on or, if it was trained or predicted again since, export them from a new report: "
            f"mediaeval report {run.name}."
        )
    problems = [problem for subtask, labels in given.items() for problem in _problems(run, subtask, labels)]
    if problems:
        raise ConfigError(*(f"{path}: {problem}" for problem in first_problems(problems, 20)), again)
    found = {subtask: {label: float(one) for label, one in labels.items()} for subtask, labels in given.items()}
    if not any(found.values()):
        raise ConfigError(f"{path}: got no threshold; expected one at least. Move a slider in the report, and export.")
    return {subtask: labels for subtask, labels in found.items() if labels}


def _object(path: Path, again: str) -> dict[str, Any]:
    """Return the JSON object in a file; of a key that is there twice no value is taken."""
    try:
        text = read_regular(path, LARGEST).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); expected a thresholds.json of at most "
            f"{LARGEST / 1e6:.0f} MB. {again}"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: got bytes that are not UTF-8; expected a thresholds.json. {again}") from None
    try:
        read = json.loads(text, object_pairs_hook=_without_doubles)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path}:{error.lineno}: got no JSON ({error.msg.lower()}); expected a thresholds.json. {again}"
        ) from None
    except (ValueError, RecursionError) as error:
        why = "too deeply nested" if isinstance(error, RecursionError) else str(error)
        raise ConfigError(f"{path}: got JSON that cannot be used ({why}); expected each key once. {again}") from None
    if not isinstance(read, dict):
        raise ConfigError(f"{path}: got {type(read).__name__}; expected a JSON object. {again}")
    return read


def _without_doubles(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {quoted(next(key for key in keys if keys.count(key) > 1))} is there twice")
    return read


def _problems(run: TrainedRun, name: str, given: Any) -> list[str]:
    """Return a sentence for all that is wrong with the thresholds of a subtask."""
    if name not in run.records:
        return [
            f"got the subtask {quoted(name)}; expected one of {', '.join(run.records)}.{nearest(name, run.records)}"
        ]
    subtask = run.task[name]
    if not isinstance(given, dict):
        return [f"{name}: got {quoted(given)}; expected a threshold for each label that is moved."]
    if given and form(subtask) != DECISIONS:
        why = "the most probable label is taken" if form(subtask) == CLASSES else "its answers are numbers"
        return [f"{name}: got thresholds; expected none, since {why}. Leave {name} out."]
    return [problem for label, one in given.items() if (problem := _problem(subtask, label, one))]


def _problem(subtask: Subtask, label: str, given: Any) -> str:
    if label not in subtask.labels:
        known = f"{nearest(label, subtask.labels)} Known: {', '.join(map(quoted, subtask.labels))}."
        return f"{subtask.name}: got the label {quoted(label)}, which is none of its own.{known}"
    # of NaN, which JSON has not and Python reads, no comparison is true
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 1:
        return f"{subtask.name}: {quoted(label)}: got {quoted(given)}; expected a probability, 0 to 1."
    return ""
