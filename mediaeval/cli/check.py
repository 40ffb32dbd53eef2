"""mediaeval check."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediaeval.cli.completion import complete_extractors
from mediaeval.cli.options import ConfigFile, Device, Json, Partial, TaskName
from mediaeval.cli.output import print_json, print_line, print_table
from submission.errors import UserError

if TYPE_CHECKING:
    from mediaeval.proofs.align import AlignmentChecker, AlignmentReport
    from submission.check import CheckReport
    from submission.task import Header, Task

logger = logging.getLogger(__name__)

EXAMPLE = "Example: mediaeval check runs/first/run.csv --data testset --dev devset"
NEEDS_ARGUMENTS = True
_CANNOT_TELL = 3  # exit status: nothing speaks against any file, and nothing was shown of one

Dev = Annotated[
    Path | None,
    typer.Option(
        "--dev",
        metavar="DEV",
        help="Your dev set: run files are expected to have its header, and its images show which labels to expect.",
    ),
]

EvidenceTime = Annotated[
    float,
    typer.Option(
        "--evidence-time",
        metavar="MINUTES",
        min=0,
        help="With --data: how long computing features may take, by an estimate; weaker extractors are left out.",
    ),
]


def command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUNFILE", help="Run files, from any source.")],
    ids: Annotated[
        Path | None,
        typer.Option("--ids", metavar="TESTSET.csv|FOLDER", help="The test list, or its folder: check the form only."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="TEST", help="Test set folder: check the labels against its images as well."),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            metavar="TRUTH.csv",
            help="The labels: report as well which other arrangement of the answers would score higher.",
        ),
    ] = None,
    dev: Dev = None,
    use: Annotated[
        str | None,
        typer.Option(
            "--use",
            metavar="NAMES",
            autocompletion=complete_extractors,
            help="With --data: use these extractors, comma separated.",
            show_default="the best whose weights are here",
        ),
    ] = None,
    evidence_time: EvidenceTime = 10.0,
    accept_cannot_tell: Annotated[
        bool,
        typer.Option("--accept-cannot-tell", help="With --data: exit status 0, not 3, for cannot-tell."),
    ] = False,
    accept_constant: Annotated[
        bool,
        typer.Option("--accept-constant", help="With --data: constant answers (label-constant) are only a warning."),
    ] = False,
    self_test: Annotated[
        bool,
        typer.Option("--self-test", help="Corrupt the file in every known way, and report what detects each fault."),
    ] = False,
    partial: Partial = False,
    task: TaskName = None,
    config: ConfigFile = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Report all problems of a run file at once: its form and, with --data and --dev, whether labels fit the images.

    The latter needs no test labels: features that are computed for this check alone show whether rows and columns
    belong to the images, and what is unusual compared with the dev set is a warning. Exit status 0: no problems, and
    with --data every file is aligned; 1: problems (misaligned, suspicious, label-constant); 3: cannot-tell; 2: wrong
    usage, before the others. Of several files 1 comes before 3.
    """
    if (ids or data or truth) is None:
        raise wrong_usage("--ids TESTSET.csv, --data TEST or --truth TRUTH.csv is required.")
    if data is not None and dev is None:
        raise wrong_usage("--data needs --dev DEV, the dev set folder, to learn which labels to expect of images.")
    if self_test and len(runs) != 1:
        raise wrong_usage("--self-test takes one run file.")

    from mediaeval.tasks import decide_task, runs_of
    from submission.alignment.align import CANNOT_TELL
    from submission.check import check_file, check_teams, expected_header, run_paths
    from submission.check.answers import without_order
    from submission.desk.arrangement import ArrangementChecker
    from submission.labels import read_ids

    try:
        of = decide_task(task, runs=runs_of(runs), settings=config)
        teams = check_teams(runs, of)
        runs = run_paths(runs, of)
        check_alignment = (
            alignment_checker(of, data, dev, runs, config, use, device, evidence_time, accept_constant)
            if data and dev
            else None
        )
        check_arrangement = ArrangementChecker(truth, of, dev=dev) if truth else None
        listed = ids or data
        test_ids = read_ids(listed, of) if listed else check_arrangement.truth.ids if check_arrangement else ()
        header = expected_header(dev, of)
    except UserError as error:  # in the task, test list, dev set or a setting: wrong usage, not a wrong run file
        raise wrong_usage(error) from None
    if self_test:
        _self_test(runs[0], test_ids, header, partial, check_alignment, json)
        return
    reports = [check_file(path, test_ids, header, partial=partial) for path in runs]
    if listed is None:
        reports = [without_order(report, of) for report in reports]
    aligned = [check_alignment(path) for path in runs] if check_alignment else []
    arranged = [check_arrangement(path) for path in runs] if check_arrangement else []
    if json:
        form = [report.to_dict() for report in reports]
        if check_alignment:
            rest = {"evidence": check_alignment.evidence.to_dict()}
            form = [one | more.to_dict() | rest for one, more in zip(form, aligned, strict=True)]
        if arranged:
            form = [one | more.to_dict() for one, more in zip(form, arranged, strict=True)]
        print_json(form + [team.to_dict() for team in teams])
    else:
        if check_alignment:
            print_line(check_alignment.evidence.text())
        for position, report in enumerate(reports):
            print_line(report.text())
            if aligned:
                print_line(aligned[position].text())
            if arranged:
                print_line(arranged[position].text())
        if len(aligned) > 1:
            tally = Counter(_outcome(report, one) for report, one in zip(reports, aligned, strict=True))
            print_line(f"{len(aligned)} files: {', '.join(f'{n} {outcome}' for outcome, n in sorted(tally.items()))}")
        for team in teams:
            print_line(team.text())
    if not all(all(one.ok for one in found) for found in (reports, aligned, arranged, teams)):
        raise typer.Exit(1)
    undecided = any(one.verdict == CANNOT_TELL for one in aligned) and not accept_cannot_tell
    raise typer.Exit(_CANNOT_TELL if undecided else 0)


def _outcome(form: "CheckReport", found: "AlignmentReport") -> str:
    """Return how a file is counted among several: its verdict, and whether anything else is wrong with it."""
    if not found.alignment:
        return "not checked"
    other = found.alignment.ok and not (form.ok and found.ok)
    return f"{found.verdict} with other problems" if other else found.verdict


def wrong_usage(message: object) -> typer.Exit:
    """Print what is wrong with a call, and return what ends it with exit status 2."""
    logger.error(message)
    return typer.Exit(2)


def alignment_checker(
    task: "Task",
    data: Path,
    dev: Path,
    runs: Sequence[Path],
    config: Path | None,
    use: str | None,
    device: str,
    minutes: float,
    accept_constant: bool,
) -> "AlignmentChecker":
    """Return what checks the labels of a run file against the images."""
    from mediaeval.config import load_config
    from mediaeval.devices import resolve_device
    from mediaeval.proofs.align import AlignmentChecker

    settings = load_config(config, task=task, use=use)
    return AlignmentChecker(
        data,
        dev,
        settings,
        device=resolve_device(device),
        named=use is not None and not settings.chooses_features,
        runs=runs,
        minutes=minutes,
        accept_constant=accept_constant,
    )


def _self_test(
    run: Path,
    ids: Sequence[str],
    header: "Header",
    partial: bool,
    check_alignment: "AlignmentChecker | None",
    json: bool,
) -> None:
    """Print what detects each fault; exit status 1 when one is not detected."""
    from mediaeval.proofs.selftest import self_test

    results = self_test(run, ids, header, check_alignment, partial=partial)
    tried = [one for one in results if one.tried]
    missed = [one for one in tried if not one.caught_by]
    if json:
        print_json([one.to_dict() for one in results])
    else:
        print_table(
            f"{run}: {len(tried)} faults tried, {len(missed)} not detected",
            ["kind", "fault", "detected by"],
            [[one.kind, one.fault, one.outcome] for one in results],
        )
        if check_alignment is None:
            print_line("Faults of meaning, which only images reveal, were not tried: give --data TEST and --dev DEV.")
    raise typer.Exit(1 if missed else 0)
