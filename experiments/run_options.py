"""The two options that every command with a config and a run folder has. Imports no jax."""

import argparse
from typing import Any

from experiments.run_directory import check_run_directory
from experiments.yaml_config import to_yaml


def add_run_options(parser: argparse.ArgumentParser, called: str = "NAME") -> None:
    """Add `--run-dir` and `--print-config`; without the first a run lies in `runs/<called>-001`, -002, ..."""
    usual = f"(default: runs/{called}-001, -002, ...)"
    parser.add_argument("--run-dir", metavar="DIR", help=f"a new folder for this run {usual}")
    parser.add_argument("--print-config", action="store_true", help="print the config that would run, and stop")


def only_printed(options: argparse.Namespace, config: Any) -> bool:
    """Print the config, and say so, where that is all that was asked for.

    Raises:
      InputError: it was not, and `--run-dir` cannot be used.
    """
    if options.print_config:
        print(to_yaml(config), end="")  # noqa: T201
    elif options.run_dir is not None:
        check_run_directory(options.run_dir)
    return bool(options.print_config)
