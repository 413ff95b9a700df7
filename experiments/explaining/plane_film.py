"""Queries and keys of a run in one plane over its training: of one sentence, or of many drawn from its world.

The vectors are those of the model's forward pass at the recorded steps.
"""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from data.errors import require
from data.vocabulary import PAD
from data.world import World
from experiments.explaining.drawn_rows import draw_rows
from experiments.measuring.probes import masked_probe
from experiments.pictures.missing_fonts import missing_fonts
from experiments.replay.film import FilmedRun, filmed_run, free_paths, write_picture
from experiments.replay.plane_picture import PointStyle, plane_gif, plane_strip
from experiments.reports.plots import figure_files
from experiments.view.plane_points import PlaneOverTime, Points, different_points, in_one_plane
from experiments.view.word_groups import default_colouring, word_groups
from model.functional import Model, apply

SENTENCES, MOST_SENTENCES = 100, 2_000
"""How many are drawn where none is named."""
Rows = tuple[NDArray[np.int32], NDArray[np.int32]]
"""Whole sentences [G, K], padded, and the masked position of each [G]."""


def make_plane_film(
    run: str | Path,
    sentence: str | None,
    steps: int,
    *,
    colour: str | None = None,
    head: int | None = None,
    sentences: int | None = None,
    out: str | None = None,
    say: Callable[[str], None] = print,
) -> list[Path]:
    """Write queries and keys in one plane as a film (GIF) and as a strip (PNG, SVG); gives the three paths.

    Args:
      run: the folder of a run, or of several (of several, the first is taken).
      sentence: a sentence of the run's world; None for sentences that are drawn from it.
      steps: at most so many of the recorded steps.
      colour: one of `word_groups.COLOURINGS`; by default form, in a world without forms class.
      head: which head, from 1; all by default.
      sentences: how many are drawn; 100 by default.
      out: path, with or without ending; by default `points-001` in the run's folder, or the next free one.
      say: is told, in a line, if no installed font has a word.

    Raises:
      InputError: no such run or head, a sentence that its world cannot say, or a file that is there already.
    """
    filmed = filmed_run(run, steps)
    world = filmed.world
    by = _colouring(world, colour)
    paths = free_paths(filmed.saved, out, [".gif", ".png", ".svg"], "points")
    points, planes = plane_points(filmed, sentence, sentences=sentences, head=head)
    style = point_style(world, points, by, with_words=sentence is not None)
    count = SENTENCES if sentences is None else sentences
    about = sentence or f"{count} sentence{'s' if count > 1 else ''} of the world '{world.name}'"
    title = f"{about}\nIn %: how much of the sum of squares the plane holds; it is the same at all steps"
    pictures = figure_files(plane_strip(planes, filmed.steps, style, title), "points")
    pictures[".gif"] = plane_gif(planes, filmed.steps, style, title)
    for path in paths:
        write_picture(path, pictures[path.suffix])
    if boxes := missing_fonts([*style.key_labels, *style.names]):
        say(boxes)
    return paths


def plane_points(
    filmed: FilmedRun, sentence: str | None, *, sentences: int | None = None, head: int | None = None
) -> tuple[Points, list[PlaneOverTime]]:
    """The points of a sentence, or of sentences that are drawn, and where they lie in each head (or in one).

    Raises:
      InputError: as for `make_plane_film`.
    """
    masked = filmed.saved.config.task.masked
    heads = _heads(filmed.saved.config.model.heads, head)
    if sentence is None:
        tokens_GK, masked_G = _drawn(filmed.world, masked, sentences)
    else:
        require(sentences is None, "--sentences: says how many are drawn; leave it out, or the sentence")
        tokens_GK, masked_G = _of_sentence(filmed.world, sentence, masked)
    blank_G = filmed.world.blank_W[tokens_GK[np.arange(len(masked_G)), masked_G]]
    points = different_points(tokens_GK, masked_G, blank_G)
    return points, _planes(filmed, tokens_GK, masked_G, blank_G, points, heads)


def point_style(world: World, points: Points, by: str, *, with_words: bool) -> PointStyle:
    """The colours of points, by one of `word_groups.COLOURINGS`, and the words beside them."""
    words, of_words = world.vocabulary.words, word_groups(world)
    if by == "place":
        queries, keys = ([str(place + 1) for place in places] for places in (points.query_place, points.key_place))
    else:
        queries, keys = points.groups(of_words[by])
    order = list(dict.fromkeys(of_words.get(by, ())))
    if not with_words:
        return PointStyle(by, queries, keys, order)
    of_queries = [f"[{words[masked[0]]}]" for masked in points.query_words]
    return PointStyle(by, queries, keys, order, of_queries, [words[word] for word in points.key_word])


def _colouring(world: World, colour: str | None) -> str:
    """What points are coloured by; raises InputError where the world has no forms."""
    groups = word_groups(world)
    require(
        colour != "form" or any(groups["form"]),
        f"--colour form: the words of the world '{world.name}' have no forms; choose class, slot or place",
    )
    return colour or default_colouring(groups)


def _heads(count: int, head: int | None) -> list[int]:
    known = head is None or 1 <= head <= count
    require(known, f"--head {head}: this model has {count}; name one from 1 to {count}")
    return list(range(count)) if head is None else [head - 1]


def _drawn(world: World, masked: tuple[str, ...], count: int | None) -> Rows:
    count = SENTENCES if count is None else count
    fits = 1 <= count <= MOST_SENTENCES
    require(fits, f"--sentences: must be from 1 to {MOST_SENTENCES:,}, not {count:,}")
    rows = draw_rows(world, masked, count, 0)
    return rows.tokens_GK, rows.masked_G


def _of_sentence(world: World, sentence: str, masked: tuple[str, ...]) -> Rows:
    tokens, places = masked_probe(world, sentence, masked)
    padded = [*tokens, *[PAD] * (world.max_length - len(tokens))]
    return np.asarray([padded] * len(places), np.int32), np.asarray(places, np.int32)


def _planes(
    filmed: FilmedRun,
    tokens_GK: NDArray[np.int32],
    masked_G: NDArray[np.int32],
    blank_G: NDArray[np.integer],
    points: Points,
    heads: list[int],
) -> list[PlaneOverTime]:
    """The points of each head at each step."""
    given_GK = tokens_GK.copy()
    given_GK[np.arange(len(masked_G)), masked_G] = blank_G

    @jax.jit
    def vectors(model: Model) -> tuple[jax.Array, jax.Array]:
        found = apply(model, jnp.asarray(given_GK), jnp.asarray(masked_G)[:, None])
        return found.query_BQHD[:, 0], found.key_BKHD

    query_SGHD, key_SGKHD = (np.stack(found) for found in zip(*map(jax.device_get, map(vectors, filmed.models())),
                                                             strict=True))  # fmt: skip
    planes = []
    for h in heads:
        of_steps = [
            points.vectors(query_GD, key_GKD)
            for query_GD, key_GKD in zip(query_SGHD[:, :, h], key_SGKHD[:, :, :, h], strict=True)
        ]
        query_SQD, key_SPD = (np.stack(found) for found in zip(*of_steps, strict=True))
        planes.append(in_one_plane(query_SQD, key_SPD, h))
    return planes
