"""What the benchmark's sections measure and print, on models so small that their figures mean nothing."""

import dataclasses
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_model
from small_training import small_config

from experiments.ablation.config import AblationConfig
from experiments.config.loader import to_yaml
from experiments.config.schema import MOST_RECORDS, Config, TrainConfig
from experiments.speed import (
    ablation_part,
    arithmetic,
    growth,
    memory_use,
    one_process,
    reach,
    share,
    turns,
    update_parts,
    update_speed,
)
from experiments.speed.contestants import CATMAT
from experiments.speed.settings import Settings
from experiments.speed.task import task_of
from experiments.speed.turns import ratio, seconds_in_turns, spread
from experiments.training.hyperparameters import init_state
from experiments.training.update import batch_of, masked_row_loss
from model.config import ModelConfig
from model.functional import Model

pytestmark = pytest.mark.usefixtures("quickly_compiled")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class FakeWay:
    """Takes so many seconds for an update, and to go back to the start."""

    def __init__(self, clock, told, name, seconds):
        self.clock, self.told, self.name, self.seconds = clock, told, name, seconds

    def begin(self):
        self.told.append((self.name, "begin"))
        self.clock.now += 100.0

    def advance(self, updates):
        self.told.append((self.name, updates))
        self.clock.now += updates * self.seconds


@pytest.fixture
def settings(tmp_path):
    config = small_config()
    (tmp_path / "tiny.yaml").write_text(to_yaml(config), encoding="utf-8")
    return Settings(config, str(tmp_path / "tiny.yaml"), AblationConfig(), 2, 1, tmp_path, quick=True)


def test_turns_alternate_and_leave_the_way_back_out(monkeypatch):
    clock, told = Clock(), []
    monkeypatch.setattr(turns.time, "perf_counter", clock)
    ways = {"quick": FakeWay(clock, told, "quick", 0.25), "slow": FakeWay(clock, told, "slow", 1.0)}
    found = seconds_in_turns(ways, {"quick": 2, "slow": 3}, 2, lambda _: None, least=1.0)
    assert found == {"quick": [0.5, 0.5], "slow": [3.0, 3.0]}
    assert told[1::2] == [("quick", 2), ("slow", 2)] + 2 * [("quick", 2), ("quick", 2), ("slow", 3)]
    assert told[::2] == [(name, "begin") for name, _ in told[1::2]]


def test_ratios_are_made_turn_by_turn():
    """Of turns 1 and 10 with 1 and 5 they are 1 and 2; of the medians 5.5 and 3 they would be 1.83."""
    assert ratio([1, 10], [1, 5]) == {"median": 1.5, "lowest": 1.0, "highest": 2.0, "all": [1.0, 2.0]}
    assert turns.ranged(spread([1, 2, 9]), ".1f") == "2.0 (1.0 to 9.0)"


def test_growth_is_of_the_smallest_and_per_unit():
    one, three = growth._rows([2, 6], [[1.0, 2.0], [6.0, 6.0]])
    assert (one["times"]["median"], one["times_per_unit"]["median"]) == (1.0, 1.0)
    assert three["times"]["all"] == [6.0, 3.0]
    assert three["times_per_unit"]["all"] == [2.0, 1.0]


def test_runs_of_a_large_sweep_are_compared_with_16():
    """By the memory of the device where that has its own."""

    def rows(memory, device_memory):
        sizes = ((1, 9.0, 1), (16, 2.0, 2), (1024, 2.2, 5))
        peaks = [{"memory": memory and memory * n, "device_memory": device_memory and device_memory * n}
                 for *_, n in sizes]  # fmt: skip
        return [{"size": size, "seconds_per_run": spread([each]), "peak": peak}
                for (size, each, _), peak in zip(sizes, peaks, strict=True)]  # fmt: skip

    found = growth._many_to_few(rows(1008e3, None))
    assert found["1024_runs_to_16"]["median"] == pytest.approx(1.1)
    assert found["bytes_per_run"] == 3000
    assert growth._many_to_few(rows(1, 2016))["bytes_per_run"] == 6
    assert growth._many_to_few(rows(None, None))["bytes_per_run"] is None
    assert growth._many_to_few(rows(1, None)[:2]) == {}


def test_padding_to_more_places_leaves_the_training_as_it_is():
    """Else the time of longer sentences would be that of another training. Longer tables draw other numbers, so only
    the places grow: the new ones hold padding, which no word looks at."""
    task = task_of(small_config())
    plain, longer = CATMAT.make(task, 3), growth._with_places(task, task.spec.model.max_length + 7)
    losses = []
    for training in (plain, longer):
        training.advance(3)
        losses.append(training.losses())
    params = longer.params()
    assert len(params["position"]["embedding"]) == task.spec.model.max_length + 7
    # Parameters are drawn anew for the longer table, so the losses are near each other, and not equal.
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.02)


def test_operations_of_products_are_counted_by_their_shapes():
    assert arithmetic._operations(("BM,MI->BI", (3, 5), (5, 7))) == 2 * 3 * 5 * 7
    assert arithmetic._operations(("BNM,BKM->BNK", (3, 2, 5), (3, 7, 5))) == 2 * 3 * 2 * 7 * 5


@pytest.mark.parametrize(("d_head", "row"), [(5, 4 * 13 * 3 * 5), (7, 2 * 13 * 3 * 13)])
def test_the_update_has_these_products(d_head, row):
    """Scores, what is brought, logits, the MLP's two; and those of a row that W_Q to W_O take part in.

    These are query, query through W_K, what is brought through W_V, and the output; where d_model is at most twice
    d_head, they are two, with W_Q W_K^T and with W_V W_O.
    """
    config = small_model.config_of(d_model=13, heads=3, d_head=d_head, d_mlp=17, vocabulary_size=19, max_length=11)
    spec = dataclasses.replace(task_of(small_config()).spec, model=config, batch=7)
    terms = row + 3 * 13 * 11 + 3 * 11 * 13 + 13 * 19 + 2 * 13 * 17
    assert sum(map(arithmetic._operations, arithmetic.own_products(spec))) == 2 * 7 * terms


def test_products_are_those_of_the_update():
    """XLA counts three times the forward products, two of them of the backward pass, and the rest of the update."""
    config = dataclasses.replace(Config(), model=ModelConfig(d_model=48), train=TrainConfig(batch=512))
    task = task_of(config)
    products = 3 * sum(map(arithmetic._operations, arithmetic.own_products(task.spec)))
    assert 0.9 * products < arithmetic.operations_of(task) < 1.5 * products


def test_a_product_that_is_repeated_is_made_each_time():
    """What is timed must not be taken out of its loop: each product's first number goes into the next."""
    one, two = np.full((2, 3), 2.0, np.float32), np.full((3, 2), 5.0, np.float32)
    found = jax.jit(arithmetic._repeat, static_argnums=0)("MK,KN->MN", np.int32(1), one, two)
    first = 3 * 2.0 * 5.0
    np.testing.assert_allclose(found, [[(first * 1e-6 + 4.0) * 5.0] * 2, [first] * 2], rtol=1e-6)


def test_the_number_of_updates_to_a_goal_is_found():
    class Training:
        done = 0

        def begin(self):
            self.done = 0

        def advance(self, updates):
            self.done += updates

        def params(self):
            return self.done

    def excess(done):
        return 1.0 / (1 + done)

    assert reach._updates_needed(Training(), excess, 1000) == (60, True)  # 1/50 after 49, looked at after 40 and 60
    assert reach._updates_needed(Training(), excess, 30) == (30, False)


def test_the_peak_is_that_of_a_process_of_its_own(settings):
    idle = memory_use.in_a_process(settings, "idle", {"imported": ["json"]})
    large = f"import numpy; numpy.ones({200_000_000 // 8})"
    (settings.folder / "takes_memory.py").write_text(large, encoding="utf-8")
    work = {"imported": ["sys", "takes_memory"]}
    old = sys.path[:]
    sys.path.insert(0, str(settings.folder))
    try:
        before = one_process.peak()
        found = one_process.main(work)
    finally:
        sys.path[:] = old
    assert 5e6 < idle["memory"] < 100e6 < before  # this process has loaded jax; one that it starts does not inherit it
    assert found["memory"] >= 200e6
    assert idle["device_memory"] is None


def test_a_process_that_fails_says_why(settings):
    found = memory_use.in_a_process(settings, "broken", {"imported": ["no_such_module"]})
    assert found["memory"] is None
    assert "no_such_module" in found["left_out"]
    shown = memory_use.lines({"updates": 2, "peaks": {"broken": found}, "left_out": []})
    assert "no_such_module" in shown[-1]


def test_a_training_is_parted_into_updates_measuring_and_tracking(settings, trace_cache):
    with trace_cache():
        trainer = share._training(settings.config, settings, "parts", share.SplitTrainer)
    assert set(trainer.seconds) == {"updates", "measuring", "tracking"}
    assert all(seconds > 0 for seconds in trainer.seconds.values())
    assert (settings.folder / "parts" / "record.npz").exists()  # it was a whole training
    parts = {"updates": 3.0, "measuring": 0.75, "tracking": 0.25}
    steps = {"few": [0, 9], "many": [0, 1, 5, 9], "dense": [*range(10)]}
    seconds = {"few": [3.0, 4.0], "many": [4.0, 5.0], "dense": [7.0, 8.0]}
    of_records = share._of_records(steps, seconds)
    assert of_records["record"]["all"] == [0.5, 0.5]
    assert of_records["share"]["all"] == [1 / 4, 1 / 5]
    times = {name: spread(values) for name, values in seconds.items()}
    records = {name: len(recorded) for name, recorded in steps.items()}
    found = {"records": records, "seconds": times, **of_records, "parts": parts, "added_in_all": spread([1.25])}
    shown = share.lines(found)
    assert "4 records                          4.50 (4.00 to 5.00) s" in shown[2]
    assert "500.0 (500.0 to 500.0) ms" in shown[4]
    assert "share of 2 further ones           22.5% (20.0% to 25.0%)" in shown[5]
    assert "1.25 (1.25 to 1.25) s more in all" in shown[6]
    assert [line.split()[-1] for line in shown[-3:]] == ["75.0%", "18.8%", "6.2%"]


def test_a_training_without_further_records_is_left_out(settings):
    """And one with as many as there can be is measured beside itself, not beside a config that is refused."""
    short = dataclasses.replace(settings.config, train=dataclasses.replace(settings.config.train, steps=1))
    assert "not measured" in share.lines(share.measure(dataclasses.replace(settings, config=short)))[1]
    for records, most in ((2, 8), (MOST_RECORDS // 2, MOST_RECORDS)):
        track = dataclasses.replace(settings.config.track, records=records)
        asked = share._records(dataclasses.replace(settings.config, track=track))
        assert asked == {"few": 2, "many": records, "dense": most}


def test_pytorchs_best_is_chosen_for_each_program():
    names = [one.name for one in ablation_part.TORCH if one.rows == "masked"]
    found = {
        "d_head 4": {ablation_part.ENSEMBLE: [1.0], ablation_part._FLAX.name: [9.0], names[0]: [5.0], names[1]: [6.0]},
        "d_head 8": {ablation_part.ENSEMBLE: [2.0], ablation_part._FLAX.name: [9.0], names[0]: [8.0], names[1]: [7.0]},
    }
    compared = ablation_part._compared(found)
    assert compared["seconds"]["all"]["PyTorch's best"]["median"] == 12.0
    assert compared["to_ensemble"]["all"]["PyTorch's best"]["median"] == 4.0
    for times in found.values():  # without PyTorch its column is left out
        del times[names[0]], times[names[1]]
    assert set(ablation_part._compared(found)["seconds"]["all"]) == {ablation_part.ENSEMBLE, "Flax loop, every row"}


def test_gains_of_algorithm_and_engine_are_told_apart():
    ready = [*update_speed.FLAX, CATMAT]
    seconds = {"every": [8.0], "masked": [4.0], "masked*": [2.0]}
    per_update = {one.name: seconds[one.rows] for one in ready} | {
        CATMAT.name: [1.0],
        update_speed.sweep_name(64): [0.5],
    }
    found = update_speed._ratios(ready, per_update, (64,))
    assert "best_torch" not in found
    assert found["sweep_to_lone"]["median"] == 2.0
    assert {name: gain["median"] for name, gain in found["gains"].items()} == {
        "masked row, Flax nnx.jit loop": 2.0,
        "masked row, Flax TrainState loop": 2.0,
        "order of products, Flax TrainState loop": 2.0,
        "engine: catmat to the TrainState loop, same rows": 2.0,
    }
    torch = update_speed.TORCH
    per_update |= {one.name: [seconds[one.rows][0] * 10] for one in torch}
    found = update_speed._ratios([*torch, *ready], per_update, (64,))
    assert found["best_torch"] == "PyTorch eager, masked row"
    medians = {name: [one["usual"]["median"], one["best"]["median"]] for name, one in found["to_torch"].items()}
    assert medians == {"one run": [80.0, 40.0], "64 runs at once": [160.0, 80.0]}
    json.dumps(found)


def test_parts_of_an_update_are_what_a_loop_takes_more_than_the_one_before(settings, monkeypatch):
    took = dict(zip((update_parts.DRAWING, update_parts.FORWARD, update_parts.BACKWARD), (1.0, 3.0, 9.0), strict=True))
    seconds = {name: [one, 2 * one] for name, one in {**took, update_parts.REST: 10.0}.items()}
    monkeypatch.setattr(update_parts, "seconds_in_turns", lambda *_: seconds)
    monkeypatch.setattr(update_parts, "_Loop", lambda *_: None)
    monkeypatch.setattr(update_parts, "EnsembleTraining", lambda *_: None)
    found = update_parts.measure(dataclasses.replace(settings, updates=1, repeats=2))
    assert [part["all"] for part in found["parts"].values()] == [[1, 2], [2, 4], [6, 12], [1, 2]]
    assert found["backward_to_forward"]["all"] == [3.0, 3.0]
    assert "the backward pass takes 3.0 (3.0 to 3.0) times" in update_parts.lines(found)[-1]


def test_a_loop_makes_that_part_of_an_update():
    """Three times, on one device: the losses of three batches, and their gradients, by the parameters of the start."""
    task = task_of(small_config())
    task = dataclasses.replace(task, spec=dataclasses.replace(task.spec, pieces=1))
    start = init_state(task.spec, task.values).params
    batches = [batch_of(task.spec, task.tables, task.values, jnp.int32(step), 1) for step in range(3)]

    def loss(params):
        model = Model(task.spec.model, params, task.values.scale)
        return sum(masked_row_loss(model, batch) for batch in batches)

    def total(part):
        loop = update_parts._Loop(task, part)
        return float(loop._program((loop._tables, loop._stop(3)), (loop._values, loop._states))[0])

    value, gradient = jax.value_and_grad(loss)(start)
    drawn = sum(int(leaf.sum()) for batch in batches for leaf in jax.tree.leaves(batch))
    assert total(update_parts.DRAWING) == drawn
    assert total(update_parts.FORWARD) == pytest.approx(float(value), rel=1e-5)
    both = float(value) + sum(float(leaf.sum()) for leaf in jax.tree.leaves(gradient))
    assert total(update_parts.BACKWARD) == pytest.approx(both, rel=1e-4)
