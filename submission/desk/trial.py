"""Run files to try a scoring program with: a sound one, and forty that it must not take for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from submission.check import find_problems
from submission.check.run_names import inner_pattern
from submission.desk.sources import SUFFIXES
from submission.faults import FORM, Fault, faults_of, spoil
from submission.patterns import Pattern, PatternError
from submission.task import Header, Task
from submission.taskfile.example import run_of

FAULTY = 40
_ROUNDS = 40  # seeds that are tried for faults that are drawn anew each time


@dataclass(frozen=True)
class Trial:
    """A sound run file that says nothing of the images, and faulty ones: name of the fault → bytes."""

    sound: bytes
    faulty: dict[str, bytes]


def trial_of(task: Task, ids: Sequence[str], header: Header) -> Trial:
    """Return run files for these ids. Each fault is checked to be one; a small task may have fewer than forty."""
    sound = run_of(task, ids)
    faulty: dict[str, bytes] = {}
    seen = {sound}
    for name, data in _spoilt(task, sound):
        if len(faulty) == FAULTY:
            break
        if data not in seen and any(one.severity == "error" for one in find_problems(data, ids, header, partial=True)):
            seen.add(data)
            faulty[name] = data
    return Trial(sound, faulty)


def sample_name(task: Task) -> str:
    """Return a name that a run file of the task may have, such as `run.csv`, or one of the first kind of runs."""
    plain = f"run.{task.layout.container}"
    for kind in task.runs:
        pattern = inner_pattern(kind) if kind.zip else kind.file
        if pattern is None:
            return plain
        suffix = next((end for end in SUFFIXES if pattern.text.endswith(end)), "")
        for name in (plain, f"run{suffix}", _filled(pattern, kind.kind), pattern.example()):
            if name and pattern.matches(name) is not None:
                return name
    return plain


def _filled(pattern: Pattern, kind: str) -> str:
    try:
        return pattern.fill(team="team", kind=kind, run="1")
    except PatternError:  # a part of it is open
        return ""


def _spoilt(task: Task, sound: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the name of each fault of form and the file with it, then with other draws of those that are drawn."""
    import numpy as np

    faults: list[Fault] = [fault for fault in faults_of(task) if fault.kind == FORM]
    for seed in range(_ROUNDS):
        for fault in faults:
            data = spoil(fault, sound, np.random.default_rng(seed))
            if data is not None:
                yield fault.name if not seed else f"{fault.name}, again {seed}", data
