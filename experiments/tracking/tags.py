"""Where TensorBoard shows what: a tag is a heading and, behind it, the name of what is shown.

TensorBoard sorts headings by name, and its first page opens with two of them unfolded. So they have numbers, in the
order in which a run is best looked at, and details stand behind it:

    2 loss and excess/excess/trained/all        the metric `excess/trained/all` of `summary.json`
"""

from collections.abc import Mapping

from experiments.measuring.metrics import TRAINED

ATTENTION = "1 attention"
EXCESS = "2 loss and excess"
RELEVANCE = "3 relevance"
MORE_SENTENCES = "4 more sentences"
FILM = "5 film"
DIAGNOSTICS = "6 diagnostics"
GRADIENTS = "7 gradients"
HOW_TO_READ = "1 how to read this"
SEVEN_LINES = "2 attention in seven lines"
ABOUT_THIS_RUN = "3 about this run"
_ESSENTIAL = {
    "relation/weight/all": ATTENTION,
    "loss": EXCESS,
    TRAINED: EXCESS,
    "excess/held_out/all": EXCESS,
    "cut_cost/right_words": RELEVANCE,
    "relevance/mean_error": RELEVANCE,
}
"""The headings of metrics that TensorBoard always gets; the others are diagnostics."""


def tag(metric: str) -> str:
    """The tag of a metric."""
    behind = GRADIENTS if metric.startswith("gradient/") else DIAGNOSTICS
    return f"{_ESSENTIAL.get(metric, behind)}/{metric}"


def tagged(metrics: Mapping[str, float], diagnostics: bool) -> dict[str, float]:
    """Metrics by their tags, those that are diagnostics only if asked for."""
    return {tag(name): value for name, value in metrics.items() if diagnostics or name in _ESSENTIAL}


def metric_of(tag: str) -> str:
    """The metric of a tag."""
    return tag.partition("/")[2]


def map_tag(sentence: int, head: int) -> str:
    """The tag of a map, by the numbers of the watched sentence and of the head, from 0."""
    heading = f"{MORE_SENTENCES}/" if sentence else f"{ATTENTION}/map/"  # few enough under 1 that 2 is in sight
    return f"{heading}sentence-{sentence + 1}/head-{head + 1}"
