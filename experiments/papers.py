"""Repeat results from papers on a small model, and write the papers' numbers beside ours.

python -m experiments.papers
python -m experiments.papers --config mup.yaml
"""

from collections.abc import Sequence

from experiments.commands.options import add_run_options, config_parser, only_printed, parse
from experiments.commands.process import run_command
from experiments.paper_results.config import PapersConfig, load_papers

ALL = "all of configs/papers/"
EPILOG = """\
examples:
  python -m experiments.papers                                   all papers
  python -m experiments.papers --config mup.yaml                 one of them
  python -m experiments.papers --config logit_size.yaml --logit_size.seeds 10

exit codes: 0 finished (a refuted claim is a result too), 2 a mistake in what was given, 130 interrupted"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default the process's); gives the exit code."""
    about = "Repeat results from papers on a small model, and write the papers' numbers beside ours."
    parser = config_parser("python -m experiments.papers", about, EPILOG, PapersConfig, ALL)
    add_run_options(parser, "papers")
    options, overrides = parse(parser, arguments, PapersConfig)
    config = load_papers(None if options.config == ALL else options.config, overrides)
    if only_printed(options, config):
        return 0
    # Imported late: --help and a mistake in the config are answered without loading JAX.
    from experiments.training import runtime

    runtime.prepare()
    from experiments.paper_results.session import repeat

    return repeat(config, options.run_dir)


if __name__ == "__main__":
    run_command(main)
