"""Train a model and watch its attention form.

python -m experiments.train --config toy.yaml
python -m experiments.train --config toy.yaml --seeds 10 --model.scale none
"""

import argparse
import functools
from collections.abc import Sequence
from pathlib import Path

from data.errors import require
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
from experiments.config.loader import load_config
from experiments.config.schema import Config
from experiments.run_directory.folders import newest_run, run_folder
from experiments.training.agreement import Agreement

DEFAULT = "toy.yaml"

EPILOG = """\
examples:
  python -m experiments.train --config toy.yaml
  python -m experiments.train --config toy.yaml --model.d_head 64 --model.scale none
  python -m experiments.train --seeds 10 --track.images 2
  python -m experiments.train --probes "the dog sat on the mat ." --probes "the girl dined on the fish ."
  python -m experiments.train --resume
  python -m experiments.train --resume runs/toy-001 --train.steps 3000

exit codes: 0 finished, 2 a mistake in what was given, 3 diverged, 130 interrupted;
of several processes 1 for those that another one has left"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default those of the process); returns the exit code."""
    parser = config_parser("python -m experiments.train", "Train a model and watch its attention form.", EPILOG)
    add_run_options(parser, resumes=True)
    add_events_option(parser, "of several seeds an overview and the first five")
    parser.add_argument("--list-devices", action="store_true", help="print the devices that JAX would use, and stop")
    parser.add_argument("--words", action="store_true", help="print all words of the world, by their slots, and stop")
    add_runs_at_once_option(parser)
    parser.add_argument(
        "--profile",
        action="store_true",
        help="trace some updates and the work on a record, of several processes in process 0, for TensorBoard's profile"
        " plugin or ui.perfetto.dev",
    )
    add_process_options(parser)
    parser.set_defaults(config=None)
    options, overrides = parse(parser, arguments)
    with several_processes(options, alone=options.print_config or options.words) as agreement:
        return _train(options, overrides, agreement)


def _train(options: argparse.Namespace, overrides: dict[str, str], agreement: Agreement) -> int:
    """Do what the options say, perhaps with other processes."""
    folder = None
    if options.resume is not None:
        require(
            options.run_dir is None,
            "--run-dir: a run that is resumed goes on in its own folder; leave out one of the two",
        )
        require(not options.events, "--events: a run that is resumed writes what it wrote before; leave it out")
        from experiments.session.resume import resumed_config

        folder = Path() if not agreement.leads else run_folder(options.resume) if options.resume else newest_run()
        config = handed_config(agreement, Config, lambda: resumed_config(folder, options.config, overrides))
    else:
        config = load_config(options.config or DEFAULT, overrides)
    if only_printed(options, config, agreement.leads):
        return 0
    # Imported late, so that --help and errors in the config need not load NumPy and JAX.
    if options.words:
        from data.world import load_world
        from experiments.commands.words import word_list

        print(word_list(load_world(config.world)))  # noqa: T201
        return 0
    from experiments.training import runtime

    runtime.prepare(exchange=agreement.exchange)
    if options.list_devices:
        print(runtime.device_list())  # noqa: T201
        return agreement.ended(0)
    from experiments.session import session
    from experiments.tracking.tracker import LISTED
    from experiments.training.program_cache import cache_programs_in
    from experiments.training.trainer import Trainer

    if options.profile:
        cache_programs_in(None)  # a program from there has lost the names of its parts
    make_trainer = functools.partial(Trainer, at_once=options.runs_at_once)
    if folder is not None:
        load = handed_worlds(agreement, {config.world})
        return session.resume(config, folder, None, make_trainer, agreement, load, options.profile)
    listed = config.seeds if options.events == "all" else LISTED
    name = Path(options.config or DEFAULT).stem
    return session.train(config, name, options.run_dir, None, make_trainer, listed, agreement, options.profile)


if __name__ == "__main__":
    run_command(main)
