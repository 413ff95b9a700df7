"""Everything that the page of one file shows, read from the browser and held against the oracle."""

import numpy as np
from file_page import MASKED
from oracle import softmax

from data.inference import posterior


def check(page, assert_close, tokens=None, masked=MASKED, head=0, **changes):
    """Everything that is shown, against the oracle."""
    paged = page.paged
    tokens = paged.tokens if tokens is None else tokens
    row = paged.row(tokens, masked, **changes)
    assert_close(page.weights(), row["weights"], 1e-5)
    exact, guess = posterior(paged.world, [tokens], [masked])[0], softmax(row["logits"])
    words = [paged.world.vocabulary.number[name] for name in page.texts(".evidence thead th")]
    table = dict(page.evidence()[len(tokens) :])
    assert_close(table.pop("= logit"), row["logits"][words], 1e-5)
    assert_close(table.pop("guess"), guess[words], 1e-5)
    assert_close(table.pop("exact"), exact[words], 1e-5)
    of_words = np.stack([values for _, values in page.evidence()[: len(tokens)]])
    assert_close(of_words, evidence(paged, row, words, exact, changes.get("t", -1)), 1e-5)
    assert_close(of_words.sum(axis=0) + sum(table.values()), row["logits"][words], 1e-5)
    bars = [paged.world.vocabulary.number[name] for name in page.texts(".guess tbody th")]
    assert_close(page.numbers(".guess tbody td:nth-of-type(1)"), exact[bars], 1e-5)
    assert_close(page.numbers(".guess tbody td:nth-of-type(2)"), guess[bars], 1e-5)
    check_seven_lines(page, row, head)


def check_seven_lines(page, row, head):
    """To the digit that is written."""
    looked = page.js(
        "return [...document.querySelectorAll('.edges thead th')].findIndex((one) => one.matches('.marked'))"
    )
    of_word = [row["key"][looked, head], row["value"][looked, head]]
    expected = [row["query"][head], of_word[0], row["dot_products"][head], row["scores"][head], row["weights"][head],
                of_word[1], row["context"][head]]  # fmt: skip
    code = """
    const rows = [...document.querySelectorAll(".ledger tr:not(.words)")];
    return rows.map((row) => [...row.cells].slice(1).map((cell) => cell.textContent));
    """
    for texts, values, most in zip(page.js(code), expected, (0.05,) * 4 + (0.005,) + (0.05,) * 2, strict=True):
        shown = np.asarray([float(text.replace("\u2212", "-")) for text in texts if text not in ("", "...")])
        assert len(shown) >= min(len(values), len(texts) - 1)
        assert np.abs(shown - values[: len(shown)]).max() <= most + 1e-6


def evidence(paged, row, words, exact, t):
    """By its definition: what each word's weighted value adds to the logits, less the average over the candidates."""
    params, output = paged.params[t], row["output"]
    candidates = [word for word in np.argsort(-exact)[:12] if exact[word] > 0.001]
    added = np.einsum("hkd,hdm->km", row["weighted_values"], np.float64(params["attention/output/kernel"]))
    if paged.config.norm == "layer":
        added, output = added - added.mean(axis=1, keepdims=True), output - output.mean()
    size = np.sqrt((output**2).mean() + 1e-6)
    logits = (added / size * params["output_norm/scale"]) @ np.float64(params["unembed/kernel"])
    return logits[:, words] - logits[:, candidates].mean(axis=1, keepdims=True)
