"""Questions about a path that a user named, which may be too long, or lie where this user may not look.

The methods of `Path` raise on both (before Python 3.14); here, what cannot be seen is not there.
"""

import os
from pathlib import Path


def is_file(path: Path) -> bool:
    """Whether a file can be seen there."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """Whether a folder can be seen there."""
    return os.path.isdir(path)  # noqa: PTH112


def is_taken(path: Path) -> bool:
    """Whether anything can be seen there."""
    return os.path.exists(path)  # noqa: PTH110
