"""What was measured of the papers' results, and what the papers predict of it. Imports no jax."""

from dataclasses import dataclass

from experiments.paper_results import entropy_theorem, logit_knee, sigma_growth
from experiments.paper_results.config import PapersConfig
from experiments.statistics.claims import Claim

TITLE = "Results from papers, beside ours"
PREDICTIONS = {
    entropy_theorem.NAME: "Theorem 3.1: no row of attention has less entropy than its length allows, and one row has"
    " as little as that.",
    logit_knee.NAME: "Figure 10: loss is flat while attention logits are small, deteriorates around kappa = 1000, and"
    " at kappa = 10,000 exceeds that of a model that does not attend.",
    sigma_growth.NAME: "Under 1/d the scores shrink like d^(-1/2) at the start and do not depend on d after training;"
    " under 1/sqrt(d) they do not depend on d at the start and grow after training.",
}


@dataclass(frozen=True)
class Results:
    """What was measured; None for a paper that was not asked for."""

    config: PapersConfig
    entropy: entropy_theorem.EntropyResult | None = None
    logit_size: logit_knee.LogitSizeResult | None = None
    mup: sigma_growth.MupResult | None = None

    def claims(self) -> list[Claim]:
        """Every statement and its verdict."""
        found = [] if self.entropy is None else entropy_theorem.claims(self.entropy)
        found += [] if self.logit_size is None else logit_knee.claims(self.logit_size)
        return found + ([] if self.mup is None else sigma_growth.claims(self.mup))
