"""Messages to people on stderr: what they look like, and that they last as long as the command."""

import errno
import logging

import pytest
import typer

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
    ],
)
def test_what_a_user_can_put_right_is_a_sentence(capsys, error, status, message):
    def command() -> None:
        raise error

    with messages_on_stderr(), pytest.raises(typer.Exit) as caught:
        report_user_errors(command)()
    assert caught.value.exit_code == status
    assert capsys.readouterr().err.startswith(message)


def test_an_error_of_the_program_is_a_traceback():
    def command() -> None:
        raise OSError(errno.EBADF, "bad file descriptor")

    with pytest.raises(OSError, match="bad file descriptor"):
        report_user_errors(command)()
