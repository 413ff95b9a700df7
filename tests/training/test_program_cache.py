"""Programs traced once: what is kept gives the same numbers, whatever matters asks for another, damage is noticed."""

import copy
import dataclasses
import functools
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import jax
import numpy as np
import pytest

from data.drawing_tables import sampler_tables
from data.world import load_world
from experiments.config.loader import load_config
from experiments.measuring.evaluation_set import make_evaluation_set
from experiments.measuring.experiment import prepare
from experiments.training.hyperparameters import hyperparameters, training_spec
from experiments.training.program_cache import (
    CacheSettings,
    cache_programs_in,
    load_or_compute,
    load_or_trace,
    register_output_types,
    use_cache,
)
from experiments.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("quickly_compiled")

ROOT = Path(__file__).parents[2]
X = np.arange(3, dtype=np.float32)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Pair:
    first: jax.Array
    second: dict[str, jax.Array]


Named = namedtuple("Named", ["x"])
register_output_types((Pair, Named))


@pytest.fixture
def source(tmp_path):
    """A small source of catmat's, to be edited."""
    path = tmp_path / "source" / "model" / "module.py"
    path.parent.mkdir(parents=True)
    path.write_text("as it was at the start")
    return path


@pytest.fixture
def start(tmp_path, source):
    """Does what a process does at its start: programs are kept in a folder."""
    (tmp_path / "traced").mkdir()
    return functools.partial(cache_programs_in, tmp_path / "traced", source.parents[1])


@pytest.fixture
def cache(tmp_path, start):
    """The process has started; gives the kept files."""
    start()
    return lambda: sorted((tmp_path / "traced").iterdir())


class Counted:
    """A function that counts how often it is traced."""

    def __init__(self, factor=2.0):
        self.times, self.factor = 0, factor

    def __call__(self, x, pair):
        self.times += 1
        return Pair(self.factor * x, {"named": Named(pair[0] + x)})

    def load_or_trace(self, cache_key=(), x=X):
        return load_or_trace(jax.jit(self), (x, (x, None)), cache_key)(x, (x, None))


def test_it_is_traced_once_and_gives_the_same(cache):
    first, second = Counted(), Counted()
    expected, again = first.load_or_trace(), second.load_or_trace()
    assert (first.times, second.times, len(cache())) == (1, 0, 1)
    assert isinstance(again, Pair)
    assert isinstance(again.second["named"], Named)
    np.testing.assert_array_equal(again.first, 2 * X)
    np.testing.assert_array_equal(again.second["named"].x, expected.second["named"].x)


def test_what_it_depends_on_asks_for_another(cache, start, source):
    Counted().load_or_trace()
    for number, changed in enumerate([{"cache_key": (1,)}, {"x": X[:2]}, {"x": X.astype(np.int32)}], start=2):
        one = Counted()
        one.load_or_trace(**changed)
        assert (one.times, len(cache())) == (1, number)
    one = Counted()
    with jax.default_matmul_precision("bfloat16"):
        one.load_or_trace()
    jax.config.update("jax_random_seed_offset", 7)
    one.load_or_trace()
    jax.config.update("jax_random_seed_offset", 0)
    source.write_text("another version")
    start()
    one.load_or_trace()
    assert (one.times, len(cache())) == (3, 7)


def test_an_edit_after_the_start_is_not_kept_under_the_old_name(cache, source):
    source.write_text("edited")
    np.testing.assert_array_equal(Counted().load_or_trace().first, 2 * X)
    assert cache() == []


def test_settings_that_are_used_again_keep_the_digest_of_their_start(start, source, cache):
    settings = start()
    source.write_text("edited")
    use_cache(settings)
    Counted().load_or_trace()
    assert cache() == []
    start()
    Counted().load_or_trace()
    assert len(cache()) == 1


def test_what_calls_back_to_python_is_not_kept(cache, capfd):
    def says(x):
        jax.debug.print("here {}", x)
        return x + 1

    np.testing.assert_array_equal(load_or_trace(jax.jit(says), (X,), ())(X), X + 1)
    jax.effects_barrier()
    assert "here" in capfd.readouterr().out
    assert cache() == []


def test_only_the_latest_stay(cache, start):
    start(most_files=2)
    for number in range(4):
        Counted().load_or_trace(cache_key=(number,))
    assert len(cache()) == 2
    one = Counted()
    one.load_or_trace(cache_key=(3,))
    assert one.times == 0


def test_the_source_of_every_module_counts(cache, start, source):
    root, expected = source.parents[1], 0

    def changed():
        """The source is another one: what it traces is kept beside the rest."""
        nonlocal expected
        start()
        Counted().load_or_trace()
        expected += 1
        return len(cache()) == expected

    assert changed()
    for module in ("data/module.py", "model/other.py", "experiments/module.py", "experiments/a/b/nested.py"):
        (root / module).parent.mkdir(parents=True, exist_ok=True)
        for text in ("one", "two"):
            (root / module).write_text(text)
            assert changed(), module
    (root / "experiments/a/b/nested.py").rename(root / "experiments/a/nested.py")
    assert changed()


NESTED = """\
import sys
from pathlib import Path
import jax, jax.numpy as jnp
from experiments.training.program_cache import cache_programs_in, load_or_trace
cache_programs_in(Path(sys.argv[2]), root=Path(sys.argv[1]))
sys.path.insert(0, str(Path(sys.argv[1], "model")))
from inner.nested import function
print(load_or_trace(jax.jit(function), (jnp.ones(()),), "always the same")(jnp.ones(())))
"""


def test_an_edited_nested_module_runs_as_it_was_edited(tmp_path):
    nested = tmp_path / "model" / "inner" / "nested.py"
    nested.parent.mkdir(parents=True)
    printed = []
    for factor in (2, 2, 3):
        nested.write_text(f"def function(x):\n    return {factor} * x\n")
        command = [sys.executable, "-B", "-c", NESTED, str(tmp_path), str(tmp_path / "traced")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        printed.append((float(done.stdout), len(list((tmp_path / "traced").iterdir()))))
    assert printed == [(2.0, 1), (2.0, 1), (3.0, 2)]


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda _: b"", lambda content: content + b"."])
def test_a_damaged_file_is_made_anew(cache, damage):
    Counted().load_or_trace()
    [path] = cache()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    one = Counted()
    np.testing.assert_array_equal(one.load_or_trace().first, 2 * X)
    assert one.times == 1
    other = Counted()
    other.load_or_trace()
    assert other.times == 0


def test_a_cache_that_cannot_be_written_to_is_done_without(cache, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    np.testing.assert_array_equal(Counted().load_or_trace().first, 2 * X)
    assert cache() == []


class Answers:
    """Arrays that are worked out, and how often they were."""

    def __init__(self, size=3):
        self.times, self.size = 0, size

    def __call__(self):
        self.times += 1
        return {"x": np.arange(self.size, dtype=np.float32), "y": np.asarray([True, False])}

    def load_or_compute(self, cache_key=()):
        found = load_or_compute(self, cache_key)
        assert {name: array.dtype for name, array in found.items()} == {"x": np.float32, "y": np.bool_}
        np.testing.assert_array_equal(found["x"], np.arange(self.size))
        np.testing.assert_array_equal(found["y"], [True, False])


def test_arrays_are_computed_once(cache, start, source):
    first, second, changed, edited = (Answers() for _ in range(4))
    first.load_or_compute()
    second.load_or_compute()
    changed.load_or_compute(cache_key=(1,))
    source.write_text("another version")
    start()
    edited.load_or_compute()
    assert [one.times for one in (first, second, changed, edited)] == [1, 0, 1, 1]
    assert len(cache()) == 3


def test_arrays_are_computed_again_where_that_was_not_kept(cache, source):
    """Damaged, large, of an edited source; and where nothing is kept."""
    one = Answers()
    one.load_or_compute()
    [path] = cache()
    path.write_bytes(path.read_bytes()[:-1])
    one.load_or_compute()
    assert one.times == 2
    large = Answers(2**23)
    large.load_or_compute("large")
    large.load_or_compute("large")
    assert (large.times, len(cache())) == (2, 1)
    source.write_text("edited")
    other = Answers()
    other.load_or_compute("another")
    assert len(cache()) == 1
    use_cache(CacheSettings())
    one.load_or_compute()
    assert one.times == 3


def test_evaluation_sentences_are_drawn_once(cache):
    """Of each world, and of each config that asks for others: kept under a name of their own, with equal numbers."""
    found = {}
    for _ in range(2):
        for world in ("english", "german"):
            for overrides in ({}, {"evaluate.sentences": "32"}, {"task.masked": "[verb]"}):
                config = load_config("toy.yaml", {"evaluate.sentences": "64", **overrides})
                made = make_evaluation_set(config, load_world(world))
                found.setdefault((world, *overrides), []).append(made)
    assert len(cache()) == len(found) == 6
    for first, again in found.values():
        jax.tree.map(np.testing.assert_array_equal, first, again)
        assert jax.tree.map(lambda array: array.dtype, first) == jax.tree.map(lambda array: array.dtype, again)


def test_a_training_is_traced_once(cache):
    """A program that is traced anew is written anew."""
    config = load_config("toy.yaml", {"train.steps": "2", "train.batch": "64", "evaluate.sentences": "64"})
    world, found, written = load_world(config.world), [], []
    for _ in range(2):
        experiment, trainer = prepare(config, world)
        found.append(list(trainer.run(experiment.data))[-1])
        # Of compiled programs, what the compiler has not made just now is not kept.
        files = [path for path in cache() if path.suffix != ".compiled"]
        written.append({path: path.stat().st_mtime_ns for path in files})
    # Traced: initial parameters, a chunk of updates, the measurement. Arrays: evaluation sentences, relevant words.
    assert sorted(path.suffix for path in written[0]) == [".arrays"] * 2 + [".traced"] * 3
    assert written[1] == written[0]
    jax.tree.map(np.testing.assert_array_equal, found[0].measurement, found[1].measurement)
    jax.tree.map(np.testing.assert_array_equal, found[0].params, found[1].params)


def test_every_field_of_a_program_counts():
    """Each alone makes another key."""
    one = training_spec(load_config("toy.yaml", {}), load_world("english"))
    fields = [field.name for field in dataclasses.fields(one)]
    others = {name: dataclasses.replace(one, **{name: "changed"}) for name in fields}
    for name in [field.name for field in dataclasses.fields(one.model)]:
        changed = copy.copy(one.model)
        object.__setattr__(changed, name, "changed")
        others[f"model.{name}"] = dataclasses.replace(one, model=changed)
    assert {"batch", "model.d_head"} <= others.keys()
    assert [name for name, other in others.items() if repr(other) == repr(one)] == []


def nothing_measured(model, data, shards):  # noqa: ARG001
    return model.scale + data


@pytest.mark.long
def test_trainers_of_equal_shapes_have_programs_of_their_own(cache):
    """Batch, beta2, softcap and how many lengths there are change no shape."""
    world = load_world("english")
    tables, found = sampler_tables(world, ("subject", "verb", "object")), []
    for overrides in ({}, {"train.batch": "32"}, {"train.beta2": "0.5"}, {"model.softcap": "3"}):
        config = load_config("toy.yaml", {"train.batch": "64", "train.steps": "2", **overrides})
        Trainer(training_spec(config, world), hyperparameters(config), tables, [0, 2], nothing_measured, np.float32(0))
        found.append(len([path for path in cache() if path.suffix == ".traced"]))
    assert found == [2, 4, 6, 8]


def test_by_default_nothing_is_kept(tmp_path):
    before = jax.config.values["jax_compilation_cache_dir"]
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    function = jax.jit(Counted())
    assert load_or_trace(function, (X, (X, None)), ()) is function
    jax.config.update("jax_compilation_cache_dir", before)
