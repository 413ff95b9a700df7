"""Repeat results from papers on a small model, and write the papers' numbers beside ours.

python -m experiments.papers
python -m experiments.papers --config mup.yaml
"""

from collections.abc import Sequence

from experiments.commands.options import add_run_options, config_parser, only_printed, parse
from experiments.commands.process import run_command
from experiments.paper_results.config import PapersConfig, load_papers
from experiments.studies.options import add_report_option, report_only

ALL = "all of configs/papers/"
EPILOG = """\
examples:
  python -m experiments.papers                                   all papers
  python -m experiments.papers --config mup.yaml                 one of them
  python -m experiments.papers --config logit_size.yaml --logit_size.seeds 10
  python -m experiments.papers --report runs/papers-001          its report anew, without measuring

exit codes: 0 finished (a refuted claim is a result too), 2 a mistake in what was given, 130 interrupted"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default the process's); gives the exit code."""
    about = "Repeat results from papers on a small model, and write the papers' numbers beside ours."
    parser = config_parser("python -m experiments.papers", about, EPILOG, PapersConfig, ALL)
    add_run_options(parser, "papers")
    add_report_option(parser)
    options, overrides = parse(parser, arguments, PapersConfig)
    if report_only(options, overrides):
        from experiments.paper_results.session import STUDY

        return STUDY.report_anew(options.report)
    config = load_papers(None if options.config == ALL else options.config, overrides)
    if only_printed(options, config):
        return 0
    # Imported late: --help and a mistake in the config are answered without loading JAX.
    from experiments.training import runtime

    runtime.prepare()
    from experiments.paper_results.session import STUDY

    return STUDY.run(config, run_dir=options.run_dir)


if __name__ == "__main__":
    run_command(main)
