"""Command lines parsed without being run: a command, option or make target that does not exist is found."""

import re
import shlex
from collections.abc import Iterator

from tests.docs.blocks import ROOT, Block

_ASSIGNMENT = re.compile(r"^\w+=")
_HARMLESS = {"cd", "cp", "mkdir", "git", "python3", ".", "source", "export"}


def find_problems(block: Block) -> list[str]:
    """Return what does not exist in the commands of a block that is not run, one line a problem."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [
        f"{block.where}: {line}: {problem}"
        for line in lines
        for command in _commands(line.removeprefix("$ "))
        for problem in problems_of(command)
    ]


def _commands(line: str) -> Iterator[list[str]]:
    """The commands of a line, each as words: cut at && and pipes, without comments and variables set before."""
    command: list[str] = []
    for word in [*shlex.split(line, comments=True), "&&"]:
        if word in ("&&", "|", ";"):
            if command:
                yield command
            command = []
        elif command or not _ASSIGNMENT.match(word):
            command.append(word)


def problems_of(words: list[str]) -> Iterator[str]:
    """Yield what is wrong with one command."""
    match words:
        case ["mediaeval", *rest]:
            yield from _mediaeval(rest)
        case ["python", "-m", "submission", *rest]:
            yield from _submission(rest)
        case ["python", "-m", module, *_] if module.startswith(("benchmarks.", "tests.")):
            if not (ROOT / (module.replace(".", "/") + ".py")).is_file():
                yield f"no module {module}"
        case ["make", *targets]:
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            for target in targets:
                if not _ASSIGNMENT.match(target) and not re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE):
                    yield f"no make target {target}"
        case ["pip", "install", *rest] | ["python", "-m", "pip", "install", *rest]:
            yield from _extras(rest)
        case ["python", "-m", "venv", _]:
            pass
        case [name, *_] if name in _HARMLESS:
            pass
        case _:
            yield "not a command that the documents may show"


def _mediaeval(words: list[str]) -> Iterator[str]:
    import typer
    from typer.main import get_command

    from mediaeval.cli import app

    command = get_command(app)
    name, context = "mediaeval", None
    while hasattr(command, "commands"):
        if not words:
            return
        if words[0].startswith("-"):
            break
        if words[0] not in command.commands:
            yield f"no command {words[0]}; known: {', '.join(command.commands)}"
            return
        context = command.context_class(command, info_name=name, parent=context)
        name, *words = words
        command = command.commands[name]
    try:
        command.make_context(name, words, parent=context)
    except typer.Exit:
        pass
    except Exception as error:
        if not hasattr(error, "format_message"):  # a usage error; its class moved from click to typer in 2025
            raise
        yield error.format_message()


def _submission(words: list[str]) -> Iterator[str]:
    import contextlib
    import io

    from submission.__main__ import _parser

    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(told):
        try:
            _parser().parse_args(words)
        except SystemExit as end:
            if end.code:
                yield told.getvalue().strip().splitlines()[-1]


def _extras(words: list[str]) -> Iterator[str]:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for word in words:
        if match := re.search(r"\[(.*)\]", word):
            for extra in match[1].split(","):
                if extra not in project["optional-dependencies"]:
                    yield f"no extra {extra} in pyproject.toml"


def inline_commands(text: str) -> Iterator[str]:
    """Yield what is wrong with the `mediaeval …` written in the running text: commands and options, not values."""
    from typer.main import get_command

    from mediaeval.cli import app

    outside = re.sub(r"^```.*?^```$|<!--.*?-->", "", text, flags=re.DOTALL | re.MULTILINE)
    for span in re.findall(r"`mediaeval ([^`]+)`", outside.replace("\n", " ")):
        command = get_command(app)
        words = span.replace("|", " | ").split()
        while words and hasattr(command, "commands") and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        if hasattr(command, "commands") and words and not words[0].startswith("-") and not words[0].isupper():
            yield f"`mediaeval {span}`: no command {words[0]}"
            continue
        known = {"--help"} | {o for p in command.params for o in [*p.opts, *p.secondary_opts]}
        for option in re.findall(r"(?<![\w-])--[\w-]+", span):
            if option not in known:
                yield f"`mediaeval {span}`: no option {option}"
