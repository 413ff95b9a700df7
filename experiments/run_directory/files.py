"""Files that are written whole or not at all, and what is said where the system refuses to write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.errors import InputError
from experiments.config.schema import FORMAT
from experiments.run_directory.folders import cannot_write


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Within it, a system that refuses to write (a full disk) is a mistake told in one line."""
    try:
        yield
    except OSError as error:
        raise cannot_write(folder, error, "what stands there is kept") from None


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


class NewerFileError(InputError):
    """A file of a version of catmat that is newer than this one."""


def check_version(path: Path, version: int) -> None:
    """Refuse a record or a summary of another version than FORMAT.

    Raises:
      NewerFileError: it is of a newer one.
      InputError: it is of an older one.
    """
    if version > FORMAT:
        raise NewerFileError(f"{path}: has version {version}, this program reads {FORMAT}; update catmat")
    if version < FORMAT:
        raise InputError(f"{path}: is of version {version}, whose names differ; read it with catmat 0.1, or train anew")
