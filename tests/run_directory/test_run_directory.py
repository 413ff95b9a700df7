"""A run's folder: always a new or an empty one, and files that are whole or not there."""

import errno
import fcntl
import json
import os
import pkgutil
import subprocess
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from refusals import assert_refused, refused
from small_training import small_config

from data.errors import printable
from experiments.gradient_study.config import GradientConfig
from experiments.paper_results.config import PapersConfig
from experiments.run_directory.arrays import read_npz, write_npz
from experiments.run_directory.files import cannot_write, write_summary, write_text, writing
from experiments.run_directory.folders import (
    check_run_directory,
    make_run_directory,
    resume_command,
    run_folder,
    run_lock,
)
from experiments.run_directory.saved_run import load_run
from experiments.session.resume import resumed_config


@pytest.mark.parametrize(
    "name", ["-x", "a b", "a\nb", "it's\x1b", "a\\\n'", "gro\u00dfe", "\u202ea", "$HOME", "\x7f", "\x85\xa0\xad"]
)
def test_a_command_that_is_shown_can_be_pasted(name):
    """As a shell reads it; nothing of it moves a terminal's cursor."""
    shown = resume_command(Path(name))
    assert shown.isprintable()
    *words, given = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {shown}"], env={"LC_ALL": "C.UTF-8", "PATH": os.defpath},
        capture_output=True, check=True,
    ).stdout.decode().split("\0")[:-1]  # fmt: skip
    assert words == ["python", "-m", "experiments.train", "--resume"]
    assert Path(given) == Path(name)
    assert not given.startswith("-")


def test_a_run_is_named_by_its_path_or_by_its_name_below_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("runs/toy-001", "runs/here", "here"):
        Path(folder).mkdir(parents=True)
    assert run_folder("toy-001") == run_folder("runs/toy-001") == Path("runs/toy-001")
    assert run_folder("here") == Path("here")
    assert run_folder("missing") == Path("missing")


def test_folders_are_numbered(tmp_path):
    root = tmp_path / "a" / "runs"
    assert make_run_directory("toy", root=root) == root / "toy-001"
    assert make_run_directory("toy", root=root) == root / "toy-002"
    assert make_run_directory("other", root=root) == root / "other-001"
    (root / "toy-041").mkdir()
    (root / "toy-099-copy").mkdir()
    (root / "toy-big-500").mkdir()
    (root / "toy-²").mkdir()
    assert make_run_directory("toy", root=root) == root / "toy-042"
    (root / "toy-1234").write_text("a file takes a number too")
    assert make_run_directory("toy", root=root) == root / "toy-1235"
    assert all(not any((root / name).iterdir()) for name in ("toy-001", "toy-002", "toy-042", "toy-1235"))


@pytest.mark.parametrize(("name", "used"), [(name, name) for name in ("**", "a b", "x-1", "日本")] + [
    ("[x]", "_x_"), ("a\\b", "a_b"), ("\udcff", "_"),
])  # fmt: skip
def test_any_name_of_a_config_file_will_do(tmp_path, name, used):
    assert [make_run_directory(name, root=tmp_path).name for _ in range(2)] == [f"{used}-001", f"{used}-002"]


@pytest.mark.parametrize("name", ["a[b", "a]", "a\\b", "\udcff", "[x]/y"])
def test_a_folder_in_which_no_checkpoint_could_be_found_again(tmp_path, name):
    whole = printable(str(tmp_path / name))
    with refused(f"--run-dir {whole}", "UTF-8", "[, ] and \\", "another folder"):
        make_run_directory("toy", str(tmp_path / name))
    with refused(f"--resume {whole}", "UTF-8", "[, ] and \\", "another folder"):
        resumed_config(tmp_path / name, None, {})
    assert not any(tmp_path.iterdir())


def test_commands_started_at_once_get_a_folder_each(tmp_path):
    together, made = threading.Barrier(8), []

    def command():
        together.wait()
        made.extend(make_run_directory("toy", root=tmp_path / "runs") for _ in range(5))

    threads = [threading.Thread(target=command) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(folder.name for folder in made) == [f"toy-{n:03d}" for n in range(1, 41)]


def test_another_command_takes_the_number_first(tmp_path, monkeypatch):
    """As above, but certain: the other one makes its folder between our look and our try."""
    make = Path.mkdir

    def late(folder, **options):
        if folder.name == "toy-001":
            make(folder)
        make(folder, **options)

    monkeypatch.setattr(Path, "mkdir", late)
    assert make_run_directory("toy", root=tmp_path).name == "toy-002"


def test_a_folder_of_the_users_own(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new", "deep/er/new"):
        assert make_run_directory("toy", str(tmp_path / name)) == tmp_path / name
        assert (tmp_path / name).is_dir()


def test_nothing_is_overwritten(tmp_path):
    full, file = tmp_path / "full", tmp_path / "file"
    full.mkdir()
    (full / ".masked").write_text("kept")
    file.write_text("kept")
    for given, place, named in (
        (full, f"--run-dir {full}", ["empty", "overwritten", "new folder"]),
        (file, f"--run-dir {file}", ["file", "new folder"]),
        (file / "inside", f"{file}/inside", ["Not a directory", "another place"]),
    ):
        with refused(place, *named):
            make_run_directory("toy", str(given))
    with refused(str(file), "file", "folder", "--run-dir"):
        make_run_directory("toy", root=file)
    assert (full / ".masked").read_text() == file.read_text() == "kept"
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".masked", "file", "full"]


def test_a_name_that_no_folder_can_have(tmp_path):
    given = str(tmp_path / ("x" * 300))
    with refused(f"--run-dir {given}", "File name too long", "another folder"):
        make_run_directory("toy", given)


def test_a_folder_that_cannot_be_written_to(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    if os.access(locked, os.W_OK):
        pytest.skip("this user may write everywhere")
    with refused(f"--run-dir {locked}", "written", "another folder"):
        make_run_directory("toy", str(locked))
    with refused(f"{locked}/runs", "made", "Permission denied", "another place", "--run-dir"):
        make_run_directory("toy", root=locked / "runs")


def test_a_folder_that_may_not_be_read_or_written(tmp_path, monkeypatch):
    """The same for those whom the system lets do everything."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with refused(f"--run-dir {tmp_path}", "written", "another folder"):
        make_run_directory("toy", str(tmp_path))

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with refused(f"--run-dir {tmp_path}", "used", "Permission denied", "another folder"):
        make_run_directory("toy", str(tmp_path))


def test_a_read_only_disk(tmp_path, monkeypatch):
    """On which nobody may write, whatever the rights of a folder: nothing is made, and a run there is left alone."""

    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "mkdir", refuse)
    monkeypatch.setattr(os, "open", refuse)
    with refused(f"--run-dir {tmp_path}", "written", "another folder"):
        make_run_directory("toy", str(tmp_path))
    folder = tmp_path / "new"
    for options in ({"given": str(folder)}, {"root": folder}):
        with refused(str(folder), "made", "Read-only file system", "--run-dir", "disk"):
            make_run_directory("toy", **options)
    with refused(str(tmp_path), "written", "Read-only file system", "--run-dir"), run_lock(tmp_path):
        pass


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_place_in_which_no_folder_can_be_made_is_refused_before_the_work():
    with refused("/proc/a/b", "made", "--run-dir"):
        check_run_directory("/proc/a/b")


def test_nothing_stays_of_the_check_of_a_place(tmp_path):
    assert check_run_directory(str(tmp_path / "a" / "b")) == tmp_path / "a" / "b"
    assert not list(tmp_path.iterdir())


def test_what_a_run_leaves_that_could_not_begin_counts_as_empty(tmp_path):
    for name in (".lock", "config.yaml.part"):
        (tmp_path / name).touch()
    assert make_run_directory("toy", str(tmp_path)) == tmp_path
    with run_lock(tmp_path, new=True):
        pass
    (tmp_path / "notes.part").touch()  # somebody's
    with refused(f"--run-dir {tmp_path}", "empty"), run_lock(tmp_path, new=True):
        pass


REMEDIES = [
    (errno.ENOSPC, "free", "space"),
    (errno.EMFILE, "ulimit -n", "seeds"),
    (errno.EACCES, "allow"),
    (errno.EROFS, "disk"),
    (errno.EFBIG, "ulimit -f"),
    (errno.ENOENT, "put back"),
    (errno.ETIMEDOUT, "disk works"),
]


@pytest.mark.parametrize(("number", "words"), [(number, words) for number, *words in REMEDIES])
def test_an_error_of_the_system_has_its_own_remedy(tmp_path, number, words):
    (tmp_path / "config.yaml").touch()
    with refused(str(tmp_path), os.strerror(number), *words), writing(tmp_path):
        raise OSError(number, os.strerror(number))
    assert ("space" in str(cannot_write(tmp_path, OSError(number, "?")))) == (number == errno.ENOSPC)


@pytest.mark.parametrize(("number", "word"), [(errno.ENOTDIR, "move"), (errno.EACCES, "allow")])
def test_what_stands_in_the_way_is_named(tmp_path, number, word):
    """Not the run's folder, which is well, nor a file below that nobody knows of."""
    (tmp_path / "checkpoints").touch()
    error = OSError(number, os.strerror(number), str(tmp_path / "checkpoints" / "8.tmp" / "done.txt"))
    assert_refused(cannot_write(tmp_path, error, "kept"), str(tmp_path / "checkpoints"), os.strerror(number), word)


def test_a_folder_that_was_removed_is_not_said_to_be_kept(tmp_path):
    error = cannot_write(tmp_path / "gone", FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)), "all is kept")
    assert_refused(error, str(tmp_path / "gone"), "removed", "new run")
    assert "all is kept" not in str(error)


def test_a_lock_holds_until_it_is_left(tmp_path):
    for new in (True, True, False):
        with run_lock(tmp_path, new), refused(str(tmp_path), "another process", "wait", "stop"), run_lock(tmp_path):
            pass


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    """A run goes on without one."""

    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with run_lock(tmp_path, new=True):
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]


COMMANDS = [  # the training compiles nothing, since it is refused before it begins
    ("session.session.train", (small_config(), "toy"), {"make_trainer": lambda *_, **__: None}),
    ("gradient_study.report.STUDY.run", (GradientConfig(), "gradients"), {}),
    ("paper_results.report.STUDY.run", (PapersConfig(),), {}),
]


@pytest.mark.parametrize(("place", "arguments", "options"), COMMANDS, ids=[place for place, *_ in COMMANDS])
def test_what_came_into_the_folder_before_its_lock_is_kept(tmp_path, monkeypatch, place, arguments, options):
    """Another process may begin and end in it after we saw that it was empty."""
    command, look = pkgutil.resolve_name(f"experiments.{place}"), Path.iterdir

    def look_and_come(folder):
        found = list(look(folder))
        if folder == tmp_path and not found:
            for name in ("config.yaml", "report.md"):
                (tmp_path / name).write_text("kept")
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", look_and_come)
    with refused(f"--run-dir {tmp_path}", "empty", "overwritten", "new folder"):
        command(*arguments, run_dir=str(tmp_path), **options)
    assert {path.name: path.read_text() for path in tmp_path.iterdir() if path.name != ".lock"} == {
        "config.yaml": "kept", "report.md": "kept"
    }  # fmt: skip


def test_a_file_of_version_1_is_refused_in_one_line(tmp_path):
    (tmp_path / "config.yaml").write_text("format: 1\n", encoding="utf-8")
    with refused(f"{tmp_path}/config.yaml:1: format", "format 1", "catmat 0.1"):
        load_run(tmp_path)
    (tmp_path / "config.yaml").write_text("format: 2\n", encoding="utf-8")
    (tmp_path / "summary.json").write_text('{"version": 1}', encoding="utf-8")
    write_npz(tmp_path / "record.npz", {"version": np.int64(1)})
    for name, read in (("summary.json", lambda run: run.summary), ("record.npz", lambda run: run.record)):
        with refused(f"{tmp_path}/{name}", "version 1", "catmat 0.1"):
            read(load_run(tmp_path))


def test_a_member_that_is_no_array_is_damage(tmp_path):
    write_npz(tmp_path / "params.npz", {"step": np.arange(2)})
    with zipfile.ZipFile(tmp_path / "params.npz", "a") as file:
        file.writestr("note.txt", "hi")
    with refused(f"{tmp_path}/params.npz", "damaged", "note.txt"):
        read_npz(tmp_path / "params.npz")


def test_the_summary_is_strict_json(tmp_path):
    values = {"status": "finished", "loss": 0.25, "steps": 20, "world": "日本", "versions": {"jax": "1.2"}}
    write_summary(tmp_path, values)
    text = (tmp_path / "summary.json").read_text(encoding="utf-8")

    def not_json(name):
        raise AssertionError(name)

    assert json.loads(text, parse_constant=not_json) == {"version": 2, **values}
    assert "日本" in text
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_a_summary_that_cannot_be_written_leaves_the_old_one(tmp_path):
    write_summary(tmp_path, {"loss": 1.0})
    before = (tmp_path / "summary.json").read_bytes()
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_summary(tmp_path, {"loss": object()})
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]
    assert (tmp_path / "summary.json").read_bytes() == before


def test_what_is_not_finite_is_null(tmp_path):
    write_summary(tmp_path, {"loss": float("nan"), "excess": float("inf"), "steps": 3})
    found = json.loads((tmp_path / "summary.json").read_text())
    assert (found["loss"], found["excess"], found["steps"]) == (None, None, 3)


def test_a_file_appears_whole(tmp_path, monkeypatch):
    """Until all is written, what was there before stands under the name."""
    path = tmp_path / "config.yaml"
    path.write_text("before")
    seen = []
    write = Path.write_text

    def watched(self, text, encoding):
        written = write(self, text[:2], encoding=encoding)
        seen.append(path.read_text())
        write(self, text, encoding=encoding)
        return written

    monkeypatch.setattr(Path, "write_text", watched)
    write_text(path, "after")
    assert seen == ["before"]
    assert path.read_text() == "after"
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize(
    "arrays",
    [
        {"step": np.asarray([0, 2]), "world": np.asarray("digest"), "loss": np.zeros(2)},  # a record in its place
        {"step": np.asarray([0, 2]), "bias": np.zeros(3)},
        {"step": np.zeros(0, int), "bias": np.zeros(0)},
        {"step": np.int64(0), "bias": np.float32(0)},
        {"bias": np.zeros(2)},
    ],
)
def test_what_is_no_file_of_parameters_is_told(tmp_path, arrays):
    (tmp_path / "config.yaml").write_text("format: 2\n", encoding="utf-8")
    write_npz(tmp_path / "params.npz", {"version": np.int64(2), **arrays})
    with refused(f"{tmp_path}/params.npz", "parameters", "restore", "new run"):
        load_run(tmp_path).params()
