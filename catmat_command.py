"""The console command: `catmat train ...` is `python -m experiments.train ...`, whatever the folder holds.

`python -m` looks for a package `experiments` in the folder where it is called before it looks among what is installed;
a console command does not. What else is called `data`, `model` or `configs` there, or stands in PYTHONPATH, is passed
over by `use_own_packages`. Needs the standard library alone: it runs before anything of catmat is imported.
"""

import ast
import importlib
import os
import shutil
import signal
import sys
import textwrap
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
PACKAGES = ("configs", "data", "experiments", "model")
_NO_COMMANDS = ("__init__", "scale_check")
_MODULES = "python -m experiments."


class _Called:
    """How this process was called."""

    by_name = False


def as_called(text: str) -> str:
    """`text` for people, in which commands are called as this one was: `python -m experiments.train` or `catmat train`.

    In a folder that holds another package `experiments` only the second can be copied.
    """
    return text.replace(_MODULES, "catmat ") if _Called.by_name else text


class OwnPackages:
    """Finds catmat's own packages, by their names, where catmat lies; everything else is left to Python."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """As `importlib.abc.MetaPathFinder` has it."""
        return PathFinder.find_spec(name, [str(ROOT)], target) if path is None and name in PACKAGES else None


def use_own_packages() -> None:
    """From now on this process imports catmat's packages, not others of their names; for commands alone."""
    if OwnPackages not in sys.meta_path:
        sys.meta_path.insert(0, OwnPackages)


def check_own_packages() -> None:
    """For those who import catmat into a program of theirs, where their own packages go first and nothing is exchanged.

    Raises:
      ImportError: one of catmat's packages cannot be imported, and what stands in its way.
    """
    for name in () if OwnPackages in sys.meta_path else PACKAGES:
        loaded = sys.modules.get(name)
        spec = PathFinder.find_spec(name) if loaded is None else loaded.__spec__
        found = None if spec is None else spec.origin or next(iter(spec.submodule_search_locations or ()), None)
        if found is not None and Path(found).resolve() != ROOT / name / "__init__.py":
            raise ImportError(
                f"catmat's package {name} is hidden by {found}; rename that, or import catmat elsewhere (its commands"
                " run beside it: catmat train)"
            )


def leave_at_once_while_loading() -> None:
    """End at a signal while a command loads, for up to a second; afterwards `run_command` listens."""

    def leave(*_: object) -> NoReturn:
        os.write(2, b"interrupted\n")
        os._exit(130)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)


def commands() -> dict[str, str]:
    """The first line about each command, by its name."""
    files = sorted(path for path in (ROOT / "experiments").glob("*.py") if path.stem not in _NO_COMMANDS)
    said = {path.stem: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "" for path in files}
    return {name: text.partition("\n")[0] for name, text in said.items()}


def main() -> int:
    """Run the command that the first argument names, with the others; gives its exit code."""
    name, known = (sys.argv[1:2] or [""])[0], commands()
    if name in ("-h", "--help", ""):
        width, beside = shutil.get_terminal_size().columns, " " * 15
        lines = [
            textwrap.fill(text, width, initial_indent=f"  {command:<13}", subsequent_indent=beside)
            for command, text in known.items()
        ]
        print("usage: catmat COMMAND ...; catmat COMMAND --help says more\n", *lines, sep="\n")  # noqa: T201
        return 0 if name else 2
    use_own_packages()
    if name not in known:
        from data.errors import InputError, suggestion  # noqa: PLC0415  found only now

        print(f"error: {InputError(f'catmat: no command {name}{suggestion(name, known)}')}", file=sys.stderr)  # noqa: T201
        return 2
    _Called.by_name = True
    del sys.argv[1]
    leave_at_once_while_loading()
    command = importlib.import_module(f"experiments.{name}").main
    importlib.import_module("experiments.commands.process").run_command(command)
    raise AssertionError("run_command ends the process")


if __name__ == "__main__":
    sys.exit(importlib.import_module("catmat_command").main())  # the module that the others see
