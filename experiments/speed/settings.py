"""What is measured, how often and where; how the benchmark prints."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from experiments.ablation.config import AblationConfig
from experiments.commands.console import say_prose
from experiments.config.schema import Config
from experiments.speed.turns import LEAST_SECONDS, Say


@dataclass(frozen=True)
class Settings:
    """The command's options, and what sections share."""

    config: Config
    config_file: str
    """What it was read from: for the commands that are started."""
    ablation: AblationConfig
    updates: int
    repeats: int
    folder: Path
    """An empty folder for what is written."""
    quick: bool = False
    """Little of everything: to see that it works."""
    say: Say = lambda _: None
    """Shows what is being measured at the moment."""

    @property
    def least(self) -> float:
        """How many seconds a turn lasts at least."""
        return 0.0 if self.quick else LEAST_SECONDS


def show(line: str) -> None:
    """Print a line."""
    say_prose(Console(highlight=False), line)
