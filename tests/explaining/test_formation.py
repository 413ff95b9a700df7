"""Attention of one model in the other, against the float64 oracle; and what is told of it."""

import dataclasses
import io

import numpy as np
import pytest
from oracle import Oracle, softmax
from refusals import refused
from rich.console import Console

from data.inference import posterior
from experiments.explaining.drawn_rows import draw_rows
from experiments.explaining.formation import Formation, measure_formation
from experiments.explaining.formation_report import formation_figure, print_formation, verdict

pytestmark = pytest.mark.usefixtures("traced_once")


def mixed(own, other, tokens, place):
    """The guess of the model `own` with the weights of `other`."""
    ours, theirs = (one.row(tokens, place) for one in (own, other))
    context = np.einsum("hk,khd->hd", theirs["weights"], ours["value"])
    attention = np.einsum("hd,hdm->m", context, own.p["attention/output/kernel"])
    return softmax(own.after_attention(ours["embedding"][place] + attention)["logits"])


def test_each_excess_is_what_its_definition_says(made, small, assert_close):
    told = []
    found = measure_formation(made, small, sentences=12, seed=4, progress=lambda *pieces: told.append(pieces))
    rows = draw_rows(small, made.config.task.masked, 12, 4)
    exact_GV = posterior(small, rows.tokens_GK, rows.masked_G)
    old, final = (Oracle(made.config.model, made.params(t)) for t in (0, 1))

    def mean_excess(own, other):
        each = []
        for exact_V, tokens, place in zip(exact_GV, rows.masked_GK, rows.masked_G, strict=True):
            some = exact_V > 0
            each.append(np.sum(exact_V[some] * np.log(exact_V[some] / mixed(own, other, tokens, place)[some])))
        return np.mean(each)

    assert_close(found.old_weights_T, [mean_excess(final, old), mean_excess(final, final)], 1e-5)
    assert_close(found.final_weights_T, [mean_excess(old, final), mean_excess(final, final)], 1e-5)
    assert_close(found.plain_T, [mean_excess(old, old), mean_excess(final, final)], 1e-5)
    assert found.steps == (0, 8)
    assert told == [(1, 2), (2, 2)]


@pytest.fixture
def formed():
    return Formation("a[b]run", 300, (0, 5, 40, 1200), np.asarray([3, 0.011, 0.008, 0.002]),
                     np.asarray([3, 2, 0.02, 0.002]), np.asarray([3.1, 2.5, 0.04, 0.002]))  # fmt: skip


def test_the_first_step_within_a_hundredth_of_a_nat(formed):
    assert formed.settled() == {"old_weights": 5, "final_weights": 1200, "plain": 1200}
    assert "weights of step 5 " in verdict(formed)
    assert "only at step 1,200. So who looks where settles before" in verdict(formed)
    swapped = dataclasses.replace(formed, old_weights_T=formed.final_weights_T, final_weights_T=formed.old_weights_T)
    assert "at step 5 already, so it settles first" in verdict(swapped)
    assert "the same recorded step" in verdict(dataclasses.replace(formed, final_weights_T=formed.old_weights_T))


def test_what_is_told(formed):
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    print_formation(formed, console)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "What forms first? a[b]run, 1,200 updates"
    (line,) = (line.split() for line in lines if line.split()[:1] == ["5"])
    assert line == ["5", "0.0110", "*", "2.0000", "2.5000"]


def test_the_picture_has_the_three_curves(formed):
    axes = formation_figure(formed).axes[0]
    curves = {one.get_label(): one for one in axes.get_lines()}
    assert np.asarray(curves["final model, step's weights"].get_ydata()) == pytest.approx(formed.old_weights_T)
    assert np.asarray(curves["step's model, final weights"].get_ydata()) == pytest.approx(formed.final_weights_T)
    assert np.asarray(curves["step's model, own weights"].get_xdata()) == pytest.approx([0.5, 5, 40, 1200])


def test_a_run_that_diverged_is_refused(made, small):
    broken = {name: np.full_like(array, np.nan) for name, array in made.params(1)["unembed"].items()}

    class Diverged:
        folder, config, all_params, summary = made.folder, made.config, made.all_params, made.summary

        def params(self, t=-1):
            return made.params(t) | {"unembed": broken}

    with refused("made", "not finite", "run"):
        measure_formation(Diverged(), small, sentences=12)
