"""What forms first, on the terminal and as a picture.

print_formation(found, Console())
save_figure(folder, "formation", formation_figure(found))       PNG and SVG, as every figure of a report
"""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from experiments.commands.console import say_prose, shown
from experiments.commands.tables import TableColumn, print_table
from experiments.explaining.formation import KINDS, NEAR, Formation
from experiments.explaining.printing import paragraph
from experiments.reports.plots import INK, label, legend, line, log_axes, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def print_formation(found: Formation, console: Console) -> None:
    """Print the three excesses at every recorded step, and which settled first."""
    paragraph(console, f"What forms first? {shown(console, found.run)}, {found.steps[-1]:,} updates", "bold")
    paragraph(
        console,
        f"Mean excess over {found.rows:,} masked words, in nats: 0 is perfect, the final model has"
        f" {found.final:.4f}. Two models are mixed: one gives the attention weights (who looks where), the other"
        " everything else (what is brought, and how it is read).",
        "dim",
    )
    console.print()
    columns = [TableColumn(Text("step"), [Text(f"{step:,}") for step in found.steps], "right")]
    for kind, (title, _) in KINDS.items():
        near = found.excess_T(kind) <= found.final + NEAR
        cells = [
            Text(f"{value:.4f}{' *' if ok else '  '}") for value, ok in zip(found.excess_T(kind), near, strict=True)
        ]
        columns.append(TableColumn(Text(title.replace(", ", ",  \n") + "  "), cells, "right"))
    print_table(console, columns)
    console.print()
    paragraph(console, f"* within {NEAR:g} nats of the final model", "dim")
    for title, meaning in KINDS.values():
        say_prose(console, f"  {title}: {meaning}", "dim")
    console.print()
    paragraph(console, verdict(found))


def verdict(found: Formation) -> str:
    """Which of the two settled first, in a sentence with both steps."""
    first = found.settled()
    look, bring = first["old_weights"], first["final_weights"]
    told = f"With the weights of step {look:,} the final model is as good as with its own (within {NEAR:g} nats); "
    if look < bring:
        return told + (
            f"what is brought and read gets there only at step {bring:,}. So who looks where settles before what is"
            " brought."
        )
    if look > bring:
        return told + f"what is brought and read gets there at step {bring:,} already, so it settles first."
    return told + "what is brought and read gets there at the same recorded step."


def formation_cells(found: Formation) -> tuple[list[str], list[list[str | int | float]]]:
    """The excesses at each recorded step, nats, as the header and the lines of a CSV file."""
    lines: list[list[str | int | float]] = [
        [step, *(float(found.excess_T(kind)[t]) for kind in KINDS)] for t, step in enumerate(found.steps)
    ]
    return ["step", *KINDS], lines


def formation_figure(found: Formation) -> "Figure":
    """The three excesses over the steps, on logarithmic axes; step 0 stands at 1/2."""
    figure, axes = panels(1, 1, width=6.0, height=3.2)
    one, steps = axes[0, 0], [max(step, 0.5) for step in found.steps]
    for number, (kind, (title, _)) in enumerate(KINDS.items()):
        line(one, steps, found.excess_T(kind), number, title)
    one.axhline(found.final + NEAR, color=INK, linewidth=0.8, linestyle=":")
    log_axes(one)
    one.annotate(f"final + {NEAR:g}", (steps[0], found.final + NEAR), fontsize=7.5, color=INK, va="bottom")
    label(one, "What forms first: attention weights and the rest, mixed", "recorded step", "excess, nats")
    legend(figure, one)
    return figure
