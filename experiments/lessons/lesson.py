"""A lesson: an expectation, a question to predict, what the reader's own model answers, and why."""

from data.errors import require
from data.world import World
from experiments.lessons.ablations import scale_ablation
from experiments.lessons.facts import COUNT, facts_of
from experiments.lessons.material import Facts, Material
from experiments.lessons.texts import Texts
from experiments.replay.asked import asked_example
from experiments.replay.explaining import explain
from experiments.replay.explanation import Explanation
from experiments.replay.question import Question
from experiments.run_directory.saved_run import SavedRun
from experiments.view.page_lessons import PageLesson


def lesson_of(number: int, material: Material, texts: Texts) -> PageLesson:
    """Lesson `number`, from 1.

    Raises:
      InputError: there is no such lesson.
    """
    require(1 <= number <= COUNT, f"--lesson {number}: there are {COUNT}; name one from 1 to {COUNT}")
    facts, said = facts_of(number, material), texts[f"lesson_{number}"]
    for name, variant in facts.variants.items():
        said = {**said, name: said[variant]}
    filled = dict(facts.filled)
    if "ablation" in said:  # a text within a text
        filled["ablation"] = _filled(said["ablation"], filled)
    title, expect, question, answer, why = (
        _filled(said[name], filled) for name in ("title", "expect", "question", "answer", "explain")
    )
    return PageLesson(title, expect, question, _options(said, facts), facts.right, answer, why)


def _options(said: dict[str, str | list[str]], facts: Facts) -> tuple[str, ...]:
    given = said.get("options", [])
    extra = said.get("extra_option", "")
    return (*facts.options, *given, *([str(extra)] if extra else []))


def _filled(text: str | list[str], facts: dict[str, str]) -> str:
    """A text with its facts; words of users come in as they are, and are not read again."""
    return str(text).format_map(facts).strip()


def lesson_material(sentence: str | None, run: str | None, mask: str | None) -> tuple[Material, list[str]]:
    """What the lessons show, and notes; the arguments are those of `asked_example`.

    Raises:
      InputError: there is no such run, its attention is uniform, or there is no exact answer for the sentence.
    """
    saved, world, question, notes = asked_example(sentence, run, mask)
    require(
        saved.config.model.scale_factor > 0,
        f"{saved.folder}: its weights are all the same (model.scale 0), and lessons are about weights that differ;"
        " choose another run",
    )
    said = " ".join(world.vocabulary.decode(question.tokens))
    require(question.is_said, f"'{said}': the world '{world.name}' cannot say it; lessons need one with an answer")
    return material_of(saved, world, question), notes


def material_of(saved: SavedRun, world: World, question: Question) -> Material:
    """Everything that the lessons show of a run, for a question that has an exact answer."""
    trained, told = saved.config.task.masked, explain(saved, world, question)
    masked, tokens, forms = question.masked, question.tokens, world.word_forms
    form = int(forms.form_W[tokens[masked]])
    other = next((word for word in told.candidates if word != told.target), told.target)
    changed = forms.spelled_FW[:, told.target]
    in_other_form = next((int(word) for word in changed if forms.form_W[word] not in (0, form)), None) if form else None
    places = [k for k in range(len(tokens)) if world.slot_of.get(tokens[k]) in trained and k != masked]
    alike = [k for k in places if world.blank_W[tokens[k]] == world.blank_W[tokens[masked]]]
    elsewhere = (alike or places or [masked])[-1]

    def with_word(word: int, is_said: bool) -> Explanation:
        return explain(saved, world, Question((*tokens[:masked], word, *tokens[masked + 1 :]), masked, is_said))

    return Material(
        told=told,
        early=explain(saved, world, question, 0),
        other_word=with_word(int(forms.spelled_FW[form, other]), question.is_said),
        elsewhere=explain(saved, world, Question(tokens, elsewhere, question.is_said)),
        other_form=None if in_other_form is None else with_word(in_other_form, is_said=False),
        ablation=scale_ablation(),
    )
