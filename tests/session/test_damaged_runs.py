"""500 run folders in which something is cut, swapped, emptied, missing, added or newer: every command says one line."""

import dataclasses
import io
import random
import shutil
import sys
from collections import Counter

import jax
import numpy as np
import pytest
from damaged_runs import newer
from refusals import assert_told_well, refused
from rich.console import Console
from small_world import SMALL

from data.errors import InputError
from data.world import load_world
from data.yaml_file import parse_yaml
from experiments import film, runs
from experiments.config.loader import make_as
from experiments.config.schema import Config
from experiments.measuring.experiment import prepare
from experiments.run_directory.saved_run import load_run
from experiments.session.resume import resumed_config
from experiments.session.session import resume, train
from experiments.training.trainer import Trainer

pytestmark = pytest.mark.long
CONFIG = """\
world: {world}
seeds: {seeds}
model: {{d_model: 4, heads: 1, d_head: 2, d_mlp: 0}}
train: {{steps: 2, batch: 8}}
evaluate: {{sentences: 8}}
track: {{records: 3, images: 0, checkpoint_seconds: 0}}
"""
SENTENCE = "the cat sat on mat ."
CASES, RESUMED, FILMED = 500, 160, 30
"""How many folders there are; with how many of them training goes on, and of how many a film is made."""
MORE_STEPS = 3
"""What every second of them is asked for: one that ended and stays as it is never looks at its records."""
KINDS = ("config.yaml", "record", "params", "summary.json", "checkpoints", "events", ".lock", "other")


def kind_of(path):
    first = next(part for part in path.parts if not part.startswith("seed-"))
    return next((kind for kind in KINDS if first.startswith(kind)), "other")


class Trainers:
    """Makes trainers, one for each kind of config: most of the time goes into tracing and compiling.

    When it is closed no more are made: a damaged config that still is one would take seconds.
    """

    def __init__(self):
        self._made, self.closed, self.refused = {}, False, 0

    def __call__(self, spec, values, tables, steps, *given, **options):
        arrays = [array.tobytes() for array in jax.tree.leaves((values, tables))]
        kind = repr((spec, arrays, tuple(steps), jax.tree.map(np.shape, given[1:])))
        if kind not in self._made and self.closed:
            self.refused += 1
            raise InputError("not made in this test")
        if kind not in self._made:
            self._made[kind] = Trainer(spec, values, tables, steps, *given, **options)
        return self._made[kind]


@pytest.fixture(scope="module")
def trainers():
    """Every training of this file runs in this process, on the programs of the first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "unraisablehook", sys.unraisablehook)  # set back at the end
        yield Trainers()


class Stopped:
    """A trainer that is stopped by force before its last record, when all checkpoints but the last are on disk."""

    def __init__(self, trainer):
        self._trainer = trainer

    def __getattr__(self, name):
        return getattr(self._trainer, name)

    def run(self, *given):
        for record in self._trainer.run(*given):
            if record.step == self._trainer.steps[-1]:
                raise KeyboardInterrupt
            yield record


def console():
    return Console(file=io.StringIO())


@pytest.fixture(scope="module")
def sound(tmp_path_factory, trainers, quickly_compiled):  # noqa: ARG001  what is compiled
    """Folders of runs that nothing happened to: one that ended, one of two seeds, one that was stopped."""
    here = tmp_path_factory.mktemp("sound")
    (here / "small.yaml").write_text(SMALL, encoding="utf-8")
    for name, seeds in (("one", 1), ("two", 2), ("stopped", 1)):
        config = make_as(Config, parse_yaml(CONFIG.format(world=here / "small.yaml", seeds=seeds), name))
        longer = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=MORE_STEPS))
        prepare(longer, load_world(config.world), trainers)
        if name == "stopped":
            with pytest.raises(KeyboardInterrupt):
                train(
                    config, name, str(here / name), console(), lambda *given, **more: Stopped(trainers(*given, **more))
                )
        else:
            train(config, name, str(here / name), console(), trainers)
    assert (here / "stopped" / "record-parts").is_dir()
    return [here / name for name in ("one", "two", "stopped")]


def files(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def contents(folder):
    """Everything that stands there: bytes, or where a link leads."""
    return {
        path.relative_to(folder): path.readlink() if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


EXTRA = [
    "checkpoints/99", "checkpoints/abc", "checkpoints/-1", "checkpoints/2 copy", "checkpoints/5.orbax-checkpoint-tmp",
    "record-parts/step-x.npz", "record-parts/step-9999999999.npz", "record-parts/fixed.npz", "seed-7", "seed-0",
    "params-parts/step-0000000000.npz.part", "config.yaml.part", "events.out.tfevents.1", "\udcff", "\x1b[31m",
]  # fmt: skip


def add(folder, rng):
    """Something that catmat did not put there: a file or a folder, with or without a file in it."""
    extra = folder / rng.choice(EXTRA)
    if extra.exists() or (extra.parent.exists() and not extra.parent.is_dir()):
        return
    extra.parent.mkdir(exist_ok=True)
    how = rng.randrange(3)
    if how == 0:
        extra.write_bytes(rng.randbytes(rng.choice([0, 100])))
    else:
        extra.mkdir()
        if how == 1:
            (extra / "default").write_bytes(b"")


def change(path, other, rng):
    """One mishap of a file; `other` is another one of some run."""
    raw, how = path.read_bytes(), rng.randrange(11)
    if how == 0:
        path.write_bytes(b"")
    elif how in (1, 2):
        path.write_bytes(raw[: rng.randrange(len(raw))] if raw else b"\0")
    elif how in (3, 4):
        path.write_bytes(other.read_bytes())
    elif how == 5:
        path.unlink()
    elif how == 6:
        shutil.rmtree(path.parent) if path.parent.name not in ("one", "two", "stopped") else path.unlink()
    elif how == 7:
        path.unlink()
        path.mkdir() if rng.random() < 0.5 else path.symlink_to(rng.choice([path.name, "nowhere", "/dev/null"]))
    elif how == 8:
        newer(path)
    elif how == 9:
        path.write_bytes(rng.randbytes(rng.choice([1, 30, 3000])))
    else:
        at = rng.randrange(len(raw) + 1)
        path.write_bytes(raw[:at] + rng.randbytes(3) + raw[at + 3 :])


def damaged(case, sound, folder, rng):
    """A copy of a run with one to three mishaps; gives the kind of file that the first befell."""
    kind, base = KINDS[case % len(KINDS)], sound[rng.randrange(3)]
    copy = folder / base.name
    shutil.copytree(base, copy)
    for i in range(rng.choice([1, 1, 2, 3])):
        there = [path for path in files(copy) if i or kind_of(path) == kind]
        if not there or (kind == "other" and rng.random() < 0.8):
            add(copy, rng)
        elif there:
            source = rng.choice(sound)
            change(copy / rng.choice(there), source / rng.choice(files(source)), rng)
    return kind, copy


def code_of(command, arguments, shown):
    """The exit code of a command, and the mistake that it told; anything but one told in one line is an error here."""
    try:
        return command(arguments), ""
    except InputError as error:
        assert_told_well(error)
        return 2, str(error)
    except Exception as error:
        raise AssertionError(f"{shown} ended in {error!r}") from error


def read_all(arguments):
    """Reads what `load_run` gives, which is read when it is asked for."""
    run = load_run(arguments[0])
    for one in (run.runs or {"": run}).values():
        assert isinstance(one.summary, dict)
        assert isinstance(one.record["version"], np.ndarray)
        assert isinstance(one.params(-1), dict)
    return 0


def goes_on(trainers, folder, more):
    """Train on, as `--resume` does; what a run that then is finished leaves can be read."""
    code = resume(resumed_config(folder, None, more), folder, console(), trainers)
    if code == 0:
        assert read_all([str(folder)]) == 0
    return code


def try_commands(copy, case, trainers):
    """{command: exit code} of the commands that a damaged run is given to."""
    commands = {"load_run": (read_all, [str(copy)]), "runs": (runs.main, ["--root", str(copy.parent)])}
    if case % (CASES // FILMED + 1) == 0:
        commands["film"] = (film.main, ["--run", str(copy), SENTENCE, "--steps", "1"])
    if case % (CASES // RESUMED) == 0:
        more = {"train.steps": str(MORE_STEPS)} if case // len(KINDS) % 2 else {}
        commands["resume"] = (lambda arguments: goes_on(trainers, *arguments), [copy, more])
    codes = {}
    for name, (command, arguments) in commands.items():
        before = contents(copy)
        codes[name], said = code_of(command, arguments, f"case {case}, {name}")
        after = contents(copy)
        if name == "film" and codes[name] == 0:
            assert sorted(path.name for path in after.keys() - before.keys()) == ["film-001.gif", "film-001.png"]
        # Unless something stands in a file's place: that is met on the way (see the next test), and the way was made.
        if name != "resume" or (codes[name] == 2 and "cannot be written to" not in said):
            assert before.items() <= after.items(), f"case {case}: {name} changed files"
    return codes


@pytest.mark.parametrize("obstacle", ["summary.json.part", "params.npz.part"])
def test_a_folder_in_the_place_of_a_file_is_named_and_nothing_is_lost_by_it(sound, trainers, tmp_path, obstacle):
    """It is met when a resumed training writes its results: once it is moved away, `--resume` finishes."""
    copy = tmp_path / "stopped"
    shutil.copytree(sound[2], copy)
    (copy / obstacle).mkdir()
    with refused(str(copy / obstacle), "Is a directory", "move"):
        goes_on(trainers, copy, {})
    (copy / obstacle).rmdir()
    assert goes_on(trainers, copy, {}) == 0


def test_500_damaged_runs(trainers, sound, tmp_path):
    trainers.closed = True
    seen, codes, failed = Counter(), Counter(), []
    for case in range(CASES):
        rng, here = random.Random(case), tmp_path / str(case)
        kind, copy = damaged(case, sound, here, rng)
        seen[kind] += 1
        try:
            codes.update(try_commands(copy, case, trainers).items())
            shutil.rmtree(here)
        except AssertionError as error:  # its folder is left there
            failed.append(str(error)[:1_000])
    assert failed == []
    assert seen.total() == CASES
    assert min(seen[kind] for kind in KINDS) >= CASES // len(KINDS)
    for command, least in (("load_run", 100), ("film", 5), ("resume", 60)):
        assert min(codes[command, 0], codes[command, 2]) >= least, codes  # neither all harmless nor all fatal
    assert codes["runs", 0] == CASES
    assert trainers.refused < 10
