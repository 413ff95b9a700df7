"""The film of a sentence: a saved run's parameters at its recorded steps, through the model's forward pass."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from numpy.typing import NDArray

from data.errors import is_taken, printable, reporting_os_errors, require
from data.vocabulary import PAD
from data.world import World, load_world
from experiments.measuring.probes import Probes, make_probes, masked_probe
from experiments.pictures.film_strip import film_gif, film_strip
from experiments.pictures.map_parts import MapLabels
from experiments.pictures.missing_fonts import missing_fonts
from experiments.replay.saved_model import recorded_steps, saved_model
from experiments.run_directory.saved_run import SavedRun, load_run
from experiments.training.record import pictured_steps
from model.functional import Model, apply


@dataclass(frozen=True)
class FilmedRun:
    """A run and the recorded steps that a film shows."""

    saved: SavedRun
    world: World
    recorded: list[int]
    """Every recorded step."""
    steps: list[int]
    """Those that are shown."""

    def models(self) -> Iterator[Model]:
        """The model at each of the steps."""
        return (saved_model(self.saved, self.world, self.recorded.index(step)) for step in self.steps)


def filmed_run(run: str | Path, steps: int) -> FilmedRun:
    """The run in a folder (of several, the first) and at most `steps` of its recorded steps.

    Raises:
      InputError: no such run, or no such number of steps.
    """
    saved = load_run(run)
    saved = next(iter(saved.runs.values()), saved)
    world = load_world(saved.config.world)
    require(steps >= 1, f"--steps: must be at least 1, not {steps}")
    recorded = recorded_steps(saved, world)
    return FilmedRun(saved, world, recorded, pictured_steps(recorded, steps))


def make_film(
    run: str | Path, sentence: str, steps: int, out: str | None = None, say: Callable[[str], None] = print
) -> list[Path]:
    """Write the film of `sentence` as GIF and as PNG strip; gives the two paths.

    Args:
      run: the folder of a run, or of several (of several, the first is taken).
      sentence: a sentence of the run's world.
      steps: at most so many of the recorded steps.
      out: path, with or without ending; by default `film-001` in the run's folder, or the next that is free.
      say: is told, in a line, if no installed font has a word.

    Raises:
      InputError: no such run, a sentence that its world cannot say, or a file that is there already.
    """
    filmed = filmed_run(run, steps)
    saved, world, chosen = filmed.saved, filmed.world, filmed.steps
    tokens, masked = masked_probe(world, sentence, saved.config.task.masked)
    probes = make_probes(world, [(tokens, masked)])
    maps = _maps(filmed.models(), probes)
    words = tuple(world.vocabulary.decode(tokens))
    labels = MapLabels(words, tuple(masked), probes.relevant_GK[:, : len(words)])
    pictures = {".gif": film_gif, ".png": film_strip}
    paths = free_paths(saved, out, list(pictures))
    for path, picture in zip(paths, pictures.values(), strict=True):
        write_picture(path, picture(maps, chosen, labels, " ".join(words)))
    if boxes := missing_fonts(words):
        say(boxes)
    return paths


def _maps(models: Iterable[Model], probes: Probes) -> list[NDArray[np.float32]]:
    """Attention [heads, rows, words] of each of the models."""

    @jax.jit
    def weights(model: Model) -> jax.Array:
        return apply(model, probes.tokens_GK, probes.masked_G[:, None]).weights_BHQK[:, :, 0]

    length = int((probes.tokens_GK[0] != PAD).sum())
    return [np.swapaxes(np.asarray(weights(model)), 0, 1)[:, :, :length] for model in models]


def free_paths(saved: SavedRun, out: str | None, endings: list[str], stem: str = "film") -> list[Path]:
    """Paths at which nothing stands: those that `out` names, with or without ending, or else `stem-001` in the run.

    Raises:
      InputError: something is at a path that `out` names.
    """
    if out is not None:
        named = out[:-4] if out.lower().endswith(tuple(endings)) else out
        paths = [Path(named + ending) for ending in endings]
        for path in paths:
            require(not is_taken(path), f"{printable(str(path))}: is there already; choose another --out")
        return paths
    for n in itertools.count(1):
        paths = [saved.folder / f"{stem}-{n:03d}{ending}" for ending in endings]
        if not any(path.exists() for path in paths):
            break
    return paths


def write_picture(path: Path, data: bytes) -> None:
    """Write a picture that `--out` may have named; raises InputError where it cannot be written."""
    with reporting_os_errors(f"{path}: cannot be written", "choose another --out"):
        path.write_bytes(data)
