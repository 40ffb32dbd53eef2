"""Check and score run files: `python -m submission check run.csv --ids testset.csv`.

Exit status: 0 all is well (warnings may be told), 1 problems, 2 the command was called wrongly.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from submission.errors import UserError

if TYPE_CHECKING:
    from submission.check import Report


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status; what the user can put right is told on stderr."""
    options = _parser().parse_args(arguments)
    try:
        status = options.run(options)
        sys.stdout.flush()
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader has had enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return status


def reports_of(options: argparse.Namespace) -> list[Report]:
    """Check the form of each run file."""
    from submission.check import check_file
    from submission.labels import read_ids

    ids, header = read_ids(options.ids), header_wanted(options.dev)
    return [check_file(path, ids, header=header, partial=options.partial) for path in options.runs]


def header_wanted(dev: Path | None) -> tuple[str, ...]:
    """Return the header of a dev set, a CSV or its folder, for a run of all subtasks; without one the official one."""
    from submission.errors import LabelFileError
    from submission.labels import find_csv, read_labels
    from submission.runfile import run_header
    from submission.tasks import OFFICIAL_HEADER, TASKS

    if dev is None:
        return OFFICIAL_HEADER
    table = find_csv(dev) if dev.is_dir() else dev
    if table is None:
        raise LabelFileError(f"{dev} holds no CSV. Give the dev set's folder, or its CSV.")
    return run_header(read_labels(table).header, list(TASKS))


def check(options: argparse.Namespace) -> int:
    """Check each run file, print its problems, return 1 where a file has any."""
    try:
        reports = reports_of(options)
    except UserError as error:  # of the test list or the dev set: a wrong call, not a wrong run file
        print(error, file=sys.stderr)
        return 2
    if options.json:
        _print_json([report.as_json() for report in reports])
    else:
        for report in reports:
            print(report.text())
    return 0 if all(report.ok for report in reports) else 1


def score(options: argparse.Namespace) -> int:
    """Score a run file against the truth and print weighted F1, its interval, and F1 per label."""
    from submission.labels import read_labels
    from submission.runfile import read_run
    from submission.score import as_text
    from submission.score import score as score_run

    scores = score_run(read_labels(options.truth), read_run(options.runs, header=header_wanted(options.dev)))
    if options.json:
        _print_json({subtask: of_task.as_json() for subtask, of_task in scores.items()})
    else:
        print(as_text(scores))
    return 0


def _print_json(value: object) -> None:
    import json

    print(json.dumps(value, indent=2, ensure_ascii=False))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m submission", description="Check and score official run files.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="check | score")

    checking = commands.add_parser(
        "check",
        help="tell everything that is wrong with a run file",
        description="Tell everything that is wrong with run files. Exit status 0: nothing but warnings, 1: problems.",
        epilog="Example: python -m submission check run.csv --ids testset.csv --dev devset.csv",
    )
    checking.add_argument("runs", metavar="RUN.csv", type=Path, nargs="+", help="the run files")
    checking.add_argument(
        "--ids",
        metavar="TESTSET.csv|FOLDER",
        type=Path,
        required=True,
        help="the test list, or the folder of the images",
    )
    checking.add_argument("--partial", action="store_true", help="the runs are of some subtasks only")
    checking.set_defaults(run=check)

    scoring = commands.add_parser(
        "score",
        help="weighted F1 of a run file",
        description="Weighted F1 (0..1) of a run file with its 95 %% interval, and F1 per label, tab-separated.",
        epilog="Example: python -m submission score run.csv --truth truth.csv",
    )
    scoring.add_argument("runs", metavar="RUN.csv", type=Path, help="the run file")
    scoring.add_argument("--truth", metavar="TRUTH.csv", type=Path, required=True, help="the labels as released")
    scoring.set_defaults(run=score)

    for command in (checking, scoring):
        command.add_argument(
            "--dev", metavar="DEV", type=Path, help="your dev set, CSV or folder: its header is the one wanted"
        )
        command.add_argument("--json", action="store_true", help="for programs")
    return parser


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # an id in a script that the terminal cannot show
    sys.exit(main())
