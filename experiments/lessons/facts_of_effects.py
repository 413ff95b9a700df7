"""The facts of lessons 5 to 7: what the weights do."""

import numpy as np

from experiments.lessons.material import Facts, Material, mean_weights, name, names, relevant
from experiments.replay.explanation import Floats, largest

_TWO_HEADS = "python -m experiments.train --config toy.yaml --model.heads 2"


def residual(of: Material) -> Facts:
    """What attention is added to, and what each of the two says."""
    told = of.told
    row, at = told.row, told.question.masked

    def ends(added_V: Floats) -> tuple[str, str]:
        of_candidates = told.against_candidates(added_V)[told.candidates]
        return f"{of_candidates.min():.1f}", f"{of_candidates.max():.1f}"

    (place_low, place_high), (low, high) = (
        ends(told.terms.place_RV[0]), ends(told.terms.words_RHKV[0].sum(axis=(0, 1)))
    )  # fmt: skip
    mlp = f"; the MLP then adds one of length {np.linalg.norm(row['mlp']):.1f}" if told.config.d_mlp else ""
    lengths = {"own": row["embedding"][at], "attention": row["attention"], "output": row["output"]}
    return Facts(
        {
            **{f"{name}_length": f"{np.linalg.norm(vector):.1f}" for name, vector in lengths.items()},
            "mlp": mlp,
            "place_low": place_low,
            "place_high": place_high,
            "attention_low": low,
            "attention_high": high,
        },
        (1,) if told.config.residual else (0,),
        variants={} if told.config.residual else {name: f"{name}_replaced" for name in ("answer", "explain")},
    )


def heads(of: Material) -> Facts:
    """Where each head looks most."""
    weights_HK = of.told.row["weights"]
    best = weights_HK.argmax(axis=1).tolist()
    count = len(best)
    looks = "; ".join(
        f"head {h + 1}: {name(of.told, k)} ({weights_HK[h, k]:.2f})" for h, k in enumerate(best)
    )  # fmt: skip
    return Facts(
        {
            "heads": "one head" if count == 1 else f"{count} heads",
            "looks": looks,
            "command": "" if count > 1 else _TWO_HEADS,
        },
        (0,) if len(set(best)) == 1 else (1,),  # of one head: it could look at two
        variants={name: f"{name}_one" for name in ("question", "options", "answer", "explain")} if count == 1 else {},
    )


def explanation(of: Material) -> Facts:
    """Which cut costs most, beside the weights.

    Raises:
      ValueError: the sentence has no exact answer.
    """
    told = of.told
    if told.exact is None:
        raise ValueError("this lesson needs a sentence of the world")
    cost_K, weights_K = told.exact.cut_cost_LAK[0, -1].astype(np.float64), mean_weights(told)
    words = range(len(told.words))
    costliest, strongest = largest(cost_K), largest(weights_K)
    return Facts(
        {
            "costliest": names(told, costliest),
            "cost": f"{cost_K.max():.2f}",
            "weight": " and ".join(f"{weights_K[k]:.2f}" for k in strongest),
            "strongest": names(told, strongest),
            "strongest_cost": " and ".join(f"{cost_K[k]:.2f}" for k in strongest),
            "relevant": relevant(told),
        },
        tuple(i for i, k in enumerate(words) if k in costliest),
        tuple(name(told, k) for k in words),
    )
