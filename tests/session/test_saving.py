"""All processes of a training make the same chunks, save and stop at the same steps, whatever their own clocks say."""

from types import SimpleNamespace

import numpy as np
import pytest
from small_training import small_config

from data.world import load_world
from experiments.measuring.experiment import prepare
from experiments.session.saving import SavedTraining
from experiments.training.agreement import Agreement


class Told(Agreement):
    """That of a process which hears from process 0 what is given here."""

    def __init__(self, values=(), stops=()):
        super().__init__()
        self.values, self.stops, self.wishes = iter(values), iter(stops), []

    def first(self, value):
        self.wishes.append(value)
        return next(self.values, value)

    def any(self, wish):
        return next(self.stops, wish)


class Fake:
    """A trainer whose records, at steps 0, 4 and 8, take no time, with a chunk of 2 updates between them."""

    def __init__(self):
        self.fetched = []
        self.ensemble = SimpleNamespace(fetch=self.fetched.append)

    def run(self, _data, should_stop, _point, agreement):
        for step in range(0, 9, 2):
            now = SimpleNamespace(step=step, states=step)
            if step > 0 and agreement.any(should_stop(now)):
                return
            if step % 4 == 0:
                yield now


POINT = SimpleNamespace(step=0, steps=(0, 4, 8), states=None)


@pytest.mark.parametrize("seconds", [0, 1e9])
def test_saved_is_when_process_0_says_so(seconds):
    """After steps 0, 2, 4, 6, 8 and at the end; this process would save at all of them, or at the end alone."""
    trainer, written = Fake(), []
    told = Told([True, False, False, True, True, True])
    stop = SimpleNamespace(requested=False)
    training = SavedTraining(trainer, told, stop, POINT, seconds, lambda now, _: written.append(now.step))
    assert [record.step for record in training.records(None)] == [0, 4, 8]
    # A chunk is looked at before the record of the step before it is saved.
    assert trainer.fetched == written
    assert len(written) == 4
    assert written[-1] == training.step == 8
    assert told.wishes == ([True] * 6 if seconds == 0 else [False] * 4 + [True] * 2)


def test_the_others_fetch_and_write_nothing():
    trainer = Fake()
    training = SavedTraining(trainer, Told(), SimpleNamespace(requested=True), POINT, 0)
    assert [record.step for record in training.records(None)] == [0]
    assert trainer.fetched[-1] == training.step == 2


@pytest.fixture(scope="module")
def trained():
    return prepare(small_config(steps=9, records=2), load_world("english"))


def test_chunks_and_the_end_are_those_of_all(trained):
    """Chunks of 4, 2 and 1 updates, and a stop that another process wants."""
    experiment, trainer = trained
    steps = []
    told = Told([4, 2, 1], [False, False, True])
    records = list(trainer.run(experiment.data, lambda now: steps.append(now.step), agreement=told))
    assert steps == [4, 6, 7]
    assert [record.step for record in records] == [0]
    assert told.wishes[0] == 1  # the first chunk, alone


def test_alone_nothing_is_asked_and_nothing_changes(trained):
    experiment, trainer = trained
    ends = [list(trainer.run(experiment.data, agreement=one))[-1] for one in (Agreement(), Told([4, 2, 1, 2]))]
    assert [end.step for end in ends] == [9, 9]
    for one, other in zip(*(np.concatenate([np.ravel(x) for x in _leaves(end.params)]) for end in ends), strict=True):
        assert one == other


def _leaves(params):
    for value in params.values():
        yield from _leaves(value) if isinstance(value, dict) else [value]
