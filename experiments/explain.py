"""Explain one guess of a trained model: every number of attention, word by word, and what each word says.

python -m experiments.explain "the cat sat on the mat"
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data.errors import is_taken, printable, reporting_os_errors, require
from experiments.commands.options import OneLineParser, ProseHelp
from experiments.commands.process import run_command
from experiments.replay.explanation_fields import FIELDS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default those of the process); returns the exit code."""
    options = _parser().parse_args(arguments)
    pictures = {f".{kind}": Path(name) for kind in ("svg", "png") if (name := getattr(options, kind)) is not None}
    for path in pictures.values():
        require(not is_taken(path), f"{path}: is there already, and nothing is overwritten; name another file")
    require(options.sentence or options.lesson is not None, 'a sentence is missing, such as "the cat sat on the mat"')
    # Imported late, so that errors in the options need not load JAX.
    from experiments.training import runtime

    runtime.prepare()
    return _explain(options, pictures) if options.lesson is None else _lesson(options)


def _explain(options: argparse.Namespace, pictures: dict[str, Path]) -> int:
    """Explain a sentence."""
    from experiments.replay.asked import boxes, explain_sentence
    from experiments.replay.explanation_files import explanation_csv, explanation_json
    from experiments.replay.explanation_pages import print_explanation

    told, notes = explain_sentence(options.sentence, options.run, options.step, options.mask)
    heads = told.config.heads
    require(1 <= options.head <= heads, f"--head {options.head}: this model has {heads}; name one from 1 to {heads}")
    _note(notes + (boxes(told) if pictures else []))
    if pictures:
        from experiments.replay.explanation_picture import explanation_figure
        from experiments.reports.plots import figure_files

        drawn = figure_files(explanation_figure(told), "explanation")
        for ending, path in pictures.items():
            with reporting_os_errors(f"{path}: cannot be written", "name another file"):
                path.write_bytes(drawn[ending])
    if options.json or options.csv:
        print(explanation_json(told) if options.json else explanation_csv(told), end="")  # noqa: T201
    else:
        print_explanation(told, options.head - 1, short=options.short, whole=options.whole)
    return 0


def _lesson(options: argparse.Namespace) -> int:
    """Give a lesson about a run."""
    from rich.console import Console

    from experiments.lessons.lesson import lesson_material, lesson_of
    from experiments.lessons.terminal import give_lesson
    from experiments.lessons.texts import load_texts

    texts = load_texts(options.language)
    material, notes = lesson_material(options.sentence, options.run, options.mask)
    _note(notes)
    give_lesson(lesson_of(options.lesson, material, texts), material, texts, Console(highlight=False))
    return 0


def _note(notes: Sequence[str]) -> None:
    for note in notes:
        print(printable(note), file=sys.stderr)  # noqa: T201 - apart from what scripts read


def _parser() -> OneLineParser:
    names = "\n  ".join(f"{name}: {meaning}" for name, meaning in FIELDS.items())
    parser = OneLineParser(
        prog="python -m experiments.explain",
        description="Explain how a trained model guesses a masked word: query, keys, dot products, scale, softmax,"
        " values, weighted sum, and what each word says for each guess, beside the exact answer.",
        epilog='example:\n  python -m experiments.explain "the cat sat on the mat" --mask sat\n\nnames in the JSON (H'
        f" heads, K words of the sentence, D components of a head, M of a vector, V vocabulary):\n  {names}",
        formatter_class=ProseHelp,
        allow_abbrev=False,
    )
    parser.add_argument("sentence", nargs="?", help="a sentence of the words of the run's world")
    parser.add_argument(
        "--run", metavar="RUN", help="the run, by its folder or its name in runs/ (default: the newest)"
    )
    parser.add_argument("--step", type=int, metavar="N", help="the recorded step to explain (default: the last)")
    parser.add_argument(
        "--mask", metavar="WORD", help="the word to mask, or its place, from 1 (default: the first that training masks)"
    )
    parser.add_argument("--head", type=int, default=1, metavar="H", help="the head whose steps are shown (default: 1)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--short", action="store_true", help="the seven lines of attention and the evidence alone")
    length.add_argument("--whole", action="store_true", help="every component of every vector, not just those that fit")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print every number as JSON instead; the names are below")
    form.add_argument("--csv", action="store_true", help="print a line for each head and word instead")
    parser.add_argument("--svg", metavar="FILE", help="write a picture of weights, evidence and guess as SVG")
    parser.add_argument("--png", metavar="FILE", help="the same as PNG")
    parser.add_argument(
        "--lesson", type=int, metavar="N", help="give lesson 1 to 7 about attention, with the numbers of the run"
    )
    parser.add_argument("--language", default="en", metavar="CODE", help="of the lessons (default: en)")
    return parser


if __name__ == "__main__":
    run_command(main)
