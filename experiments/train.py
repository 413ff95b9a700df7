"""Train a model and watch its attention form.

python -m experiments.train --config toy.yaml
python -m experiments.train --config toy.yaml --seeds 10 --model.scale none
"""

from collections.abc import Sequence
from pathlib import Path

from experiments.command_line import config_parser, parse, run_command
from experiments.run_directory import check_run_directory

EPILOG = """\
examples:
  python -m experiments.train --config toy.yaml
  python -m experiments.train --config toy.yaml --model.d_head 64 --model.scale none
  python -m experiments.train --seeds 10 --track.images 2
  python -m experiments.train --probes "[the dog sat on the mat .]"

exit codes: 0 finished, 2 a mistake in what was given, 3 diverged, 130 interrupted"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default the process's); gives the exit code."""
    parser = config_parser("python -m experiments.train", "Train a model and watch its attention form.", EPILOG)
    parser.add_argument(
        "--run-dir", metavar="DIR", help="a new folder for this run (default: runs/NAME-001, -002, ...)"
    )
    parser.add_argument("--print-config", action="store_true", help="print the config that would run, and stop")
    parser.add_argument("--list-devices", action="store_true", help="print the devices that would be used, and stop")
    options, overrides = parse(parser, arguments)
    # Imported late: --help and a mistake in the config are answered without loading JAX.
    from experiments.yaml_config import load_config, to_yaml

    config = load_config(options.config, overrides)
    if options.print_config:
        print(to_yaml(config), end="")  # noqa: T201
        return 0
    if options.run_dir is not None:
        check_run_directory(options.run_dir)
    from experiments import runtime

    runtime.prepare()
    if options.list_devices:
        print(runtime.device_list())  # noqa: T201
        return 0
    from experiments.session import train

    return train(config, Path(options.config).stem, options.run_dir)


if __name__ == "__main__":
    run_command(main)
