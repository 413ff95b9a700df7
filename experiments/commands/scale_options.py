"""What `experiments.check_scale` is given: its options, and the function of the user that they name."""

import functools
import importlib
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from catmat_command import PACKAGES, ROOT
from data.errors import InputError, require, suggestion
from experiments.commands.options import OneLineParser, ProseHelp
from experiments.scale_check import DTYPES, FRAMEWORKS, LAYOUTS, SIGNATURES, scale_names

_NAMES = "\n  ".join(scale_names(1))
EPILOG = f"""\
examples:
  python -m experiments.check_scale my_model:attend --d-head 128 --d-model 512
  python -m experiments.check_scale my_model:attend --expect "1/sqrt(d_head)"
  python -m experiments.check_scale jax.nn:dot_product_attention
  python -m experiments.check_scale my_layer:attend --layout BNTH --expect none
  python -m experiments.check_scale my_kernel:attend --dtype bfloat16
  python -m experiments.check_scale my_llama:attend --heads 8 --key-heads 2

names of factors (what stands in brackets may be left out):
  {_NAMES}

answers have the form: symptom -> likely cause -> remedy

exit codes: 0 a softmax of q.k times a factor (and as expected), 1 not one, or not as expected, 2 a mistake in what was
given, or a function that raises"""


def scale_parser() -> OneLineParser:
    """The parser of the command."""
    parser = OneLineParser(
        prog="python -m experiments.check_scale",
        usage="%(prog)s MODULE:FUNCTION [options]",
        description="Measure the factor that an attention function puts on q.k, and name it.",
        epilog=EPILOG,
        allow_abbrev=False,
        formatter_class=ProseHelp,
    )
    add_number = functools.partial(parser.add_argument, type=int, metavar="N")
    parser.add_argument(
        "function",
        metavar="MODULE:FUNCTION",
        help="a function of query, key and value (by place, or by these names in any order) that returns the output, "
        "or a tuple, list, dict or dataclass with it; its module is looked for in this folder too",
    )
    add_number("--d-head", default=64, help="components of a head's query (default: 64)")
    add_number("--d-model", help="components of the model, for the names with it (default: heads * d_head)")
    add_number("--heads", help="heads (default: d_model / d_head where that is whole, else 2 or 3)")
    add_number("--key-heads", help="heads of keys and values, if fewer (default: as many; fewer are tried as well)")
    add_number("--batch", help="items of the batch (default: 2 or 3)")
    add_number("--tokens", help="queries, and keys (default: 8, or the next number that makes no name ambiguous)")
    parser.add_argument(
        "--layout",
        default="BTNH",
        choices=LAYOUTS,
        help="order of the axes batch, token, head N, component H; BTH has no heads (default: BTNH)",
    )
    parser.add_argument(
        "--framework",
        default="auto",
        choices=FRAMEWORKS,
        help="the arrays that the function gets; auto: the first kind that it takes, of those that its module imports "
        "(default: auto)",
    )
    _add_kinds(parser)
    parser.add_argument(
        "--expect", metavar="NAME", help="a name below, or a number: the exit code is 1 if the factor is another one"
    )
    return parser


def _add_kinds(parser: OneLineParser) -> None:
    """The options of a function that takes one kind of arrays alone, or has another signature."""
    parser.add_argument(
        "--dtype",
        choices=DTYPES,
        metavar="TYPE",
        help=f"type of the arrays: {', '.join(DTYPES)} (default: float32)",
    )
    parser.add_argument("--device", help="device of the arrays, such as cpu or cuda:0 (default: the framework's)")
    parser.add_argument(
        "--signature",
        default="auto",
        choices=SIGNATURES,
        help="transformers: that of its AttentionInterface, (module, query, key, value, attention_mask, scaling=...), "
        "with BNTH in and BTNH out; auto: that if the first argument is called module (default: auto)",
    )


def load_function(path: str) -> Callable[..., Any]:
    """The function named by `path`, package.module:function.

    Raises:
      InputError: there is none, or its module cannot be imported.
    """
    module_name, _, names = path.partition(":")
    valid = module_name and names and not module_name.endswith(".py") and "/" not in module_name
    require(valid, f"{path}: must be MODULE:FUNCTION, such as my_model.attention:attend")
    if str(Path.cwd()) not in sys.path and "" not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    theirs = TheirPackages()
    with theirs:
        try:
            found: Any = importlib.import_module(module_name)
            for name in names.split("."):
                if not hasattr(found, name):  # also triggers imports that a module delays
                    known = [n for n in dir(found) if n[0] != "_"]
                    raise InputError(f"{path}: there is no {name}{suggestion(name, known)}")
                found = getattr(found, name)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            raise InputError(
                f"{path}: importing {module_name} raised {type(error).__name__}: {' '.join(str(error).split())}"
            ) from error
    require(callable(found), f"{path}: must be a function, not {type(found).__name__}")
    return theirs.within(found)


class TheirPackages(AbstractContextManager["TheirPackages"]):
    """Within it, the user's own packages `model`, `data` and so on are imported, where there are any, not catmat's."""

    def __init__(self) -> None:
        self._names = [name for name in PACKAGES if _is_theirs(name)]
        self._modules: dict[str, ModuleType] = {}
        """Those of the other side: within it catmat's, else the user's."""
        self._depth = 0
        self._finders = sys.meta_path[:]

    def __enter__(self) -> Self:
        self._depth += 1
        if self._depth == 1 and self._names:
            self._exchange()
            self._finders, sys.meta_path[:] = sys.meta_path[:], [self, *sys.meta_path]
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0 and self._names:
            self._exchange()
            sys.meta_path[:] = self._finders

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Finds the user's packages, as `importlib.abc.MetaPathFinder` has it, before anything else is asked."""
        return _their_spec(name, target) if path is None and name in self._names else None

    def within(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, which finds its own packages also in what it imports when it is called."""
        if not self._names:
            return function

        @functools.wraps(function)
        def called(*arguments: Any, **named: Any) -> Any:
            with self:
                return function(*arguments, **named)

        return called

    def _exchange(self) -> None:
        there = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in self._names}
        for name in there:
            del sys.modules[name]
        sys.modules.update(self._modules)
        self._modules = there


def _is_theirs(name: str) -> bool:
    """Whether the path leads to another package or module than catmat's; a folder without Python in it is neither."""
    spec = _their_spec(name)
    if spec is None:
        return False
    if spec.origin is not None:
        return Path(spec.origin).resolve() != ROOT / name / "__init__.py"
    places = [Path(place) for place in spec.submodule_search_locations or ()]
    return any(next(place.glob(files), None) for place in places for files in ("*.py", "*/*.py"))


def _their_spec(name: str, target: ModuleType | None = None) -> ModuleSpec | None:
    """Where a package or module lies that is not catmat's: a folder `model` counts, which Python would pass over."""
    return PathFinder.find_spec(name, [place or "." for place in sys.path if Path(place).resolve() != ROOT], target)
