"""The command line: `mediaeval COMMAND`, a small file each.

Heavy libraries are imported inside the commands, so that `--help` comes at once.
"""

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
from mediaeval.cli.messages import messages_on_stderr, report_user_errors

app = typer.Typer(
    name="mediaeval",
    help="From photographs to a run file that is proved to say what the models predicted.",
    epilog="Example: mediaeval train subtask1",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def prepare(context: typer.Context) -> None:
    """Print messages on stderr until the command ends."""
    context.with_resource(messages_on_stderr())


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
    app.command(name, epilog=module.EXAMPLE, no_args_is_help=module.NEEDS_ARGUMENTS)(report_user_errors(module.command))


def main() -> None:
    """Run the command line."""
    app()
