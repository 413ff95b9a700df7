"""What a lesson says to a prediction."""

import io

import pytest
from rich.console import Console

from experiments.lessons import terminal
from experiments.lessons.texts import load_texts
from experiments.view.page_lessons import PageLesson


@pytest.mark.parametrize(("right", "told"), [((0,), "wrong"), ((1,), "right"), ((), "")])
def test_a_prediction_is_wrong_only_where_an_answer_is_right(right: tuple[int, ...], told: str) -> None:
    """For a model without a right answer, such as one head, the answer's text alone replies."""
    said = load_texts()["common"]
    lesson = PageLesson("title", "expect", "question", ("first", "second"), right, "answer", "explain")
    console = Console(file=io.StringIO(), width=200)
    terminal._compare(lesson, 1, said, console)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert shown.startswith(str(said[told]).format(given="second").strip()) if told else not shown
