"""Measure speed, side by side with the same training in PyTorch and in the usual Flax loops.

python -m experiments.benchmark
python -m experiments.benchmark --sections updates,reach --repeats 5 --json speed.json
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data.errors import InputError, require, suggestion
from data.world import load_world
from experiments.ablation.config import load_ablation
from experiments.commands.options import OneLineParser, ProseHelp
from experiments.commands.process import run_command
from experiments.config.loader import load_config
from experiments.run_directory.files import write_text

SECTIONS = {
    "updates": "updates a second of all contestants: PyTorch, the usual Flax loops, catmat",
    "reach": "seconds of each to an excess of 0.02 nats",
    "parts": "where an update's time goes",
    "command": "from command to prompt, beside the imports alone",
    "share": "what measuring and tracking take of a training",
    "memory": "peak memory of each, in processes of their own",
    "growth": "time and memory as runs, batch, d_head or sentences grow",
    "rate": "operations a second, beside the machine's matrix products",
    "ablation": "a part of an ablation, beside a loop over its trainings",
    "tab": 'TensorBoard\'s tab "Attention"',
}
_DESCRIPTION = """\
Measure catmat's speed on this machine, beside the same training as it is usually written: in PyTorch (eager and
torch.compile; pip install -e '.[peers]', else it is left out) and in Flax (nnx.jit and TrainState in a Python loop),
each with every row of attention computed and with the masked row alone. All start from the same parameters, get the
same sentences and take turns; a test holds their losses equal. With all sections it takes about 15 minutes on 2 CPU
cores. On an accelerator, which JAX and PyTorch then both use, it is the same command.

Sections:"""
_QUICK_UPDATES = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default those of the process); returns the exit code."""
    options = _parser().parse_args(arguments)
    for name in ("updates", "repeats"):
        require(getattr(options, name) >= 1, f"--{name}: must be at least 1, not {getattr(options, name)}")
    wanted = _sections(options.sections)
    config, ablation = load_config(options.config, {}), load_ablation(options.ablation, {})
    load_world(config.world)
    if options.json is not None:
        _check_json(Path(options.json).absolute())
    # JAX and PyTorch share an accelerator, and so do processes of the benchmark: none may take all of its memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    # Imported late: --help and a mistake in what was given are answered without loading JAX.
    from experiments.speed.sections import SECTIONS as MEASURED
    from experiments.speed.sections import busy_line, machine, machine_line
    from experiments.speed.settings import Settings, show
    from experiments.speed.task import unknown_to_contestants

    unknown = unknown_to_contestants(config)
    require(not unknown, f"--config: {options.config} has {unknown}, which the contestants do not know; leave it out")
    quick = options.quick
    updates, repeats = (_QUICK_UPDATES, 1) if quick else (options.updates, options.repeats)
    found: dict[str, Any] = {"machine": machine(), "options": _conditions(options, wanted)}
    show(machine_line(found["machine"]))
    if busy := busy_line(found["machine"]):
        show(busy)
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            show("")
            with _progress(name) as say:
                settings = Settings(config, options.config, ablation, updates, repeats, Path(folder), quick, say)
                found[name] = MEASURED[name].measure(settings)
            for line in MEASURED[name].lines(found[name]):
                show(line)
            if options.json is not None:  # after each section: nothing is lost where a later one fails
                write_text(Path(options.json), json.dumps(found, indent=1) + "\n")
    return 0


def _parser() -> OneLineParser:
    listed = "\n".join(f"  * {name}: {meaning}" for name, meaning in SECTIONS.items())
    parser = OneLineParser(
        prog="python -m experiments.benchmark", description=f"{_DESCRIPTION}\n{listed}", formatter_class=ProseHelp
    )
    parser.add_argument(
        "--config", default="toy.yaml", metavar="FILE", help="the config whose training is timed (default: toy.yaml)"
    )
    parser.add_argument(
        "--ablation",
        default="scaling.yaml",
        metavar="FILE",
        help="the ablation of which a part is timed (default: scaling.yaml)",
    )
    parser.add_argument(
        "--updates", type=int, default=100, metavar="N", help="updates in each measurement (default: 100)"
    )
    parser.add_argument(
        "--repeats", type=int, default=3, metavar="N", help="turns of each; medians and ranges are shown (default: 3)"
    )
    parser.add_argument(
        "--sections", default="all", metavar="LIST", help="which sections, such as updates,reach (default: all)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="little of everything, to see that it works: figures of no worth"
    )
    parser.add_argument(
        "--json", metavar="FILE", help="write all that is measured to this file, repetitions and versions included"
    )
    return parser


def _conditions(options: argparse.Namespace, sections: list[str]) -> dict[str, Any]:
    """The options as the JSON has them: all but its own place, which says nothing about what is measured."""
    return {name: value for name, value in vars(options).items() if name != "json"} | {"sections": sections}


def _sections(text: str) -> list[str]:
    """The sections that are wanted, in the order in which they are measured."""
    names = list(SECTIONS) if text == "all" else [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        require(name in SECTIONS, f"--sections: there is no section '{name}'{suggestion(name, SECTIONS)}")
    require(names, f"--sections: names none; known: {', '.join(SECTIONS)}")
    return [name for name in SECTIONS if name in names]


def _check_json(path: Path) -> None:
    """Refuse a file that could not be written after minutes of measuring."""
    require(path.parent.is_dir(), f"--json: {path.parent} is no folder; make it, or write to another")
    require(not path.is_dir(), f"--json: {path} is a folder; name a file in it")
    try:  # what permissions say is not all, below /proc for one
        os.rmdir(tempfile.mkdtemp(prefix=".catmat-", dir=path.parent))  # noqa: PTH106  as os.mkdir
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"--json: {path.parent} cannot be written to ({reason}); write to another folder") from None


@contextmanager
def _progress(section: str) -> Iterator[Callable[[str], None]]:
    """A line on the terminal that says what is being measured; nothing where the output is no terminal."""
    from rich.console import Console
    from rich.text import Text

    from data.errors import printable

    with Console(stderr=True, highlight=False).status("") as status:
        yield lambda doing: status.update(Text(printable(f"{section}: {doing}"), overflow="ellipsis", no_wrap=True))


if __name__ == "__main__":
    run_command(main)
