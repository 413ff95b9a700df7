"""Evidence against its definition, term by term in float64; and the terms of all words and the rest are the logits."""

import numpy as np
import pytest
from made_run import MODEL, PLACES, SENTENCES, made_params, nested, step_arrays, variant

from experiments.view.evidence import Readout, against, evidence, logit_terms

CANDIDATES = [[4, 2, 9], [3], [10, 4]]
MODELS = {
    "layer norm and an MLP": MODEL,
    "RMS norm": variant(norm="rms", d_mlp=0),
    "no norm": variant(norm="none", d_mlp=0),
    "a sink, a softcap and QK-norm": variant(sink="learned", softcap=1.5, d_mlp=0, qk_norm=True),
    "no residual": variant(residual=False, tied_query_key=True),
}


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def made(request):
    """A model, its parameters, and what is recorded of its first sentence; at two steps."""
    model, rng = request.param, np.random.default_rng(7)
    params = [made_params(model, rng) for _ in range(2)]
    arrays = [step_arrays(model, nested(of_step), rng) for of_step in params]
    return model, params, {name: np.stack([of_step[name][0] for of_step in arrays]) for name in arrays[0] if name in
                           ("weights", "value", "weighted_values", "output", "mlp", "embedding", "logits")}  # fmt: skip


def readout(model, params):
    return Readout.of(model.norm, {name: np.stack([one[name] for one in params]) for name in params[0]})


def added(model, params, term, output):
    """What a part of the residual stream adds to the logits [V], the size of the whole being `output`'s."""
    term, output = term.astype(np.float64), output.astype(np.float64)
    if model.norm == "layer":
        term, output = term - term.mean(), output - output.mean()
    size = 1.0 if model.norm == "none" else np.sqrt((output**2).mean() + 1e-6)
    return (term / size * params.get("output_norm/scale", 1.0)) @ params["unembed/kernel"].astype(np.float64)


@pytest.mark.parametrize("size", [1.0, 1e-3], ids=["", "as small as at the start"])
def test_evidence_is_what_its_definition_says(made, assert_close, size):
    model, params, record = made
    targets = [SENTENCES[0][0][place] for place in SENTENCES[0][1]]
    output = record["output"] * size
    found = evidence(readout(model, params), record["weighted_values"], output, against(targets, CANDIDATES))
    expected = np.zeros((2, 3, model.heads, PLACES))
    for s, r, h, k in np.ndindex(*expected.shape):
        value = record["weights"][s, r, h, k].astype(np.float64) * record["value"][s, r, k, h]
        logits = added(model, params[s], value @ params[s]["attention/output/kernel"][h], output[s, r])
        expected[s, r, h, k] = logits[targets[r]] - np.mean([logits[word] for word in CANDIDATES[r]])
    assert_close(found, expected, 1e-6)


def test_the_terms_of_all_words_and_the_rest_are_the_logits(made):
    model, params, record = made
    given = readout(model, params), record["weighted_values"], record["output"]
    for word in range(record["logits"].shape[-1]):
        column = lambda unembedding_SMV, w=word: np.repeat(unembedding_SMV[:, None, :, w], 3, axis=1)  # noqa: E731
        by_words = evidence(*given, column).sum(axis=(2, 3))
        for s, r in np.ndindex(2, 3):
            own = record["embedding"][s, r, SENTENCES[0][1][r]] * model.residual + record["mlp"][s, r]
            rest = added(model, params[s], own, record["output"][s, r])[word] + params[s]["unembed/bias"][word]
            if model.norm == "layer":
                rest += params[s]["output_norm/bias"] @ params[s]["unembed/kernel"][:, word]
            assert by_words[s, r] + rest == pytest.approx(record["logits"][s, r, word], abs=1e-5)


def test_the_logits_are_taken_apart_word_by_word(made, assert_close):
    model, params, record = made
    for s, of_step in enumerate(params):
        places = SENTENCES[0][1]
        place_RM = np.stack([record["embedding"][s, r, place] * model.residual for r, place in enumerate(places)])
        now = {name: record[name][s] for name in ("weighted_values", "mlp", "output")}
        terms = logit_terms(model.norm, of_step, weighted_RHKD=now["weighted_values"], place_RM=place_RM,
                            mlp_RM=now["mlp"], output_RM=now["output"])  # fmt: skip
        assert_close(terms.logits_RV, record["logits"][s], 1e-5)
        r, h, k = 1, 0, 2
        value = now["weighted_values"][r, h, k] @ of_step["attention/output/kernel"][h]
        assert_close(terms.words_RHKV[r, h, k], added(model, of_step, value, now["output"][r]), 1e-6)
        assert_close(terms.place_RV[r], added(model, of_step, place_RM[r], now["output"][r]), 1e-6)
        assert_close(terms.mlp_RV[r], added(model, of_step, now["mlp"][r], now["output"][r]), 1e-6)
