"""A page that is one file, made of random parameters, and the page in a browser, for tests."""

import dataclasses

import numpy as np
from made_run import made_params
from oracle import Oracle
from small_world import SMALL, SMALL_FORMS, world_from
from tab_page import Tab

from data.vocabulary import Vocabulary
from experiments.run_directory.saved_run import nested
from experiments.view.page import PagedModel, explanation_page
from experiments.view.page_lessons import PageLesson, PageLessons
from model.config import ModelConfig

SENTENCE = "so the old cat often sat on mat ."
MASKED = 3
HOSTILE = [
    "</script><script>alert(1)</script>", "<!--", "<img src=x onerror=alert(1)>", '"', "'", "a\u2028b", "\u202eabc",
    "\u2067x", "\U0001f408\u200d\u2b1b", "w" * 200, "__proto__", "&amp;", "=1+1", "{{7*7}}", "${1}", "\\u003c",
    "\u05d7\u05ea\u05d5\u05dc", "\u0642\u0637\u0629",
]  # fmt: skip
LESSONS = [
    PageLesson("What it is", "Expect <b>this</b>.", "Which?", ("one </script>", "two"), (1,), "Two.", "Because."),
    PageLesson("No question", "Expect.", "See.", (), (), "So it is.", "Because.", "Try it."),
]


class Paged:
    """A made model in a world, its page, and what must be shown."""

    def __init__(self, world, config, steps=(0, 10, 100), tokens=None):
        rng = np.random.default_rng(3)
        self.world, self.config, self.steps = world, config, steps
        self.params = [made_params(config, rng, len(world.vocabulary), world.max_length) for _ in steps]
        self.tokens = tokens or world_from(SMALL).vocabulary.encode(SENTENCE)

    def html(self):
        model = PagedModel("Run <b>1</b>", self.config, "/ sqrt(3)", 7, list(zip(self.steps, self.params, strict=True)))
        return explanation_page(model, self.world, self.tokens, MASKED, PageLessons(LESSONS, {"right": "Yes: <i>"}))

    def row(self, tokens, masked, t=-1, scale=None, cut=()):
        """Every field of the forward pass, by the oracle."""
        tokens = [int(self.world.blank_W[token]) if k == masked else token for k, token in enumerate(tokens)]
        scale = self.config.scale if scale is None else scale
        return Oracle(self.config, nested(self.params[t]), scale).row(tokens, masked, cut)


def small_page():
    """Layer norm, an MLP, two heads."""
    return Paged(world_from(SMALL), ModelConfig(d_model=5, heads=2, d_head=3, d_mlp=4))


def formed_page():
    """Words of several forms, in any order."""
    world = world_from(SMALL_FORMS)
    tokens = world.vocabulary.encode("cat RAN sat DOG mat MAT")
    return Paged(world, ModelConfig(d_model=5, heads=2, d_head=3, d_mlp=0), tokens=tokens)


def hostile_page():
    """Words that want to be more than text; a sink, QK-norm, a learned scale."""
    world = world_from(SMALL)
    fixed = {".", "so"}  # words that the templates name
    more = iter([*HOSTILE, *(f"w{i}" for i in range(99))])
    words = [word if word in fixed else next(more) for word in world.vocabulary.words[2:]]
    world = dataclasses.replace(world, vocabulary=Vocabulary(words))
    changes = {"norm": "rms", "sink": "learned", "qk_norm": True, "scale": "learned"}
    return Paged(world, ModelConfig(d_model=5, heads=3, d_head=3, d_mlp=0, **changes))


class Page(Tab):
    """The page in a browser."""

    def __init__(self, driver, paged, path):
        path.write_text(paged.html(), encoding="utf-8")
        super().__init__(driver, path.as_uri())
        self.paged = paged

    def load(self):
        self.driver.get("about:blank")
        self.driver.get(self.address)
        return self

    def numbers(self, selector):
        """What stands in `data-value`, at full precision."""
        found = "return [...document.querySelectorAll(arguments[0])].map((one) => one.dataset.value)"
        return np.asarray([float(text) for text in self.js(found, selector)])

    def weights(self):
        """[heads, words]"""
        return self.numbers(".edges tbody tr:not(.all) .edge").reshape(self.paged.config.heads, -1)

    def evidence(self):
        """The rows of the table of evidence: (name, numbers)."""
        code = """
        return [...document.querySelectorAll(".evidence tbody tr")].map((row) =>
          [row.cells[0].textContent, [...row.cells].slice(1).map((cell) => Number(cell.dataset.value))]);
        """
        return [(name, np.asarray(values)) for name, values in self.js(code)]

    def texts(self, selector):
        return self.js("return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)", selector)

    def set(self, selector, value, event="input"):
        """What moving a slider or choosing from a list does."""
        code = "const [s, v, e] = arguments, one = document.querySelector(s); one.value = v;"
        self.js(f"{code} one.dispatchEvent(new Event(e, {{bubbles: true}}))", selector, value, event)

    def click(self, selector):
        self.js("document.querySelector(arguments[0]).click()", selector)
