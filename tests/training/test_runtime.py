"""What a command sets up before JAX starts: a cache that may be damaged, full or forbidden, and bothers nobody."""

import os
import signal
import subprocess
import sys

import pytest
from processes import ROOT, run

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
    assert len([path for path in tmp_path.glob("traced/*") if "." not in path.name]) == 1


def test_a_user_without_a_home_keeps_no_programs():
    assert ended(HOMELESS, before="") == (0, "None 42\n", "")


def test_a_process_that_is_told_of_no_others(tmp_path):
    code, out, err = run(tmp_path, "--list-devices", JAX_COORDINATOR_ADDRESS="localhost:1")
    assert (code, out) == (2, "")
    assert err.startswith("error: JAX_COORDINATOR_ADDRESS=localhost:1: the processes cannot meet (")
    assert err.endswith("); unset it, or set JAX_NUM_PROCESSES and JAX_PROCESS_ID too\n")
    assert err.count("\n") == 1
