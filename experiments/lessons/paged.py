"""The lessons as the one-file page shows them, and the page of a sentence."""

from data.errors import require
from experiments.lessons.facts import COUNT
from experiments.lessons.lesson import lesson_of, material_of
from experiments.lessons.texts import load_texts
from experiments.replay.asked import chosen_run
from experiments.replay.explaining import explain
from experiments.replay.one_file import one_file
from experiments.replay.question import read_question
from experiments.replay.saved_model import recorded_steps
from experiments.view.page_lessons import PageLesson, PageLessons


def paged(sentence: str | None, run: str | None, mask: str | None, language: str) -> tuple[str, list[str]]:
    """The page as HTML, and notes; it has the lessons if its sentence has an exact answer.

    Args:
      sentence: what the page begins with; by default the world's first example.
      run: as in `explain_sentence`.
      mask: as in `read_question`.
      language: of the lessons.

    Raises:
      InputError: there is no such run, or it cannot answer this; or no such language.
    """
    texts = load_texts(language)
    saved, world, notes = chosen_run(run)
    require(recorded_steps(saved, world), f"{saved.folder}: no step is recorded yet")
    sentence = sentence or next(iter(world.examples), "") or str(world.templates[0])
    question = read_question(world, sentence, saved.config.task.masked, mask)
    lessons = PageLessons()
    if question.is_said:
        material = material_of(saved, world, question, explain(saved, world, question))
        each = [lesson_of(number, material, texts) for number in range(1, COUNT + 1)]
        told = [
            PageLesson(one.title, one.expect, one.question, one.options, one.right, one.answer, one.explain)
            for one in each
        ]
        common = {name: text for name, text in texts["common"].items() if isinstance(text, str)}
        lessons = PageLessons(told, common)
    return one_file(saved, world, question.tokens, question.masked, lessons=lessons), [*notes, *question.notes]
