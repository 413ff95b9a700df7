"""An explanation as a picture: the weights of every head, the evidence that the words bring, and the guess."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.replay.explanation import Explanation
from experiments.reports.plots import INK, as_text, label, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GUESS, _EXACT = "#0072B2", "#E69F00"
_LEAST_SPAN = 0.5
"""Nats; evidence below is pale."""
_MOST_DIGITS = 200
"""Cells of a panel that get numbers."""


def explanation_figure(told: Explanation) -> "Figure":
    """The figure; words stand below each other, in the order of the sentence."""
    words, rivals = len(told.words), [told.vocabulary[word] for word in told.rivals]
    figure, axes = panels(1, 3, width=3.9, height=max(2.4, 0.34 * max(words, len(rivals)) + 1.2))
    weights, evidence, answers = axes[0]
    names = list(told.shown)
    heads = [f"head {h + 1}" for h in range(len(told.row["weights"]))]
    _cells(weights, told.row["weights"].T, names, heads, "Blues", (0.0, 1.0), ".2f")
    label(weights, "attention weights")
    added_KC = told.against_candidates(told.terms.words_RHKV[0].sum(axis=0))[:, told.rivals]
    most = max(_LEAST_SPAN, float(np.abs(added_KC).max()))
    _cells(evidence, added_KC, names, rivals, "PuOr_r", (-most, most), "+.1f")
    label(evidence, "evidence for each guess, nats")
    _bars(answers, told, rivals)
    # The sentence has a line of its own: one that is written from right to left would turn the rest around.
    about = f"{told.run}, step {told.step:,}; the masked word is {told.masked_word}"
    figure.suptitle(as_text(f"{' '.join(names)}\n{about}"), fontsize=10.5, color=INK)
    return figure


def _cells(
    axes: Any,
    values: NDArray[np.floating],
    rows: list[str],
    columns: list[str],
    colours: str,
    span: tuple[float, float],
    digits: str,
) -> None:
    """A table of coloured cells with their numbers."""
    axes.grid(visible=False)
    axes.imshow(values, cmap=colours, vmin=span[0], vmax=span[1], aspect="auto")
    axes.set_yticks(range(len(rows)), [as_text(word) for word in rows])
    axes.set_xticks(range(len(columns)), [as_text(word) for word in columns], rotation=40, ha="right")
    if values.size > _MOST_DIGITS:
        return
    middle, half = (span[0] + span[1]) / 2, (span[1] - span[0]) / 2
    for (i, j), x in np.ndenumerate(values):
        dark = x > 0.55 if span[0] == 0 else abs(x - middle) > 0.5 * half
        shown = format(x, digits)
        text = shown.replace("0.", ".", 1) if float(shown) else ""
        axes.text(j, i, text, ha="center", va="center", fontsize=7.5, color="white" if dark else INK)


def _bars(axes: Any, told: Explanation, rivals: list[str]) -> None:
    """The guessed and the exact probability of each rival."""
    places, percent = np.arange(len(rivals)), 100 * told.guess_V[told.rivals]
    axes.barh(places - 0.2, percent, 0.4, color=_GUESS, label="guess")
    if told.exact is not None:
        axes.barh(places + 0.2, 100 * told.exact.posterior_V[told.rivals], 0.4, color=_EXACT, hatch="///",
                  edgecolor="white", label="exact")  # fmt: skip
    axes.set_yticks(places, [as_text(word) for word in rivals])
    axes.invert_yaxis()
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    label(axes, "probability, %")
