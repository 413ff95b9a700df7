"""Options of the commands: every value of the config is one, with its meaning in --help. Imports no jax."""

import argparse
import dataclasses
import gc
import io
import os
import signal
import sys
import threading
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from data.errors import InputError, suggestion
from experiments.config import Config
from experiments.interruption import EXIT_CODE, leave

_COLLECT_AFTER = 20_000
"""New objects until Python looks for garbage among them. With 700, as in Python 3.11, that takes 0.27 s of a toy run,
mostly while JAX is imported, which leaves no garbage."""


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line with a remedy, not a page of usage."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")


def config_parser(
    prog: str, description: str, epilog: str = "", schema: type = Config, default: str = "toy.yaml"
) -> OneLineParser:
    """A parser with `--config` and one option for every value of the config, a dataclass `schema`."""
    note = "A value given here wins over the config file; the defaults shown hold where the file says nothing."
    parser = OneLineParser(
        prog=prog,
        description=f"{description}\n\n{note}",
        epilog=epilog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=default,
        help=f"a config file, by path or by its name in configs/ (default: {default})",
    )
    groups: dict[str, Any] = {}
    for name, item in config_fields(schema):
        section = name.rpartition(".")[0] or "experiment"
        group = groups.setdefault(section, None) or parser.add_argument_group(section)
        groups[section] = group
        help_text = f"{item.metadata['meaning']} ({_shown(item)})".replace("%", "%%")
        group.add_argument(f"--{name}", metavar="VALUE", default=argparse.SUPPRESS, help=help_text)
    return parser


def config_fields(schema: type = Config, prefix: str = "") -> Iterator[tuple[str, "dataclasses.Field[Any]"]]:
    """(dotted name, field) of every value of the config."""
    declared = typing.get_type_hints(schema)
    for item in dataclasses.fields(schema):
        if hasattr(declared[item.name], "from_yaml"):
            continue  # no fixed set of names: it is no option
        if dataclasses.is_dataclass(declared[item.name]):
            yield from config_fields(typing.cast(type, declared[item.name]), f"{prefix}{item.name}.")
        else:
            yield prefix + item.name, item


def _shown(item: "dataclasses.Field[Any]") -> str:
    default = list(item.default) if isinstance(item.default, tuple) else item.default
    choices = ", ".join(item.metadata.get("choices", ()))
    return f"{choices}; default: {default}" if choices else f"default: {default}"


def parse(
    parser: OneLineParser, arguments: Sequence[str] | None, schema: type = Config
) -> tuple[argparse.Namespace, dict[str, str]]:
    """The parsed options, and the values of the config (a `schema`) among them as typed.

    Raises:
      InputError: an unknown option, with the nearest known one.
    """
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        known = [option for action in parser._actions for option in action.option_strings]
        raise InputError(f"unknown option {unknown[0]}{suggestion(unknown[0].partition('=')[0], known)}")
    names = {name for name, _ in config_fields(schema)}
    return options, {name: text for name, text in vars(options).items() if name in names}


def run_command(command: Callable[[], int]) -> NoReturn:
    """Run a command and leave with its exit code: a user's mistake is one line and 2, Ctrl-C and SIGTERM are 130.

    What the system refuses, such as output to a full disk, is one line and 2 as well. Where nobody reads the output any
    more (`| head`) the command ends in silence, with 1. Characters that the output's encoding lacks become escapes.
    """
    gc.set_threshold(_COLLECT_AFTER)
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, leave)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            sys.exit(command())
        finally:
            # Else Python looks through all of JAX's objects once more before it ends, for 0.3 s. What lies in cycles is
            # not finalised, so files are closed where they are written.
            gc.freeze()
            # While it can still be told that the output takes nothing.
            print(end="", flush=True)  # noqa: T201
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except OSError as error:
        sys.exit(_refused(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(EXIT_CODE)


def _refused(error: OSError) -> int:
    """Tell of what the system refused, in one line; gives the exit code."""
    where = error.filename
    try:
        print(end="", flush=True)  # noqa: T201
    except OSError:  # it is the output; what waits for it goes nowhere, or Python would complain on its way out
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        where = "the output"
    if isinstance(error, BrokenPipeError):
        return 1
    told = InputError(f"{where or 'a file'}: cannot be used ({error.strerror or error}); mend that, or choose another")
    print(f"error: {told}", file=sys.stderr)  # noqa: T201
    return 2
