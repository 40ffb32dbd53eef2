"""The bundle of a task for Codabench: what its organisers upload, with a scoring program that needs numpy alone.

competition.yaml, logo.png, overview.md, evaluation.md, terms.md
scoring_program/    metadata.yaml, score.py, task.toml and this package
reference_data/     the truth
sample_solution/    a run file that passes
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from submission.desk.codabench import HEADER_FILE, MEAN, PROBLEMS, TASK_FILE, TRUTH, VALID
from submission.desk.measures import Measure
from submission.desk.ranking import averaged_of
from submission.task import Header, Task
from submission.taskfile.show import as_text

IMAGE = "codalab/codalab-legacy:py312"  # of Codabench, with Python 3.12 and numpy
_PACKAGE = Path(__file__).parents[1]
_START = "2000-01-01 00:00:00"  # open as soon as it is published; the organisers change it on the platform

_METADATA = "command: python3 /app/program/score.py /app/input /app/output\n"
_SCORE = '''\
"""The scoring program: python3 score.py INPUT OUTPUT, which Codabench has in /app/input and /app/output."""

import html
import os
import sys
import traceback

PROGRAM = os.path.dirname(os.path.abspath(__file__))


def fail(output, reason):
    """Say on stderr and on the page why nothing could be scored."""
    sys.stderr.write(reason + "\\n")
    with open(os.path.join(output, "detailed_results.html"), "w") as page:
        page.write("<!DOCTYPE html><meta charset=utf-8><h1>Not scored</h1><p>The scoring program is at fault, ")
        page.write("not your file.</p><p>%s</p>" % html.escape(reason))
    return 1


def run(arguments):
    """Score what was sent; the exit status is 1 where this program or its reference is at fault."""
    output = arguments[1] if len(arguments) > 1 else "/app/output"
    if sys.version_info < (3, 11):
        version = sys.version.split()[0]
        return fail(output, "Got Python %s; expected 3.11 or later. Set docker_image to IMAGE." % version)
    sys.path.insert(0, PROGRAM)
    try:
        import numpy  # noqa: F401
        from pathlib import Path

        from submission.desk.codabench import main
    except ImportError as error:
        return fail(output, "%s. Set docker_image to IMAGE." % error)
    except Exception:
        return fail(output, traceback.format_exc())
    return main(Path(PROGRAM), arguments)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
'''.replace("IMAGE", IMAGE)


def bundle_files(
    task: Task,
    header: Header,
    measures: Sequence[Measure],
    truth: tuple[str, bytes],
    sample: tuple[str, bytes],
) -> dict[str, bytes]:
    """Return path → content of the files of a bundle.

    truth   the ending of its name, and its bytes
    sample  name and bytes of a run file that passes
    """
    files = {
        "competition.yaml": _competition(task, measures).encode(),
        "logo.png": _logo(),
        "overview.md": _overview(task).encode(),
        "evaluation.md": _evaluation(measures).encode(),
        "terms.md": b"Replace this by the terms under which teams may take part.\n",
        "scoring_program/metadata.yaml": _METADATA.encode(),
        "scoring_program/score.py": _SCORE.encode(),
        f"scoring_program/{TASK_FILE}": task.text.encode(),
        f"reference_data/{TRUTH}{truth[0]}": truth[1],
        f"sample_solution/{sample[0]}": sample[1],
    }
    if header.cells != task.header.cells:
        files[f"reference_data/{HEADER_FILE}"] = json.dumps(list(header.cells)).encode()
    return files | {f"scoring_program/{name}": data for name, data in package_files()}


def package_files() -> Iterator[tuple[str, bytes]]:
    """Yield the files of this package, by their paths from the folder that holds it, in order."""
    for path in sorted(_PACKAGE.rglob("*")):
        if path.is_file() and path.suffix in (".py", ".toml") and "__pycache__" not in path.parts:
            yield f"{_PACKAGE.name}/{path.relative_to(_PACKAGE).as_posix()}", path.read_bytes()


def _competition(task: Task, measures: Sequence[Measure]) -> str:
    """Return competition.yaml; text is quoted as in JSON, which is YAML as well."""
    columns = [(name, one.key, "desc" if one.greater_is_better else "asc", 4) for name, one in _named(measures)]
    averaged = averaged_of(measures)
    if len(averaged) > 1:
        columns.insert(0, ("Mean", MEAN, "desc" if averaged[0].greater_is_better else "asc", 4))
    columns += [("Valid", VALID, "desc", 0), ("Problems", PROBLEMS, "asc", 0)]
    lines = [
        "version: 2",
        f"title: {_quoted(task.title or task.name)}",
        f"description: {_quoted(task.source or task.name)}",
        "image: logo.png",
        "terms: terms.md",
        f"docker_image: {IMAGE}",
        "registration_auto_approve: false",
        "enable_detailed_results: true",
        "show_detailed_results_in_submission_panel: true",
        "show_detailed_results_in_leaderboard: false",
        "pages:",
        *(
            f"  - title: {title}\n    file: {file}"
            for title, file in (("Overview", "overview.md"), ("Evaluation", "evaluation.md"))
        ),
        "tasks:",
        "  - index: 0",
        f"    name: {_quoted(task.name)}",
        f"    description: {_quoted(task.title or task.name)}",
        "    scoring_program: scoring_program",
        "    reference_data: reference_data",
        "solutions:",
        "  - index: 0",
        "    path: sample_solution",
        "    tasks: [0]",
        "phases:",
        "  - index: 0",
        "    name: Test",
        "    description: Run files of the test set",
        f"    start: {_START}",
        "    accepts_only_result_submissions: true",
        "    tasks: [0]",
        "leaderboards:",
        "  - title: Results",
        "    key: main",
        "    submission_rule: Force_Last",
        "    columns:",
    ]
    for index, (title, key, sorting, precision) in enumerate(columns):
        lines += [
            f"      - title: {_quoted(title)}",
            f"        key: {_quoted(key)}",
            f"        index: {index}",
            f"        sorting: {sorting}",
            f"        precision: {precision}",
        ]
    return "\n".join(lines) + "\n"


def _overview(task: Task) -> str:
    how = "Send the run file alone, in a zip without folders."
    return f"# {task.title or task.name}\n\n{how}\n\n```\n{as_text(task)}\n```\n"


def _evaluation(measures: Sequence[Measure]) -> str:
    lines = ["# Evaluation", "", "| key | score | better | depends on |", "|---|---|---|---|"]
    for name, one in _named(measures):
        signature = one.signature.replace("|", "\\|")
        lines.append(f"| `{one.key}` | {name} | {_better(one)} | `{signature}` |")
    averaged = averaged_of(measures)
    if len(averaged) > 1:
        names = ", ".join(one.key for one in averaged)
        lines.append(f"| `{MEAN}` | mean of {names}, by which runs are ranked | {_better(averaged[0])} | |")
    lines += [
        f"| `{VALID}` | 1 if the form of the file has no problem, else 0 | higher | |",
        f"| `{PROBLEMS}` | how many problems and warnings there are | lower | |",
        "",
        "What cannot be scored counts as the worst value there is. Each problem of form is named on the page of the "
        "detailed results; check a file before you send it: `python -m submission check`.",
    ]
    return "\n".join(lines) + "\n"


def _named(measures: Sequence[Measure]) -> list[tuple[str, Measure]]:
    """Return each measure with its name for people, which tells it from those of other subtasks."""
    several = len({measure.subtask.name for measure in measures}) > 1
    return [(f"{one.subtask.name} {one.title}" if several else one.title, one) for one in measures]


def _better(measure: Measure) -> str:
    return "higher" if measure.greater_is_better else "lower"


def _quoted(text: str) -> str:
    return json.dumps(" ".join(text.split()))


def _logo() -> bytes:
    """Return a plain square as PNG, which Codabench wants to have."""
    side = 64
    rows = b"".join(b"\0" + bytes((24, 121, 78)) * side for _ in range(side))

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    # stored without compression, so that the bytes are the same whatever zlib there is
    stored = b"\x78\x01" + b"\x01" + struct.pack("<HH", len(rows), len(rows) ^ 0xFFFF) + rows
    image = stored + struct.pack(">I", zlib.adler32(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", image) + chunk(b"IEND", b"")
