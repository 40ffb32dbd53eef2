"""Drawn task files, a sound run of each, and every fault: whether sound runs pass, and faults of form are found.

    python -m benchmarks.drawn_tasks [TASKS] [FIRST SEED]

A task file is drawn with a random container, separator, header, line end, rules for ids, kinds of columns, rules across
columns and kinds of runs; then a sound run, each fault of submission/faults/ that it gives an occasion for, and those
of names and archives. Prints what was tried, and what was missed.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.drawing import DrawnTask, draw
from submission.check import find_problems
from submission.check.sent import check_bytes
from submission.faults import FORM, Fault, faults_of, spoil
from submission.faults.archive import packed, spoilt_archives


@dataclass
class Outcome:
    """What was tried: sound runs and faults by kind, and what did not come out as it should."""

    tasks: Counter[str] = field(default_factory=Counter)  # container → how many
    tried: Counter[str] = field(default_factory=Counter)  # kind of fault → how many
    names: Counter[str] = field(default_factory=Counter)  # fault of form, without its column → how many
    wrong: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return it for people."""
        containers = ", ".join(f"{number} {name}" for name, number in sorted(self.tasks.items()))
        kinds = ", ".join(f"{number} of {kind}" for kind, number in sorted(self.tried.items()))
        lines = [f"{self.tasks.total()} tasks ({containers}), {kinds}, {len(self.names)} ways"]
        return "\n".join([*lines, *self.wrong, f"{len(self.wrong)} wrong"])


def try_task(seed: int, outcome: Outcome) -> None:
    """Draw a task, and try its sound run and every fault."""
    drawn = draw(seed)
    outcome.tasks[drawn.task.layout.container] += 1
    if found := _codes(drawn, drawn.data):
        outcome.wrong.append(f"task {seed}: a sound run has {', '.join(found)}")
        return
    if drawn.task.runs:
        _try_names(seed, drawn, outcome)
    for number, fault in enumerate(faults_of(drawn.task)):
        spoilt = spoil(fault, drawn.data, np.random.default_rng((seed, number)))
        if spoilt is None:
            continue
        outcome.tried[fault.kind] += 1
        if fault.kind == FORM:
            outcome.names[_way(fault)] += 1
        found = _codes(drawn, spoilt)
        if bool(found) != (fault.kind == FORM):
            what = "is not found" if fault.kind == FORM else f"gives {', '.join(found)}"
            outcome.wrong.append(f"task {seed} ({drawn.task.layout.container}): {fault.name!r} {what}")


def _try_names(seed: int, drawn: DrawnTask, outcome: Outcome) -> None:
    """Try the file as it is sent, and every fault of its name and of its archive."""
    kind = drawn.task.runs[0]
    name = "team_open.zip" if kind.zip else "team_open.txt"
    sound = packed(("team.txt", drawn.data)) if kind.zip else drawn.data
    tried = [("the file as it is sent", name, sound, False), ("another name", f"x{name}x", sound, True)]
    tried.append(("the name of another kind", name.replace("open", "closed"), sound, True))
    if kind.zip:
        tried.append(("another inner name", name, packed(("team.csv", drawn.data)), True))
        tried += [(fault, name, data, True) for fault, data in spoilt_archives("team.txt", drawn.data)]
    for fault, called, data, is_wrong in tried:
        report = check_bytes(data, Path(called), drawn.ids, drawn.task.header)
        outcome.tried["sending"] += is_wrong
        outcome.names[fault] += is_wrong
        if report.ok == is_wrong:
            outcome.wrong.append(f"task {seed}: {fault!r} {'is not found' if is_wrong else report.text()}")


def _codes(drawn: DrawnTask, data: bytes) -> list[str]:
    problems = find_problems(data, drawn.ids, drawn.task.header)
    return sorted({problem.code for problem in problems if problem.severity == "error"})


def _way(fault: Fault) -> str:
    return fault.name.partition(": ")[2] or fault.name


def main(arguments: list[str]) -> int:
    """Try so many tasks, print what came out, and return 1 where something is wrong."""
    tasks, first = map(int, [*arguments, *("300", "0")[len(arguments) :]])
    outcome, start = Outcome(), time.perf_counter()
    for seed in range(first, first + tasks):
        try_task(seed, outcome)
    print(outcome.text())
    print(f"{time.perf_counter() - start:.0f} s")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
