"""Training, measuring and showing; the commands are the modules run with `python -m`."""

import os
import sys

_COMMAND = sys.argv[:1] == ["-m"]  # one begins to load
if _COMMAND and not sys.flags.safe_path:
    # The folder where a command is called comes first for Python: a `random.py` or `jax.py` there would be everybody's.
    del sys.path[0]
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120  needs pathlib

from catmat_command import check_own_packages, leave_at_once_while_loading, use_own_packages  # noqa: E402

if _COMMAND:
    leave_at_once_while_loading()
    use_own_packages()
else:
    check_own_packages()
