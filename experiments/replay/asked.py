"""A sentence explained by the run that a person names: the run, the recorded step, the question."""

import numpy as np

from data.errors import InputError, require
from data.world import World, load_world
from experiments.pictures.missing_fonts import missing_fonts
from experiments.replay.explaining import explain
from experiments.replay.explanation import Explanation
from experiments.replay.question import Question, read_question
from experiments.replay.saved_model import recorded_steps
from experiments.run_directory.folders import newest_run, run_folder
from experiments.run_directory.saved_run import SavedRun, load_run

_OFF = 1e-3
"""Of the largest logit: what rounding leaves is far below."""


def explain_sentence(
    sentence: str, run: str | None = None, step: int | None = None, mask: str | None = None
) -> tuple[Explanation, list[str]]:
    """An explanation, and what a reader should know beside it, a line each.

    Args:
      sentence: as a person writes it.
      run: a run's folder, or its name in `runs/`; by default the newest. Of several seeds, the first.
      step: a step of the training; the nearest recorded one is explained. By default the last.
      mask: as in `read_question`.

    Raises:
      InputError: there is no such run, or it cannot answer this.
    """
    saved, world, notes = chosen_run(run)
    t, more = nearest_step(saved, world, step)
    question = _question(saved, world, sentence, mask, run)
    told = explain(saved, world, question, t)
    return told, [*notes, *more, *question.notes, *too_large(told)]


def too_large(told: Explanation) -> list[str]:
    """A note if the numbers are so large that the parts of the logits no longer add up in them."""
    logits_V = told.row["logits"].astype(np.float64)
    off = np.abs(told.terms.logits_RV[0] - logits_V).max()
    if off <= _OFF * max(1.0, float(np.abs(logits_V).max())):
        return []
    return ["the numbers of this model are so large (did it diverge?) that evidence does not add up to the logits"]


def nearest_step(saved: SavedRun, world: World, step: int | None) -> tuple[int, list[str]]:
    """The number of the recorded step that is nearest to `step` (None: the last), and a note if it is another.

    Raises:
      InputError: the step is negative, or the run does not fit its world.
    """
    recorded = recorded_steps(saved, world)
    if step is None:
        return len(recorded) - 1, []
    require(step >= 0, f"--step: must be at least 0, not {step}")
    t = min(range(len(recorded)), key=lambda i: abs(recorded[i] - step))
    said = f"step {step:,} was not recorded; the nearest that was, {recorded[t]:,}, is explained"
    return t, [] if recorded[t] == step else [said]


def chosen_run(run: str | None) -> tuple[SavedRun, World, list[str]]:
    """The run that is named, or the newest, and its world; of several seeds the first, which is then said."""
    saved, notes = load_run(newest_run(option="--run") if run is None else run_folder(run)), []
    if saved.runs:
        first = next(iter(saved.runs.values()))
        notes = [
            f"{saved.folder} holds {len(saved.runs)} seeds; {first.folder.name} is explained (--run {first.folder})"
        ]
        saved = first
    return saved, load_world(saved.config.world), notes


def _question(saved: SavedRun, world: World, sentence: str, mask: str | None, run: str | None) -> Question:
    """What is asked; of a run that nobody named, a refusal says which it is."""
    try:
        return read_question(world, sentence, saved.config.task.masked, mask)
    except InputError as error:
        if run is not None:
            raise
        newest = f"the newest run is asked, {saved.folder}, of the world '{world.name}'; --run asks another"
        raise InputError(f"{error} ({newest})") from None


def asked_example(
    sentence: str | None, run: str | None, mask: str | None
) -> tuple[SavedRun, World, Question, list[str]]:
    """A run and its world, a question about a sentence of theirs, and notes.

    Args:
      sentence: as a person writes it; by default the world's first example.
      run: as in `chosen_run`.
      mask: as in `read_question`.

    Raises:
      InputError: there is no such run, or it cannot answer this; or no sentence is given and the world has no example.
    """
    saved, world, notes = chosen_run(run)
    recorded_steps(saved, world)  # whether they fit the world
    example = sentence or next(iter(world.examples), None)
    require(example, f"the world '{world.name}' has no example; name a sentence of it")
    question = _question(saved, world, str(example), mask, run)
    return saved, world, question, [*notes, *question.notes]


def boxes(told: Explanation) -> list[str]:
    """What pictures of it cannot show, in a line, if anything."""
    words = [*told.words, *(told.vocabulary[word] for word in told.rivals)]
    return [line] if (line := missing_fonts(words)) else []
