"""Training takes a cheaper order of products than what is shown: a term that it does not know cannot be missed."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused

import model.attention
from data.drawing_tables import training_tables
from data.world import load_world
from experiments.config.schema import Config, TrainConfig
from experiments.training.hyperparameters import hyperparameters, training_spec
from experiments.training.trainer import Trainer
from experiments.training.update import masked_row_loss
from model.config import ModelConfig, TransformerConfig
from model.functional import apply, cross_entropy
from model.transformer import REASSOCIATED, can_reassociate

pytestmark = pytest.mark.usefixtures("quickly_compiled")
CONFIG = Config(
    model=ModelConfig(d_model=8, heads=2, d_head=4, d_mlp=0), train=TrainConfig(steps=3, batch=16, learning_rate=0.1)
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WithDistance(TransformerConfig):
    """As a maintainer would add a term: a value in the config, and a term of the scores in the shown path."""

    distance: float = 0.0


@pytest.fixture
def scores_fall_with_distance(monkeypatch):
    """ALiBi (Press et al. 2022), added to `Transformer.__call__` alone."""

    def weights(query_BQHD, key_BKHD, allowed_BK, *, scale, **_):
        dot_BHQK, score_BHQK, _ = model.attention.attention_weights(query_BQHD, key_BKHD, allowed_BK, scale=scale)
        score_BHQK = score_BHQK - 0.5 * jnp.arange(key_BKHD.shape[1])[None, None, None]
        return dot_BHQK, score_BHQK, model.attention.softmax(score_BHQK, allowed_BK)

    monkeypatch.setattr("model.transformer.attention_weights", weights)


def trained(spec, loss=masked_row_loss):
    """Losses and parameters after three updates."""
    tables = training_tables(load_world("english"), CONFIG.task.masked)
    trainer = Trainer(spec, hyperparameters(CONFIG), tables, [0, 3], lambda *_: (), (), loss=loss)
    *_, last = trainer.run(())
    return last.of(0).loss, last.of(0).params


def full_path_loss(model, batch):
    logits_BQV = apply(model, batch.tokens_BK, batch.masked_B[:, None]).logits_BQV
    return cross_entropy(logits_BQV[:, 0], batch.target_B).mean()


def spec_with(config_class, **values):
    spec = training_spec(CONFIG, load_world("english"))
    return dataclasses.replace(spec, model=config_class(**vars(spec.model), **values))


@pytest.mark.usefixtures("scores_fall_with_distance")
def test_a_term_that_the_training_path_does_not_know_is_trained(assert_close):
    spec = spec_with(WithDistance, distance=0.5)
    assert not can_reassociate(spec.model)
    loss, params = trained(spec)
    expected_loss, expected = trained(spec, full_path_loss)
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    jax.tree.map(lambda one, other: assert_close(one, other, 1e-5), params, expected)


@pytest.mark.usefixtures("scores_fall_with_distance")
def test_a_term_that_is_not_declared_stops_the_training_in_one_line():
    spec = spec_with(WithDistance)  # the value has its default, but the term is there
    assert can_reassociate(spec.model)
    with refused("training", "logits", "Attention.reassociated", "model/attention_layer.py", "REASSOCIATED"):
        trained(spec)


def test_the_training_path_knows_what_it_declares():
    fields = {item.name for item in dataclasses.fields(TransformerConfig)}
    assert fields - {"qk_norm"} >= REASSOCIATED
    assert can_reassociate(spec_with(TransformerConfig).model)
    assert not can_reassociate(dataclasses.replace(spec_with(TransformerConfig).model, qk_norm=True))


@pytest.mark.usefixtures("traced_once")
@pytest.mark.parametrize("changes", [{}, {"norm": "none"}, {"sink": "learned", "softcap": 2.0}, {"query": "constant"}])
def test_paths_that_agree_go_on(changes):
    spec = spec_with(TransformerConfig)
    spec = dataclasses.replace(spec, model=dataclasses.replace(spec.model, **changes))
    assert can_reassociate(spec.model)
    loss, _ = trained(spec)
    assert np.isfinite(loss)
