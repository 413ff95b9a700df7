"""Whether a cluster has started several processes that are meant to train together, and how they find each other.

Only what the launcher of several processes sets counts, so that a single process on such a machine waits for nobody.
What is not in the environment is asked of JAX's own detection (`jax.distributed.initialize` would act on it at once).
"""

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass

from data.errors import InputError, require
from experiments.training.together import PATIENCE, Together, host_and_port

ADDRESS = "JAX_COORDINATOR_ADDRESS"
_ALONE = "or train alone with --processes 1"
_BY_HAND = f"give --coordinator, --processes and --process-id, {_ALONE}"
_ORTE = "OMPI_MCA_orte_hnp_uri"
"""Where mpirun listens; Open MPI 5 tells it no more."""


@dataclass(frozen=True)
class Launch:
    """How several processes were started; what is None has to be asked for."""

    cluster: str
    processes: int | None = None
    process_id: int | None = None
    local_device: int | None = None
    """The GPU that is this process's own."""


def launch_of(environment: Mapping[str, str], modules: frozenset[str] = frozenset()) -> Launch | None:
    """What an environment says of several processes; None for one that is alone.

    Args:
      environment: the variables of this process.
      modules: which of `libtpu` and `kubernetes` can be imported.

    Raises:
      InputError: a variable is no number, or an address is given without any other process.
    """
    if _count(environment, "OMPI_COMM_WORLD_SIZE") > 1:  # before Slurm, by which mpirun may have been started
        names = ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK")
        return Launch("Open MPI", *(_count(environment, name) for name in names))
    # A step of several tasks, by srun. In a batch script and in the shell of salloc, SLURM_NTASKS counts tasks, too.
    if _count(environment, "SLURM_STEP_NUM_TASKS") > 1 and {"SLURM_PROCID", "SLURM_STEP_NODELIST"} <= set(environment):
        names = ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_LOCALID")
        return Launch("Slurm", *(_count(environment, name) for name in names))
    if "kubernetes" in modules and {"KUBERNETES_SERVICE_HOST", "JOB_COMPLETION_INDEX"} <= set(environment):
        return Launch("Kubernetes", process_id=_count(environment, "JOB_COMPLETION_INDEX"))
    if "libtpu" in modules and "tpu" in environment.get("JAX_PLATFORMS", "tpu").split(","):
        hosts = environment.get("TPU_PROCESS_ADDRESSES", environment.get("TPU_WORKER_HOSTNAMES"))
        several = hosts is None or "," in hosts or _count(environment, "MEGASCALE_NUM_SLICES") > 1
        return Launch("TPU") if several else None
    require(
        not environment.get(ADDRESS),
        f"{ADDRESS}={environment.get(ADDRESS)}: there is no cluster that tells how many processes there are; unset it,"
        f" and {_BY_HAND}",
    )
    return None


def _count(environment: Mapping[str, str], name: str) -> int:
    """The number that a variable holds; 0 where there is none."""
    value = environment.get(name, "0")
    require(value.isdecimal(), f"{name}={value}: must be a number; unset it, and {_BY_HAND}")
    return int(value)


def cluster_processes() -> Together | None:
    """The processes that a cluster has started together with this one; None if this one is alone.

    Raises:
      InputError: they were started together, but how they find each other cannot be found out.
    """
    modules = frozenset(name for name in ("libtpu", "kubernetes") if importlib.util.find_spec(name))
    launch = launch_of(os.environ, modules)
    if launch is None:
        return None
    address = os.environ.get(ADDRESS)
    if address and launch.processes is not None and launch.process_id is not None:
        return _together(launch, address, launch.processes, launch.process_id)
    return _asked(launch)


def _asked(launch: Launch) -> Together | None:
    """What JAX finds out about the processes of a launch."""
    from jax._src.clusters import ClusterEnv  # noqa: PLC0415  JAX, only where several processes are meant

    cluster = next(kind for kind in ClusterEnv._cluster_types if kind.name == _detection(launch.cluster))
    try:
        require(
            launch.cluster != "Open MPI" or _ORTE in os.environ or importlib.util.find_spec("mpi4py"),
            "Open MPI 5 tells no address, and mpi4py, which would, is not installed",
        )
        if not cluster.is_env_present():
            return None
        processes = cluster.get_process_count() if launch.processes is None else launch.processes
        process_id = cluster.get_process_id() if launch.process_id is None else launch.process_id
        if processes <= 1:
            return None
        port = os.environ.get("JAX_COORDINATOR_PORT")
        address = os.environ.get(ADDRESS) or cluster.get_coordinator_address(round(PATIENCE), port)
    except Exception as error:  # of whatever kind: of requests to a cluster's services, or in what they answer
        if launch.cluster == "TPU":  # a machine with a TPU that is no part of a pod has none of these services
            return None
        raise InputError(
            f"{launch.cluster}: it started several processes, but they cannot find each other"
            f" ({' '.join(str(error).split())}); set {ADDRESS} to HOST:PORT of process 0, {_BY_HAND}"
        ) from None
    return _together(launch, address, processes, process_id)


def _detection(cluster: str) -> str:
    """JAX's name for its way to find out about a cluster."""
    if cluster == "TPU":
        return "gketpu" if {"TPU_PROCESS_ADDRESSES", "TPU_WORKER_HOSTNAMES"} & set(os.environ) else "gcetpu"
    if cluster == "Open MPI":
        return "ompi" if _ORTE in os.environ else "mpi4py"
    return {"Slurm": "slurm", "Kubernetes": "k8s"}[cluster]


def _together(launch: Launch, address: str, processes: int, process_id: int) -> Together:
    # A GPU for each, as JAX has it; but not where a process sees no other, or JAX is told of its own.
    sees_one = "JAX_LOCAL_DEVICE_IDS" in os.environ or "," not in os.environ.get("CUDA_VISIBLE_DEVICES", ",")
    own = None if launch.local_device is None or sees_one else (launch.local_device,)
    return Together(*host_and_port(address, ADDRESS), processes, process_id, own)
