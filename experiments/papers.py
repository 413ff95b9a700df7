"""Repeat results from papers on a small model, and write the papers' numbers beside ours.

python -m experiments.papers
python -m experiments.papers --config mup.yaml
"""

from collections.abc import Mapping, Sequence

from experiments.commands.options import config_parser
from experiments.commands.process import run_command
from experiments.paper_results.config import PapersConfig, load_papers
from experiments.studies.options import run_study

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
    parser = config_parser(
        "python -m experiments.papers",
        "Repeat results from papers on a small model, and write the papers' numbers beside ours.",
        EPILOG,
        PapersConfig,
        ALL,
    )

    def load(name: str, overrides: Mapping[str, str]) -> PapersConfig:
        return load_papers(None if name == ALL else name, overrides)

    return run_study("experiments.paper_results.report", parser, arguments, PapersConfig, load, "papers")


if __name__ == "__main__":
    run_command(main)
