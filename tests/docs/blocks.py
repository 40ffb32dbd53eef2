"""The code blocks of the documents: read, run, compared with what is printed, and recorded anew.

A block's first line says what it is:

    ```console            `$ ` lines are run in order, the other lines are what they print at a terminal of 100 columns
    ```console exit=1     the last command of the block ends with this exit status; its stderr is shown after its stdout
    ```console slow       run only by `make test-slow`
    ```console shared     needs the images and weights of ../shared/data (here: data/); left out where they are absent
    ```console not-run    an install, a download, data that nobody has: parsed against the command line only
    ```toml               a mediaeval.toml; `toml file=NAME` also writes it to the folder that the commands run in
    ```python             run; a ```text block right below it is what it prints; `python file=NAME` writes a module for
                          later blocks to import, `python not-run` is compiled only
    ```text, ```csv       an excerpt of a file: neither run nor compared

A line `…` stands for one or more lines that are left out. A comment `<!-- run` … `-->` holds shell commands that
prepare files for the next block, unseen by the reader. Digests and durations are not compared, decimals to 0.001.

`tests.docs.record` writes what the commands print now into the documents.
"""

import contextlib
import difflib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
COLUMNS = 100
OMITTED = "…"

_FENCE = re.compile(r"^```(\S*)[ \t]*([^\n]*)\n(.*?)^```$|^<!-- (run)\n(.*?)^-->$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One code block of a document; `start` and `end` are where its text stands in the document."""

    document: Path
    line: int  # of its first line of text
    language: str  # console, toml, …; `run` for commands that the reader does not see
    options: tuple[str, ...]
    text: str
    start: int
    end: int

    @property
    def where(self) -> str:
        return f"{os.path.relpath(self.document, ROOT)}:{self.line}"

    def option(self, name: str) -> str | None:
        """Return the value of `name=value` on the block's first line; None without one."""
        return next((text.partition("=")[2] for text in self.options if text.startswith(f"{name}=")), None)


@dataclass(frozen=True)
class Step:
    """One command of a console block and the lines shown below it."""

    line: int
    command: str  # without `$ `; several lines where they end in a backslash
    shown: tuple[str, ...]


def documents() -> list[Path]:
    """Return README.md and the guides, in the order in which their commands are run in one folder."""
    guides = ["participant.md", "organiser.md", "troubleshooting.md", "papers.md", "benchmarks.md", "api.md"]
    rest = sorted((ROOT / "docs").glob("*.md"))
    first = [ROOT / "docs" / name for name in guides if (ROOT / "docs" / name).is_file()]
    return [ROOT / "README.md", *first, *(path for path in rest if path not in first), ROOT / "CONTRIBUTING.md"]


def read_blocks(document: Path) -> list[Block]:
    """Return the code blocks of a document in their order."""
    text = document.read_text(encoding="utf-8")
    blocks = []
    for match in _FENCE.finditer(text):
        language, options, body = match.group(1, 2, 3) if match[4] is None else (match[4], "", match[5])
        start, end = match.span(3 if match[4] is None else 5)
        line = text.count("\n", 0, start) + 1
        blocks.append(Block(document, line, language, tuple(options.split()), body, start, end))
    return blocks


def steps_of(block: Block) -> list[Step]:
    """Return the commands of a console block, each with the lines shown below it."""
    steps: list[Step] = []
    lines = iter(enumerate(block.text.splitlines(), block.line))
    for number, line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command += "\n" + next(lines)[1]
            steps.append(Step(number, command, ()))
        elif steps:
            steps[-1] = replace(steps[-1], shown=(*steps[-1].shown, line))
        elif line.strip():
            raise ValueError(f"{block.document}:{number}: got {line!r}; expected a line that begins with `$ `")
    return steps


# ---- running


class _Terminal(io.StringIO):
    """A stream that says it is a terminal, so that tables are printed as people see them."""

    def isatty(self) -> bool:
        return True


@contextlib.contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Run commands in `folder`, as at a plain terminal of 100 columns, with weights of its own and no network."""
    environment = {
        "COLUMNS": str(COLUMNS),
        "NO_COLOR": "1",
        "TERM": "xterm",
        "PYTHONPATH": str(ROOT),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "MEDIAEVAL_WEIGHTS": str(folder / ".cache/mediaeval/weights"),
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",  # what is shown was computed on a processor
    }
    from mediaeval.classifiers import CLASSIFIERS
    from mediaeval.features.kinds import KINDS

    with (
        mock.patch.dict(os.environ, environment),
        contextlib.chdir(folder),
        mock.patch.object(sys, "path", [str(folder), *sys.path]),
        mock.patch.dict(CLASSIFIERS),  # CONTRIBUTING.md adds to the tables
        mock.patch.dict(KINDS),
    ):
        yield


_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")  # bold is left where colours are off


def run_command(command: str) -> tuple[int, list[str]]:
    """Run one command in this folder; return its exit status and what it printed, stderr only where it failed.

    `mediaeval` runs in this process, which spares the imports; whatever else in a shell.
    """
    words = shlex.split(command.replace("\\\n", " "), comments=True)
    if words[0] == "mediaeval" and not {"|", "&&", ">", "<"} & set(words):
        status, out, err = _run_here(words[1:])
    else:
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, encoding="utf-8")
        status, out, err = done.returncode, done.stdout, done.stderr
    text = _ESCAPES.sub("", out + (err if status else "")).replace(str(Path.cwd()), "~")
    return status, [line.rstrip() for line in text.splitlines()]


def _run_here(words: Sequence[str]) -> tuple[int, str, str]:
    from mediaeval.cli import app

    out, err = _Terminal(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["mediaeval", *words]),
    ):
        try:
            app(list(words))
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0
    return status, out.getvalue(), err.getvalue()


def run_python(block: Block, names: dict) -> list[str]:
    """Run a Python block with the names of the document's earlier ones; return what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile("\n" * (block.line - 1) + block.text, block.document, "exec"), names)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@dataclass(frozen=True)
class Outcome:
    """What a shown piece of output is compared with."""

    block: Block
    step: Step
    printed: list[str]
    problem: str = ""

    @property
    def where(self) -> str:
        return f"{os.path.relpath(self.block.document, ROOT)}:{self.step.line}"


def run_documents(paths: Sequence[Path], folder: Path, *, slow: bool) -> list[Outcome]:
    """Run the blocks of documents in their order in one folder. A problem ends neither the block nor the document."""
    left_out = {"not-run"} | (set() if slow else {"slow"}) | (set() if SHARED.is_dir() else {"shared"})
    with working_in(folder):
        if SHARED.is_dir():
            (folder / "data").symlink_to(SHARED)
        return [outcome for path in paths for outcome in _run_document(path, folder, left_out)]


def _run_document(path: Path, folder: Path, left_out: set[str]) -> Iterator[Outcome]:
    names: dict = {}
    printed: list[str] | None = None  # by the Python block right above
    for block in read_blocks(path):
        above, printed = printed, None
        if left_out.intersection(block.options):
            continue
        if block.language == "run":
            subprocess.run(["bash", "-e", "-c", block.text], check=True, capture_output=True)
        elif name := block.option("file"):
            (folder / name).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            printed = run_python(block, names)
        elif block.language == "text" and above is not None:
            yield Outcome(block, Step(block.line, "", tuple(block.text.splitlines())), above)
        elif block.language == "console":
            yield from _run_console(block)


def _run_console(block: Block) -> Iterator[Outcome]:
    steps = steps_of(block)
    expected = int(block.option("exit") or 0)
    for step in steps:
        status, printed = run_command(step.command)
        wanted = expected if step is steps[-1] else 0
        problem = f"exit status: got {status}; expected {wanted}" if status != wanted else ""
        yield Outcome(block, step, printed, problem)


# ---- comparing


_MASKS = [
    (re.compile(r"(?<![\w-])([0-9a-f]{64}|[0-9a-f]{12})(?![\w-])"), "DIGEST"),  # whole or cut; not the end of a UUID
    (re.compile(r"\b\d+(\.\d+)? ?(ms|s|seconds|minutes|hours)\b"), "DURATION"),
    (re.compile(r"─+"), "─"),
    (re.compile(r"\s+"), " "),
]
_DECIMAL = re.compile(r"(\d+\.\d+)")


def same_line(shown: str, printed: str) -> bool:
    """Tell whether two lines agree: digests, durations and blanks aside, decimals to 0.001."""
    for pattern, mask in _MASKS:
        shown, printed = pattern.sub(mask, shown), pattern.sub(mask, printed)
    ours, theirs = _DECIMAL.split(shown.strip()), _DECIMAL.split(printed.strip())
    return len(ours) == len(theirs) and all(
        abs(float(a) - float(b)) <= 0.001 + 1e-9 if k % 2 else a == b
        for k, (a, b) in enumerate(zip(ours, theirs, strict=True))
    )


def difference(shown: Sequence[str], printed: Sequence[str]) -> str:
    """Return how the shown lines differ from the printed ones, as a diff; empty when they agree."""
    pieces = _pieces([line for line in shown if line.strip()])
    lines = [line for line in printed if line.strip()]
    at = 0
    for number, piece in enumerate(pieces):
        starts = range(at, len(lines) - len(piece) + 1)
        if number == 0:
            starts = starts[:1]
        else:
            starts = starts[1:]  # an omission stands for at least one line
        if number == len(pieces) - 1:
            starts = starts[-1:] if number else starts
            starts = [start for start in starts if start + len(piece) == len(lines)]
        found = next((s for s in starts if all(map(same_line, piece, lines[s : s + len(piece)]))), None)
        if found is None:
            return "\n".join(difflib.unified_diff(list(shown), list(printed), "shown", "printed", lineterm=""))
        at = found + len(piece)
    return ""


def _pieces(lines: Sequence[str]) -> list[list[str]]:
    """Cut lines where some are left out."""
    pieces: list[list[str]] = [[]]
    for line in lines:
        if line.strip() == OMITTED:
            pieces.append([])
        else:
            pieces[-1].append(line)
    return pieces


# ---- recording


def recorded(shown: Sequence[str], printed: Sequence[str]) -> list[str]:
    """Return the printed lines with the omissions of the shown ones.

    The piece before the first `…` keeps its number of lines from the start, the piece after the last one from the end;
    one in between goes where the printed lines are most like it.
    """
    pieces = _pieces(shown)
    if len(pieces) == 1:
        return list(printed)
    head, *middle, tail = pieces
    result, at = list(printed[: len(head)]), len(head)
    for piece in middle:
        starts = range(at, max(at, len(printed) - len(tail) - len(piece)) + 1)
        at = max(starts, key=lambda s: _likeness(piece, printed[s : s + len(piece)]))
        result += [OMITTED, *printed[at : at + len(piece)]]
        at += len(piece)
    return [*result, OMITTED, *printed[len(printed) - len(tail) :]]


def _likeness(piece: Sequence[str], lines: Sequence[str]) -> float:
    return difflib.SequenceMatcher(None, "\n".join(piece), "\n".join(lines)).ratio()
