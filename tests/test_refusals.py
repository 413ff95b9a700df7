"""What a command can only refuse: one line that says what and how to mend it, and no traceback on the way out."""

import io
import signal
import time
from pathlib import Path

import numpy as np
import orbax.checkpoint as ocp
import pytest
from processes import finish, run, start
from rich.console import Console

from data.errors import InputError
from experiments import gradient_session, paper_session
from experiments.checkpoint import Checkpoints
from experiments.gradient_config import GradientConfig
from experiments.paper_config import PapersConfig
from experiments.resume import say
from experiments.stopwatch import Spent


def test_a_device_that_is_not_there(tmp_path):
    code, out, err = run(tmp_path, "--run-dir", "run", JAX_PLATFORMS="nonsense")
    assert (code, out) == (2, "")
    assert err.startswith("error: JAX_PLATFORMS=nonsense: no such device here (Unable to initialize backend 'nonsense'")
    assert err.endswith("; unset it, or set it to cpu\n")
    assert err.count("\n") == 1
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
            checkpoints.save(1, {"x": np.zeros(2)}, 1.0, Spent())
            checkpoints.wait()

    with pytest.raises(OSError, match=r"\[Errno 28\] No space left on device"):
        save()


def full_disk(*_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("begin", [
    lambda folder: gradient_session.study(GradientConfig(), "x", folder, Console(file=io.StringIO())),
    lambda folder: paper_session.repeat(PapersConfig(), folder, Console(file=io.StringIO())),
])  # fmt: skip
def test_a_full_disk_under_a_report(tmp_path, monkeypatch, begin):
    for session in (gradient_session, paper_session):
        monkeypatch.setattr(session, "measure", full_disk)
    folder = tmp_path / "run"
    with pytest.raises(InputError) as error:
        begin(str(folder))
    says = f"{folder}: cannot be written to (No space left on device); free some space, or choose --run-dir; "
    assert str(error.value) == says + "what stands there is kept"
    assert (folder / "config.yaml").is_file()


@pytest.mark.parametrize(("command", "number"), [("gradients", signal.SIGINT), ("papers", signal.SIGTERM)])
def test_a_signal_ends_a_report_with_one_line(tmp_path, command, number):
    process = start(tmp_path, "--run-dir", "run", command=command)
    while not Path(tmp_path / "run" / "config.yaml").is_file():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    assert finish(process) == (130, "", "interrupted\n")
