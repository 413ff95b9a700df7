"""Lines on the terminal that quote names of files or words of users, which are neither markup nor control codes."""

from rich.console import Console
from rich.text import Text

from data.errors import printable
from experiments.commands.words import table_word


def say(console: Console, line: str, style: str = "") -> None:
    """Print one line literally."""
    console.print(Text(printable(line), style), soft_wrap=True)


def shown(console: Console, word: str) -> str:
    """A user's word as this console prints it, so that its width can be measured."""
    return table_word(word, getattr(console.file, "encoding", None) or "utf-8")
