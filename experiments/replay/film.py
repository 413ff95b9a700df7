"""The film of a sentence: a saved run's parameters at its recorded steps, through the model's forward pass."""

from pathlib import Path

import jax
import numpy as np
from numpy.typing import NDArray

from data.errors import InputError, printable
from data.files import is_taken
from data.posterior import relevant_words
from data.vocabulary import PAD
from data.world import World, load_world
from experiments.measuring.probes import Probes, make_probes, masked_probe
from experiments.measuring.row_gradients import flat_params
from experiments.pictures.attention_map import MapLabels
from experiments.pictures.film_strip import film_gif, film_strip
from experiments.run_directory.saved_run import SavedRun, load_run
from experiments.run_directory.step_arrays import check_stacked
from experiments.training.hyperparameters import TrainingSpec, training_spec
from experiments.training.schedule import pictured_steps
from model.functional import Params, apply, init_params


def make_film(run: str, sentence: str, steps: int, out: str | None = None) -> list[Path]:
    """Write the film of `sentence` as GIF and as PNG strip; gives the two paths.

    Args:
      run: the folder of the run, or of one member of several (of several, the first is taken).
      sentence: a sentence of the run's world.
      steps: at most so many of the recorded steps.
      out: path without ending; by default `film-001` in the run's folder, or the next that is free.

    Raises:
      InputError: no such run, a sentence that its world cannot say, or a file that is there already.
    """
    saved = load_run(run)
    saved = next(iter(saved.runs.values()), saved)
    world = load_world(saved.config.world)
    if steps < 1:
        raise InputError(f"--steps: must be at least 1, not {steps}")
    rows = [masked_probe(world, sentence, saved.config.task.masked)]
    recorded = _recorded_steps(saved, world)
    chosen = pictured_steps(recorded, steps)
    probes = make_probes(world, rows)
    maps = _maps(saved, training_spec(saved.config, world), probes, [recorded.index(step) for step in chosen])
    tokens = probes.tokens_GK.copy()
    tokens[np.arange(len(tokens)), probes.masked_G] = probes.target_G
    words = tuple(world.vocabulary.words[token] for token in tokens[0] if token != PAD)
    relevant = relevant_words(probes.relevance_GK.astype(np.float64))[:, : len(words)]
    labels = MapLabels(words, tuple(int(place) for place in probes.masked_G), relevant)
    pictures = {".gif": film_gif, ".png": film_strip}
    paths = _free_paths(saved, out, list(pictures))
    for path, picture in zip(paths, pictures.values(), strict=True):
        try:
            path.write_bytes(picture(maps, chosen, labels, " ".join(words)))
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror or error}); choose another --out") from None
    return paths


def _recorded_steps(saved: SavedRun, world: World) -> list[int]:
    """The steps whose parameters are there, and fit the run's model in its world as it is now."""
    arrays, path = saved.all_params, saved.folder / "params.npz"
    words = arrays.get("token/embedding", np.zeros(0)).shape[1:2]
    if words and words[0] != len(world.vocabulary):
        raise InputError(f"{saved.folder}: was trained on {words[0]} words, its world has {len(world.vocabulary)} now")
    model = training_spec(saved.config, world).model
    params = jax.eval_shape(lambda: init_params(model, jax.random.key(0)))
    check_stacked(path, arrays, {"/".join(name): leaf.shape for name, leaf in flat_params(params).items()})
    return [int(step) for step in arrays["step"]]


def _maps(saved: SavedRun, static: TrainingSpec, probes: Probes, at: list[int]) -> list[NDArray[np.float32]]:
    """Attention [heads, rows, words] at each of the recorded steps number `at`."""

    @jax.jit
    def weights(params: Params) -> jax.Array:
        scale = saved.config.model.scale_factor  # the program knows of no swept value
        forward = apply(static.model, params, probes.tokens_GK, probes.masked_G[:, None], scale=scale)
        return forward.weights_BHQK[:, :, 0]

    length = int((probes.tokens_GK[0] != PAD).sum())
    return [np.swapaxes(np.asarray(weights(saved.params(t))), 0, 1)[:, :, :length] for t in at]


def _free_paths(saved: SavedRun, out: str | None, endings: list[str]) -> list[Path]:
    """Paths at which nothing stands."""
    if out is not None:
        paths = [Path(out + ending) for ending in endings]
        taken = [path for path in paths if is_taken(path)]
        if taken:
            raise InputError(f"{printable(str(taken[0]))}: is there already; choose another --out")
        return paths
    number = 1
    while any((saved.folder / f"film-{number:03d}{ending}").exists() for ending in endings):
        number += 1
    return [saved.folder / f"film-{number:03d}{ending}" for ending in endings]
