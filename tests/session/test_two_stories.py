"""What a model must show in the world of two stories, on real trainings: of seeds 0 to 9."""

import numpy as np
import pytest
from kept_results import once

from data.world import load_world
from experiments.ablate import main as ablate
from experiments.config.loader import load_config
from experiments.measuring.experiment import Experiment, make_evaluation_data, prepare, watched_sentences
from experiments.measuring.metrics import on_relevant
from experiments.measuring.probes import make_probes

pytestmark = pytest.mark.usefixtures("traced_once")
SEEDS = 10
SENTENCES = "[GIRL bear KNELT roof MAT prowled, FISH wolf HEN FED cart pounced]"


def trained(seeds, **overrides):
    """(experiment, first record, last record) of two_stories.yaml."""
    values = {"seeds": str(seeds), "track.records": "2", "probes": SENTENCES} | overrides
    config = load_config("two_stories.yaml", values)
    world = load_world(config.world)

    def train_all():
        experiment, trainer = prepare(config, world)
        return list(trainer.run(experiment.data))

    sentences = watched_sentences(config, world)
    data = make_evaluation_data(config, world, make_probes(world, sentences))
    name = "-".join(["two-stories", str(seeds), *overrides.values()])
    return Experiment(config, world, sentences, data), *once(name, train_all)


@pytest.fixture(scope="module")
def two_stories():
    return trained(SEEDS)


def kinds(experiment, record):
    """Mean excess over the slots of trained and of held-out contexts, [R, 2]."""
    return record.measurement.evaluation.excess_G.reshape(experiment.config.seeds, 2, -1).mean(axis=2)


def test_excess_of_every_seed(two_stories):
    experiment, first, last = two_stories
    of_trained, held_out = kinds(experiment, last).T
    assert of_trained.max() <= 0.010
    assert np.median(held_out) <= 0.010
    assert held_out.max() <= 0.025
    assert kinds(experiment, first).min() > 1.0


def test_the_weight_is_on_the_own_story(two_stories):
    experiment, first, last = two_stories
    relevant_GK = experiment.data.probes.relevant_GK
    assert (relevant_GK.sum(axis=1) == 2).all()

    def weight(record):
        return np.median([on_relevant(maps, relevant_GK).mean() for maps in record.measurement.weights_GHK])

    assert weight(last) >= 0.95
    assert weight(first) < 0.5


def test_cutting_the_two_partners_costs_most(two_stories):
    experiment, first, last = two_stories
    relevant_GK = experiment.data.probes.relevant_GK

    def hits(record):
        cost_RGK = record.measurement.observation.cut_cost_GJK[:, :, -1]
        largest = np.argsort(-cost_RGK, axis=2)[..., :2]
        return np.take_along_axis(np.broadcast_to(relevant_GK, cost_RGK.shape), largest, axis=2).all(axis=2).mean()

    assert hits(last) >= 0.95
    assert hits(first) < 0.5


@pytest.mark.long
def test_a_query_of_the_position_alone_fails_in_most_seeds():
    experiment, _, last = trained(SEEDS, **{"model.query": "position"})
    of_trained, _ = kinds(experiment, last).T
    assert np.median(of_trained) > 0.2


@pytest.mark.long
def test_the_two_worlds_mirror_each_other(tmp_path):
    """All predictions of mirror.yaml, with whole intervals."""
    ablate(["--config", "mirror.yaml", "--run-dir", str(tmp_path / "mirror")])
    report = (tmp_path / "mirror" / "report.md").read_text(encoding="utf-8")
    assert report.count("| **confirmed** |") == 6
    assert not any(f"| **{verdict}** |" in report for verdict in ("refuted", "undecided"))
