"""A function of the user, by its name: package.module:function."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data.errors import InputError, require, suggestion


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
        text = " ".join(str(error).split())
        raise InputError(f"{path}: importing {module_name} raised {type(error).__name__}: {text}") from error
    if not callable(found):
        raise InputError(f"{path}: must be a function, not {type(found).__name__}")
    return found
