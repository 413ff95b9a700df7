"""A saved run as a page: its own parameters, title and scale; which steps."""

import json
import re

import numpy as np
import pytest
from made_run import made_config, made_params

from data.errors import InputError
from data.world import load_world
from experiments.config.loader import to_yaml
from experiments.replay.one_file import one_file
from experiments.run_directory.arrays import RecordFile
from experiments.run_directory.files import write_text
from experiments.run_directory.saved_run import load_run
from model.config import ModelConfig

STEPS = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256]


@pytest.fixture(scope="module")
def world():
    return load_world("english")


@pytest.fixture(scope="module")
def run(world, tmp_path_factory):
    """The first of two seeds, with parameters alone."""
    folder, rng = tmp_path_factory.mktemp("runs") / "lab-001", np.random.default_rng(0)
    config = made_config(ModelConfig(d_model=4, heads=2, d_head=3, d_mlp=0, norm="rms", scale="inverse"), seeds=2)
    (folder / "seed-3").mkdir(parents=True)
    write_text(folder / "config.yaml", to_yaml(config))
    params = RecordFile(folder / "seed-3", "params")
    params.begin({})
    for step in STEPS:
        params.append(step, made_params(config.model, rng, len(world.vocabulary), world.max_length))
    params.merge()
    return load_run(folder / "seed-3")


def told(run, world, **options):
    html = one_file(run, world, world.vocabulary.encode("the cat sat on the mat ."), 1, **options)
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])


def test_a_page_of_a_run(run, world):
    data = told(run, world)
    assert data["title"] == f"Run lab-001/seed-3. {world.title}."
    assert (data["scale"], data["scale_text"]) == (1 / 3, "/ 3")
    assert [one["step"] for one in data["steps"]] == [0, 1, 4, 8, 16, 32, 128, 256]
    assert (data["recorded"], data["left_out"], data["masked"]) == (10, 0, 1)
    assert [data["words"][token] for token in data["tokens"]] == ["the", "cat", "sat", "on", "the", "mat", "."]


def test_steps_may_be_named(run, world):
    assert [one["step"] for one in told(run, world, steps=[256, 2])["steps"]] == [2, 256]
    with pytest.raises(InputError, match=r"step 3: was not recorded; recorded are 0, 1, 2, 4"):
        told(run, world, steps=[2, 3])
    with pytest.raises(InputError, match="9 steps: a page has room for 8"):
        told(run, world, steps=STEPS[:9])
