"""Measure the gradients of attention without scale, under 1/sqrt(d) and under 1/d, and hold them against theory.

python -m experiments.gradients --config gradients.yaml
"""

from collections.abc import Sequence
from pathlib import Path

from experiments.command_line import config_parser, parse, run_command
from experiments.gradient_config import GradientConfig
from experiments.run_directory import check_run_directory

EPILOG = """\
examples:
  python -m experiments.gradients --config gradients.yaml
  python -m experiments.gradients --layer.sizes "[8, 64, 512]" --seeds 20

exit codes: 0 finished, 2 a mistake in what was given, 130 interrupted"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default the process's); gives the exit code."""
    about = "Measure the gradients of attention without scale, under 1/sqrt(d) and under 1/d."
    parser = config_parser("python -m experiments.gradients", about, EPILOG, GradientConfig, "gradients.yaml")
    parser.add_argument(
        "--run-dir", metavar="DIR", help="a new folder for this run (default: runs/NAME-001, -002, ...)"
    )
    parser.add_argument("--print-config", action="store_true", help="print the config that would run, and stop")
    options, overrides = parse(parser, arguments, GradientConfig)
    # Imported late: --help and a mistake in the config are answered without loading JAX.
    from experiments.yaml_config import load_as, to_yaml

    config = load_as(GradientConfig, options.config, overrides)
    if options.print_config:
        print(to_yaml(config), end="")  # noqa: T201
        return 0
    if options.run_dir is not None:
        check_run_directory(options.run_dir)
    from experiments import runtime

    runtime.prepare()
    from experiments.gradient_session import study

    return study(config, Path(options.config).stem, options.run_dir)


if __name__ == "__main__":
    run_command(main)
