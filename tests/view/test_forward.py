"""The forward pass that the one-file page computes, in a browser, against the float64 oracle and against the model."""

import base64
import dataclasses
import json

import jax
import numpy as np
import pytest
from made_run import FIELDS, MODEL, PLACES, WORDS, made_params, variant
from oracle import Oracle
from small_model import fast_jit
from tab_page import need_chromium

from data.vocabulary import MASK
from experiments.run_directory.saved_run import nested
from experiments.speed.browser_times import browser
from experiments.view.evidence import logit_terms
from experiments.view.packing import packed
from experiments.view.script import one_script
from model.attention import Cut
from model.functional import Model, apply

CONFIGS = [
    {},
    {"norm": "rms", "d_mlp": 0, "scale": "inverse"},
    {"norm": "none", "query": "position", "sink": "learned"},
    {"norm": "rms", "query": "content", "qk_norm": True, "scale": "none"},
    {"query": "constant", "softcap": 2.5, "sink": "zero", "d_mlp": 0},
    {"scale": "learned", "qk_norm": True, "sink": "learned"},
    {"norm": "none", "scale": "learned", "softcap": 7.0, "d_mlp": 0},
    {"scale": 0.7, "qk_norm": True, "softcap": 1.5, "sink": "zero", "query": "position"},
    {"tied_query_key": True, "residual": False, "norm": "rms", "d_mlp": 0},
    {"tied_query_key": True, "residual": False, "qk_norm": True, "scale": 0.0},
]
EACH = 100
LARGEST = 20  # scores up to which float32 keeps enough digits of the weights
TERMS = ("words", "place", "mlp", "bias")
COMPUTE = """
const { models, cases, fields, terms } = decoded(JSON.parse(arguments[0])), found = [];
const write = (value) => Array.isArray(value) ? value.forEach(write) : found.push(value);
for (const { m, tokens, place, scale, cuts, word } of cases) {
  const cut = (head, k) => cuts.some(([h, j]) => h === head && j === k);
  const out = forward(models[m], tokens, place, { ...(scale === null ? {} : { scale }), cut });
  const parts = logitTerms(models[m], out, place, word);
  fields.forEach((name) => write(out[name]));
  terms.forEach((name) => write(parts[name]));
}
const bytes = new Uint8Array(new Float64Array(found).buffer), pieces = [];
for (let i = 0; i < bytes.length; i += 30000) pieces.push(btoa(String.fromCharCode(...bytes.subarray(i, i + 30000))));
return pieces.join("");
"""
"""Every field of every case, one after the other, as the bytes of float64 numbers."""


def made_case(rng, m, changes):
    """A sentence with a masked place, a factor (None: the trained one), and edges to cut."""
    tokens = rng.integers(2, len(WORDS), rng.integers(1, PLACES + 1))
    place, heads = rng.integers(len(tokens)), MODEL.heads
    tokens[place] = MASK
    cut_HK = rng.random((heads, len(tokens))) < rng.choice([0, 0.1, 0.4])
    if rng.random() < 0.3:  # one word in all heads
        cut_HK[:, rng.integers(len(tokens))] = True
    if changes.get("sink", "none") == "none":  # a row of which nothing is left is not a number
        cut_HK[np.arange(heads), rng.integers(len(tokens), size=heads)] = False
    scale = None if rng.random() < 0.3 else float(np.exp(rng.uniform(-3, 1.5)))
    return {"m": m, "tokens": tokens.tolist(), "place": int(place), "scale": scale,
            "cuts": np.argwhere(cut_HK).tolist(), "word": int(rng.integers(len(WORDS)))}  # fmt: skip


@pytest.fixture(scope="module")
def models():
    """(configuration, its parameters by their paths, in float32)."""
    rng, made = np.random.default_rng(61), [variant(**changes) for changes in CONFIGS]
    return [(config, made_params(config, rng)) for config in made]


@pytest.fixture(scope="module")
def cases():
    rng = np.random.default_rng(16)
    return [made_case(rng, m, changes) for m, changes in enumerate(CONFIGS) for _ in range(EACH)]


@pytest.fixture(scope="module")
def computed(models, cases, tmp_path_factory):
    """What the browser makes of each case: field -> numbers, as one array."""
    need_chromium()
    told = [
        {
            "config": dataclasses.asdict(config) | {"learned_scale": config.scale == "learned"},
            "params": {path: packed(leaf) for path, leaf in params.items()},
            "scale": config.scale_factor,
        }
        for config, params in models
    ]
    message = json.dumps({"models": told, "cases": cases, "fields": FIELDS, "terms": TERMS})
    with browser(tmp_path_factory.mktemp("profile")) as driver:
        found = driver.execute_script(one_script("logit_terms.js") + COMPUTE, message)
    return np.frombuffer(base64.b64decode(found))


def shapes_of(config, words):
    """The shape of every field for one masked place, and of the terms of a logit."""
    size = {"K": words, "H": config.heads, "D": config.d_head, "M": config.d_model, "V": len(WORDS)}
    letters = {**dict.fromkeys(FIELDS, "M"), **dict.fromkeys(("dot_products", "scores", "weights"), "HK")}
    letters |= {"embedding": "KM", "key": "KHD", "value": "KHD", "query": "HD", "context": "HD", "logits": "V"}
    letters |= {"weighted_values": "HKD", "words": "HK", "place": "", "mlp term": "", "bias": ""}
    return {name: tuple(size[letter] for letter in letters[name]) for name in [*FIELDS, "words", "place", "mlp term",
                                                                            "bias"]}  # fmt: skip


@pytest.fixture(scope="module")
def by_case(models, cases, computed):
    """For each case its fields by name."""
    found, start = [], 0
    for case in cases:
        fields = {}
        for name, shape in shapes_of(models[case["m"]][0], len(case["tokens"])).items():
            end = start + int(np.prod(shape, dtype=int))
            fields[name], start = computed[start:end].reshape(shape), end
        found.append(fields)
    assert start == len(computed)
    return found


def test_a_thousand_cases_against_the_oracle(models, cases, by_case, assert_close):
    assert len(cases) == 1000
    for case, fields in zip(cases, by_case, strict=True):
        config, params = models[case["m"]]
        oracle = Oracle(config, nested(params), config.scale if case["scale"] is None else case["scale"])
        expected = oracle.row(case["tokens"], case["place"], case["cuts"])
        for name in FIELDS:
            assert_close(fields[name], expected[name], 1e-5, f"{CONFIGS[case['m']]} {name}")


def test_the_terms_are_those_of_evidence_and_add_up(models, cases, by_case, assert_close):
    for case, fields in zip(cases, by_case, strict=True):
        config, params = models[case["m"]]
        terms = logit_terms(
            config.norm,
            params,
            weighted_RHKD=fields["weighted_values"][None],
            place_RM=fields["embedding"][None, case["place"]] if config.residual else np.zeros((1, config.d_model)),
            mlp_RM=fields["mlp"][None],
            output_RM=fields["output"][None],
        )
        word, size = case["word"], np.abs(fields["logits"]).max()
        expected = terms.words_RHKV[0, ..., word], terms.place_RV[0, word], terms.mlp_RV[0, word], terms.bias_V[word]
        for name, values in zip(("words", "place", "mlp term", "bias"), expected, strict=True):
            assert np.abs(fields[name] - values).max() <= 1e-5 * size, name
        total = fields["words"].sum() + fields["place"] + fields["mlp term"] + fields["bias"]
        assert_close(total, fields["logits"][word], 1e-9)


def batch_of(cases, config, trained):
    """Cases of one model, as `apply` takes them: tokens, places, factors, cut edges."""
    tokens_BK = np.zeros((len(cases), PLACES), int)
    cut_BHQK = np.zeros((len(cases), config.heads, 1, PLACES), bool)
    for b, case in enumerate(cases):
        tokens_BK[b, : len(case["tokens"])] = case["tokens"]
        for head, key in case["cuts"]:
            cut_BHQK[b, head, 0, key] = True
    factors = [trained if case["scale"] is None else case["scale"] for case in cases]
    place_B1 = np.asarray([[case["place"]] for case in cases])
    return tokens_BK, place_B1, np.float32(factors)[:, None, None, None], cut_BHQK


@pytest.mark.parametrize("m", [1, 2, 3, 7, 8])
def test_the_model_says_the_same(models, cases, by_case, assert_close, m):
    """In float32, where scores stay below 20."""
    config, params = models[m]
    mine, checked = [n for n, case in enumerate(cases) if case["m"] == m], 0
    *tokens, factor_B111, cut_BHQK = batch_of([cases[n] for n in mine], config, config.scale_factor)
    model = Model(config.sized(len(WORDS), PLACES), nested(params), factor_B111)
    run = fast_jit(lambda model, cut, *given: apply(model, *given, cut=Cut(cut)))
    out = jax.tree.map(np.asarray, run(model, cut_BHQK, *tokens))
    for b, n in enumerate(mine):
        fields, words = by_case[n], len(cases[n]["tokens"])
        if np.abs(fields["scores"]).max() < LARGEST:
            assert_close(fields["weights"], out.weights_BHQK[b, :, 0, :words], 1e-5)
            assert_close(fields["logits"], out.logits_BQV[b, 0], 1e-5)
            checked += 1
    assert checked > EACH / 2
