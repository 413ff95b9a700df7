"""The options of `python -m experiments.explain`. Imports no jax."""

import argparse

from data.errors import require
from experiments.commands.options import OneLineParser, ProseHelp
from experiments.replay.explanation_fields import FIELDS

KINDS = {
    "agreement": "how far weights agree with cuts, relevance and evidence over a few hundred sentences, and where they"
    " mislead",
    "evidence": "what each word says for each guess, beside the world's own preferences, over thousands of sentences",
    "circuits": "which masked places look for which words, and which guesses each word speaks for",
    "formation": "what forms first in training: who looks where, or what is brought",
}
"""What can be asked about a run as a whole, each an option."""


def explain_parser() -> OneLineParser:
    """The parser of the command."""
    names = "\n  ".join(f"* {name}: {meaning}" for name, meaning in FIELDS.items())
    parser = OneLineParser(
        prog="python -m experiments.explain",
        usage="%(prog)s [sentence] [options]",
        description="Explain how a trained model guesses a masked word: query, keys, dot products, scale, softmax,"
        " values, weighted sum, and what each word says for each guess, beside the exact answer. Or ask about the run"
        " as a whole, or take a lesson.",
        epilog='examples:\n  python -m experiments.explain "the cat sat on the mat" --mask sat\n'
        "  python -m experiments.explain --html explained.html\n  python -m experiments.explain --agreement\n\n"
        "names in the JSON (H heads, K words of the sentence, D components of a head, M of a vector, V vocabulary):\n"
        f"  {names}",
        formatter_class=ProseHelp,
        allow_abbrev=False,
    )
    parser.add_argument("sentence", nargs="?", help="a sentence of the words of the run's world")
    parser.add_argument("--run", metavar="RUN", help="the run, by its folder or name in runs/ (default: the newest)")
    parser.add_argument("--step", type=int, metavar="N", help="the recorded step to explain (default: the last)")
    parser.add_argument(
        "--mask", metavar="WORD", help="the word to mask, or its place, from 1 (default: the first that training masks)"
    )
    parser.add_argument("--head", type=int, metavar="H", help="the head whose steps are shown (default: 1)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--short", action="store_true", help="the seven lines of attention and the evidence alone")
    length.add_argument("--whole", action="store_true", help="every component of every vector, not just those that fit")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print every number as JSON instead; the names are below")
    form.add_argument("--csv", action="store_true", help="print a table instead, a line for each head and word")
    parser.add_argument("--svg", metavar="FILE", help="write a picture of what is explained as SVG")
    parser.add_argument("--png", metavar="FILE", help="the same as PNG")
    parser.add_argument(
        "--plane", action="store_true", help="the picture shows query and keys as points in one plane, for each head"
    )
    parser.add_argument(
        "--html",
        metavar="FILE",
        help="write a page that computes in the browser, offline, with this run's parameters",
    )
    _add_whole(parser)
    return parser


def _add_whole(parser: OneLineParser) -> None:
    """Options about the run as a whole."""
    group = parser.add_argument_group("about the run as a whole").add_mutually_exclusive_group()
    for kind, meaning in KINDS.items():
        group.add_argument(f"--{kind}", dest="kind", action="store_const", const=kind, help=meaning)
    group.add_argument("--lesson", type=int, metavar="N", help="take lesson 1 to 7, with the numbers of the run")
    parser.add_argument("--sentences", type=int, metavar="N", help="sentences that are drawn (default: 300, for"
                        " --evidence 2048)")  # fmt: skip
    parser.add_argument("--seed", type=int, metavar="N", help="of the draw (default: 0)")
    parser.add_argument("--language", metavar="CODE", help="of the lessons (default: en)")


_OF_SENTENCES = {"run", "step", "mask", "head", "short", "whole", "json", "csv", "svg", "png", "plane"}
_OF_RUNS = {"run", "step", "csv", "svg", "png", "sentences", "seed"}
_OF_TEXTS = {"run", "mask", "language"}
_MOST_SEED = 2**31 - 1


def check_options(options: argparse.Namespace) -> None:
    """Refuse options that would be ignored, and values that nothing can be done with.

    Raises:
      InputError: one of them, by its name.
    """
    given = {name for name, value in vars(options).items() if value is not None and value is not False}
    given -= {"sentence", "kind"}
    if options.kind is not None:
        mode, known = f"--{options.kind}", _OF_RUNS - ({"step"} if options.kind == "formation" else set())
        require(options.sentence is None, f"{mode}: is about the run as a whole; leave the sentence out")
    elif options.lesson is not None:
        mode, known = "--lesson", {*_OF_TEXTS, "lesson"}
    elif options.html is not None:
        mode, known = "--html", {*_OF_TEXTS, "html"}
    else:
        mode, known = "a sentence", _OF_SENTENCES
    names = " and ".join(f"--{name}" for name in sorted(given - known))
    require(not names, f"{names}: does not go together with {mode}; leave one of them out")
    drawn = options.svg is not None or options.png is not None
    require(drawn or not options.plane, "--plane: says what --svg or --png shows; add one of them")
    require(options.svg is None or options.svg != options.png, "--svg, --png: name the same file; name two")
    for name, least in (("seed", 0), ("sentences", 2)):
        value = getattr(options, name)
        fits = value is None or least <= value <= _MOST_SEED
        require(fits, f"--{name}: must be from {least} to {_MOST_SEED:,}, not {value}")
