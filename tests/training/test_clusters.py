"""Which environments mean that several processes train together, as the launchers of clusters set them."""

import os

import pytest
from jax._src.clusters import ClusterEnv
from refusals import refused

from experiments.training import clusters
from experiments.training.clusters import Launch, cluster_processes, launch_of
from experiments.training.together import Together

OMPI = {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_LOCAL_RANK": "1"}
ORTE = {"OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://10.96.0.1,10.148.0.1:34911"}
JOB = {"SLURM_JOB_ID": "70", "SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
"""What the script of sbatch sees, which runs once."""
STEP = {**JOB, "SLURM_STEP_ID": "0", "SLURM_STEP_NODELIST": "node[07-08]", "SLURM_STEP_NUM_TASKS": "4"}
SHELL = {**STEP, "SLURM_STEP_ID": "4294967290", "SLURM_STEP_NUM_TASKS": "1"}
"""What the shell of salloc sees where it is a step of its own."""
POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
HOSTS = {"TPU_WORKER_HOSTNAMES": "t0,t1", "TPU_WORKER_ID": "1"}


@pytest.mark.parametrize(
    ("environment", "modules", "launch"),
    [
        ({}, (), None),
        (OMPI | ORTE, (), Launch("Open MPI", 4, 3, 1)),
        (OMPI, (), Launch("Open MPI", 4, 3, 1)),  # Open MPI 5
        (OMPI | {"OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"}, (), None),
        (JOB, (), None),
        (SHELL, (), None),
        (STEP | {"SLURM_PROCID": "2"}, (), Launch("Slurm", 4, 2, 0)),
        (STEP | {"SLURM_NTASKS": "1", "SLURM_STEP_NUM_TASKS": "1"}, (), None),
        (STEP | {"SLURM_NTASKS": "8"}, (), Launch("Slurm", 4, 0, 0)),  # a step of less than the whole job
        (STEP | OMPI | ORTE, (), Launch("Open MPI", 4, 3, 1)),  # mpirun starts its helpers by srun
        (POD, ("kubernetes",), None),
        (POD | {"JOB_COMPLETION_INDEX": "1"}, (), None),
        (POD | {"JOB_COMPLETION_INDEX": "1"}, ("kubernetes",), Launch("Kubernetes", process_id=1)),
        (HOSTS, ("libtpu",), Launch("TPU")),
        (HOSTS, (), None),
        ({}, ("libtpu",), Launch("TPU")),  # JAX asks the machine, see below
        (HOSTS | {"TPU_WORKER_HOSTNAMES": "localhost"}, ("libtpu",), None),
        (HOSTS | {"TPU_WORKER_HOSTNAMES": "t0", "MEGASCALE_NUM_SLICES": "2"}, ("libtpu",), Launch("TPU")),
        (HOSTS | {"JAX_PLATFORMS": "cpu"}, ("libtpu",), None),
    ],
)
def test_who_is_meant_to_train_with_others(environment, modules, launch):
    assert launch_of(environment, frozenset(modules)) == launch


def test_what_cannot_be_meant_is_refused():
    with refused("JAX_COORDINATOR_ADDRESS=h:1", "no cluster", "unset it", "--coordinator", "--processes 1"):
        launch_of({"JAX_COORDINATOR_ADDRESS": "h:1"})
    with refused("OMPI_COMM_WORLD_SIZE=many", "must be a number", "--processes 1"):
        launch_of({"OMPI_COMM_WORLD_SIZE": "many"})


@pytest.fixture
def environment(monkeypatch):
    """Replaces this process's environment."""

    def become(variables):
        for name in [one for one in os.environ if one.split("_")[0] in ("OMPI", "SLURM", "CUDA")]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return become


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        (STEP, Together("node07", 61440 + 70, 4, 0, (0,))),
        (STEP | {"JAX_COORDINATOR_PORT": "99"}, Together("node07", 99, 4, 0, (0,))),
        (STEP | {"JAX_COORDINATOR_ADDRESS": "other:98"}, Together("other", 98, 4, 0, (0,))),
        (STEP | {"CUDA_VISIBLE_DEVICES": "3"}, Together("node07", 61440 + 70, 4, 0)),
        (STEP | {"JAX_LOCAL_DEVICE_IDS": "0,1"}, Together("node07", 61440 + 70, 4, 0)),
        (OMPI | ORTE, Together("10.96.0.1", 61440 + 1531576320 // 4096 % 4096, 4, 3, (1,))),
        (OMPI | {"JAX_COORDINATOR_ADDRESS": "host:97"}, Together("host", 97, 4, 3, (1,))),
        (JOB, None),
        (SHELL, None),
    ],
)
def test_how_they_find_each_other(environment, variables, found):
    environment(variables)
    assert cluster_processes() == found


def test_a_machine_with_a_tpu_of_its_own_waits_for_nobody(environment, monkeypatch):
    """libtpu is installed, but this is no machine of a TPU pod."""
    environment({})
    monkeypatch.setattr(clusters.importlib.util, "find_spec", lambda name: name == "libtpu")
    assert cluster_processes() is None


def test_open_mpi_that_tells_no_address(environment, monkeypatch):
    environment(OMPI)
    monkeypatch.setattr(clusters.importlib.util, "find_spec", lambda _: None)
    with refused("Open MPI", "mpi4py", "JAX_COORDINATOR_ADDRESS", "HOST:PORT", "--processes 1"):
        cluster_processes()


class Answers:
    """In place of one of JAX's classes that find out about a cluster."""

    name = "k8s"
    processes, present = 3, True

    @classmethod
    def is_env_present(cls):
        return cls.present

    @classmethod
    def get_process_count(cls):
        return cls.processes

    @classmethod
    def get_coordinator_address(cls, timeout_secs, override_coordinator_port):
        if cls.processes == 4:
            raise RuntimeError("Pods within a job\nneed a headless service")
        return f"pod-0:{override_coordinator_port or timeout_secs}"


@pytest.mark.parametrize(
    ("changed", "found"),
    [({}, Together("pod-0", 300, 3, 1)), ({"processes": 1}, None), ({"present": False, "processes": 4}, None)],
)
def test_what_jax_finds_out_of_a_cluster(environment, monkeypatch, changed, found):
    answers = type("Other", (Answers,), changed)
    environment(POD | {"JOB_COMPLETION_INDEX": "1"})
    monkeypatch.setattr(clusters.importlib.util, "find_spec", lambda name: name == "kubernetes")
    monkeypatch.setattr(ClusterEnv, "_cluster_types", [answers])
    assert cluster_processes() == found


def test_what_jax_cannot_find_out(environment, monkeypatch):
    """That is told, but for a TPU: where its services do not answer, it is no part of a pod."""
    answers = type("Other", (Answers,), {"processes": 4})
    environment(POD | {"JOB_COMPLETION_INDEX": "1"})
    monkeypatch.setattr(clusters.importlib.util, "find_spec", lambda name: name == "kubernetes")
    monkeypatch.setattr(ClusterEnv, "_cluster_types", [answers])
    with refused("Kubernetes", "Pods within a job need a headless service", "HOST:PORT", "--processes 1"):
        cluster_processes()
    monkeypatch.setattr(clusters.importlib.util, "find_spec", lambda name: name == "libtpu")
    monkeypatch.setattr(answers, "name", "gcetpu")
    monkeypatch.setattr(answers, "get_process_id", lambda: 0, raising=False)
    assert cluster_processes() is None
