"""All measurements that are put beside papers."""

from collections.abc import Callable

from data.world import World
from experiments.paper_results import (
    coordinate_check,
    entropy_bound,
    entropy_theorem,
    logit_knee,
    logit_size,
    sigma_growth,
)
from experiments.paper_results.config import PapersConfig
from experiments.paper_results.results import Results


def pieces(config: PapersConfig) -> int:
    """How often `measure` calls `done`."""
    own = {
        "entropy": entropy_bound.PIECES,
        "logit_size": logit_size.PIECES,
        "mup": coordinate_check.pieces(config),
    }
    return sum(own[paper] for paper in config.papers)


def measure(config: PapersConfig, world: World, done: Callable[[str], None]) -> Results:
    """Measure what `config.papers` names; `done` is called with the paper's name after each piece of work."""
    entropy = logits = mup = None
    if "entropy" in config.papers:
        entropy = entropy_bound.measure(config, world, lambda: done(entropy_theorem.NAME))
    if "logit_size" in config.papers:
        logits = logit_size.measure(config, logit_size.prepare(config, world), lambda: done(logit_knee.NAME))
    if "mup" in config.papers:
        mup = coordinate_check.measure(config, world, lambda: done(sigma_growth.NAME))
    return Results(config, entropy, logits, mup)
