"""Lines on the terminal that quote names of files or words of users, which are neither markup nor control codes."""

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from data.errors import printable
from experiments.commands.words import table_word

NARROWEST = 20
"""Columns of the narrowest terminal that lines and tables are wrapped for; a narrower one wraps by itself."""


def say(console: Console, line: str, style: str = "") -> None:
    """Print one line literally."""
    console.print(Text(printable(line), style), soft_wrap=True)


def say_prose(console: Console, line: str, style: str = "") -> None:
    """Print a line of prose, in a terminal wrapped at words; what follows keeps the line's indent, and two more."""
    text = Text(printable(line), style)
    indent = len(line) - len(line.lstrip()) + 2
    if not console.is_terminal or cell_len(text.plain) <= console.width:
        console.print(text, soft_wrap=True)
        return
    for number, part in enumerate(text.wrap(console, max(console.width - indent, NARROWEST), overflow="fold")):
        part.rstrip()
        console.print(Text.assemble(" " * indent * bool(number), part), soft_wrap=True)


def shown(console: Console, word: str) -> str:
    """A user's word as this console prints it, so that its width can be measured."""
    return table_word(word, getattr(console.file, "encoding", None) or "utf-8")
