"""Starts `experiments.train` in a moment: a process that has imported everything makes a copy of itself for each run.

A copy is a process of its own, to be stopped and killed like any other; only imports, tracing and compiling lie behind
it. It reads orders, one JSON line each, and answers each with one line: see `processes.Forks`.
"""

import hashlib
import json
import os
import pickle
import pkgutil
import platform
import shutil
import signal
import sys
import time
import warnings
from concurrent.futures import Future
from pathlib import Path

import jax
import scipy.linalg  # noqa: F401  loaded here, so that no run has to
from jax.experimental.serialize_executable import deserialize_and_load, serialize
from matplotlib.backends import backend_agg  # noqa: F401  likewise

from experiments.commands.process import run_command
from experiments.session import session  # noqa: F401  likewise
from experiments.train import main
from experiments.training import checkpoints  # noqa: F401  likewise, with orbax
from experiments.training.ensemble import Compiled, Ensemble
from experiments.training.program_cache import cache_programs_in

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup, which a run would respect
_compile = Ensemble.compile
ROOT = Path(__file__).parents[1]
_PYTHON = f"{sys.implementation.cache_tag}-"
_SETTINGS = sorted(item for item in os.environ.items() if item[0].startswith(("JAX_", "XLA_")))
_MADE_OF = (cache_programs_in(Path(), ROOT).source, _SETTINGS, platform.platform(), Path(__file__).read_bytes())
KEPT = ROOT / ".pytest_cache" / "compiled" / (_PYTHON + hashlib.sha256(repr(_MADE_OF).encode()).hexdigest()[:16])
"""Where compiled programs lie, of this source alone: tracing them anew takes most of a small run's time."""
_OLD = 86_400
"""Seconds after which compiled programs of other sources are deleted."""


def compile_once(self, function, shared, stacked, optimization_level=1, cache_key=None, runs_long=False, packed=False):
    """Instead of `Ensemble.compile`: the program that an earlier process compiled for the same shapes."""
    shapes = jax.tree.map(lambda x: (x.shape, str(x.dtype)), (shared, stacked))
    kinds = [(device.platform, device.device_kind) for device in self.mesh.devices.flat]
    about = f"{function.__qualname__} {shapes} {self.mesh} {self.at_once} {kinds} {cache_key} {runs_long}"
    path = KEPT / hashlib.sha256(about.encode()).hexdigest()
    if not path.exists():
        jax.config.update("jax_enable_compilation_cache", False)  # a program out of the cache is not whole
        made = _compile(self, function, shared, stacked, optimization_level, runs_long=runs_long, packed=packed)
        bare = jax.tree.map(lambda s: jax.ShapeDtypeStruct(s.shape, s.dtype), made.shapes)
        KEPT.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}")
        part.write_bytes(pickle.dumps((serialize(made._program.result()), bare)))
        part.replace(path)
    program, shapes = pickle.loads(path.read_bytes())
    ready = Future()
    ready.set_result(deserialize_and_load(*program))
    return Compiled(ready, shapes, self.by_run)


def die_at(place):
    """Kill this process just before it calls the function `place`, or, of "EVENT END", just before that audit event
    about a file whose path has that end: "os.rename /9.orbax-checkpoint-tmp".
    """
    event, _, end = place.rpartition(" ")
    if event:

        def heard(name, about):
            if name == event and str(about[0]).endswith(end):
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(heard)
    else:
        owner, _, name = place.rpartition(".")
        setattr(pkgutil.resolve_name(owner), name, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))


def become(order):
    """In the copy: run the command in its folder."""
    os.chdir(order["folder"])
    for number, name in enumerate((os.devnull, order["out"], order["err"])):
        os.dup2(os.open(name, os.O_RDWR), number)
    if order["dies"]:
        die_at(order["dies"])
    run_command(lambda: main(order["arguments"]))


def serve():
    """Answer until there are no more orders."""
    cache_programs_in(None)
    Ensemble.compile = compile_once
    KEPT.mkdir(parents=True, exist_ok=True)
    for other in KEPT.parent.glob(f"{_PYTHON}*"):
        if other != KEPT and time.time() - other.stat().st_mtime > _OLD:  # another pytest may use a younger one
            shutil.rmtree(other, ignore_errors=True)
    for line in iter(sys.stdin.readline, ""):
        order = json.loads(line)
        if "poll" in order:
            ended, status = os.waitpid(order["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if ended else None
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a fork of several threads: those of the libraries can stand it
                answer = os.fork()
            if not answer:
                become(order)
        print(json.dumps(answer), flush=True)


serve()
