"""Lines on the terminal that quote names of files or words of users, which are neither markup nor control codes."""

from rich.console import Console
from rich.text import Text

from data.errors import printable


def say(console: Console, line: str, style: str = "") -> None:
    """Print one line literally."""
    console.print(Text(printable(line), style), soft_wrap=True)
