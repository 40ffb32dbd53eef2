"""python -m submission task: writes a draft of a task file, checks one, shows the format that it describes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TypeAlias

from submission.wording import json_shown, printable, shown

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_task_parser(commands: Commands) -> None:
    """Add the command with its actions to those of a program."""
    parser = commands.add_parser(
        "task", help="write, check or show a task file", description="Write, check or show a task file."
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="new | check | show")
    drafting = actions.add_parser("new", help="print a draft of a task file", description="Print a draft.")
    drafting.add_argument("--from", dest="source", metavar="TABLE", type=Path, help="a labelled table of the task")
    drafting.set_defaults(command=new)
    checking = actions.add_parser(
        "check",
        help="report everything that is wrong with a task file",
        description="Report everything that is wrong with task files, each problem with its line.",
    )
    checking.add_argument("files", metavar="TASK.toml", nargs="+", help="the task files")
    checking.set_defaults(command=check)
    showing = actions.add_parser(
        "show",
        help="print the format as the organisers would write it",
        description="Print the format of a task's run files, with an example.",
    )
    showing.add_argument("task", metavar="NAME|FILE", help="the task: a name or a task file")
    showing.set_defaults(command=show)
    for action in (checking, showing):
        action.add_argument("--json", action="store_true", help="print JSON")


def new(options: argparse.Namespace) -> int:
    """Print a draft made from a labelled table, or an empty task file."""
    from submission.taskfile.draft import draft_from, template

    print(printable(draft_from(options.source) if options.source else template()), end="")
    return 0


def check(options: argparse.Namespace) -> int:
    """Print what is wrong with each task file, or what it describes; return 1 where one has a problem."""
    from submission.taskfile.report import check_task_file

    reports = [check_task_file(file) for file in options.files]
    if options.json:
        print(json_shown([report.to_dict() for report in reports], sys.stdout.encoding))
    else:
        print("\n".join(shown(report.text()) for report in reports))
    return 0 if all(report.ok for report in reports) else 1


def show(options: argparse.Namespace) -> int:
    """Print the format of a task's run files."""
    from submission.taskfile import load_task
    from submission.taskfile.show import as_text, to_dict

    task = load_task(options.task)
    print(json_shown(to_dict(task), sys.stdout.encoding) if options.json else printable(as_text(task)))
    return 0
