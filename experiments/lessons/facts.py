"""What each lesson knows of the reader's run: numbers and words for its texts, and which answers are right.

Every number is a field of an explanation, the length of one, or a difference of two.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from experiments.lessons.ablations import ScaleAblation
from experiments.replay.explanation import Explanation, Floats
from experiments.replay.ledger import MASKED
from experiments.replay.ledger_table import number_text

_NEAR = 0.8
"""Words with this share of the largest number are right answers as well."""
_ALIKE = 0.005
"""Weights that differ by less are the same."""
_TWO_HEADS = "python -m experiments.train --config toy.yaml --model.heads 2"
_ABLATION = "python -m experiments.ablate --config scaling_quick.yaml"


@dataclass(frozen=True)
class Material:
    """The explanations that the lessons are about, of one sentence and one masked place."""

    told: Explanation
    """Of the trained model."""
    early: Explanation
    """The same at the first recorded step."""
    other_word: Explanation
    """Of the trained model, with another word in the masked place."""
    elsewhere: Explanation
    """Of the trained model, with another place masked."""
    ablation: ScaleAblation | None
    """What an ablation of the reader's found out about the scale."""


@dataclass(frozen=True)
class Facts:
    """What the texts of a lesson are filled with."""

    filled: dict[str, str]
    right: tuple[int, ...]
    """The numbers of the right answers, from 0; none where the question makes no sense for this model."""
    options: tuple[str, ...] = ()
    """The answers, where they are words of the sentence."""
    variants: dict[str, str] = field(default_factory=dict)
    """Texts that stand in for others: `answer` -> `answer_one`."""


def facts_of(number: int, of: Material) -> Facts:
    """The facts of lesson `number`, from 1."""
    told = of.told
    (guess, guess_chance), (exact, exact_chance) = told.result.guess, told.result.exact
    common = {
        "run": told.run,
        "sentence": " ".join(MASKED if k == told.question.masked else word for k, word in enumerate(told.words)),
        "masked": f"'{told.masked_word}'",
        "guess": f"'{guess}'",
        "guess_percent": f"{100 * guess_chance:.0f}",
        "exact": f"'{exact}'",
        "exact_percent": f"{100 * exact_chance:.0f}",
    }
    found = _OF_LESSONS[number - 1](of)
    return Facts(common | found.filled, found.right, found.options, found.variants)


def _attention(of: Material) -> Facts:
    told, weights_K = of.told, _mean_weights(of.told)
    words = [k for k in range(len(told.words)) if k != told.question.masked]
    strongest = _largest(weights_K)
    alike = weights_K.max() - weights_K.min() < _ALIKE
    return Facts(
        {
            "weight": f"{weights_K.max():.2f}",
            "strongest": _names(told, strongest),
            "uniform": f"{1 / len(told.words):.2f}",
            "relevant": _relevant(told),
        },
        (len(words),) if alike else tuple(i for i, k in enumerate(words) if k in strongest),
        tuple(_name(told, k) for k in words),
    )


def _query(of: Material) -> Facts:
    query_HD, arm = of.told.row["query"], of.told.config.query

    def change(other: Explanation) -> str:
        return f"{np.linalg.norm(other.row['query'] - query_HD):.2f}"

    arms = {"position": "made of the place alone", "content": "made of the mask alone", "constant": "always the same"}
    return Facts(
        {
            "other_word": f"'{of.other_word.masked_word}'",
            "same_place": change(of.other_word),
            "elsewhere": f"'{of.elsewhere.masked_word}'",
            "other_place": change(of.elsewhere),
            "query_length": f"{np.linalg.norm(query_HD):.2f}",
            "query_arm": arms.get(arm, ""),
        },
        (1,) if arm in ("full", "position") else (),
        variants={} if arm == "full" else {"answer": "answer_constant"},
    )


def _softmax(of: Material) -> Facts:
    told = of.told
    head = int(told.row["scores"].max(axis=1).argmax())
    scores_K, weights_K = (told.row[name][head].astype(np.float64) for name in ("scores", "weights"))
    first, second = (int(k) for k in np.argsort(-scores_K, kind="stable")[:2])
    difference = float(scores_K[first] - scores_K[second])
    bounds = (0.5, 0.9)
    return Facts(
        {
            "head": str(head + 1),
            "first": _name(told, first),
            "second": _name(told, second),
            "first_score": number_text(float(scores_K[first])),
            "second_score": number_text(float(scores_K[second])),
            "first_weight": f"{100 * weights_K[first]:.1f} %",
            "second_weight": f"{100 * weights_K[second]:.2g} %",
            "difference": f"{difference:.2f}",
            "ratio": f"{np.exp(difference):,.0f}" if difference > 1 else f"{np.exp(difference):.2f}",
            "sink": "" if told.sink_H is None else ", with what the sink takes",
        },
        (int(np.searchsorted(bounds, weights_K[first])),),
    )


def _scale(of: Material) -> Facts:
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
            "scale": f"query . key {early.ledger(0).scale}",
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


def _residual(of: Material) -> Facts:
    told = of.told
    row, at = told.row, told.question.masked

    def ends(added_V: Floats) -> tuple[str, str]:
        of_candidates = told.against_candidates(added_V)[told.candidates]
        return f"{of_candidates.min():.1f}", f"{of_candidates.max():.1f}"

    (place_low, place_high), (low, high) = (
        ends(told.terms.place_RV[0]), ends(told.terms.words_RHKV[0].sum(axis=(0, 1)))
    )  # fmt: skip
    lengths = {"own": row["embedding"][at], "attention": row["attention"], "output": row["output"]}
    return Facts(
        {
            **{f"{name}_length": f"{np.linalg.norm(vector):.1f}" for name, vector in lengths.items()},
            "place_low": place_low,
            "place_high": place_high,
            "attention_low": low,
            "attention_high": high,
        },
        (1,),
    )


def _heads(of: Material) -> Facts:
    weights_HK = of.told.row["weights"]
    best = weights_HK.argmax(axis=1).tolist()
    count = len(best)
    looks = "; ".join(
        f"head {h + 1}: {_name(of.told, k)} ({weights_HK[h, k]:.2f})" for h, k in enumerate(best)
    )  # fmt: skip
    return Facts(
        {
            "heads": "one head" if count == 1 else f"{count} heads",
            "looks": looks,
            "command": "" if count > 1 else _TWO_HEADS,
        },
        () if count == 1 else (0,) if len(set(best)) == 1 else (1,),
        variants={"answer": "answer_one"} if count == 1 else {},
    )


def _explanation(of: Material) -> Facts:
    told = of.told
    if told.exact is None:
        raise ValueError("this lesson needs a sentence of the world")
    cost_K, weights_K = told.exact.cut_cost_LAK[0, -1].astype(np.float64), _mean_weights(told)
    words = [k for k in range(len(told.words)) if k != told.question.masked]
    costliest, strongest = _largest(cost_K), _largest(weights_K)
    return Facts(
        {
            "costliest": _names(told, costliest),
            "cost": f"{cost_K.max():.2f}",
            "weight": f"{weights_K.max():.2f}",
            "strongest": _names(told, strongest),
            "strongest_cost": " and ".join(f"{cost_K[k]:.2f}" for k in strongest),
            "relevant": _relevant(told),
        },
        tuple(i for i, k in enumerate(words) if k in costliest),
        tuple(_name(told, k) for k in words),
    )


_OF_LESSONS: Sequence[Callable[[Material], Facts]] = (
    _attention, _query, _softmax, _scale, _residual, _heads, _explanation,
)  # fmt: skip
COUNT = len(_OF_LESSONS)


def _mean_weights(told: Explanation) -> Floats:
    return told.row["weights"].astype(np.float64).mean(axis=0)


def _largest(values_K: Floats) -> list[int]:
    """The word with the largest value, and those that come near it."""
    return [int(k) for k in np.argsort(-values_K, kind="stable") if values_K[k] >= _NEAR * values_K.max()]


def _relevant(told: Explanation) -> str:
    return "" if told.exact is None else _names(told, np.flatnonzero(told.exact.relevant_K).tolist())


def _names(told: Explanation, places: Sequence[int]) -> str:
    return " and ".join(_name(told, k) for k in places)


def _name(told: Explanation, k: int) -> str:
    return told.ledger(0).name(k, "'")
