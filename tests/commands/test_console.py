"""Lines on the terminal are text, whatever stands in them."""

import io

from rich.console import Console

from experiments.commands.console import say


def test_a_line_is_printed_as_it_is():
    out = Console(file=io.StringIO(), width=20)
    say(out, "runs/[red]a:cat:b\x1b[2J\u202e, which is far longer than the console", "dim")
    assert out.file.getvalue() == "runs/[red]a:cat:b\\x1b[2J\\u202e, which is far longer than the console\n"
