"""What is measured of a single run is shared among devices: with any number of them it is the same."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
from small_training import small_config

from data.world import load_world
from experiments.config.schema import EvaluateConfig
from experiments.measuring.experiment import prepare
from experiments.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("quickly_compiled")


def first_record(devices, sentences):
    """The record of step 0 of a run on so many devices, measured on so many sentences of each kind."""
    config = dataclasses.replace(small_config(), evaluate=EvaluateConfig(sentences=sentences))
    make = functools.partial(Trainer, devices=jax.devices()[:devices])
    experiment, trainer = prepare(config, load_world("english"), make)
    assert trainer.ensemble.shards == devices
    return next(trainer.run(experiment.data))


@pytest.mark.parametrize(("sentences", "sample"), [(9, 9), (300, 128)])
def test_devices_that_share_the_rows_measure_what_one_does(sentences, sample):
    """Of 9 sample rows two devices have 5 and 4; of the 5 blocks of 600 sentences 3 and 2."""
    one, two = (first_record(devices, sentences).measurement for devices in (1, 2))
    assert (one.gradient_norm_EG.shape[1], one.observation.cut_cost_GJK.shape[1] % 2) == (sample, 1)
    found = jax.tree_util.tree_leaves_with_path(one)
    for (path, left), right in zip(found, jax.tree.leaves(two), strict=True):
        assert np.isfinite(left).all(), path
        error, size = np.abs(right - left).max(initial=0), max(np.abs(left).max(initial=0), 1e-2)
        assert error <= 1e-5 * size, jax.tree_util.keystr(path)
