"""Compiled programs on disk: loaded as they were, asked for anew by whatever they depend on, made anew if damaged."""

import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments.training import compiled_cache
from experiments.training.compiled_cache import load_or_compile
from experiments.training.compiler import Compiler
from experiments.training.program_cache import CacheSettings, cache_programs_in, use_cache

ROOT = Path(__file__).parents[2]
X = np.arange(3, dtype=np.float32)
SETTINGS = {
    "jax_compilation_cache_dir": None,
    "jax_enable_compilation_cache": True,
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}


@pytest.fixture
def cache(tmp_path):
    """Programs are kept, JAX's own too, each test's in folders of their own; gives the kept files."""
    before = {name: jax.config.values[name] for name in SETTINGS}
    for name, value in SETTINGS.items():
        jax.config.update(name, value)
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "xla"))
    jax.experimental.compilation_cache.compilation_cache.reset_cache()
    (tmp_path / "kept").mkdir()
    use_cache(CacheSettings())
    cache_programs_in(tmp_path / "kept")
    yield lambda: sorted((tmp_path / "kept").iterdir())
    use_cache(CacheSettings())
    for name, value in before.items():
        jax.config.update(name, value)
    jax.experimental.compilation_cache.compilation_cache.reset_cache()


class Program:
    """A program that knows how often it was lowered."""

    def __init__(self, factor=2.0):
        self.lowered, self.factor = 0, factor

    def lower(self):
        self.lowered += 1
        return jax.jit(lambda x: {"twice": self.factor * x, "sum": x.sum()}).lower(X)

    def load_or_compile(self):
        """Whether it was lowered; its result and its shapes are looked at."""
        before, compiler = self.lowered, Compiler()
        future, shapes = load_or_compile(compiler, self.lower, None, X, (), jax.devices()[:1])
        found = future.result()(X)
        np.testing.assert_array_equal(found["twice"], self.factor * X)
        assert jax.tree.map(lambda like: (like.shape, like.dtype), shapes) == jax.tree.map(
            lambda array: (array.shape, array.dtype), found
        )
        compiler._pool.shutdown()  # what is kept is written when the program is in use already
        return self.lowered > before


def test_it_is_compiled_once(cache):
    first, second = Program(), Program()
    assert first.load_or_compile()
    assert len(cache()) == 1
    assert not second.load_or_compile()
    assert len(cache()) == 1


def test_whatever_it_depends_on_makes_another_name(cache, monkeypatch):
    names, path_of = [], compiled_cache.cached_path
    monkeypatch.setattr(compiled_cache, "cached_path", lambda *known: names.append(path_of(*known)) or names[-1])

    def named(options=None, arguments=X, cache_key=(), devices=1):
        compiler = Compiler(wait=True)  # never started
        load_or_compile(compiler, Program().lower, options, arguments, cache_key, jax.devices()[:devices])
        return len(set(names))

    assert (named(), named()) == (1, 1)
    assert (named({"xla_backend_optimization_level": "0"}), named(arguments=X[:2]), named(cache_key=1)) == (2, 3, 4)
    assert named(devices=2) == 5
    with jax.default_matmul_precision("bfloat16"):
        assert named() == 6
    monkeypatch.setenv("XLA_FLAGS", "--another")
    assert named() == 7
    monkeypatch.setattr(compiled_cache, "_machine", lambda: ("another",))
    assert named() == 8
    assert cache() == []


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda _: b""])
def test_a_damaged_file_is_made_anew(cache, damage):
    Program().load_or_compile()
    [path] = cache()
    path.write_bytes(damage(path.read_bytes()))
    assert Program().load_or_compile()


@pytest.mark.usefixtures("cache")
def test_a_program_that_cannot_be_loaded_is_compiled(monkeypatch):
    def refuse(*_, **__):
        raise ValueError("of another version")

    Program().load_or_compile()
    monkeypatch.setattr(compiled_cache, "deserialize_and_load", refuse)
    assert Program().load_or_compile()


def test_what_comes_out_of_jax_s_own_cache_is_not_kept(cache):
    """It could not be run when it is read again."""
    assert Program().load_or_compile()
    [path] = cache()
    path.unlink()
    jax.clear_caches()
    assert Program().load_or_compile()
    assert cache() == []


def test_a_cache_that_cannot_be_written_to_is_done_without(cache, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    assert Program().load_or_compile()
    assert cache() == []


def test_by_default_nothing_is_kept(tmp_path):
    use_cache(CacheSettings())
    assert Program().load_or_compile()
    assert list(tmp_path.iterdir()) == []


COUNTED = """
import sys
import jax
lowered, lower = [], jax.stages.Traced.lower
jax.stages.Traced.lower = lambda self, *rest, **more: lowered.append(1) or lower(self, *rest, **more)
from experiments.train import main
code = main([*sys.argv[1:], "--train.steps", "3", "--track.records", "3", "--track.images", "0"])
print("lowered", len(lowered))
sys.exit(code)
"""


@pytest.mark.long
def test_a_command_that_starts_again_lowers_nothing_and_writes_the_same(tmp_path):
    """The numbers of a training do not depend on whether its programs were compiled or loaded."""
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    lowered, found = [], []
    for name in ("first", "second"):
        command = [sys.executable, "-c", COUNTED, "--config", "toy.yaml", "--run-dir", str(tmp_path / name)]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
        lowered.append(int(done.stdout.split()[-1]))
        with np.load(tmp_path / name / "params.npz") as file:
            found.append(dict(file))
    assert lowered[0] >= 3
    assert lowered[1] == 0
    for name, array in found[0].items():
        np.testing.assert_array_equal(array, found[1][name], err_msg=name)
