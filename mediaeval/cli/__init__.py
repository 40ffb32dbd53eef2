"""The command line: `mediaeval COMMAND`, a small file each.

Heavy libraries are imported inside the commands, so that `--help` comes at once.
"""

from typing import Annotated

import typer

from mediaeval.cli import (
    check,
    compare,
    diff,
    ensemble,
    errors,
    experiment,
    explain,
    features,
    history,
    inspect,
    ls,
    notes,
    organise,
    pack,
    predict,
    pretrain,
    probe,
    repair,
    report,
    reproduce,
    sample,
    score,
    split,
    submit,
    task,
    thresholds,
    train,
    tune,
    weights,
)
from mediaeval.cli.groups import ReportingGroup, add_command
from mediaeval.cli.messages import escape_unencodable_output, messages_on_stderr

app = typer.Typer(
    name="mediaeval",
    cls=ReportingGroup,
    help="From images to a run file that is proved to contain what the models predicted.",
    epilog="Example: mediaeval train subtask1",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(given: bool) -> None:
    if given:
        from importlib.metadata import version

        print(f"mediaeval {version('mediaeval')}")
        raise typer.Exit


@app.callback()
def prepare(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Until the command ends, print messages on stderr, and try to fetch each weight file once."""
    from mediaeval.weights.fetch import each_file_tried_once

    context.with_resource(messages_on_stderr())
    context.with_resource(each_file_tried_once())


# in the order of the work; each has a `command`, or an `app` with sub-commands
COMMANDS = (
    sample,
    inspect,
    split,
    features,
    train,
    errors,
    report,
    predict,
    submit,
    check,
    repair,
    pack,
    score,
    organise,
    reproduce,
    diff,
    compare,
    ensemble,
    thresholds,
    tune,
    probe,
    explain,
    notes,
    history,
    experiment,
    pretrain,
    weights,
    task,
    ls,
)
for module in COMMANDS:
    name = module.__name__.rpartition(".")[2]
    if hasattr(module, "app"):
        app.add_typer(module.app, name=name)
    else:
        add_command(app, name, module)


def main() -> None:
    """Run the command line."""
    escape_unencodable_output()
    app()
