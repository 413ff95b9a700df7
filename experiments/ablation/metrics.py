"""The numbers of each run of an ablation, under the names that `experiments.train` gives them.

Attention statistics are means over the heads here, so that runs with different numbers of heads can be compared.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from data.inference import relevant_words
from data.vocabulary import PAD
from experiments.ablation.plan import Group
from experiments.ablation.results import ATTENTION_STATISTICS, Results
from experiments.measuring.excess import excess_values
from experiments.measuring.metrics import by_place, on_relevant

Summary = Mapping[str, Any]
"""The values of a run's `summary.json` by their names: numbers, its status, and None where there is no number."""


def step_values(group: Group, results: Results, i: int, t: int) -> dict[str, float]:
    """The metrics that are followed over training, of run `i` of a group at recorded step number `t`."""
    data = group.shared.data
    relevant_GK = relevant_words(data.probes.relevance_GK.astype(np.float64))
    statistics_N = results.attention_TNRH[t, :, i]
    return {
        **({"loss": float(results.loss_TR[t, i])} if t else {}),
        **excess_values(group.config.task.masked, data.examples, results.excess_TRG[t, i]),
        "relation/weight/all": float(on_relevant(results.weights_TRGHK[t, i], relevant_GK).mean()),
        **{
            f"attention_statistics/{name}": float(values_H.mean())
            for name, values_H in zip(ATTENTION_STATISTICS, statistics_N, strict=True)
        },
    }


def last_record(group: Group, results: Results, i: int) -> int:
    """The number of the recorded step at which run `i` ended; a run that is shorter than others waits from there on."""
    return int(np.flatnonzero(results.step_T <= group.runs[i].config.train.steps)[-1])


def run_summary(group: Group, results: Results, i: int) -> dict[str, Any]:
    """The final numbers of run `i` of a group, for `summary.json` and `runs.csv`."""
    diverged_at, t = int(results.diverged_at_R[i]), last_record(group, results, i)
    probes = group.shared.probes
    relevant_GK = relevant_words(probes.relevance_GK.astype(np.float64))
    words_GK = probes.tokens_GK != PAD
    places_GHK = by_place(probes, results.position_RPHK[i])
    first = step_values(group, results, i, 0)
    return {
        "status": "diverged" if diverged_at >= 0 else "finished",
        "diverged_at": diverged_at if diverged_at >= 0 else None,
        "steps": int(results.step_T[t]),
        **step_values(group, results, i, t),
        **{f"start/{name}": value for name, value in first.items() if name.endswith("/all") and "excess" in name},
        "relation/untrained": first["relation/weight/all"],
        "relation/position_only": float(on_relevant(places_GHK, relevant_GK).mean()),
        "relation/uniform": float((relevant_GK.sum(axis=1) / words_GK.sum(axis=1)).mean()),
    }
