"""The numbers of each run of an ablation, under the names that `experiments.train` gives them.

Attention statistics are means over the heads here, so that runs with other numbers of heads can be compared.
"""

from typing import Any

import numpy as np

from data.posterior import relevant_words
from data.vocabulary import PAD
from experiments.ablation.plan import Group
from experiments.ablation.results import ATTENTION_STATISTICS, Results
from experiments.measuring.excess import excess_values
from experiments.measuring.measurement import EvaluationData
from experiments.measuring.relation import by_place, on_relevant

EXCESS = "excess/trained/all"


def step_values(group: Group, data: EvaluationData, results: Results, run: int, t: int) -> dict[str, float]:
    """What is followed over training, of one run at recorded step number `t`."""
    masked = group.members[run].config.task.masked
    relevant_GK = relevant_words(data.probes.relevance_GK.astype(np.float64))
    loss = float(results.loss_TR[t, run])
    attention_NH = results.attention_TNRH[t, :, run]
    return {
        **({"loss": loss} if t else {}),
        **excess_values(masked, data.examples, results.excess_TRG[t, run]),
        "relation/weight/all": float(on_relevant(results.weights_TRGHK[t, run], relevant_GK).mean()),
        **{
            f"attention_statistics/{name}": float(values_H.mean())
            for name, values_H in zip(ATTENTION_STATISTICS, attention_NH, strict=True)
        },
    }


def last_record(group: Group, results: Results, run: int) -> int:
    """The number of the recorded step at which a run ended; one that is shorter than others waits from there on."""
    return int(np.flatnonzero(results.step_T <= group.members[run].config.train.steps)[-1])


def run_summary(group: Group, data: EvaluationData, results: Results, run: int) -> dict[str, Any]:
    """What `summary.json` and `runs.csv` say of one run."""
    at, diverged_at, t = results.weights_TRGHK, int(results.diverged_at_R[run]), last_record(group, results, run)
    relevant_GK = relevant_words(data.probes.relevance_GK.astype(np.float64))
    words_GK = data.probes.tokens_GK != PAD
    places_GHK = by_place(data.probes, results.position_RPHK[run])
    first = step_values(group, data, results, run, 0)
    return {
        "status": "diverged" if diverged_at >= 0 else "finished",
        "diverged_at": diverged_at if diverged_at >= 0 else None,
        "steps": int(results.step_T[t]),
        **step_values(group, data, results, run, t),
        **{f"start/{name}": value for name, value in first.items() if name.endswith("/all") and "excess" in name},
        "relation/untrained": float(on_relevant(at[0, run], relevant_GK).mean()),
        "relation/position_only": float(on_relevant(places_GHK, relevant_GK).mean()),
        "relation/uniform": float((relevant_GK.sum(axis=1) / words_GK.sum(axis=1)).mean()),
    }
