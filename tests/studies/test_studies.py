"""The skeleton of a study: predictions come first, measurements are saved, and the report is written anew from them."""

import dataclasses
import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from refusals import assert_told_well, refused
from rich.console import Console

from data.errors import InputError
from experiments import gradients, papers
from experiments.gradient_study.config import GradientConfig, SimulatedConfig
from experiments.paper_results.config import PapersConfig
from experiments.run_directory.arrays import read_npz, write_npz
from experiments.statistics.claims import above, below
from experiments.statistics.intervals import Interval
from experiments.studies.command import StudyCommand, predictions_page
from experiments.studies.saved import FILE, from_arrays, read_saved, to_arrays, write_saved


@dataclasses.dataclass(frozen=True)
class Part:
    name: str
    sizes: tuple[int, ...]
    norms_N: NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Found:
    ratio: float
    words: tuple[str, ...]
    by_keys: dict[int, Part]
    parts: tuple[Part, ...]
    given: Part | None
    missing: Part | None


PART = Part("one", (4, 16), np.asarray([1.5, np.nan], np.float32))
FOUND = Found(0.5, ("a", "ü"), {16: PART, 6: PART}, (PART, dataclasses.replace(PART, name="two")), PART, None)


def same(one, other):
    """Equal, arrays to the last bit, nan as itself."""
    if dataclasses.is_dataclass(one):
        return type(one) is type(other) and same(vars(one), vars(other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    return type(one) is type(other) and one == other


def test_what_is_saved_is_read_again(tmp_path):
    write_saved(tmp_path, {"jax": "1.2", "device": "cpu"}, FOUND)
    found, versions = read_saved(tmp_path, "papers", Found)
    assert same(found, FOUND)
    assert not same(found, dataclasses.replace(FOUND, ratio=0.6))
    assert versions == {"jax": "1.2", "device": "cpu"}
    assert "found/by_keys/16/norms_N" in read_npz(tmp_path / FILE)


def test_configs_are_read_again():
    assert from_arrays(to_arrays(PapersConfig(), "x"), PapersConfig, "x") == PapersConfig()


def test_a_setting_that_is_younger_than_a_file_has_its_default():
    """Measurements take minutes: those of before a setting was added are read; what has no default is not made up."""
    arrays = to_arrays(GradientConfig(simulated=SimulatedConfig(value_size=4, keys=5)), "x")
    del arrays["x/simulated/value_size"]
    assert from_arrays(arrays, GradientConfig, "x").simulated == SimulatedConfig(keys=5)
    with pytest.raises(KeyError):
        from_arrays({"x/name": np.asarray("one")}, Part, "x")


def write(folder, found, versions):
    (folder / "report.md").write_text(f"{found.parts[1].name} by {versions['jax']}", encoding="utf-8")
    return [above("P1", "what", Interval(2, 1.5, 3), 1.0), below("P2", "other", Interval(2, 1.5, 3), 1.0)]


PREDICTIONS = {"P1": "It is large.", "P2": "It is small."}
STUDY = StudyCommand("papers", "Is it large?", PREDICTIONS, "measured_here", Found, write)


@pytest.fixture(autouse=True)
def measurements(monkeypatch):
    """The module that measures."""
    module = SimpleNamespace(pieces=lambda _: 1, measure=lambda *_: FOUND)
    monkeypatch.setitem(sys.modules, "measured_here", module)
    return module


@pytest.fixture
def run(tmp_path):
    """(folder, what was printed) of a study that measured something."""
    console = Console(file=io.StringIO(), width=200)
    assert STUDY.run(PapersConfig(), run_dir=str(tmp_path / "run"), console=console) == 0
    return tmp_path / "run", console.file.getvalue()


def test_verdicts_are_printed_and_what_is_confirmed_only_if_asked(run, tmp_path):
    folder, printed = run
    assert "2 statements: 1 confirmed, 1 refuted" in printed
    assert "other: predicted less than 1.00, measured 2.00 [1.50, 3.00]: refuted" in printed
    assert "what: " not in printed
    assert printed.rstrip().endswith(f"The report is in  {folder / 'report.md'}")
    console = Console(file=io.StringIO(), width=200)
    dataclasses.replace(STUDY, print_confirmed=True).run(PapersConfig(), run_dir=str(tmp_path / "b"), console=console)
    assert "what: predicted more than 1.00" in console.file.getvalue()


def test_a_log_has_a_line_for_each_piece_of_work(tmp_path, measurements):
    def measure(_config, _world, done):
        done("first")
        done("second")
        return FOUND

    measurements.measure, measurements.pieces = measure, lambda _: 2
    console = Console(file=io.StringIO(), width=200)
    assert STUDY.run(PapersConfig(), run_dir=str(tmp_path / "run"), console=console) == 0
    lines = console.file.getvalue().splitlines()
    assert [line.split(" s  ")[1] for line in lines[:2]] == ["1 of 2  first", "2 of 2  second"]


def test_a_dry_run_says_what_is_predicted_and_leaves_nothing(tmp_path, measurements):
    measurements.pieces, console = lambda _: 7, Console(file=io.StringIO(), width=200)
    assert STUDY.plan(PapersConfig(), str(tmp_path / "run"), console) == 0
    shown = console.file.getvalue()
    assert "7 pieces of work" in shown
    assert all(text in shown for item in PREDICTIONS.items() for text in item)
    assert not any(tmp_path.iterdir())
    taken = tmp_path / "file"
    taken.write_text("")
    with refused(f"--run-dir {taken}", "file", "new folder"):
        STUDY.plan(PapersConfig(), str(taken), console)


def test_predictions_are_written_before_anything_is_measured(tmp_path, measurements):
    def fails(*_):
        raise KeyboardInterrupt

    measurements.measure = fails
    with pytest.raises(KeyboardInterrupt):
        STUDY.run(PapersConfig(), run_dir=str(tmp_path / "run"))
    text = (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    assert text == predictions_page("Is it large?", PREDICTIONS)
    assert "* **P2** It is small." in text


def test_a_report_is_written_anew_without_measuring(run):
    folder, _ = run
    (folder / "report.md").unlink()
    assert dataclasses.replace(STUDY, measurements="").report_anew(str(folder), Console(file=io.StringIO())) == 0
    assert (folder / "report.md").read_text(encoding="utf-8").startswith("two by ")


def damaged(change):
    def do(folder):
        arrays = read_npz(folder / FILE)
        change(arrays)
        write_npz(folder / FILE, arrays)

    return do


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: (folder / FILE).unlink(), "holds no measured.npz"),
        (lambda folder: (folder / FILE).write_bytes(b"PK"), "is damaged"),
        (lambda folder: (folder / "config.yaml").write_text("command: gradients"), "a run of experiments.gradients"),
        (lambda folder: (folder / "config.yaml").write_text("seed: 1"), "a run of experiments.train"),
        (damaged(lambda arrays: arrays.update(version=np.int64(1))), "is of version 1"),
        (damaged(lambda arrays: arrays.update(version=np.int64(99))), "has version 99"),
        (damaged(lambda arrays: arrays.update(version=np.float64(2))), "is not a study of catmat"),
        (damaged(lambda arrays: arrays.pop("found/ratio")), "is not what experiments.papers writes"),
    ],
)
def test_what_cannot_be_reported_is_refused_in_one_line(run, change, says):
    folder, _ = run
    change(folder)
    with pytest.raises(InputError) as error:
        STUDY.report_anew(str(folder))
    assert says in assert_told_well(error.value)


@pytest.mark.parametrize(("command", "option"), [(gradients, "--layer.rows"), (papers, "--mup.seeds")])
def test_a_report_goes_with_no_other_option(tmp_path, command, option):
    with pytest.raises(InputError, match=f"--report: the settings are those of the run.*; leave out {option}"):
        command.main(["--report", str(tmp_path), option, "10"])
    with pytest.raises(InputError, match="leave out --run-dir"):
        command.main(["--report", str(tmp_path), "--run-dir", "x"])
    with pytest.raises(InputError, match="nowhere: no such folder; name that of a run of experiments"):
        command.main(["--report", str(tmp_path / "nowhere")])
