"""A lesson on the terminal: predict, look, compare, understand."""

import sys
from collections.abc import Callable, Sequence
from urllib.parse import quote

from rich.console import Console
from rich.text import Text

from catmat_command import as_called
from data.errors import printable
from experiments.commands.console import say_prose
from experiments.lessons.facts import COUNT
from experiments.lessons.material import Material
from experiments.lessons.texts import Texts
from experiments.replay.evidence_table import print_evidence, print_weights, print_worth
from experiments.replay.explanation import Explanation
from experiments.replay.explanation_pages import Pages
from experiments.view.page_lessons import PageLesson

_EARLY = 4
"""The lesson about the first recorded step."""
_HIDDEN = {
    1: ("cell", "terms", "plane", "ledger", "compare"),
    2: ("cell", "guess", "compare"),
    3: ("plane", "guess", "compare"),
    4: ("plane", "guess", "compare"),
    5: ("plane", "terms", "compare"),
    6: ("cell", "terms", "plane", "ledger"),
    7: ("terms", "plane", "ledger"),
}
"""Parts of the tab that a lesson does without."""
Said = dict[str, str | list[str]]


def give_lesson(
    number: int, lesson: PageLesson, material: Material, texts: Texts, console: Console, more: str = ""
) -> bool:
    """Print a lesson; gives whether it is done, since the reader has predicted an answer.

    Nothing is waited for where no person types. `more`: the options that the next lesson's command needs as well.
    """
    said = texts["common"]
    console.print(Text(printable(f"{number} {lesson.title}"), "bold"))
    console.print()
    for text in (lesson.expect, lesson.question):
        say_prose(console, text)
        console.print()
    for place, option in enumerate(lesson.options, start=1):
        say_prose(console, f"  {place}  {option}")
    chosen = _predicted(lesson, said, console)
    console.print()
    console.print(Text(str(said["look"]), "bold"))
    for page in _pages(number, material, console):
        page()
        console.print()
    _compare(lesson, chosen, said, console)
    say_prose(console, lesson.answer)
    console.print()
    say_prose(console, as_called(lesson.explain))
    console.print()
    done = "done" if chosen is not None else "not_done"
    say_prose(console, str(said[done]).format(number=number), "dim")
    if number < COUNT:
        command = as_called(f"python -m experiments.explain --lesson {number + 1}{more}")
        say_prose(console, str(said["next"]).format(command=command), "dim")
    say_prose(console, str(said["in_tensorboard"]).format(link=tab_link(number, material.told.run)), "dim")
    return chosen is not None


def tab_link(number: int, run: str) -> str:
    """The address of TensorBoard's tab with the parts that a lesson is about, as TensorBoard serves it by default."""
    step = "&p.catmat.step=0" if number == _EARLY else ""
    hide = ",".join(_HIDDEN.get(number, ()))
    return f"http://localhost:6006/#catmat&p.catmat.run={quote(run, safe='')}{step}&p.catmat.hide={hide}"


def _predicted(lesson: PageLesson, said: Said, console: Console) -> int | None:
    """The number of the option that the reader types, from 0; None where nobody does."""
    console.print()
    if sys.stdin is None or not sys.stdin.isatty():
        say_prose(console, str(said["no_answer"]), "dim")
        return None
    count = len(lesson.options)
    prompt = str(said["your_turn"])
    while True:
        try:
            typed = console.input(Text(f"{prompt} (1-{count}): ", "bold")).strip()
        except EOFError:
            console.print()
            say_prose(console, str(said["no_answer"]), "dim")
            return None
        if typed.isascii() and typed.isdecimal() and 1 <= int(typed) <= count:
            return int(typed) - 1
        prompt = str(said["again"]).format(count=count)


def _compare(lesson: PageLesson, chosen: int | None, said: Said, console: Console) -> None:
    if chosen in lesson.right:
        say_prose(console, str(said["right"]), "bold")
    elif chosen is not None and lesson.right:
        say_prose(console, str(said["wrong"]).format(given=lesson.options[chosen]), "bold")
    if lesson.right and chosen not in lesson.right:
        right = " / ".join(lesson.options[place] for place in lesson.right)
        say_prose(console, str(said["was_right"]).format(right=right))


def _pages(number: int, material: Material, console: Console) -> Sequence[Callable[[], None]]:
    """What is looked at in a lesson."""
    told, early = material.told, material.early

    def pages(of: Explanation, head: int = 0) -> Pages:
        return Pages(of, head, console, numbered=False)

    def surest(name: str, of: Explanation) -> Pages:
        """The pages of the head with the largest number of this name."""
        return pages(of, int(of.row[name].max(axis=1).argmax()))

    return {
        1: (lambda: print_weights(told, console),),
        2: (pages(told).query, pages(told).keys),
        3: (surest("scores", told).products, surest("scores", told).weights),
        4: (surest("weights", early).weights,),
        5: (pages(told).context, pages(told).residual),
        6: tuple(pages(told, head).weights for head in range(told.config.heads)),
        7: (lambda: print_evidence(told, console, "Evidence"), lambda: print_worth(told, console, "Worth")),
    }[number]
