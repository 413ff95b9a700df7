"""A training that several processes share, as on several machines: here two, on one CPU device each."""

import json
import socket

import pytest
from processes import finish, start
from small_world import SMALL

CONFIG = """\
world: small.yaml
model: {d_model: 4, heads: 1, d_head: 2, d_mlp: 0}
train: {steps: 9, batch: 8}
evaluate: {sentences: 8}
track: {records: 4, images: 2, checkpoint_seconds: 0}
"""


@pytest.mark.long
@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("told", ["by a cluster", "by options"])
def test_two_processes_share_a_training(tmp_path, seeds, told):
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(CONFIG, encoding="utf-8")
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    together = {"JAX_NUM_CPU_DEVICES": "1", "PYTHONWARNINGS": "default"}
    arguments = ["--config", "mine.yaml", "--run-dir", "run", "--seeds", str(seeds)]
    if told == "by options":
        arguments += ["--coordinator", f"localhost:{port}", "--processes", "2", "--process-id"]
        processes = [start(tmp_path, *arguments, str(rank), **together) for rank in range(2)]
    else:
        together |= {"JAX_COORDINATOR_ADDRESS": f"localhost:{port}"}
        together |= {"OMPI_MCA_orte_hnp_uri": "as if Open MPI had started them", "OMPI_COMM_WORLD_SIZE": "2"}
        ranks = [{"OMPI_COMM_WORLD_RANK": str(rank), "OMPI_COMM_WORLD_LOCAL_RANK": "0"} for rank in range(2)]
        processes = [start(tmp_path, *arguments, **together, **rank) for rank in ranks]
    (code, out, _), (other_code, other_out, _) = [finish(process) for process in processes]
    assert (code, other_code) == (0, 0)
    says = "several processes: no checkpoints are saved; a run that is stopped has to begin again\n"
    assert says in out
    assert "This run lies in  run\n" in out
    assert "run" not in other_out  # one process writes
    assert not (tmp_path / "run" / "checkpoints").exists()
    summaries = [json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "run").rglob("summary.json")]
    assert [(one["status"], one["steps"]) for one in summaries] == [("finished", 9)] * seeds
