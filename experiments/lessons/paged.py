"""The lessons as the one-file page shows them, and the page of a sentence."""

from experiments.lessons.facts import COUNT
from experiments.lessons.lesson import lesson_of, material_of
from experiments.lessons.texts import load_texts
from experiments.replay.asked import asked_example
from experiments.replay.one_file import one_file
from experiments.view.page_lessons import PageLessons


def paged(sentence: str | None, run: str | None, mask: str | None, language: str) -> tuple[str, list[str]]:
    """The page as HTML, and notes; with lessons if the sentence has an exact answer and weights are not uniform.

    Args:
      sentence: what the page begins with; this and the next two as in `asked_example`.
      run: the run.
      mask: the word to mask.
      language: of the lessons.

    Raises:
      InputError: there is no such run, or it cannot answer this; or no such language.
    """
    texts, lessons = load_texts(language), PageLessons()
    saved, world, question, notes = asked_example(sentence, run, mask)
    if saved.config.model.scale_factor > 0 and question.is_said:
        material = material_of(saved, world, question)
        each = [lesson_of(number, material, texts) for number in range(1, COUNT + 1)]
        common = {name: text for name, text in texts["common"].items() if isinstance(text, str)}
        lessons = PageLessons(each, common)
    return one_file(saved, world, question.tokens, question.masked, lessons=lessons), notes
