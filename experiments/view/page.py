"""One model on one page that is one file: it works from a double click, offline, and computes in the browser.

The page has the model's parameters at a few steps, the words of its world with the world's probabilities, and the
page's own modules as one script. It asks nothing of any network, and its content security policy forbids it to.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.world import World
from experiments.view.packing import packed
from experiments.view.page_lessons import PageLessons
from experiments.view.run_arrays import LEAST_CHANCE, MOST_CANDIDATES
from experiments.view.script import ASSETS, one_script
from experiments.view.word_forms import form_arrays
from experiments.view.word_groups import word_groups
from experiments.view.world_table import world_table
from model.config import ModelConfig

MOST_BYTES = 1_000_000
"""A page is smaller than this; of a larger model it has fewer steps."""
MOST_STEPS = 8
_NO_LESSONS = PageLessons()
_STYLES = ("page.css", "map.css", "parts.css", "file.css")
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'sha256-{script_digest}'; \
style-src 'sha256-{style_digest}'; img-src data: blob:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Attention, number by number</title>
<style>{style}</style>
</head>
<body>
<noscript>This page computes in your browser: allow it to run scripts. It loads nothing and sends nothing.</noscript>
<div class="catmat" id="page"></div>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


@dataclass(frozen=True)
class PagedModel:
    """A trained model at some of its recorded steps."""

    title: str
    """Which run it is, in words."""
    config: ModelConfig
    scale_text: str
    """What is done to dot products, in the signs of a formula: "/ sqrt(16)"."""
    recorded: int
    """How many steps were recorded."""
    steps: Sequence[tuple[int, Mapping[str, NDArray[np.floating]]]]
    """Some of them, in order, with the parameters by their paths."""


def explanation_page(
    model: PagedModel, world: World, tokens: Sequence[int], masked: int, lessons: PageLessons = _NO_LESSONS
) -> str:
    """The page, as HTML; every character of it is ASCII.

    Args:
      model: what computes. Of its steps as many are kept as fit, spread over them, the last among them.
      world: where its words come from.
      tokens: the sentence that is shown first, without padding.
      masked: the position that is masked first.
      lessons: to predict and compare.

    Raises:
      InputError: one step alone would make the page larger than `MOST_BYTES`.
    """
    style = "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in _STYLES)
    script = f'(() => {{\n"use strict";\n{one_script("file.js")}}})();\n'
    told = {
        "title": model.title,
        "config": asdict(model.config) | {"learned_scale": model.config.scale == "learned"}
        | {"max_length": world.max_length},
        "scale": model.config.scale_factor,
        "scale_text": model.scale_text,
        "recorded": model.recorded,
        "least_chance": LEAST_CHANCE,
        "most_candidates": MOST_CANDIDATES,
        "words": list(world.vocabulary.words),
        "slots": [[f"{form} {slot}".lstrip(), list(words)] for (form, slot), words in world.words_by_kind.items()],
        "word_groups": {name: groups for name, groups in word_groups(world).items() if any(groups)},
        **{name: array.tolist() for name, array in form_arrays(world).items()},
        "world": world_table(world),
        "tokens": [int(token) for token in tokens],
        "masked": int(masked),
        **lessons.told(),
    }  # fmt: skip
    parts = {"style": style, "script": script, "style_digest": _digest(style), "script_digest": _digest(script)}
    steps = [as_json({"step": step, "params": {name: packed(array) for name, array in sorted(params.items())}})
             for step, params in model.steps]  # fmt: skip
    room = MOST_BYTES - 200 - len(_PAGE.format(**parts, data=as_json(told)).encode("utf-8"))
    kept = spread(steps, room // (max(map(len, steps)) + 1))
    if not kept:
        count = sum(int(array.size) for array in model.steps[-1][1].values())
        raise InputError(
            f"the model's {count:,} parameters do not fit into a page of {MOST_BYTES:,} bytes, which has room for about"
            f" {max(0, room) * 3 // 16:,}; train a smaller one, with --model.d_model, --model.d_head or --model.d_mlp"
        )
    left = as_json(told | {"left_out": len(steps) - len(kept)})
    return _PAGE.format(**parts, data=f'{left[:-1]}, "steps": [{",".join(kept)}]}}')


def spread(steps: Sequence[str], most: int) -> list[str]:
    """At most `most` of `steps`, spread evenly over them, the last among them."""
    if most < 2:
        return list(steps[-1:]) if most == 1 else []
    places = np.linspace(0, len(steps) - 1, min(most, len(steps))).round().astype(int)
    return [steps[place] for place in dict.fromkeys(places.tolist())]


def as_json(value: object) -> str:
    """JSON that may stand in a script element: no "<" ends it, and nothing beyond ASCII is in it."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")


def _digest(text: str) -> str:
    """The digest by which a content security policy knows an inline script or style."""
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
