"""One experiment made ready to be trained: its world, what it is measured on, and the loop of `runner`."""

from functools import cached_property

import jax

from data.errors import InputError
from data.sampler import sampler_tables
from data.world import World
from experiments.config import Config
from experiments.evaluate import KINDS, EvaluationSet, make_evaluation_set
from experiments.gradient_norms import Sample
from experiments.measure import Material, Measured, measure
from experiments.probes import OtherRows, asked_probe, make_probes, other_rows, probe_tokens
from experiments.runner import Record, Runner, Tick, record_steps
from experiments.state import program, swept
from model.functional import Params

__all__ = ["Record", "Tick", "Training", "make_material", "record_steps", "watched_sentences"]
_OTHER_ROWS = 24
_SAMPLE_ROWS = 128


class Training(Runner):
    """A config in its world, ready to be trained: `for record in training.run(): ...`.

    Raises:
      InputError: the config asks for what the world does not have.
    """

    def __init__(self, config: Config, world: World, devices: list[jax.Device] | None = None) -> None:
        world.check_hidden(config.task.hidden)
        self.config, self.world = config, world
        self.sentences = watched_sentences(config, world)
        tables = sampler_tables(world, config.task.hidden)
        steps = record_steps(config.train.steps, config.track.records)
        # The longest compilation: it goes on while the host works out the exact answers.
        super().__init__(program(config, world), swept(config), tables, steps, devices)
        self.material = make_material(config, world, self.sentences)
        self.measured_by(self._measured, self.material, holds=())

    def _measured(self, material: Material, params: Params, scale: jax.Array) -> Measured:
        return measure(self.program, material, params, scale, self.ensemble.shards)

    @cached_property
    def groups(self) -> list[str]:
        """Names of the groups of `excess_G`: "asked/subject", ..., "held_out/object"."""
        return [f"{kind}/{slot}" for kind in KINDS for slot in self.config.task.hidden]


def watched_sentences(config: Config, world: World) -> list[tuple[list[int], list[int]]]:
    """(tokens, positions to ask) of the sentences that are watched: the world's examples and the config's own.

    Of examples, those in which something is asked.

    Raises:
      InputError: there is none, or one that this world cannot say, or one of the config's in which nothing is asked.
    """
    hidden = config.task.hidden
    examples = [probe_tokens(world, sentence, hidden, place) for sentence, place in world.examples.items()]
    own = [asked_probe(world, sentence, hidden, "probes: ") for sentence in config.probes]
    sentences = [*filter(None, examples), *own]
    if not sentences:
        missing = f"the world '{world.name}' has no example with a word of {', '.join(hidden)}"
        raise InputError(f"probes: {missing}; give a sentence to watch")
    return sentences


def make_material(config: Config, world: World, sentences: list[tuple[list[int], list[int]]]) -> Material:
    """What the runs of a config are measured on; exact answers are worked out here, which takes a while."""
    examples = make_evaluation_set(config, world)
    probes, other = make_probes(world, sentences), _some_rows(config, world, examples)
    return Material(examples, probes, other, _sample(examples))


def _some_rows(config: Config, world: World, examples: EvaluationSet) -> OtherRows:
    """The last of the evaluation sentences, which are of held-out contexts where the world has some."""
    used = int((examples.share_EG.sum(axis=1) > 0).sum())
    some = slice(max(0, used - min(_OTHER_ROWS, config.evaluate.sentences)), used)
    return other_rows(world, examples.tokens_EK[some], examples.hidden_E[some])


def _sample(examples: EvaluationSet) -> Sample:
    """The first rows of the evaluation set."""
    some = slice(0, min(_SAMPLE_ROWS, int((examples.share_EG.sum(axis=1) > 0).sum())))
    return Sample(examples.tokens_EK[some], examples.hidden_E[some], examples.posterior_EV[some])
