"""Introducing every known fault into a sound run file, and reporting what detects it."""

import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mediaeval.errors import RunFileError
from mediaeval.proofs.align import AlignmentReport
from submission.check import check_file, find_problems
from submission.check.sent import check_bytes, unpacked
from submission.faults import FORM, faults_of, spoil
from submission.faults.archive import spoilt_archives
from submission.task import Header

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FaultOutcome:
    """One fault: whether it is possible in this file, and the codes of the problems by which it was detected."""

    fault: str
    kind: str
    tried: bool
    caught_by: tuple[str, ...]

    @property
    def outcome(self) -> str:
        if not self.tried:
            return "not possible in this file"
        return ", ".join(self.caught_by) or "NOT DETECTED"

    def to_dict(self) -> dict[str, Any]:
        return {"fault": self.fault, "kind": self.kind, "tried": self.tried, "caught_by": list(self.caught_by)}


def self_test(
    path: Path,
    ids: Sequence[str],
    header: Header,
    check_alignment: Callable[[Path], AlignmentReport] | None,
    *,
    partial: bool,
    seed: int = 0,
) -> list[FaultOutcome]:
    """Introduce each fault into a copy of a run file, and return the outcomes.

    `check_alignment`, if given, checks copies whose form is correct; without it only faults of form are tried. What it
    finds in the file as it is does not count, and a warning names it. Raises RunFileError when the file is not sound
    to begin with.
    """
    path = Path(path)
    report = check_file(path, ids, header, partial=partial)
    if problems := report.errors():
        raise RunFileError(*problems, f"{path} is not sound. Correct it before testing it with faults.")
    data = unpacked(path.read_bytes(), path, header.task)
    before = set(check_alignment(path).codes) if check_alignment is not None else set()  # of no fault that is tried
    if before:
        logger.warning(
            f"{path}: got {', '.join(sorted(before))} before any fault is introduced; expected a sound file. What is "
            "found already does not count as detecting a fault."
        )
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for k, fault in enumerate(faults_of(header.task)):
            if fault.kind != FORM and check_alignment is None:
                continue
            spoilt = spoil(fault, data, np.random.default_rng((seed, k)))
            codes: list[str] = []
            if spoilt is not None:
                found = find_problems(spoilt, ids, header, partial=partial)
                codes = [problem.code for problem in found if problem.severity == "error"]
                if not codes and check_alignment is not None:
                    (Path(folder) / "run.csv").write_bytes(spoilt)
                    found_by_images = check_alignment(Path(folder) / "run.csv").codes
                    codes = [code for code in found_by_images if code not in before]
            results.append(FaultOutcome(fault.name, fault.kind, spoilt is not None, tuple(dict.fromkeys(codes))))
    if report.inner is not None:
        for name, archive in spoilt_archives(report.inner, data):
            problems_of = check_bytes(archive, path, ids, header, partial=partial).problems
            codes = [problem.code for problem in problems_of if problem.severity == "error"]
            results.append(FaultOutcome(name, FORM, True, tuple(dict.fromkeys(codes))))
    return results
