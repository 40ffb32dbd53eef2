"""The command line: `mediaeval COMMAND`, a small file each.

Heavy libraries are imported inside the commands, so that `--help` comes at once.
"""

import errno
import functools
import os
import sys

import typer

from mediaeval.cli import (
    check,
    compare,
    diff,
    ensemble,
    experiment,
    explain,
    features,
    inspect,
    ls,
    predict,
    pretrain,
    probe,
    reproduce,
    sample,
    score,
    split,
    submit,
    train,
    weights,
)
from submission.errors import UserError

app = typer.Typer(
    name="mediaeval",
    help="From photographs to a run file that is proved to say what the models predicted.",
    epilog="Example: mediaeval train subtask1",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _told(command):
    """Return `command` with a user's errors told on stderr, exit status 1, never as a traceback."""

    @functools.wraps(command)
    def run(*arguments, **options):
        try:
            return command(*arguments, **options)
        except UserError as error:
            print(error, file=sys.stderr)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            print("Interrupted. What was finished is kept, and nothing is half written.", file=sys.stderr)
            raise typer.Exit(130) from None
        except BrokenPipeError:  # `mediaeval … | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(141) from None
        except OSError as error:
            if error.errno not in _DISK:
                raise
            where = f"{error.filename}: " if error.filename else ""
            print(
                f"{where}{os.strerror(error.errno)}. Nothing is half written: mend that and start again.",
                file=sys.stderr,
            )
            raise typer.Exit(1) from None

    return run


_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM, errno.EFBIG}
_DISK |= {errno.EEXIST, errno.ENOTDIR, errno.EISDIR}  # a file where a folder is wanted, or the other way round

# in the order of the work
COMMANDS = (
    sample,
    inspect,
    split,
    features,
    train,
    predict,
    submit,
    check,
    score,
    reproduce,
    diff,
    compare,
    ensemble,
    probe,
    explain,
    experiment,
    pretrain,
    weights,
    ls,
)
for module in COMMANDS:
    name = module.__name__.rpartition(".")[2]
    app.command(name, epilog=module.EXAMPLE, no_args_is_help=module.NEEDS_ARGUMENTS)(_told(module.command))


def main() -> None:
    """Run the command line."""
    app()
