"""mediaeval score."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from mediaeval.cli.check import Dev
from mediaeval.cli.options import Json, TaskName
from mediaeval.cli.output import counted, print_json, print_line, print_table
from submission.layout import RULES

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval score runs/first/run.csv --truth sample/truth.csv"
NEEDS_ARGUMENTS = True


def command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUNFILE", help="Run files, or folders and zips of them.")],
    truth: Annotated[Path, typer.Option("--truth", metavar="TRUTH.csv", help="The released labels.")],
    dev: Dev = None,
    rule: Annotated[
        str | None,
        typer.Option(
            "--rule",
            metavar="RULE",
            help="Of a leaderboard: lenient (absent, unreadable and double answers count as wrong) or strict (a file "
            "with any error of check is not scored).",
            show_default="the task's own",
        ),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print the leaderboard as CSV.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write a text for each run file, for its team.")
    ] = None,
    task: TaskName = None,
    json: Json = False,
) -> None:
    """Score a run file, or rank several.

    Of one file: weighted F1 with its 95 % interval, and the F1 and support of each label, tab-separated. Of several, of
    a folder or a zip: a leaderboard of all of them, whatever is wrong with the files.

    The score of a run file that runs/ledger.jsonl records is added there, and put beside what was forecast for it.
    """
    from mediaeval.proofs.scored import record_scores
    from mediaeval.tasks import decide_task, runs_of
    from submission.desk.commands import wants_leaderboard, write_leaderboard
    from submission.score import as_text, score_file

    of = decide_task(task, runs=runs_of(runs))
    if rule is not None and rule not in RULES:
        raise typer.BadParameter(f"got {rule!r}; expected {' or '.join(RULES)}.", param_hint="--rule")
    if wants_leaderboard(runs, rule, csv, out):
        board = write_leaderboard(runs, truth, of, dev=dev, rule=rule, out=out)
        if out is not None:
            logger.info(f"{counted(len(board.entries), 'text')} in {out}")
        if json:
            print_json(board.to_dict())
        elif csv:
            print_line(board.csv().removesuffix("\n"))
        else:
            print_table("\n".join(board.notes()), *board.rows())
        return
    scores = score_file(runs[0], truth, of, dev=dev)
    if recorded := record_scores(runs[0], truth, of, scores):
        for outcome in recorded.outcomes:
            logger.info(outcome.in_words())
        if recorded.new:
            logger.info(f"recorded in {recorded.ledger}")
    if json:
        print_json({name: of_subtask.to_dict() for name, of_subtask in scores.items()})
    else:
        print_line(as_text(scores))
