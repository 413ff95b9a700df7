"""Measure the gradients of attention without scale, under 1/sqrt(d) and under 1/d, and hold them against theory.

python -m experiments.gradients --config gradients.yaml
"""

import functools
from collections.abc import Sequence

from experiments.commands.options import config_parser
from experiments.commands.process import run_command
from experiments.config.loader import load_as
from experiments.gradient_study.config import GradientConfig
from experiments.studies.options import run_study

EPILOG = """\
examples:
  python -m experiments.gradients --config gradients.yaml
  python -m experiments.gradients --layer.sizes "[8, 64, 512]" --seeds 20
  python -m experiments.gradients --report runs/gradients-001             its report anew, without measuring

exit codes: 0 finished, 2 a mistake in what was given, 130 interrupted"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default the process's); gives the exit code."""
    parser = config_parser(
        "python -m experiments.gradients",
        "Measure the gradients of attention without scale, under 1/sqrt(d) and under 1/d.",
        EPILOG,
        GradientConfig,
        "gradients.yaml",
    )
    load = functools.partial(load_as, GradientConfig)
    return run_study("experiments.gradient_study.report", parser, arguments, GradientConfig, load)


if __name__ == "__main__":
    run_command(main)
