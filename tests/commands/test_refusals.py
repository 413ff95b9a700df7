"""What a command can only refuse: one line that says what and how to mend it, and no traceback on the way out."""

import errno
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import orbax.checkpoint as ocp
import pytest
from processes import ROOT, finish, run, start
from refusals import assert_refused, assert_told_well, refused
from rich.console import Console

from data.errors import InputError
from experiments import ablate, check_scale, film, gradients, papers, runs, train
from experiments.ablation import session as ablation_session
from experiments.ablation.config import load_ablation
from experiments.commands.console import say
from experiments.gradient_study.config import GradientConfig
from experiments.gradient_study.report import STUDY as GRADIENTS
from experiments.paper_results.config import PapersConfig
from experiments.paper_results.report import STUDY as PAPERS
from experiments.training.checkpoints import Checkpoints
from experiments.training.record import TrainingTime


def test_a_device_that_is_not_there(tmp_path):
    code, out, err = run(tmp_path, "--run-dir", "run", JAX_PLATFORMS="nonsense")
    assert (code, out) == (2, "")
    assert_refused(err, "JAX_PLATFORMS=nonsense", "device", "nonsense", "unset", "cpu")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--run-dir", "--world", "--resume", "--unknown"])
def test_names_that_are_not_utf8(tmp_path, option):
    code, out, err = run(tmp_path, option, b"x\xff")
    assert (code, out) == (2, "")
    assert ("x\\udcff" in err) == (option != "--unknown")
    assert err.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_names_are_shown_as_text():
    console = Console(file=io.StringIO(), force_terminal=True)
    say(console, "runs/[red]a\x1b[31m\u202eb: is finished")
    assert console.file.getvalue() == "runs/[red]a\\x1b[31m\\u202eb: is finished\n"


@pytest.mark.parametrize("method", ["save", "wait_until_finished", "close"])
def test_a_full_disk_under_a_checkpoint_is_an_error_of_the_system(tmp_path, monkeypatch, method):
    """The library that writes them tells of it in the text of a ValueError."""

    def full(*_, **__):
        raise ValueError("RESOURCE_EXHAUSTED: Failed to write 205 bytes: No space left [os_error_code='28']")

    monkeypatch.setattr(ocp.CheckpointManager, method, full)

    def save():
        with Checkpoints(tmp_path) as checkpoints:
            checkpoints.save(1, {"x": np.zeros(2)}, 1.0, TrainingTime())
            checkpoints.wait()

    with pytest.raises(OSError, check=lambda error: error.errno == errno.ENOSPC):
        save()


MOVED = [
    'NOT_FOUND: Error writing "0000/0.0" in OCDBT database at local file "/x/checkpoints/6.tmp/"',
    "Checkpoint directory does not exist: /x/checkpoints/2.tmp",
    FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "/x/checkpoints/2.tmp"),
]


@pytest.mark.parametrize(("blocked", "number"), [(False, errno.ENOENT), (True, errno.ENOTDIR)])
@pytest.mark.parametrize("told", MOVED)
def test_checkpoints_that_were_moved_are_an_error_of_the_system(tmp_path, monkeypatch, told, blocked, number):
    """Which of these the libraries raise is up to the moment."""

    def moved(*_, **__):
        if blocked:
            (tmp_path / "checkpoints").rmdir()
            (tmp_path / "checkpoints").touch()
        raise told if isinstance(told, OSError) else ValueError(told)

    monkeypatch.setattr(ocp.CheckpointManager, "save", moved)
    with pytest.raises(OSError, check=lambda error: error.errno == number), Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, {"x": np.zeros(2)}, 1.0, TrainingTime())


@pytest.mark.parametrize("kept", [[], ["config.yaml"]])
def test_of_a_folder_that_is_removed_nothing_is_made_anew(tmp_path, monkeypatch, kept):
    """The library makes missing folders; of one in which anything else is left nothing is deleted."""
    folder = tmp_path / "run"

    def anew(*_, **__):
        (folder / "checkpoints" / "2.tmp").mkdir(parents=True)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    folder.mkdir()
    for name in kept:
        (folder / name).touch()
    monkeypatch.setattr(ocp.CheckpointManager, "save", anew)
    with pytest.raises(FileNotFoundError), Checkpoints(folder) as checkpoints:
        checkpoints.save(1, {"x": np.zeros(2)}, 1.0, TrainingTime())
    assert folder.exists() == bool(kept)
    assert (folder / "checkpoints" / "2.tmp").exists() == bool(kept)


@pytest.fixture
def no_space_for_a_report(monkeypatch):
    write = Path.write_text

    def full(path, *text, **options):
        if path.name.startswith("report.md"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, *text, **options)

    monkeypatch.setattr(Path, "write_text", full)


@pytest.mark.parametrize("begin", [
    lambda folder: GRADIENTS.run(GradientConfig(), "x", folder, Console(file=io.StringIO())),
    lambda folder: PAPERS.run(PapersConfig(), None, folder, Console(file=io.StringIO())),
    lambda folder: ablation_session.ablate(load_ablation("scaling_quick.yaml", {}), "x", folder,
                                           console=Console(file=io.StringIO())),
])  # fmt: skip
@pytest.mark.usefixtures("no_space_for_a_report")
def test_a_full_disk_under_a_report(tmp_path, begin):
    folder = tmp_path / "run"
    with refused(str(folder), "No space left on device", "space", "--run-dir", "kept"):
        begin(str(folder))
    assert (folder / "config.yaml").is_file()


@pytest.mark.parametrize(("command", "number"), [("gradients", signal.SIGINT), ("papers", signal.SIGTERM)])
def test_a_signal_ends_a_report_with_one_line(tmp_path, command, number):
    process = start(tmp_path, "--run-dir", "run", command=command)
    while not Path(tmp_path / "run" / "config.yaml").is_file():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    assert finish(process) == (130, "", "interrupted\n")


LONG = "x" * 300
CAT = "the cat sat on the mat ."


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        *((train, [option, LONG]) for option in ("--config", "--world", "--run-dir", "--resume")),
        *((ablate, [option, LONG]) for option in ("--config", "--world", "--grid", "--run-dir", "--resume")),
        (ablate, ["--grid", f"world={LONG}", "--dry-run"]),
        *((gradients, [option, LONG]) for option in ("--config", "--world", "--run-dir")),
        *((papers, [option, LONG]) for option in ("--config", "--world", "--run-dir")),
        (film, ["--run", LONG, CAT]),
        (runs, ["--root", LONG]),
        (check_scale, [LONG, "--d-head", "4"]),
        (check_scale, [f"{LONG}:attend", "--d-head", "4"]),
    ],
    ids=lambda value: " ".join(value)[:24] if isinstance(value, list) else value.__name__.rpartition(".")[2],
)
def test_a_name_that_is_too_long(tmp_path, monkeypatch, command, arguments):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        command.main(arguments)
    assert LONG in assert_told_well(error.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_runs_where_nobody_may_look(tmp_path, monkeypatch, capsys):
    for name in ("open", "locked"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text("seed: 1")
    real = os.stat

    def guarded(path, *rest, **options):
        if str(path).startswith(str(tmp_path / "locked" / "config")):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *rest, **options)

    monkeypatch.setattr(os, "stat", guarded)
    assert runs.main(["--root", str(tmp_path)]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["run", "open"]

    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", forbidden)
    with refused(str(tmp_path), "read", "Permission denied", "allow", "--root"):
        runs.main(["--root", str(tmp_path)])


@pytest.mark.parametrize("name", ["[", ":cat:", "\u202e"])
def test_the_folder_of_no_runs_is_shown_as_text(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name / "x]").mkdir(parents=True)
    assert runs.main(["--root", f"{name}/x]"]) == 0
    shown = name.replace("\u202e", "\\u202e")
    assert capsys.readouterr().out.startswith(f"no runs in {shown}/x]; python -m experiments.train")


PRINTED = [("runs", "--root", "."), ("train", "--print-config"), ("train", "--help")]


@pytest.mark.parametrize("command", PRINTED, ids=" ".join)
def test_output_that_cannot_be_written(tmp_path, command):
    name, *options = command
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", f"experiments.{name}", *options],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=full, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert_refused(done.stderr.decode(), "the output", "No space left on device", "another")


@pytest.mark.parametrize("command", PRINTED[:2], ids=" ".join)  # argparse keeps quiet about its own output
def test_output_that_nobody_reads(tmp_path, command):
    name, *options = command
    process = start(tmp_path, *options, command=name)
    process.stdout.close()
    process.stdout = None
    assert finish(process) == (1, None, "")


def test_letters_that_the_output_cannot_show(tmp_path):
    """They are escapes, and the columns beside them stand where they should."""
    for name in ("Größe-001", "toy-001", "گربه-001"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "config.yaml").write_text("seed: 1")
    code, out, err = run(tmp_path, command="runs", LC_ALL="C", PYTHONIOENCODING="ascii")
    assert (code, err) == (0, "")
    heads, *rows = out.splitlines()
    assert [row.split()[0] for row in rows] == ["Gr\\xf6\\xdfe-001", "toy-001", "\\u06af\\u0631\\u0628\\u0647-001"]
    assert {row.index("did not end") for row in rows} == {heads.index("status")}


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_while_a_command_loads(tmp_path, number):
    asks = f"import os, signal, time\nos.kill(os.getpid(), signal.{number})\ntime.sleep(60)\n"
    (tmp_path / "numpy.py").write_text(asks)  # stands in for the real one, which loads for long
    places = os.pathsep.join([str(tmp_path), str(ROOT)])
    assert run(tmp_path, "--help", command="runs", PYTHONPATH=places) == (130, "", "interrupted\n")
