"""One training from config to report: what `experiments.train` does once its options are read."""

from pathlib import Path

from rich.console import Console

from data.world import load_world
from experiments.commands.process import Interruption
from experiments.commands.several import LoadWorld
from experiments.config.schema import Config
from experiments.measuring.experiment import MakeTrainer, prepare
from experiments.run_directory.folders import ROOT, check_can_be_made, make_run_directory
from experiments.session.following import check_same_training, follow
from experiments.session.leading import Leading
from experiments.tracking.tracker import LISTED
from experiments.training.agreement import ALONE, Agreement
from experiments.training.trainer import Trainer


def train(
    config: Config,
    name: str,
    run_dir: str | None = None,
    console: Console | None = None,
    make_trainer: MakeTrainer = Trainer,
    listed: int = LISTED,
    agreement: Agreement = ALONE,
    profiled: bool = False,
) -> int:
    """Train `config`, write its run directory and print the result.

    Args:
      config: what to train.
      name: what run directories are called: `runs/<name>-001`.
      run_dir: a folder to use instead.
      console: where to print; by default the terminal.
      make_trainer: as for `prepare`.
      listed: how many of several runs TensorBoard lists beside their overview.
      agreement: of several processes that share the training; process 0 alone writes and prints.
      profiled: whether a part of the training is traced, see `Profile`.

    Returns:
      The exit code: 0 finished, 3 where a run diverged, 130 interrupted (and saved).

    Raises:
      InputError: a mistake in the config, the world or the folder, or processes that do not train the same.
    """
    if run_dir is None and agreement.leads:
        check_can_be_made(ROOT / name)
    with Interruption() as stop:
        world = load_world(config.world)
        check_same_training(agreement, config, world)
        experiment, trainer = prepare(config, world, make_trainer)
        if not agreement.leads:
            return follow(experiment, trainer, agreement, stop, resumed=False)
        folder = make_run_directory(name, run_dir)
        session = Leading(experiment, trainer, folder, stop, agreement, console, listed, profiled)
        return agreement.ended(session.run())


def resume(
    config: Config,
    folder: Path,
    console: Console | None = None,
    make_trainer: MakeTrainer = Trainer,
    agreement: Agreement = ALONE,
    load: LoadWorld = load_world,
    profiled: bool = False,
) -> int:
    """Go on with the training in `folder`; `config` is its own, or the same with more steps. Otherwise as `train`.

    Only process 0 needs the folder. `load` gives the world by its name.
    """
    with Interruption() as stop:
        world = load(config.world)
        check_same_training(agreement, config, world)
        experiment, trainer = prepare(config, world, make_trainer)
        if not agreement.leads:
            return follow(experiment, trainer, agreement, stop, resumed=True)
        session = Leading(experiment, trainer, folder, stop, agreement, console, profiled=profiled)
        return agreement.ended(session.run(resumed=True))
