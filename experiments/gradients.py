"""Measure the gradients of attention without scale, under 1/sqrt(d) and under 1/d, and hold them against theory.

python -m experiments.gradients --config gradients.yaml
"""

from collections.abc import Sequence
from pathlib import Path

from experiments.commands.options import add_run_options, config_parser, only_printed, parse
from experiments.commands.process import run_command
from experiments.config.loader import load_as
from experiments.gradient_study.config import GradientConfig
from experiments.studies.options import add_report_option, report_only

EPILOG = """\
examples:
  python -m experiments.gradients --config gradients.yaml
  python -m experiments.gradients --layer.sizes "[8, 64, 512]" --seeds 20
  python -m experiments.gradients --report runs/gradients-001             its report anew, without measuring

exit codes: 0 finished, 2 a mistake in what was given, 130 interrupted"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default the process's); gives the exit code."""
    about = "Measure the gradients of attention without scale, under 1/sqrt(d) and under 1/d."
    parser = config_parser("python -m experiments.gradients", about, EPILOG, GradientConfig, "gradients.yaml")
    add_run_options(parser)
    add_report_option(parser)
    options, overrides = parse(parser, arguments, GradientConfig)
    if report_only(options, overrides):
        from experiments.gradient_study.session import STUDY

        return STUDY.report_anew(options.report)
    config = load_as(GradientConfig, options.config, overrides)
    if only_printed(options, config):
        return 0
    # Imported late: --help and a mistake in the config are answered without loading JAX.
    from experiments.training import runtime

    runtime.prepare()
    from experiments.gradient_study.session import STUDY

    return STUDY.run(config, Path(options.config).stem, options.run_dir)


if __name__ == "__main__":
    run_command(main)
