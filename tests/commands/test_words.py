"""Words in tables: what a terminal that reorders must not move, and how many columns they take."""

import pytest

from data.vocabulary import MASK
from data.world import load_world
from experiments import train
from experiments.commands.words import table_width, table_word


def test_words_in_every_form_are_printed_and_blanks_are_no_words(capsys):
    assert train.main(["--words", "--world", "singular_plural"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert {
        "time: now today again",
        "singular subject (pet): cat dog rabbit",
        "plural object (food): eggs pies cakes",
    } <= {*lines}
    listed = [word for line in out.partition("\n\n")[0].splitlines() for word in line.partition(": ")[2].split()]
    assert sorted(listed) == sorted(set(load_world("singular_plural").vocabulary.words[2:]) - {"[one]", "[many]"})
    assert "the blank of its form, [one] (singular) or [many] (plural); its base word" in out


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


def test_all_words_of_a_world_are_printed_by_their_slots(capsys):
    assert train.main(["--words"]) == 0
    words, forms = capsys.readouterr().out.split("\n\n")
    lines = words.splitlines()
    assert "determiner: the a" in lines
    assert "\n  determiner subject adverb verb on determiner object .\n" in forms
    assert f"... and {len(load_world('english').templates) - 6} longer ones" in forms
    listed = [word for line in lines for word in line.partition(": ")[2].split()]
    known = load_world("english").vocabulary.words
    assert sorted(listed) == sorted(known[MASK + 1 :])
    (cats,) = (line for line in lines if "cat" in line.split())
    assert cats.startswith("subject (")
    assert "dog" in cats.split()
    assert "mat" not in cats.split()
