"""What the commands of both command lines do, so that `mediaeval score` and `python -m submission score` are alike."""

from collections.abc import Sequence
from pathlib import Path

from submission.check import expected_header
from submission.desk.leaderboard import Leaderboard, leaderboard
from submission.desk.letters import write_letters
from submission.desk.repair import Repair, repaired, write_repaired
from submission.desk.sources import run_sources
from submission.labels import read_ids
from submission.task import Task


def wants_leaderboard(runs: Sequence[Path], rule: str | None, csv: bool, out: Path | None) -> bool:
    """Return whether `score` makes a leaderboard: of several files, a folder or a zip, or by its options."""
    return (
        len(runs) > 1
        or any(path.is_dir() or path.suffix.lower() == ".zip" for path in runs)
        or rule is not None
        or csv
        or out is not None
    )


def write_leaderboard(
    runs: Sequence[Path], truth: Path, task: Task, *, dev: Path | None, rule: str | None, out: Path | None
) -> Leaderboard:
    """Return the leaderboard of run files, folders and zips; with `out` write a text for each team there."""
    board = leaderboard(run_sources(runs, task), truth, task, dev=dev, rule=rule)
    if out is not None:
        write_letters(board, out)
    return board


def repair_file(run: Path, out: Path, task: Task, ids: Path | None, dev: Path | None, *, partial: bool) -> Repair:
    """Write a repaired copy of a run file under a new name; `ids` is the test list, `dev` the dev set of its header.

    Raises LabelFileError where the test list or the dev set cannot be read, RunFileError where the copy has no place.
    """
    repair = repaired(run, read_ids(ids, task) if ids else None, expected_header(dev, task), partial=partial)
    write_repaired(repair, out)
    return repair
