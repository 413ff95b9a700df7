"""Make a film of how the attention of any sentence formed in a finished or stopped run.

python -m experiments.film --run runs/toy-001 "the dog sat on the mat ."
"""

import sys
from collections.abc import Sequence

from data.errors import printable
from experiments.commands.options import OneLineParser
from experiments.commands.process import run_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default those of the process); returns the exit code."""
    parser = OneLineParser(
        prog="python -m experiments.film",
        description="Make a GIF and a PNG film strip of how the attention of a sentence formed in a run.",
        epilog='example: python -m experiments.film --run runs/toy-001 "the dog sat on the mat ."',
    )
    parser.add_argument("sentence", help="a sentence of the run's world; each word that training may mask gets a row")
    parser.add_argument("--run", required=True, metavar="DIR", help="the run's folder; of several runs, that of one")
    parser.add_argument(
        "--steps", type=int, default=8, metavar="N", help="number of recorded steps to show, at most (default: 8)"
    )
    parser.add_argument("--out", metavar="NAME", help="write NAME.gif and NAME.png (default: film-001 in the run, ...)")
    options = parser.parse_args(arguments)
    # Imported late, so that errors in the options need not load JAX.
    from experiments.replay.film import make_film
    from experiments.training import runtime

    runtime.prepare()

    def say(line: str) -> None:
        print(printable(line), file=sys.stderr)  # noqa: T201 - apart from the paths, which scripts read

    for path in make_film(options.run, options.sentence, options.steps, options.out, say):
        print(printable(str(path)))  # noqa: T201
    return 0


if __name__ == "__main__":
    run_command(main)
