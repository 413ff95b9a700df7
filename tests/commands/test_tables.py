"""A table is whole at every width: in blocks of its columns on a narrow terminal, in one block in a file."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from experiments.commands.tables import CONTINUED, TableColumn, print_table
from experiments.commands.words import table_word

LONG = "Donaudampfschifffahrtsgesellschaft"
PROSE = "model.d_head 64, model.scale 0.25, train.learning_rate 0.001"
ROWS = [[LONG, "1", "die Katze", PROSE], ["Hund", "22", LONG, "seed 7"], [table_word("کتاب‌خانه"), "333", "猫", ""]]
NAMES = ["name", "number", "word", "differs"]


def terminal(width):
    return Console(file=io.StringIO(), force_terminal=True, color_system=None, width=width)


def printed(console, rows=ROWS, names=NAMES):
    cells = [[Text(row[k]) for row in rows] for k in range(len(names))]
    name, number, word, prose = (TableColumn(Text(n), c) for n, c in zip(names, cells, strict=True))
    wide = TableColumn(prose.heading, prose.cells, least=16)
    print_table(console, [name, TableColumn(number.heading, number.cells, "right"), word, wide])
    return console.file.getvalue().splitlines()


def letters(lines):
    """Everything that is drawn, but spaces and isolates, in an order of no meaning."""
    return sorted("".join(lines).translate(dict.fromkeys(map(ord, " \u2068\u2069"))))


@pytest.mark.parametrize("width", [1, 20, 40, 60, 80, 200])
def test_nothing_is_lost_at_any_width(width):
    lines = printed(terminal(width))
    assert all(cell_len(line) <= max(width, 20) for line in lines)
    blocks = sum(line.startswith(CONTINUED) for line in lines)
    assert (blocks == 0) == (width == 200)
    names = "".join(row[0] for row in ROWS)
    expected = ["".join(map("".join, ROWS)), *NAMES, names * blocks, CONTINUED * blocks]
    assert letters(lines) == letters(expected)
    assert all(line.count("\u2068") == line.count("\u2069") for line in lines)


def test_a_file_gets_the_table_at_its_full_width():
    file = printed(Console(file=io.StringIO(), width=20))
    assert file == printed(terminal(1000))
    assert [line.split("  ")[0] for line in file] == ["name", LONG, "Hund", table_word("کتاب‌خانه")]


def test_columns_stand_under_each_other():
    assert [line.rstrip() for line in printed(terminal(19), [["a", "1", "x", "seed 7"], ["bcd", "22", "yz", ""]])] == [
        "name  number  word",
        "a          1  x",
        "bcd       22  yz",
        "...   differs",
        "a     seed 7",
        "bcd",
    ]


def test_columns_that_belong_together_stay_together():
    one, two, three = (TableColumn(Text(c * 8), [Text(c)]) for c in "abc")
    for joined, heads in (
        (False, ["key aaaaaaaa bbbbbbbb", "... cccccccc"]),
        (True, ["key aaaaaaaa", "... bbbbbbbb cccccccc"]),
    ):
        console, last = terminal(21), TableColumn(three.heading, three.cells, joined=joined)
        print_table(console, [TableColumn(Text("key"), [Text("k")]), one, two, last], gap=1)
        assert [line.rstrip() for line in console.file.getvalue().splitlines()[::2]] == heads


def test_escapes_do_not_shift_the_columns():
    ascii_file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console = Console(file=ascii_file, width=80)
    rows = [[table_word(word, "ascii"), "1", "x", "y"] for word in ("Straße", "کتاب", "on")]
    cells = [[Text(row[k]) for row in rows] for k in range(4)]
    print_table(console, [TableColumn(Text(n), c) for n, c in zip(NAMES, cells, strict=True)])
    ascii_file.flush()
    lines = ascii_file.buffer.getvalue().decode("ascii").splitlines()
    assert {line.index("1") for line in lines[1:]} == {lines[0].index("number")}
