"""Task files: a task as data, in TOML, so that whoever has read the organisers' page writes it in minutes.

keys.py       every key with its type, default and meaning; types.py: what values they may have
sections.py   the form of a file, checked against these; lines.py: on which line a key is
columns.py, rules.py, subtasks.py, layout.py   what is described, and what contradicts itself in it
build.py      the task from these
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from submission.task import Task
from submission.taskfile.problems import Problems, TaskFileError
from submission.toml_file import Limits, NotTomlError, TomlError, parse_toml, read_text
from submission.wording import nearest, quoted

__all__ = ["TaskFileError", "load_task", "parse_task", "read_task", "task_names", "task_path"]

LIMITS = Limits(most_bytes=2**20, most_dots=2000, file="a task file", key="task")  # 20,000 items of a set fit
_REMEDIES = (
    ("Invalid value", "Put text in quotes; true and false are written in small letters, lists in [ ]."),
    ("Cannot overwrite a value", "The key is there already: remove one of the two."),
    ("twice", "Write [[…]] above each of several tables of one name, such as [[columns]]."),
    ("Cannot mutate", "Write [[…]] above each of several tables of one name, such as [[columns]]."),
    ("after a key", "Write key = value; a key with blanks or other signs goes into quotes."),
    ("after a statement", "Write each key on a line of its own, and lists with commas between the items."),
    ("Illegal character", "Close the quotes on the same line."),
    ("Unterminated string", "Close the quotes."),
    ("Unclosed array", "Close the list with ], and write commas between its items."),
    ("Unescaped", "Within quotes, write \\ for a backslash, or use single quotes."),
)
_SHIPPED = Path(__file__).parents[1] / "tasks"


def load_task(name_or_path: str | Path) -> Task:
    """Return a task that comes with the package, by name, or that of a task file.

    Raises TaskFileError for an unknown name, and with everything that is wrong with the file, each with its line.
    """
    path = task_path(name_or_path)
    return _shipped(path) if path.parent == _SHIPPED else read_task(path)


def task_names() -> tuple[str, ...]:
    """Return the names of the tasks that come with the package, in order."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.toml")))


def task_path(name_or_path: str | Path) -> Path:
    """Return the task file of a name, or the path itself. Raises TaskFileError for an unknown name."""
    text = str(name_or_path)
    names = task_names()
    if _plain(text) in names:
        return _SHIPPED / f"{_plain(text)}.toml"
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text or "\\" in text:
        return Path(name_or_path)
    known = ", ".join(names)
    raise TaskFileError(
        f"unknown task {quoted(text)}.{nearest(text, names)} Known: {known}. Or give the path of a task file, *.toml."
    )


def read_task(path: Path) -> Task:
    """Return the task of a task file. Raises TaskFileError with everything that is wrong with it."""
    try:
        text = read_text(path, LIMITS)
    except TomlError as error:
        raise TaskFileError(*error.problems, lines=[error.line] * len(error.problems)) from None
    return parse_task(text, f"{path}")


def parse_task(text: str, source: str) -> Task:
    """Return the task that the text of a task file describes; `source`: where it is from, for messages.

    Raises TaskFileError with everything that is wrong with it, each with its line and what to do.
    """
    from submission.taskfile.build import build_task

    try:
        tree = parse_toml(text, source, LIMITS)
    except NotTomlError as error:
        place = f"{source}:{error.line}" if error.line else source
        sentence = f"{place}: is not TOML: {error.reason}. {_remedy(error.reason)}"
        raise TaskFileError(sentence, lines=[error.line]) from None
    except TomlError as error:
        raise TaskFileError(*error.problems, lines=[error.line] * len(error.problems)) from None
    problems = Problems()
    task = build_task(tree, problems)
    problems.raise_any(text, source)
    assert task, "a task file without problems gave no task"
    return task.read_from(text)


def _remedy(reason: str) -> str:
    """Return what to do about text that is no TOML; `reason`: of Python's reader."""
    return next((remedy for words, remedy in _REMEDIES if words in reason), "Correct this line.")


@cache
def _shipped(path: Path) -> Task:
    return read_task(path)


def _plain(name: str) -> str:
    """Return a name without the signs that people put between its words: `visual-sentiment-2021` is one of ours."""
    return name.lower().replace("-", "").replace("_", "")
