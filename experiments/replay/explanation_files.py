"""An explanation as JSON and as CSV: every number, at full precision, under the names of `explanation_fields`."""

import csv
import io
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.replay.explanation import RULES, Explanation
from experiments.replay.ledger import scale_text


def explanation_json(told: Explanation) -> str:
    """All numbers as JSON; what is not finite is null."""
    row, exact, terms = told.row, told.exact, told.terms
    names = ("query", "key", "dot_products", "scores", "weights", "weighted_values", "context", "embedding")
    fields: dict[str, Any] = {
        "run": told.run,
        "step": told.step,
        "sentence": list(told.words),
        "masked": told.question.masked,
        "blank": told.shown[told.question.masked],
        "target": told.target,
        "notes": list(told.question.notes),
        "vocabulary": list(told.vocabulary),
        "scale": scale_text(told.config, told.log_scale),
        **{name: _plain(row[name]) for name in names},
        "values": _plain(row["value"]),
        "other_scale": told.other_scale,
        "other_weights": _plain(told.other_weights_HK),
        "sink": None if told.sink_H is None else _plain(told.sink_H),
        **{name: _plain(row[name]) for name in ("attention", "residual", "mlp", "output", "logits")},
        "evidence": _plain(terms.words_RHKV[0]),
        "evidence_place": _plain(terms.place_RV[0]),
        "evidence_mlp": _plain(terms.mlp_RV[0]),
        "evidence_bias": _plain(terms.bias_V),
        "candidates": told.candidates,
        "guess": _plain(told.guess_V),
        "exact": None if exact is None else _plain(exact.posterior_V),
        "exact_relevance": None if exact is None else _plain(exact.relevance_K),
        "excess": None if exact is None else _plain(np.asarray(exact.excess)),
        "cut_cost": None if exact is None else _plain(exact.cut_cost_LAK[RULES.index("renormalise")]),
        "cut_cost_zeroed": None if exact is None else _plain(exact.cut_cost_LAK[RULES.index("zero")]),
    }
    return json.dumps(fields, ensure_ascii=False, allow_nan=False)


def explanation_csv(told: Explanation) -> str:
    """A line for each head and word: its numbers, and the components of query, key, value and weight x value.

    A word stands behind its place, "6 mat": no spreadsheet then takes a word such as =1+1 for a formula.
    """
    row, exact = told.row, told.exact
    single = ("dot_products", "scores", "weights")
    vectors = {"query": row["query"][None], "key": row["key"], "value": row["value"]}
    components = [f"{name}_{d + 1}" for name in (*vectors, "weighted_value") for d in range(told.config.d_head)]
    evidence_HK, weighted_HKD = told.evidence_HK, row["weighted_values"]
    out = io.StringIO()
    lines = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)
    named = ["head", "masked_word", "word", "dot_product", "score", "weight", "evidence"]
    known = ["cut_cost", "cut_cost_zeroed", "exact_relevance"]
    lines.writerow([*named, *known, *components])
    for h, k in np.ndindex(*evidence_HK.shape):
        words = [f"{place + 1} {told.words[place]}" for place in (told.question.masked, k)]
        numbers = [*(float(row[name][h, k]) for name in single), float(evidence_HK[h, k])]
        of_exact: list[float | str] = ["", "", ""]
        if exact is not None:
            of_exact = [*exact.cut_cost_LAK[:, h, k].tolist(), float(exact.relevance_K[k])]
        of_vectors = [*(values[k if len(values) > 1 else 0, h] for values in vectors.values()), weighted_HKD[h, k]]
        lines.writerow([h + 1, *words, *numbers, *of_exact, *np.concatenate(of_vectors).tolist()])
    return out.getvalue()


def _plain(values: NDArray[np.floating]) -> Any:
    """Nested lists of floats, which are exact; null where a number is not finite."""
    plain = np.asarray(values).astype(object)
    plain[~np.isfinite(values)] = None
    return plain.tolist()
