"""What a command sets up before JAX starts: a cache that may be damaged, full or forbidden, and bothers nobody."""

import dataclasses
import errno
import gc
import os
import resource
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest
from processes import ROOT, run
from refusals import assert_refused, refused
from small_training import small_config

from data.errors import InputError
from data.world import load_world
from experiments.commands import process
from experiments.measuring.experiment import prepare
from experiments.training import memory
from experiments.training.hyperparameters import TrainingSpec
from model.config import TransformerConfig
from model.functional import init_params

PROGRAM = """
import os, signal, sys, warnings
from pathlib import Path

from experiments.training import runtime

cache = Path(sys.argv[1])
runtime.prepare(cache)
import jax
import numpy as np
from experiments.training.program_cache import load_or_trace

def answer():
    jax.clear_caches()
    one = jax.jit(lambda x: x + 1)
    return int(load_or_trace(one, (np.int32(41),), ())(np.int32(41)))
"""
DAMAGED = """
assert answer() == 42
compiled = {path: path.read_bytes() for path in cache.glob("*-cache")}
assert compiled
for path, content in compiled.items():
    path.write_bytes(content[: len(content) // 2])
assert answer() == 42
assert {path.name for path in cache.glob("*-cache")} == {path.name for path in compiled}
assert all(path.stat().st_size > 0.9 * len(content) for path, content in compiled.items())
warnings.warn("something else")
"""
ASKED = "print(answer())\n"
DIES = """
def heard(event, about):
    if event == sys.argv[2] and str(about[0]).endswith(f".{os.getpid()}"):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(heard)
answer()
"""


HOMELESS = """
import pathlib

def no_home():
    raise RuntimeError("Could not determine home directory.")

pathlib.Path.home = no_home
from experiments.training import runtime

runtime.prepare()
import jax

print(jax.config.jax_compilation_cache_dir, int(jax.jit(lambda x: x + 1)(41)))
"""


def ended(code, *arguments, before=PROGRAM):
    """(exit code, stdout, stderr) of a process that runs `code` once a command has set JAX up."""
    without = ("JAX_COMPILATION_CACHE_DIR", "XDG_CACHE_HOME")
    settings = {name: value for name, value in os.environ.items() if name not in without}
    command = [sys.executable, "-c", before + code, *map(str, arguments)]
    done = subprocess.run(
        command, env={**settings, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_a_damaged_program_is_made_anew_and_nothing_is_said(tmp_path):
    code, _, err = ended(DAMAGED, tmp_path)
    assert code == 0, err
    assert [line for line in err.splitlines() if "arning" in line] == [err.splitlines()[0]]
    assert "something else" in err  # other warnings are still heard


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    assert ended(ASKED, tmp_path / "file" / "cache") == (0, "42\n", "")


@pytest.mark.parametrize("event", ["open", "os.rename"])
def test_a_process_that_dies_while_it_keeps_a_program(tmp_path, event):
    assert ended(DIES, tmp_path, event)[0] == -signal.SIGKILL
    assert len(list(tmp_path.glob("traced/*"))) == (event == "os.rename")
    assert ended(2 * ASKED, tmp_path) == (0, "42\n42\n", "")
    assert len([path for path in tmp_path.glob("traced/*") if path.suffix == ".traced"]) == 1


def test_a_user_without_a_home_keeps_no_programs():
    assert ended(HOMELESS, before="") == (0, "None 42\n", "")


def test_a_process_that_is_told_of_no_others(tmp_path):
    code, out, err = run(tmp_path, "--list-devices", JAX_COORDINATOR_ADDRESS="localhost:1")
    assert (code, out) == (2, "")
    assert_refused(err, "JAX_COORDINATOR_ADDRESS=localhost:1", "no cluster", "unset it", "--coordinator", "--processes")


NOTEBOOK = """
import jax
import jax.numpy as jnp

assert jnp.ones(3).sum() == 3
devices = jax.devices()
jax.config.update("jax_threefry_partitionable", False)
jax.config.update("jax_default_prng_impl", "rbg")
from experiments.training import runtime

runtime.prepare()
assert jax.devices() == devices
print(jax.random.bits(jax.random.key(0), (2,)).tolist())
for value in ({"jax_disable_jit": True}, {"jax_transfer_guard": "disallow"}):
    (name, given), = value.items()
    jax.config.update(name, given)
    try:
        runtime.prepare()
    except Exception as error:
        print(type(error).__name__, error)
    jax.config.update(name, None if name == "jax_transfer_guard" else False)
"""


def test_settings_of_jax_and_jax_in_use_already():
    """Those that decide numbers are the same for everybody; those that catmat cannot work with are named."""
    code, out, err = ended(NOTEBOOK, before="")
    assert (code, err) == (0, "")
    bits, *errors = out.splitlines()
    assert bits == "[4070199207, 4202968722]"  # what JAX gives where nothing is set
    assert [line.split(":")[0] for line in errors] == [
        "InputError jax_disable_jit=True",
        "InputError jax_transfer_guard=disallow",
    ]


def test_settings_of_jax_that_it_does_not_know_are_named(tmp_path):
    code, out, err = run(tmp_path, "--list-devices", JAX_NUM_CPU_DEVICES="many")
    assert (code, out) == (2, "")
    assert_refused(err, "JAX_NUM_CPU_DEVICES=many", "unset")


@pytest.mark.parametrize(
    "error",
    [MemoryError("Unable to allocate 3 GiB"), jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory"),
     OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))],
)  # fmt: skip
def test_too_little_memory_is_one_line(error, capsys, monkeypatch):
    def fails():
        raise error

    monkeypatch.setattr(os, "_exit", sys.exit)  # what it calls where other tests have left threads of libraries
    handlers = [signal.getsignal(number) for number in process._SIGNALS]
    with pytest.raises(SystemExit) as left:
        process.run_command(fails)
    for number, handler in zip(process._SIGNALS, handlers, strict=True):
        signal.signal(number, handler)
    gc.unfreeze()
    assert left.value.code == 2
    assert_refused(capsys.readouterr().err, "memory", "train.batch", "model.d_model")


SPEC = TrainingSpec(
    TransformerConfig(d_model=2, d_mlp=3, vocabulary_size=5, max_length=7), batch=11, pieces=1, beta2=0.9
)


@pytest.mark.parametrize("accelerator", [False, True])
def test_a_training_that_cannot_fit_is_refused(monkeypatch, accelerator):
    """4 copies of 4 x 13 parameters and 11 (7 * 2 + 3 + 5) activations, of 4 bytes each, on 2 devices.

    On a CPU for two runs at a time; on an accelerator, whose devices have a memory of their own, half of it.
    """
    parameters = [jax.ShapeDtypeStruct((4, 13), np.float32)]
    needed = 4 * (2 * 4 * 13 + 2 * 242) if accelerator else 4 * (4 * 4 * 13 + 2 * 242)
    monkeypatch.setattr(jax, "device_count", lambda: 2)
    for limit in (needed, needed - 1):
        monkeypatch.setattr(memory, "_device_memory", lambda limit=limit: limit if accelerator else None)
        monkeypatch.setattr(memory, "memory_limit", lambda limit=limit: limit)
        if limit == needed:
            assert memory.check_memory(parameters, SPEC, 4, 2 if accelerator else 1) == needed
    with refused("memory", "GiB", "train.batch", "model.d_model", "model.d_mlp", "--runs-at-once"):
        memory.check_memory(parameters, SPEC, 4, 2 if accelerator else 1)


def test_a_batch_in_parts_needs_the_activations_of_one():
    """And its words as a whole: 11 sentences of 7, of 4 bytes each."""
    whole, in_parts = (memory.check_memory([], SPEC, 1, 1, parts) for parts in (1, 11))
    assert (whole, in_parts) == (4 * 242, 4 * 11 * 7 + 4 * 22)


def test_a_trainer_knows_in_how_many_parts_its_batch_is_computed(monkeypatch):
    def check_memory(*arguments):  # before the most is compiled
        raise InputError(f"{arguments[-1]} parts")

    monkeypatch.setattr("experiments.training.trainer.check_memory", check_memory)
    config = small_config()
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, batch=8192 * jax.device_count()))
    with refused("8 parts"):
        prepare(config, load_world("english"))


def test_runs_at_once_fit_into_an_accelerators_memory(monkeypatch):
    """What is stored of a run: 4 copies of its parameters. What one that is trained takes beside: as much, and twice
    its activations (4 * 242 bytes); all in 80 % of the memory."""
    assert memory.runs_at_once(SPEC, 9) == 1  # on a CPU
    parameters = init_params(SPEC.model, jax.random.key(0))
    stored = 4 * 4 * sum(leaf.size for leaf in jax.tree.leaves(parameters))
    for wanted in (1, 3, 9):
        needed = 9 * stored + wanted * (stored + 2 * 4 * 242)
        monkeypatch.setattr(memory, "_device_memory", lambda needed=needed: int(needed / 0.8) + 1)
        assert memory.runs_at_once(SPEC, 9) == wanted
    monkeypatch.setattr(memory, "_device_memory", lambda: 1)
    assert memory.runs_at_once(SPEC, 9) == 1  # `check_memory` refuses what cannot fit


def test_the_memory_of_a_large_training_is_told(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 8 * 2**30)
    assert memory.about_memory(2**30 - 1) == ""
    told = memory.about_memory(5 * 2**29)
    assert ("2.5 GiB" in told, "8.0" in told) == (True, True)


def test_too_few_addresses_are_named(monkeypatch):
    memory.check_address_space()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2**20, 2**20))
    with refused("memory", "ulimit -v", "JAX_NUM_CPU_DEVICES"):
        memory.check_address_space()
