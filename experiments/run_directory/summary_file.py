"""`summary.json`: the final numbers of a run under stable names."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.errors import InputError
from experiments.config.schema import FORMAT
from experiments.run_directory.files import check_version, write_text


def write_summary(folder: Path, values: Mapping[str, Any]) -> None:
    """Write `summary.json`: `values` under their stable names; a number that is not finite becomes null."""
    known = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()}
    text = json.dumps({"version": FORMAT, **known}, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(folder / "summary.json", text + "\n")


def read_summary(folder: Path) -> dict[str, Any]:
    """The values of `summary.json`.

    Raises:
      NewerFileError: it is of a newer version.
      InputError: there is none, or it is damaged.
    """
    path = folder / "summary.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; the run in this folder did not end") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path}: is damaged; restore it, or start a new run") from None
    version = values.get("version") if isinstance(values, dict) else None
    if not isinstance(version, int):
        raise InputError(f"{path}: is not a summary of catmat; restore it, or start a new run")
    check_version(path, version)
    return dict(values)
