"""Make a film of how attention formed in a finished or stopped run: its maps, or its queries and keys.

python -m experiments.film --run runs/toy-001 "the dog sat on the mat ."
python -m experiments.film --run runs/toy-001 --of queries_and_keys
"""

import sys
from collections.abc import Sequence

from data.errors import printable, require
from experiments.commands.options import OneLineParser, ProseHelp
from experiments.commands.process import run_command
from experiments.view.word_groups import COLOURINGS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default those of the process); returns the exit code."""
    options = _parser().parse_args(arguments)
    of_points = {name: getattr(options, name) for name in ("colour", "head", "sentences")}
    attention = options.of == "attention"
    given = [f"--{name}" for name, value in of_points.items() if value is not None]
    require(not (attention and given), f"{' and '.join(given)}: goes together with --of queries_and_keys; add that")
    require(options.sentence or not attention, 'a sentence is missing, such as "the cat sat on the mat ."')
    # Imported late, so that errors in the options need not load JAX.
    from experiments.explaining.plane_film import make_plane_film
    from experiments.replay.film import make_film
    from experiments.run_directory.folders import run_folder
    from experiments.training import runtime

    runtime.prepare()

    def say(line: str) -> None:
        print(printable(line), file=sys.stderr)  # noqa: T201 - apart from the paths, which scripts read

    folder = run_folder(options.run)
    if attention:
        paths = make_film(folder, options.sentence, options.steps, options.out, say)
    else:
        paths = make_plane_film(folder, options.sentence, options.steps, **of_points, out=options.out, say=say)
    for path in paths:
        print(printable(str(path)))  # noqa: T201
    return 0


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog="python -m experiments.film",
        usage="%(prog)s [sentence] --run DIR [options]",
        description="Make a GIF and a PNG film strip of how the attention of a sentence formed in a run, or of how its"
        " queries and keys found each other.",
        epilog='examples:\n  python -m experiments.film --run toy-001 "the dog sat on the mat ."\n'
        "  python -m experiments.film --run toy-001 --of queries_and_keys --colour place",
        formatter_class=ProseHelp,
    )
    parser.add_argument(
        "sentence",
        nargs="?",
        help="a sentence of the run's world; each word that training may mask gets a row. Queries and keys can do"
        " without: sentences are drawn then",
    )
    parser.add_argument(
        "--run",
        required=True,
        metavar="DIR",
        help="the run, by its folder or its name in runs/; of several seeds, the folder of one",
    )
    parser.add_argument(
        "--of",
        choices=("attention", "queries_and_keys"),
        default="attention",
        help="maps of attention weights; or queries and keys as points in one plane, the same at all steps (default:"
        " attention)",
    )
    parser.add_argument(
        "--steps", type=int, default=8, metavar="N", help="number of recorded steps to show, at most (default: 8)"
    )
    parser.add_argument(
        "--out",
        metavar="NAME",
        help="write NAME.gif and NAME.png, of queries and keys NAME.svg, too (default: film-001 in the run, or"
        " points-001, ...)",
    )
    _add_point_options(parser)
    return parser


def _add_point_options(parser: OneLineParser) -> None:
    group = parser.add_argument_group("of queries and keys")
    group.add_argument(
        "--colour",
        choices=COLOURINGS,
        help="what colours mean: the form, class or slot of a word (for a query: of the masked word), or its place in"
        " the sentence (default: form where the world's words have forms, else class)",
    )
    group.add_argument("--head", type=int, metavar="H", help="this head alone (default: all)")
    group.add_argument(
        "--sentences", type=int, metavar="N", help="how many sentences are drawn where none is given (default: 100)"
    )


if __name__ == "__main__":
    run_command(main)
