"""Explain one guess of a trained model: every number of attention, word by word, and what each word says.

python -m experiments.explain "the cat sat on the mat"
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from data.errors import is_taken, printable, reporting_os_errors, require
from experiments.commands.process import run_command
from experiments.explaining.options import check_options, explain_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default those of the process); returns the exit code."""
    options = explain_parser().parse_args(arguments)
    check_options(options)
    named = {kind: Path(name) for kind in ("svg", "png", "html") if (name := getattr(options, kind)) is not None}
    for path in named.values():
        require(not is_taken(path), f"{path}: is there already, and nothing is overwritten; name another file")
    pictures = {f".{kind}": path for kind, path in named.items() if kind != "html"}
    # Imported late, so that errors in the options need not load JAX.
    from experiments.training import runtime

    runtime.prepare()
    if options.kind is not None:
        _analyse(options, pictures)
    elif options.lesson is not None:
        _lesson(options)
    elif "html" in named:
        _page(options, named["html"])
    else:
        require(options.sentence, 'a sentence is missing, such as "the cat sat on the mat"')
        _explain(options, pictures)
    return 0


def _explain(options: argparse.Namespace, pictures: dict[str, Path]) -> None:
    """Explain a sentence."""
    from rich.console import Console

    from experiments.replay.asked import boxes, explain_sentence
    from experiments.replay.explanation_files import explanation_csv, explanation_json
    from experiments.replay.explanation_text import print_explanation

    told, notes = explain_sentence(options.sentence, options.run, options.step, options.mask)
    heads, head = told.config.heads, 1 if options.head is None else options.head
    require(1 <= head <= heads, f"--head {head}: this model has {heads}; name one from 1 to {heads}")
    _note(notes + (boxes(told) if pictures else []))
    if pictures:
        from experiments.replay.explanation_picture import explanation_figure
        from experiments.replay.explanation_plane import explanation_plane_figure
        from experiments.reports.plots import figure_files

        figure = explanation_plane_figure(told) if options.plane else explanation_figure(told)
        drawn = figure_files(figure, "explanation")
        for ending, path in pictures.items():
            _write(path, drawn[ending])
    if options.json or options.csv:
        print(explanation_json(told) + "\n" if options.json else explanation_csv(told), end="")  # noqa: T201
    else:
        print_explanation(told, head - 1, Console(highlight=False), short=options.short, whole=options.whole)


def _analyse(options: argparse.Namespace, pictures: dict[str, Path]) -> None:
    """Ask about the run as a whole."""
    from rich.console import Console

    from experiments.explaining.analyses import analyse, cells_csv, write_figures

    measure, notes = analyse(options.kind, options.run, options.step, options.sentences, options.seed or 0)
    _note(notes)
    found = measure(Console(highlight=False, stderr=True))
    write_figures(found, pictures)
    if options.csv:
        print(cells_csv(found.cells), end="")  # noqa: T201
    else:
        found.print(Console(highlight=False))


def _lesson(options: argparse.Namespace) -> None:
    """Give a lesson about a run."""
    from rich.console import Console

    from experiments.lessons.lesson import lesson_material, lesson_of
    from experiments.lessons.terminal import give_lesson
    from experiments.lessons.texts import load_texts

    texts = load_texts(options.language or "en")
    material, notes = lesson_material(options.sentence, options.run, options.mask)
    _note(notes)
    given = (("--run", options.run), ("--mask", options.mask), ("--language", options.language))
    more = [options.sentence, *(part for pair in given if pair[1] for part in pair)]
    shown = "".join(f" {shlex.quote(part)}" for part in more if part)
    lesson = lesson_of(options.lesson, material, texts)
    give_lesson(options.lesson, lesson, material, texts, Console(highlight=False), shown)


def _page(options: argparse.Namespace, path: Path) -> None:
    """Write one page."""
    from experiments.lessons.paged import paged

    html, notes = paged(options.sentence, options.run, options.mask, options.language or "en")
    _note(notes)
    _write(path, html.encode())
    print(printable(f"{path}: open it in a browser; it needs no network"))  # noqa: T201


def _write(path: Path, data: bytes) -> None:
    with reporting_os_errors(f"{path}: cannot be written", "name another file"), path.open("xb") as file:
        file.write(data)


def _note(notes: Sequence[str]) -> None:
    for note in notes if sys.stderr else ():  # it may be closed; print would then take the output
        print(printable(note), file=sys.stderr)  # noqa: T201 - apart from what scripts read


if __name__ == "__main__":
    run_command(main)
