"""Groups of commands: `mediaeval` itself, and commands with sub-commands such as `mediaeval weights fetch`."""

import contextlib
import logging
import shlex
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from mediaeval.cli.messages import report_user_errors
from mediaeval.errors import ConfigError, choose
from submission.wording import shown

logger = logging.getLogger(__name__)

_UsageError: Any = typer.BadParameter.__base__  # of all that is wrong with arguments; typer has no public name for it
# `context: Any` below: typer has no public name for the type of the context that these methods are given


class Command(TyperCommand):
    """A command, whose help shows no type for options that take no value."""

    def get_params(self, context: Any) -> list[Any]:
        """Return options and arguments."""
        return _without_flag_types(super().get_params(context))


class Group(TyperGroup):
    """A command with sub-commands, whose help shows no type for options that take no value."""

    def get_params(self, context: Any) -> list[Any]:
        """Return options and arguments."""
        return _without_flag_types(super().get_params(context))


def _without_flag_types(params: list[Any]) -> list[Any]:
    """Return parameters with nothing in place of `<bool>`, which reads as if a flag took a value."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


class ReportingGroup(Group):
    """The group of all commands: errors that a user can put right become messages, wherever they are raised."""

    def make_context(self, *arguments: Any, **extra: Any) -> Any:
        """Parse the options before the command."""
        with _shown_usage_errors():
            return super().make_context(*arguments, **extra)

    def invoke(self, context: Any) -> Any:
        """Parse a command's arguments, run it and report its errors."""
        with _shown_usage_errors():
            return report_user_errors(super().invoke)(context)


@contextlib.contextmanager
def _shown_usage_errors() -> Iterator[None]:
    """Within, typer's errors about arguments repeat these as text that may go to a terminal."""
    try:
        yield
    except _UsageError as error:
        error.message = shown(error.message)
        raise


class SubcommandGroup(Group):
    """A command with sub-commands; the first word of its `subcommand_metavar` says what they are."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        """Parse the name of a sub-command and its arguments; options before the name, the old way, are moved."""
        position = self._position_of_name(args)
        if 0 < position < len(args):
            args = [args[position], *args[:position], *args[position + 1 :]]
            if not context.resilient_parsing:
                new = shlex.join([*context.command_path.split(), *args])
                logger.info(f"Options before {args[0]} are the old spelling; the new one is: {new}")
        return super().parse_args(context, args)

    def _position_of_name(self, args: list[str]) -> int:
        """Return where the first word stands that is neither an option nor its value; `len(args)`: nowhere."""
        parameters = [p for command in self.commands.values() for p in command.params]
        flags = {name for p in parameters if getattr(p, "is_flag", False) for name in p.opts} | {"-h", "--help"}
        position = 0
        while position < len(args) and args[position].startswith("-"):
            position += 1 if args[position] in flags or "=" in args[position] else 2
        return position

    def resolve_command(self, context: Any, args: list[str]) -> Any:
        """Return a sub-command. Raises ConfigError for an unknown one, with the nearest name."""
        if not context.resilient_parsing:
            choose(self.subcommand_metavar.split()[0].lower(), args[0], self.commands)
        return super().resolve_command(context, args)


class Subcommand(Command):
    """A command of a SubcommandGroup."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        """Parse arguments. Raises ConfigError for options that only other sub-commands of the group take."""
        if not context.resilient_parsing:
            own = _options_of(self)
            others = [name for command in context.parent.command.commands.values() for name in _options_of(command)]
            given = [word.partition("=")[0] for word in args]
            if strange := [word for word in given if word in others and word not in own]:
                taken = ", ".join(own)
                raise ConfigError(f"{', '.join(strange)}: not an option of {self.name}, which takes {taken}.")
        return super().parse_args(context, args)


def _options_of(command: Any) -> list[str]:
    return [name for p in command.params for name in p.opts if name.startswith("--")]


def add_command(app: typer.Typer, name: str, module: ModuleType, cls: type[Command] = Command) -> None:
    """Add the `command` of a module to an app, with its example at the end of the help."""
    help = _paragraphs(module.command.__doc__ or "")
    app.command(name, cls=cls, help=help, epilog=module.EXAMPLE, no_args_is_help=module.NEEDS_ARGUMENTS)(module.command)


def _paragraphs(docstring: str) -> str:
    """Return a docstring with each paragraph in one line, which the terminal wraps at its own width."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in docstring.split("\n\n"))


def subcommands(
    metavar: str, help: str, example: str, modules: dict[str, ModuleType], *, no_args_is_help: bool = True
) -> typer.Typer:
    """Return a command whose sub-commands are the `command` of modules. `metavar`: `EXPERIMENT`, say."""
    app = typer.Typer(
        cls=SubcommandGroup,
        help=help,
        epilog=example,
        no_args_is_help=no_args_is_help,
        subcommand_metavar=f"{metavar} [ARGS]...",
    )
    for name, module in modules.items():
        add_command(app, name, module, cls=Subcommand)
    return app
