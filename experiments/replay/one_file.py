"""A saved run as one page: a file that computes in a browser, offline, with the run's own parameters.

html = one_file(load_run("runs/toy-001"), world, tokens, masked=1)
"""

from collections.abc import Sequence

from data.errors import is_file, require
from data.world import World
from experiments.replay.ledger import scale_text
from experiments.replay.saved_model import recorded_steps
from experiments.run_directory.saved_run import SavedRun
from experiments.training.record import pictured_steps
from experiments.view.page import MOST_STEPS, PagedModel, explanation_page
from experiments.view.page_lessons import PageLessons

_NO_LESSONS = PageLessons()


def one_file(
    saved: SavedRun,
    world: World,
    tokens: Sequence[int],
    masked: int,
    steps: Sequence[int] = (),
    lessons: PageLessons = _NO_LESSONS,
) -> str:
    """The page of a run, as HTML.

    Args:
      saved: a single run.
      world: its world.
      tokens: the sentence that the page begins with, as word numbers without padding.
      masked: the position that is masked in it.
      steps: recorded steps to put into the page; by default at most 8, spread over the recorded ones.
      lessons: to predict and compare.

    Raises:
      InputError: the run's parameters cannot be read, a step was not recorded, more than 8 are asked for, or the model
        is too large for a page.
    """
    recorded = recorded_steps(saved, world)
    for step in steps:
        require(step in recorded, f"step {step}: was not recorded; recorded are {', '.join(map(str, recorded))}")
    require(len(steps) <= MOST_STEPS, f"{len(steps)} steps: a page has room for {MOST_STEPS}; name fewer")
    chosen = sorted(set(steps)) or pictured_steps(recorded, MOST_STEPS)
    arrays = {name: array for name, array in saved.all_params.items() if name not in ("version", "step")}
    of_step = {step: {name: array[t] for name, array in arrays.items()} for t, step in enumerate(recorded)}
    folder = saved.folder
    name = folder.name if is_file(folder / "config.yaml") else f"{folder.parent.name}/{folder.name}"
    model = PagedModel(
        title=f"Run {name}. {world.title}.",
        config=saved.config.model,
        scale_text=scale_text(saved.config.model),
        recorded=len(recorded),
        steps=[(step, of_step[step]) for step in chosen],
    )
    return explanation_page(model, world, tokens, masked, lessons)
