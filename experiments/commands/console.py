"""Lines on the terminal with names of files or words of users: data, neither markup nor control characters."""

from rich.console import Console
from rich.text import Text

from data.errors import printable


def say(console: Console, line: str, style: str = "") -> None:
    """Print one line as it is, whatever stands in it."""
    console.print(Text(printable(line), style), soft_wrap=True)
