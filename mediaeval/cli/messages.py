"""Messages to people: what the package logs is printed on stderr while a command runs; stdout is for results."""

import contextlib
import functools
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from mediaeval.errors import first_line, is_gpu_lost, is_out_of_memory
from submission.errors import UserError
from submission.reading import NotRegularFileError
from submission.wording import shown

logger = logging.getLogger(__name__)

KEPT = "No file is left incomplete"  # each is written whole or not at all


class MessageHandler(logging.Handler):
    """Prints a record as a plain sentence, a warning with `warning: ` before it.

    Nothing is read as markup and nothing is wrapped: an id can be copied from the screen. What could move the cursor is
    escaped, and long lines are cut. The console is that of the progress bar, which stays below the messages, and looks
    sys.stderr up for each of them.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record; an error in writing is raised, as print would."""
        from rich.text import Text

        from mediaeval.progress import STDERR

        prefix = "warning: " if record.levelno == logging.WARNING else ""
        STDERR.print(Text(prefix + shown(self.format(record))), soft_wrap=True)


@contextlib.contextmanager
def messages_on_stderr() -> Iterator[None]:
    """Within, what `mediaeval` logs is printed on stderr, from level INFO on."""
    logger, handler = logging.getLogger("mediaeval"), MessageHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def report_user_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return `command` with errors that a user can put right as messages and exit status 1, never as a traceback."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return _flushed(command, *arguments, **options)
        except UserError as error:
            logger.error(error)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            logger.error("Interrupted. Finished work is kept, and no file is left incomplete.")
            raise typer.Exit(130) from None
        except BrokenPipeError:  # `mediaeval … | head`
            _drop_failing_output()
            raise typer.Exit(141) from None
        except Exception as error:
            if not (sentence := _of_the_machine(error)):
                raise
            _drop_failing_output()
            logger.error(sentence)
            raise typer.Exit(1) from None

    return run


def escape_unencodable_output() -> None:
    """Make letters that stdout or stderr cannot encode, as in the C locale, escapes; give a closed stdout a place."""
    if sys.stdout is None:  # closed by `>&-`
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open until the program ends
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flushed(command: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a command and write out its results, so that a full disk is found while it can be reported."""
    try:
        return command(*arguments, **options)
    finally:
        sys.stdout.flush()


def _drop_failing_output() -> None:
    """Send what stdout still holds nowhere, if it cannot be written: Python would try again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _of_the_machine(error: Exception) -> str:
    """Return a sentence for what the disk, the memory or the terminal could not do; nothing for an error of ours."""
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        what = error.strerror or first_line(error)
        if error.errno and not isinstance(error, NotRegularFileError):  # which says more than its number
            what = os.strerror(error.errno)
        return f"{where}{what.rstrip('.')}. {KEPT}; correct this and try again."
    if is_out_of_memory(error):
        return (
            f"The memory is not enough ({first_line(error)}). {KEPT}; use smaller batches or images, or fewer of them."
        )
    if is_gpu_lost(error):
        return (
            f"The GPU failed or was taken away ({first_line(error)}). {KEPT}; see that nvidia-smi lists it and try "
            "again, or pass --device cpu."
        )
    if isinstance(error, RecursionError):
        return f"Something that was read is nested too deeply. {KEPT}; give a file of the expected form."
    if isinstance(error, UnicodeError):
        return f"Text cannot be written or read in its encoding ({first_line(error)}). {KEPT}; use UTF-8."
    return ""
