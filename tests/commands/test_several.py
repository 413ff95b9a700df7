"""What process 0 hands to the others, and that all of them were started alike; here threads stand for them."""

from argparse import Namespace

import pytest
from small_world import SMALL
from threaded_processes import SOON, processes

from data.errors import InputError
from data.world import load_world
from experiments.commands.several import check_same, handed_config, handed_worlds, several_processes
from experiments.config.schema import Config
from experiments.training.agreement import ALONE


@pytest.fixture
def three():
    with processes(3) as three:
        yield three


def test_who_was_started_otherwise_is_named(three):
    def work(agreement, number):
        with agreement.exchange:
            check_same(agreement, {"seed": "0", "--resume": number != 2})

    def caught(agreement, number):
        try:
            work(agreement, number)
        except InputError as error:
            return str(error)

    line = "process 2: has --resume not given (process 0: given); start all of them with the same"
    # Only process 0 finds it; the others are ended by what it tells them, and wait for nothing else.
    ends = three.each(caught, seconds=1.0)
    assert ends == [line, None, None]
    assert [three.ends[n].get(timeout=SOON) for n in (1, 2)] == [(2, f"error: {line}")] * 2


def test_who_was_started_alike_goes_on(three):
    assert three.each(lambda agreement, _: (check_same(agreement, {"a": 1}), agreement.first(5))[1]) == [5, 5, 5]


def test_config_and_world_are_those_of_process_0(three, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(SMALL, encoding="utf-8")
    own = Config(world="mine.yaml", seed=3, probes=("the cat sat on mat .",))

    def find():
        return own

    def refuse():
        raise AssertionError

    def work(agreement, number):
        config = handed_config(agreement, Config, refuse if number else find)
        load = handed_worlds(agreement, {config.world})
        if agreement.leads:
            (tmp_path / "mine.yaml").unlink()  # the others have none
            agreement.first(None)
            return config, None
        agreement.first(None)
        return config, load(config.world).training_fingerprint

    (tmp_path / "same.yaml").write_text(SMALL, encoding="utf-8")
    expected = load_world("same.yaml").training_fingerprint
    assert three.each(work) == [(own, None), (own, expected), (own, expected)]


def test_worlds_of_catmat_are_not_handed(three):
    assert three.each(lambda agreement, _: handed_worlds(agreement, {"english"}) is load_world) == [True] * 3


def test_a_single_process_meets_nobody(monkeypatch):
    for name in ("OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS", "JAX_COORDINATOR_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    for processes_, alone in ((None, False), (1, False), (None, True)):
        options = Namespace(coordinator=None, processes=processes_, process_id=None, resume=None)
        with several_processes(options, alone) as agreement:
            assert agreement is ALONE
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")  # a cluster that says otherwise
    options = Namespace(coordinator=None, processes=1, process_id=None, resume=None)
    with several_processes(options, alone=False) as agreement:
        assert agreement is ALONE
