"""The facts of lessons 1 to 4: where the weights come from."""

import numpy as np

from experiments.lessons.material import Facts, Material, mean_weights, name, names, relevant
from experiments.replay.explanation import Explanation, largest
from experiments.replay.ledger_table import number_text

_ALIKE = 0.005
"""Weights that differ by less are the same."""
_FEW, _MOST = 3.0, 80.0
"""Differences of scores from which on their ratio is a whole number, and from which on it is only told as large."""
_ABLATION = "python -m experiments.ablate --config scaling_quick.yaml"


def attention(of: Material) -> Facts:
    """Where the largest weights are."""
    told, weights_K = of.told, mean_weights(of.told)
    words = range(len(told.words))
    strongest = largest(weights_K)
    alike = weights_K.max() - weights_K.min() < _ALIKE
    return Facts(
        {
            "weight": " and ".join(f"{weights_K[k]:.2f}" for k in strongest),
            "strongest": names(told, strongest),
            "uniform": f"{1 / len(told.words):.2f}",
            "relevant": relevant(told),
            "sink": "" if told.sink_H is None else ", with what a sink takes, which brings nothing",
        },
        (len(words),) if alike else tuple(i for i, k in enumerate(words) if k in strongest),
        tuple(name(told, k) for k in words),
    )


def query(of: Material) -> Facts:
    """How the query changes with the hidden word, with the place, and with the form."""
    query_HD, arm = of.told.row["query"], of.told.config.query

    def change(other: Explanation) -> str:
        return f"{np.linalg.norm(other.row['query'] - query_HD):.2f}"

    arms = {"position": "made of the place alone", "content": "made of the blank alone", "constant": "always the same"}
    forms, variants = {}, {} if arm == "full" else {name: f"{name}_{arm}" for name in ("answer", "explain")}
    if of.other_form is not None:
        forms = {"other_form": f"'{of.other_form.masked_word}'", "form_change": change(of.other_form)}
        variants = {"options": "options_forms", "answer": "answer_forms", "explain": "explain_forms"}
        if arm != "full":
            variants |= {"answer": "answer_arm_forms", "explain": f"explain_{arm}_forms"}
    return Facts(
        {
            "other_word": f"'{of.other_word.masked_word}'",
            "same_place": change(of.other_word),
            "elsewhere": f"'{of.elsewhere.masked_word}'",
            "other_place": change(of.elsewhere),
            "query_length": f"{np.linalg.norm(query_HD):.2f}",
            "query_arm": arms.get(arm, ""),
            "blank": of.told.shown[of.told.question.masked],
            **forms,
        },
        (1,) if arm == "full" or (arm == "position" and not forms) else (),
        variants=variants,
    )


def scores(of: Material) -> Facts:
    """The two largest scores of the surest head, and their weights."""
    told = of.told
    head = int(told.row["scores"].max(axis=1).argmax())
    scores_K, weights_K = (told.row[name][head].astype(np.float64) for name in ("scores", "weights"))
    first, second = (int(k) for k in np.argsort(-scores_K, kind="stable")[:2])
    difference = float(scores_K[first] - scores_K[second])
    bounds = (0.5, 0.9)
    return Facts(
        {
            "head": str(head + 1),
            "scale": told.ledger(head).scale,
            "first": name(told, first),
            "second": name(told, second),
            "first_score": number_text(float(scores_K[first])),
            "second_score": number_text(float(scores_K[second])),
            "first_weight": f"{100 * weights_K[first]:.1f} %",
            "second_weight": f"{100 * weights_K[second]:.2g} %",
            "difference": f"{difference:.2f}",
            "ratio": f"{np.exp(min(difference, _MOST)):,.0f}" if difference > _FEW else f"{np.exp(difference):.2f}",
            "sink": "" if told.sink_H is None else ", with what the sink takes",
        },
        (int(np.searchsorted(bounds, weights_K[first])),),
    )


def scale(of: Material) -> Facts:
    """The largest weight at the first step, with the scale and under another."""
    early = of.early
    now, then = float(early.row["weights"].max()), float(early.other_weights_HK.max())
    found = of.ablation
    measured = {} if found is None else {
        "ablation_run": found.run, "ablation_d_head": found.d_head, "ablation_ratio": f"{found.ratio:.1f}",
        "ablation_low": f"{found.low:.1f}", "ablation_high": f"{found.high:.1f}",
    }  # fmt: skip
    return Facts(
        {
            "d_head": str(early.config.d_head),
            "scale": early.ledger(0).scale,
            "step": f"{early.step:,}",
            "now": f"{now:.3f}",
            "then": f"{then:.3f}",
            "other_scale": early.other_scale,
            "command": _ABLATION,
            **measured,
        },
        (2 if abs(then - now) < _ALIKE else 0 if then > now else 1,),
        variants={"ablation": "ablation_missing" if found is None else "ablation_found"},
    )
