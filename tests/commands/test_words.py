"""Words in tables: what a terminal that reorders must not move, and how many columns they take."""

import pytest

from experiments.commands.words import table_width, table_word


@pytest.mark.parametrize(
    ("word", "encoding", "shown", "width"),
    [
        ("Käse", "utf-8", "Käse", 4),
        ("گربه", "utf-8", "\u2068گربه\u2069", 4),
        ("חתול", "utf-8", "\u2068חתול\u2069", 4),
        ("usb-کابل", "utf-8", "\u2068usb-کابل\u2069", 8),
        ("١٢", "utf-8", "\u2068١٢\u2069", 2),
        ("می\u200cخوابد", "utf-8", "\u2068می\u200cخوابد\u2069", 7),
        ("क्\u200dष", "utf-8", "क्\u200dष", 1),
        ("座布団", "utf-8", "座布団", 6),
        ("👩\u200d👧", "utf-8", "👩\u200d👧", 2),
        ("e\u0301", "utf-8", "e\u0301", 1),
        ("a\x1b[2J\u202e", "utf-8", r"a\x1b[2J\u202e", 14),
        ("Käse", "ascii", r"K\xe4se", 7),
        ("گر", "ascii", r"\u06af\u0631", 12),
        ("חתול", "iso8859-8", "חתול", 4),
    ],
)
def test_a_word_in_a_table_is_isolated_and_measured(word, encoding, shown, width):
    assert table_word(word, encoding) == shown
    assert table_width(table_word(word, encoding)) == width
    table_word(word, encoding).encode(encoding)
