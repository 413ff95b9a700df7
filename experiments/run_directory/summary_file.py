"""`summary.json`: the final numbers of a run under stable names."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.config.schema import FORMAT
from experiments.run_directory.files import check_version, reading, write_text


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
    with reading(path, "the run in this folder did not end", (ValueError, RecursionError)):
        values = json.loads(path.read_text(encoding="utf-8"))
    check_version(path, values.get("version") if isinstance(values, dict) else None, "summary")
    return dict(values)
