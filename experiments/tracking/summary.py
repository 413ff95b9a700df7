"""What is said of a run: in `summary.json`, and on its page in TensorBoard's text dashboard."""

from typing import Any

from experiments.commands.words import table_word
from experiments.measuring.experiment import Experiment
from experiments.measuring.measurement import Measurement
from experiments.measuring.metrics import (
    RowResult,
    excess_metrics,
    on_relevant,
    relation_metrics,
    row_results,
)
from experiments.replay.ledger import scale_text
from experiments.reports.report import escaped
from experiments.training.trainer import RunRecord

_SHOWN = 0.05
"""Smaller weights are left out of a text."""
HOW_TO_READ = """\
* **1 attention**: a map for each head. Rows are masked words, columns the words that they can look at. The numbers \
of a row are attention weights; they sum to 1. With a sink, to less. Red frames: the relevant words, which change the \
exact answer most. \
Hatched: words that training never masks.
* **2 loss and excess**. Excess: how far the guesses are from the best possible ones, in nats; 0 is perfect. Held-out \
contexts are never shown in training.
* **3 relevance**: how much each word tells about the masked one, in nats, exactly and by the model's guesses.
* **4 more maps**: of other sentences, and of studies. **5 film**: several steps in one picture.
* The tab *Attention* (at the top) replays the training, with every number of the computation.
* **6 diagnostics**, **7 gradients**: with `--track.diagnostics true`.

The slider of a picture goes through the training. Set Smoothing to 0: few steps are recorded. In the Projector, \
*Color by* class or slot, and press **A** to see the words; beside the words it has the queries and keys of each \
head. HParams compares runs.

A large weight is no proof that a word matters: what a word adds is its weight times its value. **3** shows what does \
matter.
"""


def summary(
    experiment: Experiment,
    first: RunRecord[Measurement],
    last: RunRecord[Measurement],
    finished: bool,
    versions: dict[str, str],
) -> dict[str, Any]:
    """The final results of a run; `relation/weight/<word>` is that of the first watched sentence.

    A word that is called as one of the names that every run has (`all`, `head-1`) is left out.
    """
    diverged = last.diverged_at >= 0
    weight_GH = on_relevant(last.measurement.weights_GHK, experiment.data.probes.relevant_GK)
    words: dict[str, float] = {}
    for row, weight_H in zip(row_results(experiment, last), weight_GH, strict=True):
        if row.sentence == 0:
            words.setdefault(f"relation/weight/{row.words[row.masked]}", float(weight_H.mean()))
    return {
        "status": "diverged" if diverged else "finished" if finished else "interrupted",
        **({"diverged_at": last.diverged_at} if diverged else {}),
        "seed": experiment.config.seed + last.run,
        "steps": last.step,
        "loss": last.loss,
        **excess_metrics(experiment, last),
        **words,  # before the names that every world has: a word may be called `all`
        **relation_metrics(experiment, first, last),
        "seconds/training": round(last.time.seconds, 3),
        "updates_per_second": round(last.time.rate * experiment.config.seeds, 1),
        "world": experiment.world.name,
        "world_fingerprint": experiment.world.fingerprint,
        "versions": versions,
    }


def run_page(experiment: Experiment, first: RunRecord[Measurement], last: RunRecord[Measurement]) -> str:
    """A run's page as Markdown: its numbers, and what its first sentence's masked words look at."""
    config = experiment.config
    heads = "1 head" if config.model.heads == 1 else f"{config.model.heads} heads"
    components = "1 component" if config.model.d_head == 1 else f"{config.model.d_head} components"
    scaled = f"Dot products {scale_text(config.model)}"
    rows = row_results(experiment, last, experiment.told)
    sentence = " ".join(escaped(table_word(word)) for word in rows[0].words)
    lines = [
        f"## A run in the world '{escaped(experiment.world.name)}', seed {config.seed + last.run}, step {last.step:,}",
        "",
        f"{heads} of {components}; {config.train.steps:,} updates of {config.train.batch:,} sentences. {scaled}.",
        "",
        *_numbers(experiment, first, last),
        "",
        f"### What each masked word of this sentence looks at (mean of the heads; weights of {_SHOWN} and more)",
        "",
        sentence,
        "",
        *map(_row_text, rows),
    ]
    return "\n".join(lines)


def _numbers(experiment: Experiment, first: RunRecord[Measurement], last: RunRecord[Measurement]) -> list[str]:
    excess, before = excess_metrics(experiment, last), excess_metrics(experiment, first)
    relation = relation_metrics(experiment, first, last)
    tags = {
        "excess/trained/all": "Excess, trained contexts (nats)",
        "excess/held_out/all": "Excess, held-out contexts",
    }
    return [
        "| | now | before training |",
        "|---|---|---|",
        *(f"| {text} | {excess[tag]:.4f} | {before[tag]:.2f} |" for tag, text in tags.items() if tag in excess),
        f"| Weight on relevant words | {relation['relation/weight/all']:.2f} | {relation['relation/untrained']:.2f} |",
        f"| ... by position alone | {relation['relation/position_only']:.2f} | |",
        f"| ... uniform | {relation['relation/uniform']:.2f} | |",
        f"| Error of model relevance, mean (nats) | {relation['relevance/mean_error']:.3f} | |",
    ]


def _row_text(row: RowResult) -> str:
    """A line for a masked word: no table, whose columns a narrow page would make narrower than their numbers."""
    words = ["the masked place" if k == row.masked else escaped(table_word(word)) for k, word in enumerate(row.words)]
    weights = row.weights_HK.mean(axis=0)
    looked_at = ", ".join(f"{word} {x:.2f}" for word, x in zip(words, weights, strict=True) if not x < _SHOWN)
    guess, exact = (f"{escaped(table_word(word))} {100 * chance:.0f} %" for word, chance in (row.guess, row.exact))
    return f"* **{escaped(table_word(row.words[row.masked]))}** looks at {looked_at}. Guess: {guess}; exact: {exact}."
