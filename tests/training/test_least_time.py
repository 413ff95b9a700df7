"""The time that a large training takes at least: its products are those that XLA counts."""

import jax
import numpy as np
import pytest

from experiments.training import least_time
from experiments.training.hyperparameters import TrainingSpec
from model.config import ModelConfig
from model.functional import Model, apply, init_params


def spec_of(batch=4, **sizes):
    return TrainingSpec(ModelConfig(**sizes).sized(50, 12), batch, 4, 0.95)


@pytest.mark.parametrize("sizes", [
    {"d_model": 256, "heads": 2, "d_head": 128, "d_mlp": 1024},
    {"d_model": 64, "heads": 4, "d_head": 64, "d_mlp": 0},
    {"d_model": 512, "heads": 1, "d_head": 16, "d_mlp": 64},
])  # fmt: skip
def test_operations_are_those_of_the_forward_pass_and_twice_as_many_back(sizes):
    spec = spec_of(**sizes)
    params = jax.eval_shape(lambda key: init_params(spec.model, key), jax.random.key(0))
    tokens, masked = np.zeros((4, 12), np.int32), np.zeros((4, 1), np.int32)
    lowered = jax.jit(lambda params: apply(Model(spec.model, params, 0.5), tokens, masked).logits_BQV).lower(params)
    counted = lowered.cost_analysis()["flops"]
    assert least_time.operations(spec) / 3 * spec.batch == pytest.approx(counted, rel=0.1)


def test_only_a_large_training_is_told(monkeypatch):
    monkeypatch.setattr(least_time, "_speed", lambda: 1e9)
    monkeypatch.setattr(jax, "device_count", lambda: 2)
    spec = spec_of(d_model=256, d_mlp=1024)
    updates = int(1e13 / (least_time.operations(spec) * 4)) + 1
    assert least_time.about_time(spec, updates - 1) == ""
    assert " 83 min " in least_time.about_time(spec, updates)  # 1e13 operations, 2e9 a second
    monkeypatch.setattr(least_time, "_speed", lambda: 1e11)
    assert " 1 min " in least_time.about_time(spec, updates)
