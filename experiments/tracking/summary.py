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
    relevant_in,
    row_results,
)
from experiments.reports.report import escaped
from experiments.training.trainer import RunRecord

_HOW_TO_READ = """\
### How to read the dashboards

* **Images.** `attention/sentence-n/head-h`: each row is a masked word, each column a word it can look at; a row sums to
  1. Red frames mark the relevant words, from the exact answer of this made-up world.
  `exact_relevance` beside them shows how much each word truly tells, in nats. `film`: all steps in one picture.
* **Scalars.** `excess` is how far the guesses are from the best possible ones (0 is perfect); `relation/weight` how
  much attention lies on the relevant words, beside its baselines `untrained`, `position_only` and `uniform`;
  `relevance` compares what the model's guess owes to each word with what the exact answer owes to it;
  `attention_statistics` tell how sharp attention is; `gradient` how large the gradients of single rows are.
* **Histograms.** Scores and weights of the watched rows, and the four matrices of the attention layer.
* **Projector.** The words as the model sees them, coloured by slot or class.
* **HParams.** All runs with their settings and final numbers.

A large weight alone is no proof that a word matters: the level of a weight trades off against the size of the value
that it brings. That is why exact relevance, model relevance and the cost of a cut stand beside it.
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
    weight_GH = on_relevant(last.measurement.weights_GHK, relevant_in(experiment.data.probes))
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
    """A run's page as Markdown: its numbers, and what is seen in the other dashboards."""
    config = experiment.config
    model = f"{config.model.heads} heads of {config.model.d_head} components, scale {config.model.scale}"
    lines = [
        f"## A run in the world '{escaped(experiment.world.name)}', seed {config.seed + last.run}, step {last.step:,}",
        "",
        f"{model}, {config.train.steps:,} updates of {config.train.batch:,} sentences.",
        "",
        *_numbers(experiment, first, last),
        "",
        "### What each masked word of the first sentence looks at (mean of the heads)",
        "",
        *_table([row for row in row_results(experiment, last) if row.sentence == 0]),
        "",
        _HOW_TO_READ,
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


def _table(rows: list[RowResult]) -> list[str]:
    words = [escaped(word) for word in rows[0].words]
    return [
        f"| masked | {' | '.join(words)} | guess | exact |",
        "|---" * (len(words) + 3) + "|",
        *(f"| **{words[row.masked]}** | {' | '.join(_cells(row))} |" for row in rows),
    ]


def _cells(row: RowResult) -> list[str]:
    answers = [f"{escaped(table_word(word))} {100 * chance:.0f} %" for word, chance in (row.guess, row.exact)]
    return [*(f"{weight:.2f}" for weight in row.weights_HK.mean(axis=0)), *answers]
