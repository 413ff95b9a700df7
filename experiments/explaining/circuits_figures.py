"""The circuit tables as pictures: a panel for each head and one for the world, labelled with words.

save_figure(folder, "looks_for", looks_for_figure(found))       PNG and SVG, as every figure of a report
save_figure(folder, "speaks_for", speaks_for_figure(found))
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.explaining.circuits import Circuits, Kind
from experiments.explaining.preferences import Floats
from experiments.reports.plots import as_text, colour_bar, label, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_WORDS, MOST_HEADS = 20, 6
"""Words of a slot and heads that a picture has room for: the first ones; the table of all numbers has all."""
_SIGNED, _TRUTH = "RdBu_r", "Purples"
_LETTERS = 6.5
_LEAST_WIDTH = 6.8
"""Inches that the longest title needs beside the names of rows and the scale."""


def looks_for_figure(found: Circuits) -> "Figure":
    """What the blanks of each slot look for, word by word, in each head; and the world's exact relevance below."""
    words, names = _content_words(found)
    heads = range(min(len(found.fit_H), MOST_HEADS))
    figure, axes = panels(
        len(heads) + 1, 1, width=max(0.17 * len(words) + 2.2, _LEAST_WIDTH), height=0.2 * len(found.masked) + 1.1
    )
    tables = [found.looks_for_HSV[h][:, words] for h in heads]
    most, blanks = max(float(np.nanmax(np.abs(table))) for table in tables), [f"{kind} blank" for kind in found.masked]
    for h, table in zip(heads, tables, strict=True):
        image = _table(axes[h, 0], table, _SIGNED, (-most, most), blanks, names)
        label(axes[h, 0], f"head {h + 1}: the part of the score that the word decides")
    colour_bar(figure, image, axes[:-1, 0].tolist(), "score")
    truth, below = found.relevance_SV[:, words], axes[-1, 0]
    image = _table(below, truth, _TRUTH, (0, float(np.nanmax(truth))), blanks, names)
    label(below, "the world: how much the word tells about the blank of its clause (grey: never there)")
    colour_bar(figure, image, [below], "nats")
    return figure


def speaks_for_figure(found: Circuits) -> "Figure":
    """What each content word adds to the logit of each other, in each head; and the world's log-preferences."""
    names, guesses = _content_words(found)[1], [found.vocabulary[w] for of in _slots(found) for w in _some(found, of)]
    heads = range(min(len(found.fit_H), MOST_HEADS))
    tables = [_blocks(found, {(kind, end): found.speaks(h, kind, end) for kind, end, _ in found.pairs}) for h in heads]
    tables.append(_blocks(found, {(kind, end): table for kind, end, table in found.pairs}))
    width, height = (0.115 * len(words) + 0.8 for words in (guesses, names))
    figure, axes = panels(1, len(tables), width=width, height=height)
    titles = [*(f"head {h + 1}" for h in heads), "the world's log-preferences"]
    most = max(float(np.nanmax(np.abs(table))) for table in tables)
    for n, (one, table, title) in enumerate(zip(axes[0], tables, titles, strict=True)):
        image = _table(one, table, _SIGNED, (-most, most), names if n == 0 else [""] * len(names), guesses)
        label(one, title, "speaks for the masked word", "word that is looked at" if n == 0 else "")
    colour_bar(figure, image, axes[0].tolist(), "nats for a weight of 1, centred")
    return figure


def _slots(found: Circuits) -> list[str]:
    """The content slots."""
    return list(dict.fromkeys(start for start, _ in found.preferences))


def _some(found: Circuits, kind: Kind | str) -> tuple[int, ...]:
    """The words of a kind, or what is guessed of a slot, of which there is room for the first ones."""
    return (found.guesses[kind] if isinstance(kind, str) else found.words[kind])[:MOST_WORDS]


def _content_kinds(found: Circuits) -> list[Kind]:
    """The kinds of content words, form by form."""
    forms = dict.fromkeys(kind.form for kind in found.words)
    return [kind for form in forms for slot in _slots(found) if (kind := Kind(form, slot)) in found.words]


def _content_words(found: Circuits) -> tuple[list[int], list[str]]:
    """Numbers and names of the words that are shown, kind by kind."""
    words = [word for kind in _content_kinds(found) for word in _some(found, kind)]
    return words, [found.vocabulary[word] for word in words]


def _blocks(found: Circuits, tables: dict[tuple[Kind, str], Floats]) -> Floats:
    """Tables from kinds to slots as one of all their words; nan where a slot would meet itself."""
    rows = []
    for start in _content_kinds(found):
        blocks = [
            np.full((len(_some(found, start)), len(_some(found, end))), np.nan)
            if start.slot == end
            else tables[start, end][:MOST_WORDS, :MOST_WORDS]
            for end in _slots(found)
        ]
        rows.append(np.concatenate(blocks, axis=1))
    return np.concatenate(rows)


def _table(
    axes: "Axes", values: Floats, colours: str, limits: tuple[float, float], rows: list[str], columns: list[str]
) -> Any:
    """A table as colours, with the names of its rows and columns."""
    from matplotlib import colormaps  # noqa: PLC0415

    shades = colormaps[colours].with_extremes(bad="#e3e8ec")
    image = axes.imshow(values, cmap=shades, vmin=limits[0], vmax=limits[1], aspect="auto", interpolation="nearest")
    axes.grid(visible=False)
    axes.set_xticks(range(len(columns)), [as_text(_short(name)) for name in columns], rotation=90, fontsize=_LETTERS)
    axes.set_yticks(range(len(rows)), [as_text(_short(name, 24)) for name in rows], fontsize=_LETTERS)
    axes.tick_params(length=0)
    return image


def _short(name: str, most: int = 16) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
