"""Pieces of arrays read where they stand in a file: equal to what NumPy reads, whatever its form; damage is told."""

import os
import shutil
import tracemalloc
import zipfile

import numpy as np
import pytest
from made_run import MadeRun
from refusals import refused

from data.errors import InputError
from experiments.run_directory.step_reader import open_steps
from experiments.run_directory.stored_arrays import VanishedError, stored_arrays

ARRAYS = {
    "floats": np.random.default_rng(0).normal(size=(4, 3, 5, 2)).astype(np.float32),
    "doubles": np.linspace(0, 1, 12).reshape(3, 4),
    "by columns": np.asfortranarray(np.arange(24).reshape(4, 6)),
    "words": np.asarray(["", "cat", "猫"]),
    "one": np.int64(7),
    "none": np.zeros((0, 3), np.float32),
    "none of none": np.zeros((2, 0), np.float32),
}


@pytest.fixture(params=[np.savez, np.savez_compressed], ids=["stored", "compressed"])
def path(request, tmp_path):
    request.param(tmp_path / "file.npz", **ARRAYS)
    return tmp_path / "file.npz"


def test_pieces_are_what_numpy_reads(path):
    found = stored_arrays(path)
    for name, array in ARRAYS.items():
        assert name in found
        whole = found.array(name)
        np.testing.assert_array_equal(whole, array)
        assert (whole.dtype, whole.shape) == (np.asarray(array).dtype, np.asarray(array).shape)
    floats = ARRAYS["floats"]
    np.testing.assert_array_equal(found.pieces("floats", [(2,), (0,)]), floats[[2, 0]])
    np.testing.assert_array_equal(found.pieces("floats", [(3, 2), (1, 0), (1, 1)]), floats[[3, 1, 1], [2, 0, 1]])
    np.testing.assert_array_equal(found.pieces("floats", [(3, 2, 4, 1)]), floats[3, 2, 4, 1][None])
    np.testing.assert_array_equal(found.pieces("by columns", [(3,), (1,)]), ARRAYS["by columns"][[3, 1]])
    assert "other" not in found


@pytest.mark.parametrize("place", [(4,), (-5,), (0, 3), (0, 0, 5), (0, 0, 0, 0, 0)])
def test_a_place_outside_of_the_array(path, place):
    with refused(str(path), "damaged"):
        stored_arrays(path).pieces("floats", [place])


def test_no_more_is_read_than_was_asked_for(tmp_path):
    """Of 8 MB two rows of 4 kB."""
    array = np.random.default_rng(1).random((1000, 1000)).astype(np.float32)
    np.savez(tmp_path / "large.npz", array=array, other=array)
    found = stored_arrays(tmp_path / "large.npz")
    tracemalloc.start()
    np.testing.assert_array_equal(found.pieces("array", [(999,), (5,)]), array[[999, 5]])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000


def test_a_file_that_is_replaced_is_noticed(path):
    found = stored_arrays(path)
    np.savez(path.with_name("new.npz"), **ARRAYS | {"one": np.int64(8)})
    path.with_name("new.npz").replace(path)
    with pytest.raises(VanishedError, match="replaced"):
        found.array("one")
    assert stored_arrays(path).array("one") == 8
    path.unlink()
    with pytest.raises(VanishedError, match="is gone"):
        stored_arrays(path)


def test_a_file_that_is_cut_while_it_is_open(path):
    """A mapped file would end the process."""
    found = stored_arrays(path)
    found.array("one")
    status = path.stat()
    os.truncate(path, 300)
    with pytest.raises(VanishedError):
        found.array("floats")
    os.truncate(path, status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with refused(str(path), "damaged"):
        found.array("words")  # zeros stand there


@pytest.mark.parametrize("kind", ["a folder", "a link", "text", "nothing", "another archive", "a pickle"])
def test_what_is_no_file_of_arrays(tmp_path, kind):
    path = tmp_path / "file.npz"
    if kind == "a folder":
        path.mkdir()
    elif kind == "a link":
        np.savez(tmp_path / "other.npz", **ARRAYS)
        path.symlink_to("other.npz")
    elif kind == "a pickle":
        np.savez(path, pickle=np.asarray([{}], object))
    elif kind == "another archive":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("pickle", "hello" * 100)
    else:
        path.write_text("" if kind == "nothing" else "hello" * 100)
    with refused(str(path), "no plain file" if kind in ("a folder", "a link") else "damaged"):
        stored_arrays(path).array("pickle")


def test_a_header_that_claims_more_than_there_is(tmp_path):
    path = tmp_path / "file.npz"
    np.savez(path, a=np.zeros((4, 3)), b=np.zeros(3))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"'shape': (4, 3)", b"'shape': (9, 9)"))
    with refused(str(path), "another size"):
        stored_arrays(path).pieces("a", [(8,)])


def test_what_would_unpack_to_too_much(tmp_path, monkeypatch):
    """A small file may stand for any size."""
    path = tmp_path / "file.npz"
    np.savez_compressed(path, a=np.zeros(100_000))
    assert path.stat().st_size < 2_000
    monkeypatch.setattr("experiments.run_directory.stored_arrays._MOST_BYTES", 500_000)
    with refused(str(path), "too large"):
        stored_arrays(path).array("a")


def test_steps_of_one_file_and_of_parts_are_the_same(tmp_path):
    run = MadeRun(tmp_path / "run").add(0, 1, 5)
    growing = open_steps(run.folder, "record")
    shutil.copytree(run.folder, tmp_path / "copy")
    run.finish()
    whole = open_steps(run.folder, "record")
    assert growing.steps == whole.steps == [0, 1, 5]
    with pytest.raises(VanishedError):
        growing.at("weights", [0])
    growing = open_steps(tmp_path / "copy", "record")
    arrays, _ = run.arrays()
    for reader in (growing, whole):
        np.testing.assert_array_equal(reader.fixed("tokens"), arrays["tokens"])
        np.testing.assert_array_equal(reader.at("weights", [2, 0], 1), arrays["weights"][[2, 0], 1])
        np.testing.assert_array_equal(reader.at("key", range(3), 0, 2), arrays["key"][:, 0, 2])
        np.testing.assert_array_equal(reader.at("loss", [1]), arrays["loss"][[1]])
        assert "weights" in reader
        assert "other" not in reader
        with pytest.raises(InputError, match="holds no other"):
            reader.at("other", [0])


def test_parts_that_do_not_fit_together(tmp_path):
    run = MadeRun(tmp_path / "run").add(0, 1)
    run.record.append(1, {"loss": np.zeros(3, np.float32)})
    run.record.flush()
    reader = open_steps(run.folder, "record")
    with refused(f"{run.folder}/record-parts", "do not fit together"):
        reader.at("loss", [0, 1])
    with refused(f"{run.folder}/record-parts/step-0000000001.npz", "holds no weights"):
        reader.at("weights", [0, 1])


def test_a_run_before_its_first_record(tmp_path):
    run = MadeRun(tmp_path / "run")
    assert open_steps(run.folder, "record").steps == []
    with pytest.raises(VanishedError):
        open_steps(tmp_path, "record")
