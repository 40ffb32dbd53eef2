"""Messages to people: what the package logs is printed on stderr while a command runs; stdout is for results."""

import contextlib
import errno
import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import typer

from submission.errors import UserError

logger = logging.getLogger(__name__)

# of a disk or its rights; EEXIST, ENOTDIR and EISDIR: a file where a folder is expected, or the other way round
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM, errno.EFBIG}
DISK_ERRORS |= {errno.EEXIST, errno.ENOTDIR, errno.EISDIR}


class MessageHandler(logging.Handler):
    """Prints a record as a plain sentence, a warning with `warning: ` before it.

    Nothing is read as markup and nothing is wrapped: an id can be copied from the screen. The console is that of the
    progress bar, which stays below the messages, and looks sys.stderr up for each of them.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record; an error in writing is raised, as print would."""
        from rich.text import Text

        from mediaeval.progress import STDERR

        prefix = "warning: " if record.levelno == logging.WARNING else ""
        STDERR.print(Text(prefix + self.format(record)), soft_wrap=True)


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
            return command(*arguments, **options)
        except UserError as error:
            logger.error(error)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            logger.error("Interrupted. Finished work is kept, and no file is left incomplete.")
            raise typer.Exit(130) from None
        except BrokenPipeError:  # `mediaeval … | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(141) from None
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise
            where = f"{error.filename}: " if error.filename else ""
            logger.error(f"{where}{os.strerror(error.errno)}. No file is left incomplete; correct this and try again.")
            raise typer.Exit(1) from None

    return run
