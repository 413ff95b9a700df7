"""What can happen to the files of a run."""

import json

import numpy as np

from experiments.run_directory.arrays import read_npz


def newer(path):
    """A file of a later version of catmat, if it is of a kind that has one."""
    if path.name == "config.yaml":
        path.write_text(path.read_text().replace("format: 2", "format: 3"))
    elif path.name == "summary.json":
        path.write_text(json.dumps({**json.loads(path.read_text()), "version": 3}))
    elif path.suffix == ".npz":
        np.savez(path, **{**read_npz(path), "version": np.int64(3)})
    else:
        path.write_bytes(b"\x02" + path.read_bytes())
