"""A record that grows: what is added waits until it is written, and is never lost from what is read."""

import numpy as np
import pytest

from experiments.run_directory.arrays import RecordFile, read_npz, write_npz


def parts(folder):
    return sorted(path.name for path in (folder / "record-parts").iterdir())


def record(folder, *steps):
    file = RecordFile(folder, "record")
    file.begin({"words": np.asarray(["a", "b"])})
    for step in steps:
        file.append(step, {"x": np.float32(step)})
    return file


def test_what_is_added_is_read_at_once_and_written_later(tmp_path):
    file = record(tmp_path, 0, 50)
    assert parts(tmp_path) == ["fixed.npz"]
    assert file.read()["x"].tolist() == [0, 50]
    assert file.read(until=10)["x"].tolist() == [0]
    file.flush()
    assert parts(tmp_path) == ["fixed.npz", "step-0000000000.npz", "step-0000000050.npz"]
    file.append(7, {"x": np.float32(7)})
    assert file.read()["step"].tolist() == [0, 7, 50]
    assert RecordFile(tmp_path, "record").read()["step"].tolist() == [0, 50]


def test_a_step_that_was_added_twice_is_the_later_one(tmp_path):
    file = record(tmp_path, 0)
    file.flush()
    file.append(0, {"x": np.float32(3)})
    assert file.read()["x"].tolist() == [3]
    file.flush()
    assert RecordFile(tmp_path, "record").read()["x"].tolist() == [3]


def test_what_was_not_written_is_merged_too(tmp_path):
    file = record(tmp_path, 0)
    file.flush()
    file.append(5, {"x": np.float32(5)})
    merged = file.merge()
    assert (merged["step"].tolist(), merged["x"].tolist()) == ([0, 5], [0, 5])
    found = read_npz(tmp_path / "record.npz")
    assert found.keys() == merged.keys()
    for name, array in merged.items():
        np.testing.assert_array_equal(found[name], array)
    file.flush()  # nothing is left to be written
    assert not (tmp_path / "record-parts").exists()


@pytest.mark.parametrize(("remembered", "found"), [(0, [9]), (11, [9]), (12, [0])])
def test_so_much_of_what_was_written_is_remembered(tmp_path, remembered, found):
    """A step here takes 12 bytes. What another process put in its place since then shows what was read."""
    file = RecordFile(tmp_path, "record", remembered)
    file.begin({})
    file.append(0, {"x": np.float32(0)})
    file.flush()
    write_npz(tmp_path / "record-parts" / "step-0000000000.npz", {"x": np.float32(9), "step": np.int64(0)})
    assert file.read()["x"].tolist() == found


@pytest.mark.parametrize("numbers", [3, 300_000])
def test_a_file_is_written_whole_or_not_at_all(tmp_path, numbers):
    """A small one, and one of more than a megabyte, which is written piece by piece."""
    path, arrays = tmp_path / "a.npz", {"x": np.arange(numbers, dtype=np.float32), "words": np.asarray(["a", "bc"])}
    write_npz(path, arrays)
    with pytest.raises(ValueError, match="Object arrays"):
        write_npz(path, {"x": arrays["x"] + 1, "words": np.asarray([object()])})
    found = read_npz(path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
