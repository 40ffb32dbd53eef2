"""Spoiling a sound run file in every known way, and telling what catches each."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mediaeval.errors import RunFileError
from mediaeval.proofs.align import Meaning
from submission.check import find_problems
from submission.faults import FORM, faults_of, spoil
from submission.problems import describe
from submission.task import Header


@dataclass(frozen=True)
class Tried:
    """One fault: whether the file gives occasion for it, and the codes of what caught it."""

    fault: str
    kind: str
    tried: bool
    caught_by: tuple[str, ...]

    @property
    def outcome(self) -> str:
        if not self.tried:
            return "not possible in this file"
        return ", ".join(self.caught_by) or "NOT CAUGHT"


def self_test(
    path: Path,
    ids: Sequence[str],
    header: Header,
    meaning: Callable[[Path], Meaning] | None,
    *,
    partial: bool,
    seed: int = 0,
) -> list[Tried]:
    """Spoil the file in each way; `meaning`, where given, judges those that are well-formed.

    Raises RunFileError when the file is not sound to begin with.
    """
    path = Path(path)
    problems = [p for p in find_problems(path, ids, header, partial=partial) if p.severity == "error"]
    if problems:
        raise RunFileError(
            *(describe(problem, path) for problem in problems), f"{path} is not sound: mend it, then spoil it."
        )
    data = path.read_bytes()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for k, fault in enumerate(faults_of(header.task)):
            if fault.kind != FORM and meaning is None:
                continue
            spoilt = spoil(fault, data, np.random.default_rng((seed, k)))
            codes: list[str] = []
            if spoilt is not None:
                found = find_problems(spoilt, ids, header, partial=partial)
                codes = [problem.code for problem in found if problem.severity == "error"]
                if not codes and meaning is not None:
                    (Path(folder) / "run.csv").write_bytes(spoilt)
                    codes = meaning(Path(folder) / "run.csv").codes
            results.append(Tried(fault.name, fault.kind, spoilt is not None, tuple(dict.fromkeys(codes))))
    return results
