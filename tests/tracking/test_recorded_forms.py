"""What a record says of words that have forms, and what the tab makes of it."""

from types import SimpleNamespace

import numpy as np
import pytest
from refusals import refused

from data.world import load_world
from experiments.measuring.probes import make_probes, masked_probe
from experiments.replay.ledger import row_ledger
from experiments.tracking.recorded_arrays import sentence_arrays
from experiments.tracking.word_labels import word_labels
from experiments.view.run_arrays import RunArrays
from model.config import ModelConfig

SLOTS = ("subject", "verb", "object")


def recorded(name, sentence):
    world = load_world(name)
    sentences = [masked_probe(world, sentence, SLOTS)]
    return world, sentence_arrays(world, sentences, make_probes(world, sentences))


class Record(dict):
    """Arrays that are the same at every step, as `StepReader` gives them."""

    steps = ()
    fixed = dict.__getitem__


@pytest.fixture
def arrays():
    return recorded("two_stories", "cat DOG SLEPT sat ROOF mat")


def test_the_tab_is_told_blanks_and_what_is_guessed(arrays):
    world, record = arrays
    (sentence,) = RunArrays(Record(record), None, ModelConfig()).sentences
    assert sentence.blanks == ["[mask]", "[MASK]", "[MASK]", "[mask]", "[MASK]", "[mask]"]
    guessed = [world.vocabulary.words[word] for word in sentence.targets]
    assert guessed == ["cat", "dog", "slept", "sat", "roof", "mat"]
    assert all(target in known for target, known in zip(sentence.targets, sentence.candidates, strict=True))


def test_without_forms_nothing_is_added():
    world, record = recorded("english", "the cat sat on the mat .")
    assert not {"base", "blank"} & record.keys()
    (sentence,) = RunArrays(Record(record), None, ModelConfig()).sentences
    assert sentence.blanks == ["[ ]"] * 3
    assert sentence.targets == [sentence.tokens[place] for place in sentence.masked]
    assert word_labels(world)[0] == "word\tslot\tclass"


@pytest.mark.parametrize("damage", [lambda a: a[:-1], lambda a: a + len(a), lambda a: a - len(a), lambda a: a * 1.0])
def test_arrays_that_do_not_fit_the_words_are_refused(arrays, damage):
    record = arrays[1] | {"base": damage(arrays[1]["base"])}
    with refused("record: its words do not fit together"):
        _ = RunArrays(Record(record), None, ModelConfig()).sentences


def test_the_seven_lines_of_a_record_show_the_blank(arrays):
    zeros = np.zeros((1, 6, 2, 6, 4), np.float32)
    vectors = dict.fromkeys(("query", "context"), zeros[:, :, :, 0])
    vectors |= {name: np.swapaxes(zeros, 2, 3) for name in ("key", "value")}
    numbers = dict.fromkeys(("dot_products", "scores", "weights"), zeros[..., 0])
    now = vectors | numbers | {"weighted_values": zeros, "step": np.asarray(0)}
    config = SimpleNamespace(
        heads=2, sink="none", d_mlp=0, qk_norm=False, softcap=0.0, scale="none", d_head=4, residual=True
    )
    assert row_ledger({**arrays[1], **now}, config, row=2).shown == ("cat", "DOG", "[MASK]", "sat", "ROOF", "mat")


def test_the_projector_says_the_form_of_each_word():
    labels = [tuple(line.split("\t")) for line in word_labels(load_world("singular_plural"))]
    assert labels[0] == ("word", "slot", "class", "form")
    assert {
        ("wolves", "subject", "wild animal", "plural"),
        ("sits", "verb", "no class", "singular"),
        ("now", "time", "no class", "no form"),
        ("[many]", "other", "no class", "plural"),
    } <= {*labels}
