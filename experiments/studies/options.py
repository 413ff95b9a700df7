"""What studies share of their settings: lists that must rise, and a command line with `--report RUN`."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from data.errors import require
from experiments.commands.options import OneLineParser, add_run_options, only_printed, parse
from model.config import Checked


@dataclass(frozen=True)
class CheckedLists(Checked):
    """A config whose values are checked against the bounds of their settings, lists too.

    The bound `rising` of a list is (count, low, high): it must hold so many numbers or more, rising, from low to high.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        for item in fields(self):
            if "rising" in item.metadata:
                least, low, high = item.metadata["rising"]
                values = getattr(self, item.name)
                in_order = len(values) >= least and list(values) == sorted(set(values))
                if not in_order or not low <= values[0] <= values[-1] <= high:
                    rule = f"must be {least} or more rising numbers from {low:g} to {high:g}, not {list(values)}"
                    raise ValueError(f"{item.name}: {rule}")


def run_study(
    module: str,
    parser: OneLineParser,
    arguments: Sequence[str] | None,
    schema: type,
    load: Callable[[str, Mapping[str, str]], object],
    called: str | None = None,
) -> int:
    """Measure and report, or report anew, as the command line says; returns the exit code.

    Args:
      module: where the `STUDY` is (a `StudyCommand`). It is imported after the options are read: it loads much, and
        `--help` and a mistake in the config are to be answered at once.
      parser: of the command, by `config_parser`; it gains the options that studies share.
      arguments: of the command line; None for the process's own.
      schema: the dataclass of the config.
      load: makes the config of a config file's name and the values given as options, by dotted name.
      called: what run directories are called, `runs/<called>-001`; by default as the config file.

    Raises:
      InputError: a mistake in what was given, such as `--report` beside an option that it does not go with.
    """
    add_run_options(parser, called or "NAME")
    about = "write the report of an earlier run anew, from what it measured; takes seconds, and no other option"
    parser.add_argument("--report", metavar="RUN", help=about)
    parser.add_argument("--dry-run", action="store_true", help="print what would be measured, and stop")
    options, overrides = parse(parser, arguments, schema)
    if options.report is not None:
        given = [*overrides, *([] if options.run_dir is None else ["run-dir"])]
        given += ["dry-run"] if options.dry_run else []
        says = f"--report: the settings are those of the run that is reported; leave out --{', --'.join(given)}"
        require(not given, says)
        return int(importlib.import_module(module).STUDY.report_anew(options.report))
    config = load(options.config, overrides)
    if only_printed(options, config):
        return 0
    from experiments.training import runtime  # imported late: it loads JAX

    runtime.prepare()
    study = importlib.import_module(module).STUDY
    if options.dry_run:
        return int(study.plan(config, options.run_dir))
    return int(study.run(config, called or Path(options.config).stem, options.run_dir))
