"""Check and score run files: `python -m submission check run.csv --ids testset.csv`.

Exit status: 0 no problems (there may be warnings), 1 problems, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path

from submission.errors import UserError
from submission.layout import RULES
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK
from submission.wording import json_shown, shown


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status; what the user can put right is printed to stderr."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
        sys.stdout.flush()
    except UserError as error:
        print(shown(str(error)), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader stopped reading, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return status


def check(options: argparse.Namespace) -> int:
    """Check each run file, print its problems, return 1 where a file has any."""
    from submission.check import CheckReport, TeamReport, check_files, check_teams, run_paths

    try:
        runs = run_paths(options.runs, TASK)
        reports: list[CheckReport | TeamReport] = [
            *check_files(runs, options.ids, TASK, dev=options.dev, partial=options.partial),
            *check_teams(runs, TASK),
        ]
    except UserError as error:  # of the test list or the dev set: a wrong call, not a wrong run file
        print(shown(str(error)), file=sys.stderr)
        return 2
    if options.json:
        _print_json([report.to_dict() for report in reports])
    else:
        for report in reports:
            print(shown(report.text()))
    return 0 if all(report.ok for report in reports) else 1


def score(options: argparse.Namespace) -> int:
    """Score run files against the truth: of one, weighted F1, its interval and F1 per label; of several, a ranking."""
    from submission.desk.commands import wants_leaderboard, write_leaderboard

    if wants_leaderboard(options.runs, options.rule, options.csv, options.out):
        board = write_leaderboard(
            options.runs, options.truth, TASK, dev=options.dev, rule=options.rule, out=options.out
        )
        if options.json:
            _print_json(board.to_dict())
        else:
            print(board.csv() if options.csv else shown(board.text()), end="" if options.csv else "\n")
        return 0
    from submission.score import as_text, score_file

    scores = score_file(options.runs[0], options.truth, TASK, dev=options.dev)
    if options.json:
        _print_json({name: of_subtask.to_dict() for name, of_subtask in scores.items()})
    else:
        print(shown(as_text(scores)))
    return 0


def _print_json(value: object) -> None:
    print(json_shown(value, sys.stdout.encoding))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m submission", description="Check and score official run files.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="check | score")

    checking = commands.add_parser(
        "check",
        help="report everything that is wrong with a run file",
        description="Report everything that is wrong with run files. Exit status 0: no problems, 1: problems, 2: wrong "
        "usage. Warnings do not count as problems.",
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
    checking.add_argument("--partial", action="store_true", help="allow runs that cover only some subtasks")
    checking.set_defaults(command=check)

    scoring = commands.add_parser(
        "score",
        help="weighted F1 of a run file, or a leaderboard of several",
        description="Weighted F1 (0..1) of a run file with its 95 %% interval, and F1 per label, tab-separated. Of "
        "several files, a folder or a zip: a leaderboard, whatever is wrong with the files.",
        epilog="Example: python -m submission score run.csv --truth truth.csv",
    )
    scoring.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="run files, folders or zips of them")
    scoring.add_argument("--truth", metavar="TRUTH.csv", type=Path, required=True, help="the labels as released")
    scoring.add_argument(
        "--rule",
        choices=RULES,
        help="of a leaderboard: what is absent, unreadable or double counts as wrong (lenient), or a file with any "
        "error of check is not scored (strict); without it, the task's own",
    )
    scoring.add_argument("--csv", action="store_true", help="print the leaderboard as CSV")
    scoring.add_argument("--out", metavar="DIR", type=Path, help="write a text for each run file, for its team")
    scoring.set_defaults(command=score)

    for command in (checking, scoring):
        command.add_argument(
            "--dev", metavar="DEV", type=Path, help="your dev set, CSV or folder: runs must have its header"
        )
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an id in letters that the terminal cannot show
    sys.exit(main())
