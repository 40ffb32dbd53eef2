"""The parts of the documents that are made from the code, between `<!-- generated: NAME -->` and `<!-- end -->`."""

import json
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.docs.blocks import run_command, working_in

_PART = re.compile(r"(<!-- generated: ([\w ]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """Return a document with its generated parts made anew."""
    return _PART.sub(lambda match: match[1] + GENERATED[match[2]]() + match[4], text)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def problem_codes() -> str:
    """Every code of a problem, and what it means."""
    from submission.problems import CODES, CONTAINER_CODES, IMAGE_CODES, ODDITY_CODES

    parts = {
        "Form, found by `check` always:": CODES,
        "JSON, archives, and names of files, found by `check` where the task has them:": CONTAINER_CODES,
        "Meaning, found by `check --data --dev`, some also by `check --truth`:": IMAGE_CODES,
        "Oddities, warnings of `check --data --dev`:": ODDITY_CODES,
    }
    return "\n".join(
        f"{title}\n\n" + table(["code", "meaning"], [(f"`{code}`", text) for code, text in codes.items()])
        for title, codes in parts.items()
    )


def settings() -> str:
    """Every setting, from the models that check them."""
    from mediaeval.settings_reference import to_markdown

    return to_markdown()


def task_files() -> str:
    """Every key of a task file, the types of columns and the metrics."""
    from submission.taskfile.reference import to_markdown

    return to_markdown()


def listed(what: str) -> str:
    """The rows of `mediaeval ls`."""
    with tempfile.TemporaryDirectory() as folder, working_in(Path(folder)):
        _, lines = run_command(f"mediaeval ls {what} --json")
    rows = json.loads("\n".join(lines))
    return table(list(rows[0]), [row.values() for row in rows])


GENERATED: dict[str, Callable[[], str]] = {
    "problem codes": problem_codes,
    "extractors": lambda: listed("extractors"),
    "presets": lambda: listed("presets"),
    "settings": settings,
    "task files": task_files,
}
