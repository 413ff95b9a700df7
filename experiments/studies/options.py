"""The option that all studies share: `--report RUN`."""

import argparse
from collections.abc import Mapping

from data.errors import require


def add_report_option(parser: argparse.ArgumentParser) -> None:
    """Add `--report`."""
    about = "write the report of an earlier run anew, from what it measured; takes seconds, and no other option"
    parser.add_argument("--report", metavar="RUN", help=about)


def report_only(options: argparse.Namespace, overrides: Mapping[str, str]) -> bool:
    """Whether nothing is to be measured.

    Raises:
      InputError: `--report` beside an option that it does not go with.
    """
    given = [*overrides, *([] if options.run_dir is None else ["run-dir"]), ""]
    says = f"--report: the settings are those of the run that is reported; leave out --{given[0]}"
    require(options.report is None or not given[0], says)
    return options.report is not None
