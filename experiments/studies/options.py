"""The option that all studies share: `--report RUN`."""

import argparse
from collections.abc import Mapping

from data.errors import InputError


def add_report_option(parser: argparse.ArgumentParser) -> None:
    """Add `--report`."""
    about = "write the report of an earlier run anew, from what it measured; takes seconds, and no other option"
    parser.add_argument("--report", metavar="RUN", help=about)


def report_only(options: argparse.Namespace, overrides: Mapping[str, str]) -> bool:
    """Whether nothing is to be measured.

    Raises:
      InputError: `--report` beside an option that it does not go with.
    """
    given = [*overrides, *(name for name in ("run-dir",) if options.run_dir is not None)]
    if options.report is not None and given:
        raise InputError(f"--report: the settings are those of the run that is reported; leave out --{given[0]}")
    return options.report is not None
