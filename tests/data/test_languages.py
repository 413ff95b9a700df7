"""Worlds in scripts of other kinds: read, drawn from, answered exactly, asked and painted like any other.

Each of `tests/data/worlds/` has a trait that Latin worlds lack; all have one size, so that one sampler is compiled.
"""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from refusals import refused
from small_world import SMALL, Oracle, normalised, with_holes, world_from

from data.drawing_tables import sampler_tables
from data.grammar import CONTENT
from data.inference import posterior, read_sentence
from data.reading import MOST_LETTERS
from data.sampler import sample
from data.vocabulary import MASK, SPECIAL_WORDS, Vocabulary
from data.world import load_world
from experiments.config.schema import Config
from experiments.measuring.experiment import watched_sentences
from experiments.pictures import canvas, fonts
from experiments.pictures.attention_map import MapPicture
from experiments.pictures.map_parts import MapLabels
from experiments.pictures.missing_fonts import missing_fonts

FOLDER = Path(__file__).parent / "worlds"
SENTENCES = {
    # language: (as it is typed, its words)
    "arabic": ("\u2068بچه\u200cها\u2069 روی فرش می\u200cخوابد\u200f.", "بچه\u200cها روی فرش می\u200cخوابد ."),
    "devanagari": ("पक्\u200dषी अब चटाई सोती।", "पक्\u200dषी अब चटाई सोती ।"),
    "chinese": ("狗在草地坐。", "狗 在 草地 坐 。"),
    "turkish": ("Irgat hep ızgara uyudu.", "ırgat hep ızgara uyudu ."),
}
draw = jax.jit(sample, static_argnums=2)


def path_of(language):
    return FOLDER / f"{language}.yaml"


@pytest.fixture(scope="module")
def worlds():
    return {language: load_world(str(path_of(language))) for language in SENTENCES}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_as_it_is_typed_is_watched(worlds, language):
    world, (typed, spaced) = worlds[language], SENTENCES[language]
    rows = watched_sentences(replace(Config(), world=str(path_of(language)), probes=(typed,)), world)
    assert len(rows) == len(world.examples) + 1
    tokens, masked = rows[-1]
    assert world.vocabulary.decode(tokens) == spaced.split()
    assert masked == [0, 2, 3]


@pytest.mark.parametrize("language", SENTENCES)
def test_samples_and_exact_answers_are_those_of_plain_enumeration(worlds, language):
    world, oracle = worlds[language], Oracle(path_of(language).read_text(encoding="utf-8"))
    answers = {key: normalised(words) for key, words in oracle.masked(1).items()}
    batch = jax.device_get(draw(sampler_tables(world, CONTENT), jax.random.key(0), 64))
    assert (batch.tokens_BK == MASK).sum() == 64
    exact_BW = posterior(world, batch.tokens_BK, batch.masked_B)
    for tokens, place, row_W in zip(batch.tokens_BK, batch.masked_B, exact_BW, strict=True):
        expected = answers[with_holes(world.vocabulary.decode(tokens), [place])]
        found = {(world.vocabulary.words[i],): row_W[i] for i in np.flatnonzero(row_W)}
        assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("language", SENTENCES)
def test_a_picture_without_a_font_is_painted_and_told_once(language, monkeypatch):
    """Fonts of the system are hidden: the typeface that comes along has Latin and Arabic letters."""
    for cached in (fonts.installed_fonts, fonts.font_path, canvas.text_tile, canvas._turned):
        cached.cache_clear()
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", list)
    words = tuple(SENTENCES[language][1].split())
    told = missing_fonts(words)
    wanted = {"devanagari": "Noto Sans Devanagari", "chinese": "Noto Sans CJK"}.get(language, "")
    assert wanted in told
    assert bool(told) == bool(wanted)
    assert "\n" not in told
    assert told.endswith(f"such as {wanted}" if wanted else "")  # that alone: a full stop has no script of its own
    picture = MapPicture(MapLabels(words, (0,), np.zeros((1, len(words)), bool)))
    assert picture.png(np.full((1, len(words)), 0.5), "").startswith(b"\x89PNG")
    for cached in (fonts.installed_fonts, fonts.font_path, canvas.text_tile, canvas._turned):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (
            ["\u4e00", "\u3005", "\u3002", "\uff0c", "\ud55c", "\u30fc"],
            "no font for CJK is installed; install one, such as Noto Sans CJK",
        ),
        (["\u0964"], "U+0964 DEVANAGARI DANDA"),
        (["\ue000"], "U+E000"),
        (["\U00017000"], "Noto Serif Tangut"),
        (["\u1cda\u0915"], "no font for Devanagari is installed; install one, such as Noto Sans Devanagari"),
        (["\U0001f469\u200d\U0001f467"], "Noto Color Emoji"),
        (["แมว"], "no font for Thai is installed; install one, such as Noto Sans Thai"),
        (["\u17a3\u0f40"], "Noto Sans Khmer, Noto Serif Tibetan"),
        (
            ["\u0f40\u1401"],
            "Tibetan and Canadian Aboriginal is installed; install one, such as Noto Serif Tibetan, Noto Sans Canadian",
        ),
    ],
)
def test_fonts_that_exist_are_named(words, named, monkeypatch):
    monkeypatch.setattr("experiments.pictures.missing_fonts.has_all_of", lambda *_: False)
    monkeypatch.setattr("experiments.pictures.missing_fonts.undrawn", str)
    assert named in missing_fonts(words)


def test_letters_that_are_not_joined_are_told(monkeypatch):
    """Pillow joins letters and places marks by FriBidi, which a small system lacks."""
    words = ["cat", "cafe\u0301", "חתול", "گربه", "שָׁ"]
    assert missing_fonts(words) == ""
    monkeypatch.setattr("PIL.features.check", lambda *_: False)
    told = missing_fonts(words)
    assert "of گربه, שָׁ one by one" in told
    assert "install FriBidi" in told
    assert missing_fonts(words[:3]) == ""


# --- joiners ---


def with_word(word):
    escaped = "".join(c if c.isalnum() else f"\\U{ord(c):08X}" for c in word)
    return SMALL.replace("[old, small]", f'[old, "{escaped}"]')


@pytest.mark.parametrize(
    "word", ["می\u200cرود", "क्\u200dष", "👩\u200d👧", "❤\ufe0f\u200d🔥", "അവന\u0d4d\u200d", "Auf\u200clage"]
)
def test_joiners_inside_a_word_are_accepted(word):
    assert word in world_from(with_word(word)).vocabulary.number
    assert MapLabels((word,), (0,), np.zeros((1, 1), bool)).short(0) == word


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("\u200cold", "U+200C ZERO WIDTH NON-JOINER"),
        ("old\u200d", "U+200D ZERO WIDTH JOINER"),
        ("o\u200c\u200cld", "U+200C ZERO WIDTH NON-JOINER"),
        ("old\u200d-er", "U+200D ZERO WIDTH JOINER"),
        ("o\u200bld", "U+200B ZERO WIDTH SPACE"),
        ("ol\u202ed", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("ol\u00add", "U+00AD SOFT HYPHEN"),
    ],
)
def test_a_refusal_names_the_invisible_character(word, named):
    with refused("test.yaml:9", *named.split(" ", 1), "remove"):
        world_from(with_word(word), "test")


# --- reading ---


@pytest.mark.parametrize(
    ("words", "typed", "read"),
    [
        ("inek ırgat", "İnek", "inek"),
        ("inek ırgat", "Irgat", "ırgat"),
        ("inek ırgat", "I\u0307nek", "inek"),  # decomposed
        ("iris irgat", "Iris", "iris"),
        ("irgat ırgat", "Irgat", "ırgat"),
        ("irgat ırgat", "İrgat", "irgat"),
        ("ijs eet", "IJs eet", "ijs eet"),
        ("ǆep", "ǅep", "ǆep"),
        ("\u02bbokina 2nd", "\u02bbOkina 2nd", "\u02bbokina 2nd"),
        ("'n kat slaap", "'n Kat slaap", "'n kat slaap"),
        ("'n kat slaap", "\u2019n Kat slaap", "'n kat slaap"),
        ("\u2018 \u2019 l'un", "\u2018L\u2019un\u2019", "\u2018 l'un \u2019"),
        ("Will will", "Will", "Will"),
        ("¿ ? el gato", "¿El gato?", "¿ el gato ?"),
        ("« » el gato", "« El gato»", "« el gato »"),
        ("l' homme", "L'homme", "l' homme"),
        ("l\u2019 homme", "L'homme", "l\u2019 homme"),
        ("l'\u00e9t\u00e9 don\u02bct", "L\u2019\u00e9t\u00e9 don\u2019t", "l'\u00e9t\u00e9 don\u02bct"),
        ("l'un l\u2019un", "L\u2019un l'un", "l\u2019un l'un"),
        ("porte-cl\u00e9s", "Porte\u2011cl\u00e9s", "porte-cl\u00e9s"),
        ("\u05e6\u05d4\u05f4\u05dc", '\u05e6\u05d4"\u05dc', "\u05e6\u05d4\u05f4\u05dc"),
        ("แมว นอน", "แมวนอน", "แมว นอน"),
        ("แมว นอน", "แมว\u200bนอน", "แมว นอน"),
        ("👩\u200d👧 👩 👧", "👩\u200d👧👩", "👩\u200d👧 👩"),
        ("上 海 上海", "上海", "上海"),  # a word is itself
    ],
)
def test_how_people_write(words, typed, read):
    vocabulary = Vocabulary(words.split())
    assert vocabulary.decode(vocabulary.encode(typed)) == read.split()


@pytest.mark.parametrize(
    ("words", "typed", "named"),
    [
        ("the cat", "thecat", "'thecat'"),
        ("the cat", "the Cat", "'Cat'"),
        ("' the cat", "'the Cat", "'Cat'"),
        ("2nd cat", "2Nd cat", "'2Nd'"),
        ("the cat", f"{SPECIAL_WORDS[MASK]} cat", f"'{SPECIAL_WORDS[MASK]}"),
        ("the cat", f"the {SPECIAL_WORDS[MASK]}", f"'{SPECIAL_WORDS[MASK]}"),
        ("猫 坐 。", "猫坐狗。", "'狗'"),
        ("می\u200cخورد", "میخورد", "'میخورد'"),
        ("👩 👧", "👩\u200d👧", "'👩\u200d👧'"),
        ("一 二", "一" * MOST_LETTERS + "x", "'一一"),
    ],
)
def test_what_is_no_word_is_named(words, typed, named):
    with pytest.raises(Exception, match="is not a word") as error:
        Vocabulary(words.split()).encode(typed)
    assert str(error.value).startswith(named)


TWO_WAYS = """\
format: 1
words: {subject: [花, 花生], verb: [长, 生长], object: [屋顶, 石头]}
preferences: [{between: [subject, verb], strength: 1, pairs: {花: [长]}}]
clauses:
  main: [{slot: subject}, {slot: verb}, {slot: object}]
sentences: [{chance: 1, parts: [{clause: main}, {word: 。}]}]
"""


def test_two_readings_are_refused_with_both():
    world = world_from(TWO_WAYS)
    with refused("'花 生长 石头 。'", "花生 长 石头 。", "blanks"):
        read_sentence(world, "花生长石头。")
    with refused("'花 生长'", "花生 长", "blanks"):
        world.vocabulary.encode("花生长")
    tokens, _ = read_sentence(world, "花 生长石头。")
    assert world.vocabulary.decode(tokens) == ["花", "生长", "石头", "。"]


def test_of_two_readings_the_one_that_the_world_can_say():
    world = world_from(TWO_WAYS.replace("{slot: verb}, {slot: object}]", "{word: 生}, {slot: verb}, {slot: object}]"))
    assert len(world.vocabulary.readings("花生长石头。")) == 3
    tokens, _ = read_sentence(world, "花生长石头。")
    assert world.vocabulary.decode(tokens) == ["花", "生", "长", "石头", "。"]


def test_the_keys_of_the_file_are_words_too_and_keep_their_spelling():
    """A world may talk of subjects and defaults; keys are compared as they stand, whatever happens to words."""
    words = SMALL.replace("[old, small]", "[subject, slot, format, default]")
    assert {"subject", "slot", "format", "default"} <= world_from(words).vocabulary.number.keys()
    for key in ("Words:", "w\u200cords:", "WORDS:"):
        with refused("test.yaml:3", "unknown key"):
            world_from(SMALL.replace("words:", key, 1), "test")
