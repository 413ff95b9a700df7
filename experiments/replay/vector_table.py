"""Vectors on the terminal: one in each row, as many components as fit, or all."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from experiments.commands.console import NARROWEST
from experiments.commands.tables import TableColumn, fitting, print_table
from experiments.replay.ledger_table import number_text

Rows = NDArray[np.floating]


def print_vectors(
    console: Console, names: Sequence[Text], values: Rows, beside: Sequence[TableColumn] = (), whole: bool = False
) -> None:
    """Print vectors below each other.

    Args:
      console: where to print.
      names: of each vector.
      values: [vectors, components].
      beside: columns to their right.
      whole: every component, in as many lines as they need; else as many as fit, then an ellipsis.
    """
    columns = [
        TableColumn(Text(str(d + 1), "dim"), [Text(number_text(float(x))) for x in values[:, d]], "right")
        for d in range(values.shape[1])
    ]
    first = TableColumn(Text(), names, style="bold")
    if not whole:
        room = max(console.width, NARROWEST) - sum(column.width + 1 for column in (first, *beside)) + 1
        columns = fitting(columns, room)
    print_table(console, [first, *columns, *beside], gap=1)
