"""An experiment: a config in its world, and everything that its models are measured on."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np

from data.errors import require
from data.inference import relevance, relevant_words
from data.world import World
from experiments.config.schema import Config
from experiments.measuring.evaluation_set import evaluation_shapes, make_evaluation_set, merge_repeats
from experiments.measuring.measurement import EvaluationData, Measurement, measure
from experiments.measuring.probes import OtherRows, Probes, make_probes, masked_probe, probe_tokens
from experiments.training.hyperparameters import batch_tables, hyperparameters, training_spec
from experiments.training.program_cache import load_or_compute
from experiments.training.record import record_steps
from experiments.training.trainer import Trainer

_OTHER_ROWS = 24
_SAMPLE_ROWS = 128
MakeTrainer = Callable[..., Trainer[EvaluationData, Measurement]]
Sentences = list[tuple[list[int], list[int]]]
"""(tokens, positions to mask) of each sentence."""


@dataclass(frozen=True)
class Experiment:
    """What is trained and measured; made by `prepare`."""

    config: Config
    world: World
    sentences: Sentences
    """The sentences that are watched."""
    data: EvaluationData

    @property
    def told(self) -> int:
        """The number of the watched sentence that is told of line by line: the first of the config's own, if any."""
        return len(self.sentences) - len(self.config.probes) if self.config.probes else 0


def prepare(
    config: Config, world: World, make_trainer: MakeTrainer = Trainer
) -> tuple[Experiment, Trainer[EvaluationData, Measurement]]:
    """An experiment, and its trainer, which compiles while the exact answers are worked out.

        experiment, trainer = prepare(config, load_world(config.world))
        for record in trainer.run(experiment.data): ...

    Args:
      config: what to train.
      world: its world.
      make_trainer: makes the trainer; by default one that uses all devices.

    Raises:
      InputError: the config asks for what the world does not have.
    """
    world.check_masked(config.task.masked)
    sentences = watched_sentences(config, world)
    probes = make_probes(world, sentences)
    spec = training_spec(config, world)
    trainer = make_trainer(
        spec,
        hyperparameters(config),
        batch_tables(spec, config, world),
        record_steps(config.train.steps, config.track.records),
        measure,
        evaluation_data_shapes(config, world, probes),
        cache_measurement=True,
    )
    return Experiment(config, world, sentences, make_evaluation_data(config, world, probes)), trainer


def watched_sentences(config: Config, world: World) -> Sentences:
    """The sentences that are watched: the world's examples in which a word is masked, and the config's own.

    Raises:
      InputError: there is none, one that this world cannot say, or one of the config's in which nothing is masked.
    """
    masked = config.task.masked
    examples = [probe_tokens(world, sentence, masked, place) for sentence, place in world.examples.items()]
    place = "probes: " if len(config.probes) == 1 else "probes: sentence {}: "
    own = [masked_probe(world, one, masked, place.format(n)) for n, one in enumerate(config.probes, start=1)]
    sentences = [(tokens, positions) for tokens, positions in [*examples, *own] if positions]
    require(
        sentences,
        f"probes: the world '{world.name}' has no example with a word of {', '.join(masked)}; give a sentence to watch",
    )
    return sentences


def make_evaluation_data(config: Config, world: World, probes: Probes) -> EvaluationData:
    """What the runs of a config are measured on; exact answers are worked out here, which takes a while."""
    drawn = make_evaluation_set(config, world)
    used = int(drawn.count_E.sum())
    # The last of them: they are of held-out contexts where the world has some.
    last = slice(used - _count(_OTHER_ROWS, config), used)
    rows = drawn.tokens_EK[last], drawn.masked_E[last]
    key = "other rows", world.training_fingerprint, [array.tolist() for array in rows]
    exact = load_or_compute(lambda: {"relevant_OK": relevant_words(relevance(world, *rows))}, key)
    other = OtherRows(*rows, **exact)
    sample = jax.tree.map(lambda array: array[: _count(_SAMPLE_ROWS, config)], drawn)
    return EvaluationData(merge_repeats(drawn), probes, other, sample)


def evaluation_data_shapes(config: Config, world: World, probes: Probes) -> EvaluationData:
    """The shapes of `make_evaluation_data`, without the exact answers."""
    examples = evaluation_shapes(config, world)

    def rows(like: jax.ShapeDtypeStruct, count: int, dtype: type | None = None) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((_count(count, config), *like.shape[1:]), dtype or like.dtype)

    tokens_EK, masked_E = examples.tokens_EK, examples.masked_E
    other = OtherRows(rows(tokens_EK, _OTHER_ROWS), rows(masked_E, _OTHER_ROWS), rows(tokens_EK, _OTHER_ROWS, np.bool_))
    return EvaluationData(examples, probes, other, jax.tree.map(lambda like: rows(like, _SAMPLE_ROWS), examples))


def _count(most: int, config: Config) -> int:
    """How many of the evaluation sentences are used where `most` are wanted."""
    return min(most, config.evaluate.sentences)
