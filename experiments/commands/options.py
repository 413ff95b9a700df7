"""Options of the commands: one for each value of the config, with its meaning in --help. Imports no jax."""

import argparse
import dataclasses
import itertools
import json
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn

from catmat_command import as_called
from data.errors import InputError, printable, suggestion
from data.yaml_file import parse_scalar
from experiments.config.loader import to_yaml
from experiments.config.schema import RENAMED, Config, config_fields, option_of
from experiments.run_directory.folders import check_run_directory


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line with a remedy, not a page of usage."""

    def error(self, message: str) -> NoReturn:
        if message.endswith("expected one argument"):
            message += " (one that begins with - is written after =, as in --run-dir=-x)"
        raise InputError(as_called(f"{message}; see {self.prog} --help"))

    def format_help(self) -> str:
        return as_called(super().format_help())

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse does it, but an empty argument is refused: it was meant to be something, such as `$FOLDER`.

        Raises:
          InputError: there is one, or another mistake.
        """
        arguments = sys.argv[1:] if args is None else list(args)
        for before, argument in zip(["", *arguments], arguments, strict=False):
            option, equals, value = argument.partition("=") if argument.startswith("--") else (before, "=", argument)
            named = option if option.startswith("-") else "an argument"
            if equals and not value.strip():
                raise InputError(f"{named}: is empty (a variable of the shell that is not set?); write it out")
        return super().parse_known_args(arguments, namespace)


class ProseHelp(argparse.RawDescriptionHelpFormatter):
    """Help whose prose is wrapped to the terminal, and whose examples stay lines that can be copied.

    Lines of a list begin with an asterisk; they are wrapped, too.
    """

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        parts = []
        for paragraph in text.split("\n\n"):
            prose, *copied = paragraph.split("\n  ")
            lines = [f"  {line}" if line[:1] != "*" else _item(line, width) for line in copied]
            parts.append("\n".join([textwrap.fill(prose, width, initial_indent=indent), *lines]))
        return "\n\n".join(parts)


def _item(line: str, width: int) -> str:
    return textwrap.fill(line, width, initial_indent="  ", subsequent_indent="    ")


def config_parser(
    prog: str, description: str, epilog: str = "", schema: type = Config, default: str = "toy.yaml"
) -> OneLineParser:
    """A parser with `--config` and one option for every value of the config, a dataclass `schema`."""
    parser = OneLineParser(
        prog=prog,
        usage="%(prog)s [options]",  # argparse would fill a page with the names that follow below it
        description=f"{description}\n\nA value given here replaces that of the config file; a value that neither gives"
        " has the default shown.",
        epilog=epilog,
        allow_abbrev=False,
        formatter_class=ProseHelp,
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=default,
        help=f"a config file, by path or by its name in configs/ (default: {default})",
    )
    for section, fields in itertools.groupby(
        config_fields(schema), lambda named: option_of(named[0]).rpartition(".")[0]
    ):
        group = parser.add_argument_group(section.removeprefix("--") or "experiment")
        for name, item in fields:
            lists = isinstance(item.default, tuple)
            meaning = f"{item.metadata['meaning']}{'; can be given several times' if lists else ''} ({_shown(item)})"
            group.add_argument(
                option_of(name),
                dest=name,
                action="append" if lists else "store",
                metavar="VALUE",
                default=argparse.SUPPRESS,
                help=meaning.replace("%", "%%"),
            )
    return parser


def _joined(texts: Sequence[str]) -> str:
    """The values of an option that is a list: one in brackets as it stands, several, or without brackets, as a list."""
    if len(texts) == 1 and texts[0].lstrip().startswith("["):
        return texts[0]
    bracketed = (text.strip()[1:-1] if text.lstrip().startswith("[") else _quoted(text) for text in texts)
    return f"[{', '.join(bracketed)}]"


def _quoted(text: str) -> str:
    """An item of a YAML list: a number as it stands, anything else in quotes, since it may hold commas."""
    return text if isinstance(parse_scalar(text), (int, float)) else json.dumps(text, ensure_ascii=False)


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
        option = unknown[0].partition("=")[0]
        name = option.removeprefix("--")
        known = [option for action in parser._actions for option in action.option_strings]
        now = f"--{RENAMED.get(name, name.removeprefix('base.'))}"
        if now != option and now in known:
            raise InputError(f"unknown option {option}: it is called {now} now")
        raise InputError(f"unknown option {unknown[0]}{suggestion(option, known)}")
    names = {name for name, _ in config_fields(schema)}
    given = {name: value for name, value in vars(options).items() if name in names}
    return options, {name: value if isinstance(value, str) else _joined(value) for name, value in given.items()}


def add_run_options(parser: argparse.ArgumentParser, called: str = "NAME", resumes: bool = False) -> None:
    """Add `--run-dir` (default: `runs/<called>-001`, -002, ...), `--print-config`, and `--resume` if asked."""
    parser.add_argument(
        "--run-dir",
        metavar="DIR",
        help=f"the folder of this run; it must be empty or new (default: runs/{called}-001, -002, ...)",
    )
    parser.add_argument("--print-config", action="store_true", help="print the whole config, as a file, and stop")
    if resumes:
        parser.add_argument(
            "--resume",
            nargs="?",
            const="",
            metavar="RUN",
            help="go on with a run that was stopped (default: the newest)",
        )


def add_process_options(parser: argparse.ArgumentParser) -> None:
    """Options of a training that several processes share."""
    group = parser.add_argument_group(
        "several processes", "one training on several machines, or on parts of one: start the same command in each"
    )
    group.add_argument("--coordinator", metavar="HOST:PORT", help="the host of process 0, and a free port there")
    group.add_argument("--processes", metavar="N", type=int, help="how many processes there are")
    group.add_argument("--process-id", metavar="I", type=int, help="which of them this is, from 0; process 0 writes")


def add_runs_at_once_option(parser: argparse.ArgumentParser) -> None:
    """Add `--runs-at-once`: how several runs are laid out on the devices, which changes their speed alone."""
    about = "of several runs, how many a device trains at a time; fewer need less memory (default: 1 on a CPU, on an"
    about += " accelerator as many as its memory holds)"
    parser.add_argument("--runs-at-once", metavar="N", type=_positive, help=about)


def _positive(text: str) -> int:
    """A whole number of 1 or more; argparse names the option where this is something else."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be a whole number of 1 or more, not {printable(text)}")
    return int(text)


def add_events_option(parser: argparse.ArgumentParser, otherwise: str) -> None:
    """Add `--events`: which runs TensorBoard lists; `otherwise` says which ones without the option."""
    about = f"all: TensorBoard lists every run; above 40 it opens with none selected (default: {otherwise})"
    parser.add_argument("--events", choices=("all",), help=about)


def only_printed(options: argparse.Namespace, config: object, writes: bool = True) -> bool:
    """Whether the config was only to be printed, which is then done; else check `--run-dir`, if this process `writes`.

    Raises:
      InputError: `--run-dir` cannot be used.
    """
    if options.print_config:
        print(to_yaml(config), end="")  # noqa: T201
    elif options.run_dir is not None and writes:
        check_run_directory(options.run_dir)
    return bool(options.print_config)
