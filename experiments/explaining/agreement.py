"""What does a weight mean? Weights beside what the words do, what they tell, and what the world says, cell by cell.

    found = measure_agreement(load_run("runs/toy-001"), world, t=-1, sentences=300, seed=0)
    found.trained.cut_cost_GAK       what each cut edge costs, nats
    found.taus["cut"].trained        how alike weights and costs rank the words of a row, with its interval

Kendall's tau (tau-b, which allows ties) is 1 where two measures put the words of a row in the same order, -1 where in
the opposite one, 0 where they have nothing to do with each other; weights and nats below 0.0001 are tied. It is taken
row by row and averaged over the rows; rows are independent sentences, and are what the bootstrap draws. An untrained
model is the baseline: its output is a weighted sum too, so its weights already rank the words much as cuts change it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data.errors import require
from data.world import World
from experiments.explaining.cell_measures import CellMeasures, Floats, measure_cells, pieces
from experiments.explaining.drawn_rows import Done, DrawnRows, draw_rows, silent
from experiments.explaining.preferences import row_preferences
from experiments.measuring.probes import make_probes
from experiments.replay.saved_model import recorded_steps, saved_model
from experiments.run_directory.saved_run import SavedRun
from experiments.statistics.intervals import Interval, bootstrap_interval, mean
from experiments.view.run_arrays import candidates_of

MEASURES = {
    "change": (
        "change of the guess by a cut",
        "how far the guess moves, for better or worse, if no head can look at the word and the other weights grow",
    ),
    "cut": ("cost of cutting, others grow", "how much worse the guess gets by the same cut: the rise of the excess"),
    "zero": ("cost of cutting, others stay", "the same if the word's weight becomes 0 and the other weights stay"),
    "model": ("model relevance", "how far the guess moves if the word is not known"),
    "exact": ("exact relevance", "how far the exact answer moves if the word is not known"),
    "length": ("length of weight x value", "how long the vector is that the word adds to the masked place (no nats)"),
    "evidence": ("evidence, without sign", "how much the word adds to the masked word's logit against its rivals"),
    "world": ("the world's preference", "how much it speaks for the masked word by the world's rules, without sign"),
}
"""What weights are compared with, by a short name: what it is called, and what it is."""
LEAST = 1e-4
"""A weight, or nats, below this count as 0 when words are ranked: a trained model's attention leaves weights of 1e-7 on
the words that it does not look at, whose order is chance, and whose cuts cost what float32 rounds to."""


@dataclass(frozen=True)
class Tau:
    """Agreement of the weights with one measure: mean over the rows and its 95 % interval."""

    trained: Interval
    untrained: Interval
    rows: int
    """Rows in which the measure ranks the words at all; the others are left out (of the trained model)."""


@dataclass(frozen=True)
class Agreement:
    """What `measure_agreement` found; G rows, K places of words, V words of the vocabulary."""

    run: str
    step: int
    vocabulary: tuple[str, ...]
    rows: DrawnRows
    exact_relevance_GK: Floats
    """KL(exact answer || exact answer without the word), in nats."""
    preference_GK: Floats
    """The world's log-preference of the word for the masked one, less the mean over the candidates, in nats."""
    candidates: tuple[tuple[int, ...], ...]
    """Of each row: the words that evidence and preference are held against, as TensorBoard's tab chooses them."""
    trained: CellMeasures
    """Of the model at `step`."""
    untrained: CellMeasures
    """Of the same run before the first update."""

    @cached_property
    def taus(self) -> dict[str, Tau]:
        """How well each measure agrees with the weights, by the names of MEASURES."""
        cells_GK, found = self.rows.cells_GK, {}
        before = self.measures(trained=False)
        for name, values_GK in self.measures().items():
            now_G = row_taus(self.trained.weight_GAK[:, -1], values_GK, cells_GK)
            then_G = row_taus(self.untrained.weight_GAK[:, -1], before[name], cells_GK)
            found[name] = Tau(_mean(now_G), _mean(then_G), int(np.isfinite(now_G).sum()))
        return found

    def measures(self, trained: bool = True) -> dict[str, Floats]:
        """What weights (mean over the heads) are compared with, each [G, K], by the names of MEASURES."""
        own = self.trained if trained else self.untrained
        return {
            "change": own.change_GAK[:, -1],
            "cut": own.cut_cost_GAK[:, -1],
            "zero": own.zero_cost_GAK[:, -1],
            "model": own.model_relevance_GK,
            "exact": self.exact_relevance_GK,
            "length": own.length_GAK[:, -1],
            "evidence": np.abs(own.evidence_GAK[:, -1]),
            "world": np.abs(self.preference_GK),
        }


def agreement_pieces(sentences: int) -> int:
    """How many pieces of work `measure_agreement` tells of."""
    return 2 * pieces(sentences)


def measure_agreement(
    saved: SavedRun, world: World, t: int = -1, sentences: int = 300, seed: int = 0, progress: Done = silent
) -> Agreement:
    """Weights beside every other measure, on fresh masked sentences of the run's world.

    Args:
      saved: one run.
      world: its world.
      t: number of the recorded step; the last by default.
      sentences: how many are drawn; one word of each is masked. Their contexts are those of training.
      seed: of the draw.
      progress: is told how many pieces are done, and of how many.

    Raises:
      InputError: the run does not fit its world, its attention is uniform, its model diverged, or there are fewer than
        2 sentences.
    """
    require(sentences >= 2, f"sentences: must be at least 2, not {sentences}; one has no interval")
    require(
        saved.config.model.scale_factor > 0,
        f"{saved.folder}: its weights are all the same (model.scale 0), so they agree with nothing; choose another run",
    )
    steps = recorded_steps(saved, world)
    rows = draw_rows(world, saved.config.task.masked, sentences, seed)
    whole = [(row_K[row_K != 0].tolist(), [int(at)]) for row_K, at in zip(rows.tokens_GK, rows.masked_G, strict=True)]
    probes = make_probes(world, whole)
    candidates = [candidates_of(exact_V) for exact_V in probes.posterior_GV]
    each, targets = pieces(sentences), rows.target_G.tolist()

    def measured(at: int, before: int) -> CellMeasures:
        model = saved_model(saved, world, at)
        return measure_cells(
            model, probes, targets, candidates, lambda done, _: progress(before + done, agreement_pieces(sentences))
        )

    trained, untrained = measured(t, 0), measured(0, each)
    require(
        np.isfinite(trained.excess_G).all(),
        f"{saved.folder}: its model is not finite at step {steps[t]} (it diverged); choose another step or run",
    )
    return Agreement(
        run=saved.folder.name,
        step=steps[t],
        vocabulary=world.vocabulary.words,
        rows=rows,
        exact_relevance_GK=probes.relevance_GK.astype(np.float64),
        preference_GK=row_preferences(world, rows, candidates),
        candidates=tuple(map(tuple, candidates)),
        trained=trained,
        untrained=untrained,
    )


def row_taus(weight_GK: Floats, other_GK: Floats, cells_GK: NDArray[np.bool_], least: float = LEAST) -> Floats:
    """Kendall's tau-b of each row [G] over its cells; nan where one of the two is the same for all words.

    What is smaller than `least` counts as 0.
    """
    from scipy.stats import kendalltau  # noqa: PLC0415  0.9 s

    weight_GK, other_GK = (np.where(np.abs(values) < least, 0.0, values) for values in (weight_GK, other_GK))
    rows = zip(weight_GK, other_GK, cells_GK, strict=True)
    with np.errstate(invalid="ignore"):
        return np.asarray([kendalltau(weight_K[own], other_K[own]).statistic for weight_K, other_K, own in rows])


def _mean(tau_G: Floats) -> Interval:
    known_G = tau_G[np.isfinite(tau_G)]
    if len(known_G) < 2:
        return Interval.unknown(float(known_G.mean()) if len(known_G) else np.nan)
    return bootstrap_interval(mean, known_G)
