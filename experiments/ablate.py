"""Vary any values of a config, train every combination with paired seeds, and compare the results.

python -m experiments.ablate --config scaling.yaml
python -m experiments.ablate --config scaling.yaml --grid model.d_head=4,16 --dry-run
"""

import argparse
import functools
from collections.abc import Sequence
from pathlib import Path

from data.errors import is_file, require
from data.world import load_world
from experiments.ablation.config import AblationConfig, load_ablation
from experiments.commands.options import (
    add_events_option,
    add_process_options,
    add_run_options,
    add_runs_at_once_option,
    config_parser,
    only_printed,
    parse,
)
from experiments.commands.process import run_command
from experiments.commands.several import handed_config, handed_worlds, several_processes
from experiments.run_directory.folders import newest_run, run_folder
from experiments.training.agreement import Agreement

DEFAULT = "scaling_quick.yaml"
DESCRIPTION = "Vary any values of a config, train every combination with paired seeds, and compare the results."
EPILOG = """\
examples:
  python -m experiments.ablate --config scaling.yaml
  python -m experiments.ablate --config scaling.yaml --dry-run
  python -m experiments.ablate --config scaling.yaml --grid model.d_head=8,32 --train.steps 500
  python -m experiments.ablate --config scaling_full.yaml --grid variant=standard,qk_norm
  python -m experiments.ablate --resume runs/scaling-001
  python -m experiments.ablate --resume runs/scaling-001 --events all    list its runs in TensorBoard, if it has ended

exit codes: 0 finished (a run that diverged is a result), 2 a mistake in the options or files, 130 interrupted;
of several processes 1 for those that another one has left"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default the process's); gives the exit code."""
    parser = config_parser("python -m experiments.ablate", DESCRIPTION, EPILOG, AblationConfig, DEFAULT)
    parser.add_argument(
        "--grid",
        action="append",
        default=[],
        metavar="NAME=VALUES",
        help="an axis, which is added to those of the config or replaces one: model.d_head=4,16",
    )
    add_run_options(parser, resumes=True)
    add_events_option(parser, "its report and the variants that differ most")
    add_runs_at_once_option(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the plan, and stop")
    add_process_options(parser)
    parser.set_defaults(config=None)
    options, overrides = parse(parser, arguments, AblationConfig)
    with several_processes(options, alone=options.print_config or options.dry_run) as agreement:
        return _ablate(options, overrides, agreement)


def _ablate(options: argparse.Namespace, overrides: dict[str, str], agreement: Agreement) -> int:
    """Do what the options say, perhaps with other processes."""
    resumes = options.resume is not None
    if resumes:
        require(
            not (options.config or overrides or options.grid or options.run_dir),
            "--resume: goes on with the run's own config in its own folder; leave out all other values",
        )
    folder = _resumed_folder(options.resume) if resumes and agreement.leads else None
    name = str(folder / "config.yaml") if folder else options.config or DEFAULT

    def find() -> AblationConfig:
        return load_ablation(name, overrides, options.grid)

    config = handed_config(agreement, AblationConfig, find) if resumes else find()
    if only_printed(options, config, agreement.leads):
        return 0
    # Imported late: --help and a mistake in the config are answered without loading JAX.
    from experiments.ablation import session as ablation_session
    from experiments.ablation.training import GroupTraining
    from experiments.training import runtime

    runtime.prepare(exchange=agreement.exchange)
    return ablation_session.ablate(
        config,
        Path(name).stem,
        options.run_dir,
        options.dry_run,
        resumed=folder,
        make_training=functools.partial(GroupTraining, at_once=options.runs_at_once),
        all_events=options.events == "all",
        agreement=agreement,
        load=handed_worlds(agreement, config.worlds) if resumes else load_world,
    )


def _resumed_folder(name: str) -> Path:
    """The folder of the ablation that is resumed."""
    folder = run_folder(name) if name else newest_run(command="ablate")
    require(
        is_file(folder / "config.yaml"),
        f"{folder}: no ablation lies here (there is no config.yaml); name its folder",
    )
    return folder


if __name__ == "__main__":
    run_command(main)
