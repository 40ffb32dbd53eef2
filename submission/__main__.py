"""Check and score run files: `python -m submission check run.csv --ids testset.csv`.

Exit status: 0 no problems (there may be warnings), 1 problems, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from submission.errors import UserError
from submission.layout import RULES
from submission.taskfile.commands import add_task_parser
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from submission.wording import json_shown, shown

if TYPE_CHECKING:
    from submission.desk.arrangement import Arrangement
    from submission.task import Task

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status; what the user can put right is printed to stderr."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is check and not (options.ids or options.truth):
        parser.error("check needs --ids TESTSET.csv, or --truth TRUTH.csv.")
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
    from submission.check import check_files, check_teams, run_paths

    arranged: list[Arrangement] = []
    try:
        task = _task(options)
        runs = run_paths(options.runs, task)
        ids = options.ids
        if options.truth:
            from submission.desk.arrangement import ArrangementChecker

            check_arrangement = ArrangementChecker(options.truth, task, dev=options.dev)
            arranged = list(map(check_arrangement, runs))
            ids = ids or check_arrangement.truth.ids
        reports = check_files(runs, ids, task, dev=options.dev, partial=options.partial)
        if not options.ids:
            from submission.check.answers import without_order

            reports = [without_order(report, task) for report in reports]
        teams = check_teams(options.runs, task)
    except UserError as error:  # of the task, the test list or the dev set: a wrong call, not a wrong run file
        print(shown(str(error)), file=sys.stderr)
        return 2
    if options.json:
        form = [report.to_dict() for report in reports]
        if arranged:
            form = [one | more.to_dict() for one, more in zip(form, arranged, strict=True)]
        _print_json(form + [team.to_dict() for team in teams])
    else:
        for place, report in enumerate(reports):
            print(shown(report.text()))
            if arranged:
                print(shown(arranged[place].text()))
        for team in teams:
            print(shown(team.text()))
    return 0 if all(all(one.ok for one in found) for found in (reports, arranged, teams)) else 1


def pack(options: argparse.Namespace) -> int:
    """Write the file that is sent of a run file, and print which it is."""
    from submission.check import expected_header
    from submission.labels import read_ids
    from submission.pack import RunSlot, pack_run

    task = _task(options)
    packed = pack_run(
        options.run,
        expected_header(options.dev, task),
        read_ids(options.ids, task),
        RunSlot(options.kind, options.team, options.number, options.name),
        options.out,
        partial=options.partial,
        replace=options.replace,
    )
    if options.json:
        _print_json(packed.to_dict())
    else:
        print(shown(packed.text()))
    return 0


def score(options: argparse.Namespace) -> int:
    """Score run files against the truth: of one, weighted F1, its interval and F1 per label; of several, a ranking."""
    from submission.desk.commands import wants_leaderboard, write_leaderboard

    if wants_leaderboard(options.runs, options.rule, options.csv, options.out):
        board = write_leaderboard(
            options.runs, options.truth, _task(options), dev=options.dev, rule=options.rule, out=options.out
        )
        if options.json:
            _print_json(board.to_dict())
        else:
            print(board.csv() if options.csv else shown(board.text()), end="" if options.csv else "\n")
        return 0
    from submission.score import as_text, score_file

    scores = score_file(options.runs[0], options.truth, _task(options), dev=options.dev)
    if options.json:
        _print_json({name: of_subtask.to_dict() for name, of_subtask in scores.items()})
    else:
        print(shown(as_text(scores)))
    return 0


def repair(options: argparse.Namespace) -> int:
    """Write a repaired copy of a run file, print what was corrected and what is left; 1 where problems are left."""
    from submission.desk.commands import repair_file

    repaired = repair_file(options.run, options.out, _task(options), options.ids, options.dev, partial=options.partial)
    if options.json:
        _print_json(repaired.to_dict(options.out))
    else:
        print(shown(repaired.text(options.out)))
    return 0 if repaired.ok else 1


def organise(options: argparse.Namespace) -> int:
    """Write what the organisers of a task need to take runs on a platform, and print what it is."""
    from submission.desk.organise import organise as write

    organised = write(_task(options), options.truth, options.out, dev=options.dev)
    if options.json:
        _print_json(organised.to_dict())
    else:
        print(shown(organised.text()))
    return 0


def _task(options: argparse.Namespace) -> Task:
    """Return the task of a command: a name or a file."""
    if options.task is None:
        return VISUAL_SENTIMENT_2021
    from submission.taskfile import load_task

    return load_task(options.task)


def _print_json(value: object) -> None:
    print(json_shown(value, sys.stdout.encoding))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m submission", description="Check and score official run files.")
    commands = parser.add_subparsers(
        title="commands", required=True, metavar="check | repair | pack | score | organise | task"
    )

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
        "--data",
        metavar="TESTSET.csv|FOLDER",
        type=Path,
        help="the test list, or the folder of the images",
    )
    checking.add_argument(
        "--truth",
        metavar="TRUTH.csv",
        type=Path,
        help="the labels: report as well which other arrangement of the answers would score higher",
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

    for command in (checking, _repair_parser(commands), _pack_parser(commands), scoring, _organise_parser(commands)):
        command.add_argument("--task", metavar="NAME|FILE", help="the task (default: Visual Sentiment 2021)")
        command.add_argument(
            "--dev", metavar="DEV", type=Path, help="your dev set, CSV or folder: runs must have its header"
        )
        command.add_argument("--json", action="store_true", help="print JSON")
    add_task_parser(commands)
    return parser


def _repair_parser(commands: _Commands) -> argparse.ArgumentParser:
    repairing = commands.add_parser(
        "repair",
        help="write a copy in which everything is corrected that has one reading",
        description="Write a copy of a run file in which everything is corrected that has one reading, and list the "
        "corrections and what is left. Exit status 0: no problems are left, 1: there are some.",
        epilog="Example: python -m submission repair run.csv fixed.csv --ids testset.csv",
    )
    repairing.add_argument("run", metavar="IN.csv", type=Path, help="the run file, which stays as it is")
    repairing.add_argument("out", metavar="OUT.csv", type=Path, help="the new file")
    repairing.add_argument(
        "--ids", metavar="TESTSET.csv|FOLDER", type=Path, help="the test list: ids and the order of rows are corrected"
    )
    repairing.add_argument("--partial", action="store_true", help="allow a run that covers only some subtasks")
    repairing.set_defaults(command=repair)
    return repairing


def _organise_parser(commands: _Commands) -> argparse.ArgumentParser:
    organising = commands.add_parser(
        "organise",
        help="write a bundle for Codabench and a metric for Kaggle",
        description="Write into a new folder what takes runs of a task on a platform: a bundle for Codabench, a metric "
        "for Kaggle, a run file that passes and forty that must not.",
        epilog="Example: python -m submission organise --task flood2020 --truth truth.csv --out desk",
    )
    organising.add_argument("--truth", metavar="TRUTH.csv", type=Path, required=True, help="the labels of the test set")
    organising.add_argument("--out", metavar="DIR", type=Path, required=True, help="the new folder")
    organising.set_defaults(command=organise)
    return organising


def _pack_parser(commands: _Commands) -> argparse.ArgumentParser:
    packing = commands.add_parser(
        "pack",
        help="write the file that is sent",
        description="Check a run file, and write the file that is sent: called and zipped as the task wants it.",
        epilog="Example: python -m submission pack run.csv --task synthim2025 --team us --kind open --ids testset.csv",
    )
    packing.add_argument("run", metavar="RUN.csv", type=Path, help="the run file")
    packing.add_argument("--team", metavar="NAME", required=True, help="your team")
    packing.add_argument("--kind", metavar="KIND", required=True, help="which kind of run of the task it is")
    packing.add_argument("--ids", metavar="TESTSET.csv|FOLDER", type=Path, required=True, help="the test list")
    packing.add_argument("--out", metavar="DIR", type=Path, default=Path("sent"), help="where to write it (sent)")
    packing.add_argument("--number", metavar="N", type=int, help="its number, where names have one (the next)")
    packing.add_argument("--name", metavar="NAME", help="its name, where the task leaves that open")
    packing.add_argument("--partial", action="store_true", help="allow a run that covers only some subtasks")
    packing.add_argument("--replace", action="store_true", help="replace a file that was packed before")
    packing.set_defaults(command=pack)
    return packing


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an id in letters that the terminal cannot show
    sys.exit(main())
