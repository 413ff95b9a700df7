"""The facts of each lesson. Every number is a field of an explanation, the length of one, or a difference of two."""

from collections.abc import Callable, Sequence

from experiments.lessons import facts_of_effects as effects
from experiments.lessons import facts_of_weights as weights
from experiments.lessons.material import Facts, Material

_OF_LESSONS: Sequence[Callable[[Material], Facts]] = (
    weights.attention, weights.query, weights.scores, weights.scale,
    effects.residual, effects.heads, effects.explanation,
)  # fmt: skip
COUNT = len(_OF_LESSONS)


def facts_of(number: int, of: Material) -> Facts:
    """The facts of lesson `number`, from 1."""
    told = of.told
    (guess, guess_chance), (exact, exact_chance) = told.best, told.best_exact or told.best
    common = {
        "run": told.run,
        "sentence": " ".join(told.shown),
        "masked": f"'{told.masked_word}'",
        "guess": f"'{guess}'",
        "guess_percent": f"{100 * guess_chance:.0f}",
        "exact": f"'{exact}'",
        "exact_percent": f"{100 * exact_chance:.0f}",
    }
    found = _OF_LESSONS[number - 1](of)
    return Facts(common | found.filled, found.right, found.options, found.variants)
