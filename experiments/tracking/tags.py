"""Where TensorBoard shows what: a tag is a heading and, behind it, a name.

TensorBoard sorts both by name, and its first page opens with two headings unfolded. So headings have numbers, in the
order in which a run is best looked at, and few things stand under the first two.
"""

from collections.abc import Mapping

from experiments.measuring.metrics import TRAINED

ATTENTION = "1 attention"
EXCESS = "2 loss and excess"
RELEVANCE = "3 relevance"
MORE_MAPS = "4 more maps"
FILM = "5 film"
DIAGNOSTICS = "6 diagnostics"
GRADIENTS = "7 gradients"
HOW_TO_READ = "1 how to read this"
SEVEN_LINES = "2 attention in seven lines"
ABOUT_THIS_RUN = "3 about this run"
REPORT = "4 report of a study"
_ESSENTIAL = {
    "excess/held_out/all": f"{EXCESS}/excess, held-out contexts",
    TRAINED: f"{EXCESS}/excess, trained contexts",
    "loss": f"{EXCESS}/loss",
    "relation/weight/all": f"{RELEVANCE}/attention on relevant words",
    "cut_cost/right_words": f"{RELEVANCE}/cut costs single out relevant words",
    "relevance/mean_error": f"{RELEVANCE}/error of model relevance",
}
"""The tags of the metrics that TensorBoard always gets. HParams opens with the first five."""
_METRIC = {tag: name for name, tag in _ESSENTIAL.items()}


def metric_tag(metric: str) -> str:
    """The tag of a metric; that of a diagnostic ends in its name."""
    diagnostics = GRADIENTS if metric.startswith("gradient/") else DIAGNOSTICS
    return _ESSENTIAL.get(metric, f"{diagnostics}/{metric}")


def metric_of(tag: str) -> str:
    """The metric of a tag."""
    return _METRIC.get(tag, tag.partition("/")[2])


def tagged(metrics: Mapping[str, float], diagnostics: bool) -> dict[str, float]:
    """Metrics by their tags, those that are diagnostics only if asked for."""
    return {metric_tag(name): value for name, value in metrics.items() if diagnostics or name in _ESSENTIAL}


def map_tag(sentence: int, head: int, told: int | None) -> str:
    """The tag of a map, by the numbers of the watched sentence and of the head, from 0.

    The maps of the sentence `told` stand under the first heading; a study has none such.
    """
    return f"{ATTENTION if sentence == told else MORE_MAPS}/sentence-{sentence + 1}/head-{head + 1}"
