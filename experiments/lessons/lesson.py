"""A lesson: an expectation, a question to predict, what the reader's own model answers, and why."""

from dataclasses import dataclass

from data.errors import require
from data.world import World
from experiments.lessons.ablations import scale_ablation
from experiments.lessons.facts import COUNT, Facts, Material, facts_of
from experiments.lessons.texts import Texts
from experiments.replay.asked import chosen_run
from experiments.replay.explanation import Explanation, explain
from experiments.replay.question import Question, read_question
from experiments.replay.saved_model import recorded_steps
from experiments.run_directory.saved_run import SavedRun


@dataclass(frozen=True)
class Lesson:
    """The texts of one lesson, filled in."""

    number: int
    title: str
    expect: str
    question: str
    options: tuple[str, ...]
    right: tuple[int, ...]
    """The numbers of the right options, from 0; none if there is no right one for this model."""
    answer: str
    explain: str


def lesson_of(number: int, material: Material, texts: Texts) -> Lesson:
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
    return Lesson(number, title, expect, question, _options(said, facts), facts.right, answer, why)


def _options(said: dict[str, str | list[str]], facts: Facts) -> tuple[str, ...]:
    given = said.get("options", [])
    extra = said.get("extra_option", "")
    return (*facts.options, *given, *([str(extra)] if extra else []))


def _filled(text: str | list[str], facts: dict[str, str]) -> str:
    """A text with its facts; words of users come in as they are, and are not read again."""
    return str(text).format_map(facts).strip()


def lesson_material(sentence: str | None, run: str | None, mask: str | None) -> tuple[Material, list[str]]:
    """What the lessons show, and notes; the arguments are those of `explain_sentence`.

    Without a sentence it is the world's first example.

    Raises:
      InputError: there is no such run, or no exact answer for the sentence.
    """
    saved, world, notes = chosen_run(run)
    recorded_steps(saved, world)
    sentence = sentence or next(iter(world.examples), "") or str(world.templates[0])
    question = read_question(world, sentence, saved.config.task.masked, mask)
    require(question.is_said, f"'{sentence}': the world '{world.name}' cannot say it; lessons need one with an answer")
    return material_of(saved, world, question, explain(saved, world, question)), [*notes, *question.notes]


def material_of(saved: SavedRun, world: World, question: Question, told: Explanation) -> Material:
    """Everything that the lessons show of a run, for a question that has an exact answer."""
    trained = saved.config.task.masked
    masked, tokens = question.masked, list(question.tokens)
    other = next((word for word in told.candidates if word != tokens[masked]), tokens[masked])
    tokens[masked] = other
    places = [k for k in range(len(tokens)) if world.slot_of.get(tokens[k]) in trained and k != masked]
    sentence = " ".join(world.vocabulary.decode(question.tokens))
    elsewhere = read_question(world, sentence, trained, str(places[-1] + 1)) if places else question
    return Material(
        told=told,
        early=explain(saved, world, question, 0),
        other_word=explain(saved, world, Question(tuple(tokens), masked, question.is_said)),
        elsewhere=explain(saved, world, elsewhere),
        ablation=scale_ablation(),
    )
