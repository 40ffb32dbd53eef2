"""Messages to people on stderr: what they look like, and that they last as long as the command."""

import errno
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mediaeval.cli import app
from mediaeval.cli.messages import messages_on_stderr, report_user_errors
from mediaeval.errors import ConfigError, DatasetError

logger = logging.getLogger("mediaeval.somewhere")


def test_messages_are_plain_lines_and_warnings_say_so(capsys):
    long = "a/" * 200 + "[bold]photo:smile:_1[/bold].jpg"
    with messages_on_stderr():
        logger.info("reading %s", long)
        logger.warning("2 images are damaged")
        logger.error("nothing is left")
        logger.debug("for developers")
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"reading {long}\nwarning: 2 images are damaged\nnothing is left\n"


def test_messages_end_with_the_command(run, workdir, capsys):
    run("ls", "tasks")
    logger.info("nobody is listening")
    assert not logging.getLogger("mediaeval").handlers
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ConfigError("seed: got -1; expected 0 or more"), 1, "seed: got -1; expected 0 or more\n"),
        (DatasetError("a.jpg is damaged", "b.jpg is absent"), 1, "a.jpg is damaged\nb.jpg is absent\n"),
        (KeyboardInterrupt(), 130, "Interrupted. Finished work is kept, and no file is left incomplete.\n"),
        (
            OSError(errno.ENOSPC, "", "runs/a"),
            1,
            "runs/a: No space left on device. No file is left incomplete; correct",
        ),
        (PermissionError(errno.EACCES, "", "/x"), 1, "/x: Permission denied."),
        (OSError(errno.EIO, "", "a.jpg"), 1, "a.jpg: Input/output error. No file is left incomplete; correct"),
        (OSError(errno.EMFILE, ""), 1, "Too many open files. No file"),
        (OSError("a library's own"), 1, "a library's own. No file"),
        (MemoryError("8 TiB"), 1, "The memory is not enough (8 TiB). No file is left incomplete; use smaller batches"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), 1, "The memory is not enough (DefaultCPU"),
        (RecursionError(), 1, "Something that was read is nested too deeply."),
        (UnicodeEncodeError("ascii", "é", 0, 1, "not in range"), 1, "Text cannot be written or read in its encoding"),
    ],
)
def test_what_a_user_can_put_right_is_a_sentence(capsys, error, status, message):
    def command() -> None:
        raise error

    with messages_on_stderr(), pytest.raises(typer.Exit) as caught:
        report_user_errors(command)()
    assert caught.value.exit_code == status
    assert capsys.readouterr().err.startswith(message)


@pytest.mark.parametrize("error", [KeyError("a"), ValueError("a"), RuntimeError("size mismatch"), AssertionError("a")])
def test_an_error_of_the_program_is_a_traceback(error):
    def command() -> None:
        raise error

    with pytest.raises(type(error)):
        report_user_errors(command)()


def test_other_peoples_text_cannot_move_the_cursor_and_is_cut(capsys):
    with messages_on_stderr():
        logger.warning("a\x1b[2J\u202eb\n" + "x" * 10_000)
    assert capsys.readouterr().err == "warning: a\\x1b[2J\\u202eb\n" + "x" * 1999 + "…\n"


@pytest.mark.parametrize(
    "arguments",
    [["--\x1b[2J"], ["\x1b[2J"], ["ls", "--\x1b[2J"], ["ls", "\x1b[2J"], ["train", "subtask1", "--use", "\x1b[2J"]],
)
def test_arguments_are_repeated_without_what_they_do_to_a_terminal(workdir, arguments):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code in (1, 2)
    assert "\x1b" not in result.output and "x1b[2J" in result.output


def test_letters_that_the_output_cannot_show_and_a_full_disk_are_no_tracebacks(workdir):
    (workdir / "é\u202e.toml").write_text("x = 1")
    program = [sys.executable, "-m", "mediaeval", "features", "photos", "--config", "é\u202e.toml"]
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = subprocess.run(program, env=ascii_only, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "\\xe9\\u202e.toml: unknown key 'x'" in done.stderr and not done.stdout
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            program = [sys.executable, "-m", "mediaeval", "ls", "tasks"]
            done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr == "No space left on device. No file is left incomplete; correct this and try again.\n"
