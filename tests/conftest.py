"""Strict settings for every test, made before jax starts, and the fixtures that many tests share.

The platform is not chosen here: `JAX_PLATFORMS=tpu pytest` tests on a TPU.
"""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from pathlib import Path

# Programs are compiled once, also for the commands that tests start; `.pytest_cache` may be deleted.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "xla"))
# Many tests hold two runs equal to the last bit, which a GPU gives only when asked to.
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip()
# All programs are compiled as those of `Ensemble` are: tests compile for longer than they compute.
os.environ["XLA_FLAGS"] += " --xla_backend_optimization_level=1"
os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false" if version("jaxlib").startswith("0.10.") else ""

import jax
import kept_results  # noqa: F401  takes a digest of the sources before they are imported
import numpy as np
import pytest

from experiments.training.program_cache import CacheSettings, cache_programs_in, use_cache

jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_default_matmul_precision", "highest")
# There are two CPU devices at least (an accelerator does not mind), so that nothing passes only because there is one.
# What JAX_NUM_CPU_DEVICES or XLA_FLAGS asks for beyond that is left as it is.
if "device_count" not in os.environ["XLA_FLAGS"]:
    jax.config.update("jax_num_cpu_devices", max(2, jax.config.jax_num_cpu_devices))


_BEGIN_WITH = ["test_training.py", "test_resume.py", "test_training_of_groups.py", "test_dashboards.py"]
"""Files that take long: no process should be left alone with one at the end."""
# The digest of the source is taken once, before what is traced is imported: an edit meanwhile is not cached under it.
_TRACED = cache_programs_in(Path(__file__).parents[1] / ".pytest_cache" / "traced", most_files=1000)
use_cache(CacheSettings())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out, unless marks or single tests were asked for: `pytest -m long` runs them alone."""
    items.sort(key=lambda item: [*_BEGIN_WITH, item.path.name].index(item.path.name))
    if not config.option.markexpr and not any("::" in argument for argument in config.args):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in set(long)]


def pytest_collection_finish() -> None:
    """Modules are never collected, and rubbish seldom: Python else looks through a million objects again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 10)


@pytest.fixture(autouse=True)
def nothing_traced_before(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test traces for another, but in modules that say so: a command may have asked for it in this process."""
    settings = _TRACED if "traced_once" in request.fixturenames else CacheSettings()
    use_cache(settings)
    yield
    use_cache(settings)  # for what the module sets up next


@pytest.fixture(scope="session")
def trace_cache() -> Callable[[], AbstractContextManager[None]]:
    """`with trace_cache(): ...`: programs that an earlier test traced are read, as commands do it; not for tests that
    replace what is traced.
    """

    @contextmanager
    def cached() -> Iterator[None]:
        use_cache(_TRACED)
        try:
            yield
        finally:
            use_cache(CacheSettings())

    return cached


@pytest.fixture(scope="module")
def traced_once(trace_cache: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """The same for a whole module: `pytestmark = pytest.mark.usefixtures("traced_once")`."""
    with trace_cache():
        yield


@pytest.fixture
def float64() -> Iterator[None]:
    """Makes jax use 64-bit numbers in a test: for identities, which hold to 1e-12 or not at all."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def quick_compiler() -> Callable[[], AbstractContextManager[None]]:
    """`with quick_compiler(): ...`: half the compiler's time, where few updates are made."""

    @contextmanager
    def quick() -> Iterator[None]:
        jax.config.update("jax_disable_most_optimizations", True)
        try:
            yield
        finally:
            jax.config.update("jax_disable_most_optimizations", False)

    return quick


@pytest.fixture(scope="module")
def quickly_compiled(quick_compiler: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """The same for a whole module: `pytestmark = pytest.mark.usefixtures("quickly_compiled")`."""
    with quick_compiler():
        yield


@pytest.fixture(scope="session")
def assert_close() -> Callable[..., None]:
    """`assert_close(actual, expected, tolerance)`: errors relative to the largest magnitude of what is expected."""

    def check(actual, expected, tolerance, name=""):
        actual, expected = np.asarray(actual), np.asarray(expected)
        assert actual.shape == expected.shape, name
        assert np.isfinite(actual).all(), name
        assert np.isfinite(expected).all(), name
        error, size = np.abs(actual - expected).max(initial=0), np.abs(expected).max(initial=0)
        assert error <= tolerance * size, f"{name} error {error:.3g}, largest magnitude {size:.3g}"

    return check
