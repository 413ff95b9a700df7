"""The steps of one head's computation on the terminal, each with its numbers and a sentence about it."""

from collections.abc import Callable, Sequence

import numpy as np
from rich.console import Console
from rich.text import Text

from experiments.commands.console import say_prose, shown
from experiments.commands.tables import TableColumn, print_table, weight_cell
from experiments.replay.explanation import Explanation
from experiments.replay.ledger_table import number_text, products_text
from experiments.replay.vector_table import Rows, print_vectors

_LOW = 0.01
"""Words with less weight are told together."""


class Pages:
    """The steps of one head's computation for one masked word."""

    def __init__(
        self, told: Explanation, head: int, console: Console, *, whole: bool = False, numbered: bool = True
    ) -> None:
        """Pages about `told`.

        Args:
          told: the explanation.
          head: the head whose computation is shown.
          console: where to print.
          whole: every component of every vector, in as many lines as they need.
          numbered: the steps have numbers; else each names the head, for pages that stand alone.
        """
        self._told, self._head, self._console, self._whole, self._numbered = told, head, console, whole, numbered
        self._ledger = told.ledger(head)
        self._words = [Text(shown(console, word)) for word in told.shown]

    def steps(self) -> Sequence[Callable[[], None]]:
        """What prints each of them, in order."""
        return (self.query, self.keys, self.products, self.weights, self.values, self.context, self.residual)

    def query(self) -> None:
        place, blank = self._told.question.masked + 1, self._ledger.blank
        self._begin(1, "Query", "what the masked place looks for")
        made = {
            "full": f"The word is hidden, so the vector of the masked place holds the blank, {blank}, and its place:"
            f" word {place} of {len(self._words)}. The matrix W_Q makes the query of it",
            "position": f"The query is made by the matrix W_Q of the place alone, word {place}",
            "content": f"The query is made by the matrix W_Q of the vector of the blank, {blank}, without its place",
            "constant": "The query is the same at every place, a learned vector times the matrix W_Q",
        }[self._told.config.query]
        self._say(f"{made}: {self._told.config.d_head} numbers.")
        self._vectors([Text("query")], self._ledger.query_D[None])

    def keys(self) -> None:
        self._begin(2, "Keys", "what each word is found by")
        matrix = "W_Q once more, which is W_K too" if self._told.config.tied_query_key else "W_K"
        self._say(f"Each word's vector (word + place), times the matrix {matrix}.")
        self._vectors(self._words, self._ledger.key_KD)

    def products(self) -> None:
        told = self._ledger
        self._begin(3, "query . key", "how well each word fits what is looked for")
        level = " Both were brought to one length before, the query times a learned number." if told.qk_norm else ""
        k = told.strongest
        self._say(
            f"Component times component, added up; large where both point the same way.{level} For"
            f" {told.name(k, chr(39))}: {products_text(told, k)}."
        )
        sums = TableColumn(Text("sum", "bold"), [Text(number_text(x), "bold") for x in told.dot_products_K], "right")
        self._vectors(self._words, told.query_D * told.key_KD, [sums])
        self._say(self._about_directions())

    def _about_directions(self) -> str:
        """As points: which key lies most nearly in the query's direction, whatever the lengths are."""
        told = self._ledger
        query_D, key_KD = told.query_D.astype(np.float64), told.key_KD.astype(np.float64)
        lengths_K = np.linalg.norm(query_D) * np.linalg.norm(key_KD, axis=1)
        cosines_K = np.divide(key_KD @ query_D, lengths_K, out=np.zeros(len(key_KD)), where=lengths_K > 0)
        first, *second = np.argsort(-cosines_K, kind="stable")[:2].tolist()
        then = "".join(f", then to that of {told.name(k, chr(39))} ({cosines_K[k]:.2f})" for k in second)
        return (
            f"Seen as points: the query points most nearly to where the key of {told.name(first, chr(39))} lies (cosine"
            f" {cosines_K[first]:.2f}){then}."
        )

    def weights(self) -> None:
        """Scores, exponentials, their sum, weights, and the weights under another scale."""
        told, scores_K = self._ledger, self._ledger.scores_K.astype(np.float64)
        sink_H = self._told.sink_H
        every = scores_K if sink_H is None else np.append(scores_K, sink_H[self._head])
        powers = np.exp(every - every.max())
        names, weights_K = list(self._words), told.weights_K.astype(np.float64)
        dots = [number_text(x) for x in told.dot_products_K]
        others = self._told.other_weights_HK[self._head].astype(np.float64)
        if sink_H is not None:
            names, dots = [*names, Text("(sink)")], [*dots, ""]
            weights_K, others = np.append(weights_K, 1 - weights_K.sum()), np.append(others, 1 - others.sum())
        self._begin(4, "Weights", "scale, then softmax")
        largest = number_text(float(every.max()))
        self._say(
            f"The dot products {_divided(told.scale)} are the scores. e to the power of each, divided by the sum of all"
            f" of these, is the weight. (The largest score, {largest}, is subtracted first; that changes no weight.)"
        )
        numbers: list[tuple[str, list[Text]]] = [
            ("query . key", [*map(Text, dots), Text()]),
            (told.scale, [*(Text(number_text(x)) for x in every), Text()]),
            ("e^(score - max)", [Text(_power(x)) for x in [*powers, powers.sum()]]),
            ("weight", [*(Text() + weight_cell(float(x)) for x in weights_K), Text(f"{weights_K.sum():.2f} ")]),
            (self._told.other_scale, [*(Text() + weight_cell(float(x)) for x in others), Text(f"{others.sum():.2f} ")]),
        ]
        columns = [TableColumn(Text(), [*names, Text("sum")], style="bold")]
        columns += [TableColumn(Text(name, "dim"), cells, "right") for name, cells in numbers]
        print_table(self._console, columns)
        self._say(self._about_scale())

    def _about_scale(self) -> str:
        told, other = self._ledger, self._told.other_weights_HK[self._head]
        now, then = float(told.weights_K.max()), float(other.max())
        word = told.name(int(other.argmax()), "'")
        return f"The largest weight is {now:.3f}; {self._told.other_scale} it would be {then:.3f}, on {word}."

    def values(self) -> None:
        self._begin(5, "Values", "what each word brings")
        self._say("Each word's vector times the matrix W_V. How much of it is taken is its weight.")
        self._vectors(self._words, self._ledger.value_KD)

    def context(self) -> None:
        """Weight times value, and the sum; words with little weight together."""
        told = self._ledger
        taken = [k for k, weight in enumerate(told.weights_K) if weight >= _LOW]
        rest = [k for k in range(len(self._words)) if k not in taken]
        brought_KD = told.weighted_values_KD
        rows, names = [brought_KD[k] for k in taken], [self._words[k] for k in taken]
        if rest:
            rows.append(brought_KD[rest].sum(axis=0))
            names.append(Text(f"{len(rest)} others", "dim"))
        self._begin(6, "Sum", "weight x value, added up: what this head brings to the masked place")
        self._vectors([*names, Text("sum")], np.stack([*rows, told.context_D]))
        if rest:
            words = ", ".join(told.name(k, "'") for k in rest)
            share = told.weights_K[rest].sum()
            self._say(
                f"{words}: weights below {_LOW}, {share:.4f} together, so next to nothing of them arrives, whatever"
                " their values say."
            )

    def residual(self) -> None:
        """What attention adds to what was there, or what takes its place."""
        row, told, kept = self._told.row, self._ledger, self._told.config.residual
        mlp = [("MLP", row["mlp"])] if told.mlp else []
        own = row["embedding"][self._told.question.masked]
        parts = [("mask + place", own)] if kept else []
        parts += [("attention", row["attention"]), *mlp, ("sum" if kept or mlp else "new vector", row["output"])]
        count = "both" if told.heads == 2 else f"all {told.heads}"
        heads = f"The sums of {count} heads" if told.heads > 1 else "The sum"
        after = "; then the MLP adds its own part" if told.mlp else ""
        through = f"{heads}, times the matrix W_O, {'are' if told.heads > 1 else 'is'}"
        if kept:
            self._begin(7, "Added", "to what was there already")
            self._say(
                f"{through} what attention adds to the vector of the masked place{after}. A weighted sum alone is not"
                " the new representation."
            )
        else:
            self._begin(7, "Taken", "in place of what was there")
            self._say(
                f"{through} the new vector of the masked place{after}. This model is a control arm without a residual:"
                " nothing of the old vector stays (model.residual)."
            )
        values = np.stack([vector for _, vector in parts])
        lengths = [Text(number_text(float(x)), "bold") for x in np.linalg.norm(values.astype(np.float64), axis=1)]
        self._vectors(
            [Text(name) for name, _ in parts], values, [TableColumn(Text("length", "bold"), lengths, "right")]
        )

    def _begin(self, number: int, name: str, meaning: str) -> None:
        alone = f"{name}, head {self._head + 1}" if self._ledger.heads > 1 else name
        self._console.print(Text.assemble((f"{number} {name}" if self._numbered else alone, "bold"), f", {meaning}"))

    def _say(self, line: str) -> None:
        say_prose(self._console, line, "dim")

    def _vectors(self, names: Sequence[Text], values: Rows, beside: Sequence[TableColumn] = ()) -> None:
        print_vectors(self._console, names, values, beside, self._whole)


def _divided(scale: str) -> str:
    return {"x 1, no scale": "as they are"}.get(scale, scale)


def _power(x: float) -> str:
    return f"{x:.3f}" if x >= 0.0005 else f"{x:.0e}"
