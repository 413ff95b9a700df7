"""A command that several processes run together: how they come together, and what process 0 hands to the others.

Loads no jax.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from data.errors import is_file, require
from data.world import World, load_world, make_world, world_names
from data.world_file import check_world
from data.yaml_file import parse_yaml
from experiments.commands.process import end_process
from experiments.config.loader import make_as, to_yaml
from experiments.training.agreement import ALONE, Agreement
from experiments.training.clusters import cluster_processes
from experiments.training.exchange import Exchange
from experiments.training.together import meet, together_of

Schema = TypeVar("Schema")
LoadWorld = Callable[[str], World]
"""Gives a world by its name or path, as `load_world` does."""


@contextmanager
def several_processes(options: argparse.Namespace, alone: bool) -> Iterator[Agreement]:
    """The agreement of all processes that run this command, once all have come.

    Within it, an error that ends one process ends all of them.

    Args:
      options: as those of `add_process_options` were parsed, with `resume`.
      alone: nothing is trained, so that none waits for another.

    Raises:
      InputError: the processes cannot meet, or were started with different options.
    """
    together = together_of(options.coordinator, options.processes, options.process_id)
    if together is None and not alone:
        together = cluster_processes()
    if together is None or together.processes == 1 or alone:
        yield ALONE
        return
    with Exchange(together, meet(together), end_process) as exchange:
        agreement = Agreement(exchange)
        check_same(agreement, {"--resume": options.resume is not None, "--runs-at-once": options.runs_at_once})
        yield agreement


def check_same(agreement: Agreement, values: dict[str, Any]) -> None:
    """Make sure that all processes have the same values.

    Raises:
      InputError: a process has another value than process 0, in all processes.
    """
    if not agreement.several:
        return
    given = agreement.gather(values)
    for number, others in enumerate(given if agreement.leads else []):  # the others hear of what process 0 finds
        differ = [name for name in {**values, **others} if values.get(name) != others.get(name)]
        shown = ", ".join(f"{name} {_shown(others, name)} (process 0: {_shown(values, name)})" for name in differ[:3])
        require(not differ, f"process {number}: has {shown}; start all of them with the same")
    agreement.first(None)


def _shown(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    return {None: "none", True: "given", False: "not given"}.get(value, str(value)) if name[:2] == "--" else str(value)


def handed_config(agreement: Agreement, schema: type[Schema], find: Callable[[], Schema]) -> Schema:
    """What `find` gives in process 0, in all processes; a mistake that it raises there ends all of them."""
    if not agreement.several:
        return find()
    text = agreement.first(to_yaml(find()) if agreement.leads else "")
    return make_as(schema, parse_yaml(text, "the config of process 0"))


def handed_worlds(agreement: Agreement, names: set[str]) -> LoadWorld:
    """Loads worlds from the files of process 0, which the others need not have."""
    own = names - set(world_names())
    if not agreement.several or not agreement.first(sorted(own)):
        return load_world
    texts: dict[str, str] = agreement.first({name: _text(Path(name)) for name in own if agreement.leads})

    def load(name: str) -> World:
        if agreement.leads or name not in texts:
            return load_world(name)
        return make_world(Path(name).stem, check_world(parse_yaml(texts[name], name)))

    return load


def _text(path: Path) -> str:
    """The text of a world file; of one that cannot be read nothing, since `load_world` says why."""
    if not is_file(path):
        return ""
    return path.read_text(encoding="utf-8-sig", errors="replace")
