"""Run files to try a scoring program with: a sound one, and forty that it must not take for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from submission.check import find_problems
from submission.desk.sources import SUFFIXES
from submission.faults import FORM, Fault, faults_of, spoil
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


def suffix_of(task: Task) -> str:
    """Return the ending of the names of run files: that of the task's pattern, else of its container."""
    named = [kind.file.text for kind in task.runs if kind.file]
    suffix = next((end for text in named for end in SUFFIXES if text.endswith(end)), None)
    return suffix or f".{task.layout.container}"


def _spoilt(task: Task, sound: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the name of each fault of form and the file with it, then with other draws of those that are drawn."""
    import numpy as np

    faults: list[Fault] = [fault for fault in faults_of(task) if fault.kind == FORM]
    for seed in range(_ROUNDS):
        for fault in faults:
            data = spoil(fault, sound, np.random.default_rng(seed))
            if data is not None:
                yield fault.name if not seed else f"{fault.name}, again {seed}", data
