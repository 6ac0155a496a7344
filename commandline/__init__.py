"""Command lines made of functions: the parameters of a step are its options.

A table names a function per command. Its module is imported when the command is asked for, and no
sooner, so that the list of all commands appears at once.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pkgutil import resolve_name
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from commandline.damaged import tell_damaged
from commandline.disks import tell_disk
from commandline.unforeseen import tell_unforeseen

M = TypeVar("M")


@dataclass(frozen=True)
class Made:
    """Metadata of a parameter that is made of several options: the parameters of `by`.

    Parameters of one name are one option; the first to be met says what it is.
    """

    by: Callable[..., Any]


@dataclass(frozen=True)
class Handed:
    """Metadata of the parameter that gets all words of a command, options too, as they stand."""


class HandedCommand(TyperCommand):
    """A command that reads none of its words but `--help`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words as one parameter; returns those that are left over, which are none."""
        return super().parse_args(ctx, ["--help"] if "--help" in args else ["--", *args])


def command_line(steps: Mapping[str, tuple[str, str]], words: str) -> typer.Typer:
    """A command line of these steps.

    Args:
        steps: by the name of the command, "module:function" and one line of help. A text that
            the function returns, or lines that it yields, are printed.
        words: about the command line.
    """

    class Steps(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return list(steps)

        def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
            return TyperCommand(cmd_name, help=steps[cmd_name][1]) if cmd_name in steps else None

        def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
            name, _, rest = super().resolve_command(ctx, args)
            return name, _command(str(name), *steps[str(name)]), rest

    app = typer.Typer(
        cls=Steps, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    app.callback(help=words)(_root)
    return app


def run_command(app: typer.Typer, expected: type[Exception]) -> int:
    """Run one command; what is expected and what a disk refuses becomes one message.

    Of another error the traceback is shown without its message, which may quote the data.

    Args:
        app: made by `command_line`.
        expected: errors whose message is all that has to be said.

    Returns:
        Exit code, 1 after a message.
    """
    try:
        app()
    except Exception as error:
        said = str(error) if isinstance(error, expected) else tell_known(error, sys.argv[1:])
        # Errors of torch, which are of sizes and devices, keep their words.
        if said is None and (sys.flags.dev_mode or isinstance(error, RuntimeError)):
            raise
        print(f"error: {said}" if said else tell_unforeseen(error), file=sys.stderr)
        return 1
    return 0


def tell_known(error: Exception, words: Sequence[str]) -> str | None:
    """What to say of an error of a disk, or of a damaged file; None = it is another."""
    return tell_disk(error) or tell_damaged(error, words)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"lanistr {version('lanistr')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version"),
    ] = False,
) -> None:
    pass


def _command(name: str, target: str, words: str) -> Any:
    function = resolve_name(target)
    options = _options(function)

    def step(**given: Any) -> None:
        told = _call(function, given)
        if isinstance(told, str | Iterator):
            for line in [told] if isinstance(told, str) else told:
                typer.echo(line)

    step.__signature__ = inspect.Signature(list(options.values()))  # type: ignore[attr-defined]
    step.__annotations__ = {option.name: option.annotation for option in options.values()}
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    hands_on = any(_mark(option, Handed) for option in options.values())
    app.command(name, help=words, cls=HandedCommand if hands_on else None)(step)
    return typer.main.get_command(app)


def _options(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    found: dict[str, inspect.Parameter] = {}
    for parameter in _parameters(function):
        maker = _maker(parameter)
        own = {parameter.name: parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)}
        for name, option in (_options(maker) if maker else own).items():
            found.setdefault(name, option)
    return found


def _call(function: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    arguments = {}
    for parameter in _parameters(function):
        maker = _maker(parameter)
        arguments[parameter.name] = _call(maker, given) if maker else given[parameter.name]
    return function(**arguments)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function, eval_str=True).parameters.values())


def _maker(parameter: inspect.Parameter) -> Callable[..., Any] | None:
    made = _mark(parameter, Made)
    return made.by if made else None


def _mark(parameter: inspect.Parameter, kind: type[M]) -> M | None:
    marks = getattr(parameter.annotation, "__metadata__", ())
    return next((mark for mark in marks if isinstance(mark, kind)), None)
