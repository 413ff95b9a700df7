"""Lines on the terminal are text, whatever stands in them."""

import io

from rich.console import Console

from experiments.commands.console import say, say_prose


def test_a_line_is_printed_as_it_is():
    out = Console(file=io.StringIO(), width=20)
    say(out, "runs/[red]a:cat:b\x1b[2J\u202e, which is far longer than the console", "dim")
    assert out.file.getvalue() == "runs/[red]a:cat:b\\x1b[2J\\u202e, which is far longer than the console\n"


def test_prose_is_wrapped_at_words_in_a_terminal_alone():
    line = "  confirmed  the exponent in d of all the gradients falls: predicted -0.5, measured -0.49"
    terminal = Console(file=io.StringIO(), width=30, force_terminal=True, color_system=None)
    for console in (terminal, file := Console(file=io.StringIO(), width=30)):
        say_prose(console, line)
    assert terminal.file.getvalue().splitlines() == [
        "  confirmed  the exponent",
        "    in d of all the gradients",
        "    falls: predicted -0.5,",
        "    measured -0.49",
    ]
    assert file.file.getvalue() == f"{line}\n"
