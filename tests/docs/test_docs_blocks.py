"""What the documents show is what the commands print; what they only mention exists."""

import pytest

from mediaeval.config import load_config
from mediaeval.tasks import decide_task
from tests.docs.blocks import (
    ROOT,
    Block,
    difference,
    documents,
    read_blocks,
    recorded,
    run_documents,
    same_line,
    steps_of,
)
from tests.docs.commands import find_problems, inline_commands
from tests.docs.generated import filled

DOCUMENTS = [pytest.param(path, id=str(path.relative_to(ROOT))) for path in documents()]
LANGUAGES = {"console", "toml", "python", "text", "csv", "yaml", "run"}


@pytest.mark.integration
@pytest.mark.parametrize("slow", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["quick", "slow"])
def test_the_documents_show_what_the_commands_print(tmp_path, slow):
    """One test, since the guides go on in the folder that README.md's commands have filled."""
    wrong = [
        f"{outcome.where}: $ {outcome.step.command}\n{problem}"
        for outcome in run_documents(documents(), tmp_path, slow=slow)
        if (problem := outcome.problem or difference(outcome.step.shown, outcome.printed))
    ]
    assert not wrong, "\n\n".join(wrong) + "\n\nIf this is meant: make docs"


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_block_is_of_a_known_kind(path):
    for block in read_blocks(path):
        assert block.language in LANGUAGES, f"{block.where}: {block.language!r}"
        options = {option.partition("=")[0] for option in block.options}
        assert options <= {"not-run", "slow", "shared", "exit", "file"}, block.where
        if block.language == "console":
            assert steps_of(block), f"{block.where}: no command"


@pytest.mark.parametrize("path", DOCUMENTS)
def test_commands_that_are_not_run_exist_with_their_options(path):
    blocks = [block for block in read_blocks(path) if block.language == "console" and "not-run" in block.options]
    assert [problem for block in blocks for problem in find_problems(block)] == []
    assert list(inline_commands(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", DOCUMENTS)
def test_settings_that_are_shown_are_accepted(path, tmp_path):
    for number, block in enumerate(read_blocks(path)):
        if block.language == "toml" and not block.option("file"):  # those are loaded by the commands
            file = tmp_path / f"{number}.toml"
            file.write_text(block.text, encoding="utf-8")
            assert load_config(file, task=decide_task(settings=file)).subtasks


def test_python_blocks_that_are_not_run_are_python():
    for path in documents():
        for block in read_blocks(path):
            if block.language == "python":
                assert compile(block.text, block.where, "exec").co_filename == block.where


@pytest.mark.parametrize("path", DOCUMENTS)
def test_generated_parts_are_up_to_date(path):
    text = path.read_text(encoding="utf-8")
    assert filled(text) == text, "run: make docs"


# ---- the reader of blocks itself


def _blocks(tmp_path, text: str) -> list[Block]:
    (tmp_path / "a.md").write_text(text, encoding="utf-8")
    return read_blocks(tmp_path / "a.md")


def test_a_document_is_cut_into_blocks_and_commands(tmp_path):
    text = "# A\n\n<!-- run\ntouch x\n-->\n\n```console exit=1\n$ one \\\n    --more\nout\n$ two\n```\n"
    hidden, block = _blocks(tmp_path, text)
    assert (hidden.language, hidden.text) == ("run", "touch x\n")
    assert (block.line, block.option("exit")) == (8, "1")
    assert [(step.line, step.command, step.shown) for step in steps_of(block)] == [
        (8, "one \\\n    --more", ("out",)),
        (11, "two", ()),
    ]


def test_a_command_that_fails_unannounced_or_prints_something_else_is_found(tmp_path):
    text = "```console\n$ echo a; exit 3\na\n$ echo 0.1234\n0.1239\n$ echo b\nc\n```\n"
    _blocks(tmp_path, text)
    failed, close, other = run_documents([tmp_path / "a.md"], tmp_path, slow=False)
    assert failed.problem == "exit status: got 3; expected 0"
    assert difference(close.step.shown, close.printed) == ""
    assert "-c\n+b" in difference(other.step.shown, other.printed)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("F1 0.731 on 80", "F1 0.7318 on 80", True),
        ("F1 0.731 on 80", "F1 0.733 on 80", False),
        ("F1 0.731 on 80", "F1 0.731 on 81", False),
        ("took 3.1 s", "took 12 s", True),
        (f"sha256 {'a' * 64}", f"sha256 {'b' * 64}", True),
        (" a   b\n ────", "a b\n ──", True),
    ],
)
def test_digests_durations_blanks_and_small_differences_do_not_count(shown, printed, same):
    assert same_line(shown, printed) is same


@pytest.mark.parametrize(
    ("shown", "agrees"),
    [
        (["a", "b", "c", "d"], True),
        (["a", "…", "d"], True),
        (["…", "d"], True),
        (["a", "…"], True),
        (["…", "b", "…"], True),
        (["a", "b", "…", "c", "d"], False),  # nothing is left out
        (["…", "c"], False),  # d is, after the end
        (["b", "…"], False),
        (["a", "…", "e"], False),
        (["a", "b"], False),
    ],
)
def test_an_omission_stands_for_at_least_one_line(shown, agrees):
    assert (difference(shown, ["a", "b", "c", "d"]) == "") is agrees


def test_recording_keeps_the_omissions():
    printed = ["total 9", "label one", "label two", "label three", "end"]
    assert recorded(["total 8", "…", "lable two", "…", "end"], printed) == ["total 9", "…", "label two", "…", "end"]
    assert recorded([], printed) == printed
    assert difference(recorded(["x", "…"], printed), printed) == ""


@pytest.mark.parametrize(
    "command",
    [
        "mediaeval trian all",
        "mediaeval train all --dtaa devset",
        "python -m submission check run.csv --ides testset.csv",
        "python -m benchmarks.nothing",
        "make everything",
        "pip install '.[quick]'",
        "curl example.org",
    ],
)
def test_a_command_that_does_not_exist_is_found(tmp_path, command):
    (block,) = _blocks(tmp_path, f"```console not-run\n$ {command}\n```\n")
    assert len(find_problems(block)) == 1


def test_commands_in_running_text_are_looked_up():
    assert list(inline_commands("Use `mediaeval train all\n--data X` or `mediaeval ls tasks|runs`.")) == []
    assert len(list(inline_commands("`mediaeval tarin`, `mediaeval train --dat`"))) == 2
