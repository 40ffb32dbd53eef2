"""Ten expressions of an English of our own, which strangers did not understand, occur nowhere that people read."""

import ast
import re
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from tests.docs.blocks import ROOT
from tests.docs.test_docs_links import PAGES

EXPRESSIONS = [
    r"\bcame\b[^.]*; wanted\b",
    r"\bis told\b",
    r"\bis said\b",
    r"\bis wanted\b",
    r"\bsaying the same of every image\b",
    r"\bheld against\b",
    r"\bthat would do\b",
    r"\bthe first so many\b",
    r"\bwhatever befell\b",
    r"\bseed 00\d\b",
]
SOURCES = [path for room in ("mediaeval", "submission", "benchmarks") for path in sorted((ROOT / room).rglob("*.py"))]


def found_in(text: str) -> list[str]:
    """The expressions that occur in a text, wherever its lines are broken."""
    flat = " ".join(text.split())
    return [match[0] for expression in EXPRESSIONS for match in re.finditer(expression, flat)]


def texts_of(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every string of a source file, docstrings among them; `…` stands for what is put in."""
    parts = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts |= {id(value) for value in node.values}
            pieces = (value.value if isinstance(value, ast.Constant) else "…" for value in node.values)
            yield node.lineno, "".join(pieces)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.lineno, node.value


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_documents_have_none_of_them(page):
    assert found_in(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_messages_and_docstrings_have_none_of_them(path):
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {found}"
        for line, text in texts_of(path.read_text(encoding="utf-8"))
        for found in found_in(text)
    ]
    assert wrong == []


def help_texts() -> Iterator[str]:
    """The help of every command and sub-command."""
    from typer.main import get_command

    from mediaeval.cli import app

    def walk(command, words: list[str]) -> Iterator[list[str]]:
        yield words
        for name, below in getattr(command, "commands", {}).items():
            yield from walk(below, [*words, name])

    for words in walk(get_command(app), []):
        yield CliRunner().invoke(app, [*words, "--help"]).stdout


def test_helps_have_none_of_them():
    assert [found for text in help_texts() for found in found_in(text)] == []


def test_the_checker_of_run_files_has_none_of_them_in_its_help(capsys):
    from submission.__main__ import main

    for words in (["--help"], ["check", "--help"], ["score", "--help"]):
        with pytest.raises(SystemExit):
            main(words)
    assert found_in(capsys.readouterr().out) == []


def test_expressions_are_found_across_lines_and_what_is_put_in():
    source = (
        'f"came {x}; wanted {y}"\ndef f():\n    """It is\n    told."""\n    return "held " "against b (seed 003)"\n'
    )
    assert [found for _, text in texts_of(source) for found in found_in(text)] == [
        "came …; wanted",
        "is told",
        "held against",
        "seed 003",
    ]
