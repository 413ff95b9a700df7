"""Models in which a weight misleads more than usually, looked for among the runs that there are."""

from dataclasses import dataclass
from pathlib import Path

from catmat_command import as_called
from data.errors import InputError
from experiments.config.schema import Config
from experiments.run_directory.folders import ROOT, command_of, quoted
from experiments.run_directory.saved_run import SavedRun, load_run

TELLING = "telling_preposition"
"""The world whose preposition tells again what the verb and the object tell."""
_OPTIONS = {"telling": f"--world {TELLING}", "hidden": "--train.hide_attention 0.1"}


@dataclass(frozen=True)
class Comparison:
    """A kind of model to compare with."""

    about: str
    """What sets it apart."""
    saved: SavedRun | None
    """The newest finished run of this kind, of several seeds the first; None where there is none."""
    command: str
    """What trains one."""


def find_comparisons(root: Path = ROOT) -> dict[str, Comparison]:
    """The models to compare with, by the names `telling` and `hidden`.

    The one is trained in the world telling_preposition, the other to hide its attention (Pruthi et al. 2020, arXiv
    1909.07913).

    Args:
      root: the folder that holds the runs.
    """
    newest: dict[str, SavedRun] = {}
    configs = [path for path in root.glob("*/config.yaml") if command_of(path.parent) == "train"]
    for path in sorted(configs, key=lambda path: path.stat().st_mtime):
        try:
            saved = load_run(path.parent)
            saved = next(iter(saved.runs.values()), saved)
            kind = kind_of(saved.config)
            if kind and saved.summary.get("status") == "finished":
                newest[kind] = saved
        except InputError:  # a run that cannot be read is none to compare with
            continue
    about = {
        "telling": "a world whose preposition tells what the verb tells",
        "hidden": "trained to hide its attention",
    }
    return {kind: Comparison(about[kind], newest.get(kind), _command(kind, root)) for kind in about}


def kind_of(config: Config) -> str:
    """Which of the kinds a config makes; "" for none."""
    # Runs of versions without this value did not hide anything.
    if getattr(config.train, "hide_attention", 0.0) > 0:
        return "hidden"
    return "telling" if config.world == TELLING else ""


def _command(kind: str, root: Path) -> str:
    place = "" if root == ROOT else f" --run-dir {quoted(root / kind)}"
    return as_called(f"python -m experiments.train --config toy.yaml {_OPTIONS[kind]}{place}")
