"""Config files and command-line values: what reads back, what is refused, and in which words."""

import dataclasses
import json
import random
import re
from pathlib import Path

import pytest
from mutations import WEIRD_VALUES, mutated
from refusals import assert_refused, assert_told_well, refused

from data.errors import InputError
from data.yaml_file import parse_yaml
from experiments.config.loader import config_names, load_config, make_as, to_yaml
from experiments.config.schema import Config, EvaluateConfig, TaskConfig, TrackConfig, TrainConfig, config_fields
from experiments.gradient_study.config import GradientConfig
from experiments.paper_results.config import PAPERS, PapersConfig
from model.config import ModelConfig

WHOLE = """\
# Every value of a config, none of them the default.
format: 2
world: german
seed: 3
seeds: 2
probes: [der hund schlief ., "1e3"]
model:
  d_model: 16
  heads: 1
  d_head: 8
  d_mlp: 4
  norm: rms
  embedding_std: 0.02
  query: position
  scale: none
  qk_norm: true
  softcap: 30
  sink: learned
  query_start: 0.5
  folded: inverse
task:
  masked: [verb]
train:
  steps: 1e3
  batch: 48
  sampling: quasi_random
  optimizer: sgd
  learning_rate: 1e-3
  warmup: 0
  weight_decay: 0.5
  beta2: .9
evaluate:
  sentences: 64
track:
  records: 5
  images: 3
  checkpoint_seconds: 9
"""
MODEL = ModelConfig(
    d_model=16, heads=1, d_head=8, d_mlp=4, norm="rms", embedding_std=0.02, query="position", scale="none",
    qk_norm=True, softcap=30.0, sink="learned", query_start=0.5, folded="inverse",
)  # fmt: skip
EXPECTED = Config(
    world="german",
    seed=3,
    seeds=2,
    probes=("der hund schlief .", "1e3"),
    model=MODEL,
    task=TaskConfig(masked=("verb",)),
    train=TrainConfig(
        steps=1000,
        batch=48,
        sampling="quasi_random",
        optimizer="sgd",
        learning_rate=0.001,
        warmup=0.0,
        weight_decay=0.5,
        beta2=0.9,
    ),
    evaluate=EvaluateConfig(sentences=64),
    track=TrackConfig(records=5, images=3, checkpoint_seconds=9.0),
)


def config_from(text, overrides=None):
    return make_as(Config, parse_yaml(text, "test.yaml"), overrides)


def values(config):
    """{dotted name: value}."""
    nested = dataclasses.asdict(config)
    return {name: nested[name] if "." not in name else nested[name.split(".")[0]][name.split(".")[1]]
            for name, _ in config_fields()}  # fmt: skip


def test_every_value_is_read():
    config = config_from(WHOLE)
    assert config == EXPECTED
    types = [type(value) for value in values(EXPECTED).values()]
    assert [type(value) for value in values(config).values()] == types  # 30 is 30.0 where a number is meant
    default = values(Config())
    named = {name for name in default if re.search(rf"^ *{name.rpartition('.')[2]}:", WHOLE, re.MULTILINE)}
    assert len(named) >= 30
    assert [name for name in named if values(config)[name] == default[name]] == []


def another(item):
    """A value of a config's field that is not its default, by the bounds of the field alone."""
    default, bounds = item.default, item.metadata
    if isinstance(default, bool):
        return not default
    if "choices" in bounds:
        return next(choice for choice in bounds["choices"] if choice != default)
    if isinstance(default, (int, float)):
        return bounds["low"] if bounds["low"] != default else bounds["high"]
    return ("adverb",) if isinstance(default, tuple) else "german"


@pytest.mark.parametrize(("name", "item"), [*config_fields()], ids=[name for name, _ in config_fields()])
def test_each_value_alone_is_read_and_moves_no_other(name, item):
    """Also those that will be added: in the file and on the command line."""
    value, expected = another(item), values(Config())
    written = list(value) if isinstance(value, tuple) else value
    *sections, last = name.split(".")
    nested = {sections[0]: {last: written}} if sections else {last: written}
    expected[name] = value
    assert values(config_from(json.dumps(nested))) == expected
    assert values(config_from("", {name: json.dumps(written).strip('"')})) == expected
    assert values(config_from(to_yaml(config_from(json.dumps(nested))))) == expected


@pytest.mark.parametrize("text", ["", "# nothing\n", "format: 2\n", "{}", "model: {}\ntrain: {}\n"])
def test_what_is_left_out_has_its_default(text):
    assert config_from(text) == Config()
    assert config_from(text, {"train.steps": "7"}).train.steps == 7


# Texts that YAML, or another reader of YAML, would take for something else.
ODD_TEXTS = ["1e3", "08", "5", ".5", "true", "null", "~", "", "on", "no", " a ", "a: b", "- a", "#a", "[a]", "{a}",
             "'", '"', "a\nb", "\t", "\x85", "\u2028", "\u202e", "\ufeff", "\x07", "日本", "😀", "&a",
             "*a", "!a", "%", "@"]  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [
        Config(),
        EXPECTED,
        Config(model=ModelConfig(scale=0.25), train=TrainConfig(learning_rate=1e-7, weight_decay=1e3)),
        Config(model=ModelConfig(scale=1e6, embedding_std=1.2345678901234567e-300)),
        Config(seed=2**31 - 1, train=TrainConfig(steps=10_000_000)),
        *(Config(world=text, probes=(text, text)) for text in ODD_TEXTS),
    ],
    ids=ascii,
)
def test_what_is_written_reads_back_equal(config):
    again = config_from(to_yaml(config))
    assert again == config
    assert [type(value) for value in values(again).values()] == [type(value) for value in values(config).values()]
    hash(again)


def test_the_meaning_and_the_bounds_of_every_value():
    for name, item in config_fields():
        assert item.metadata["meaning"], name
        default = item.default
        if isinstance(default, (int, float)) and not isinstance(default, bool):
            assert item.metadata["low"] <= default <= item.metadata["high"], name
        if "choices" in item.metadata:
            assert default in item.metadata["choices"], name


def test_where_a_config_file_is_looked_up(tmp_path, monkeypatch):
    own = load_config("toy.yaml", {})
    assert load_config("toy", {}) == own
    monkeypatch.chdir(tmp_path)
    assert load_config("toy", {}) == own
    Path("toy.yaml").write_text("seed: 5", encoding="utf-8")
    assert load_config("toy.yaml", {}) == Config(seed=5)  # a path comes first
    assert load_config(str(tmp_path / "toy.yaml"), {}) == Config(seed=5)
    assert load_config("toy", {}) == own
    assert load_config(None, {}) == Config()


@pytest.mark.parametrize(
    ("name", "shown", "named"),
    [
        ("toy.yml", "toy.yml", ["toy.yaml"]),
        ("elsewhere/toy.yaml", "elsewhere/toy.yaml", ["toy.yaml"]),
        ("", ".", ["folder"]),
        ("tests", "tests", ["folder"]),
        ("x" * 5000, "xxx", ["toy.yaml"]),
        ("a\u202eb\nc\0", r"a\u202eb\nc\x00", ["toy.yaml"]),
    ],
)
def test_no_such_config_file(name, shown, named):
    with pytest.raises(InputError) as error:
        load_config(name, {})
    assert_refused(error.value, assert_told_well(error.value).split(": ")[0], *named)
    assert str(error.value).startswith(shown)


@pytest.mark.parametrize("name", config_names())
def test_every_shipped_config(name):
    assert isinstance(load_config(name, {}), Config)
    text = (Path("configs") / name).read_text(encoding="utf-8")
    assert text.startswith("#")
    assert f"--config {name}" in text.partition("format:")[0]


# (old, new, the value's name, what the message names beside it): HERE stands in the line of the mistake.
MISTAKES = [
    ("d_model: 16", "d_modle: 16 # HERE", "model.d_modle", "d_model"),
    ("d_model: 16", "zzz: 16 # HERE", "model.zzz", "known", "d_head"),
    ("seeds: 2", "Seeds: 2 # HERE", "Seeds", "seeds"),
    ("train:", "trian: # HERE", "trian", "train"),
    ("  heads: 1", "  format: 2 # HERE", "model.format"),
    ("format: 2", "format: 3 # HERE", "format", "update", "format: 2"),
    ("format: 2", "format: 1 # HERE", "format", "1", "catmat 0.1", "masked for hidden", "format: 2"),
    ("masked: [verb]", "hidden: [verb] # HERE", "task.hidden", "task.masked"),
    ("heads: 1", "heads: 1\n  heads: 2 # HERE", "heads", "line 9", "remove"),
    ("seeds: 2", "seeds: null # HERE", "seeds"),
    ("seeds: 2", "seeds: # HERE", "seeds", "nothing"),
    ("seeds: 2", "seeds: true # HERE", "seeds", "true"),
    ("seeds: 2", "seeds: '2' # HERE", "seeds", "whole number"),
    ("seeds: 2", "seeds: [2] # HERE", "seeds", "list"),
    ("seeds: 2", "seeds: {a: 2} # HERE", "seeds", "mapping"),
    ("seeds: 2", "seeds: 2.5 # HERE", "seeds", "2.5"),
    ("seeds: 2", "seeds: 1e400 # HERE", "seeds", "inf"),
    ("seeds: 2", "seeds: .nan # HERE", "seeds", "nan"),
    ("seeds: 2", "seeds: 0 # HERE", "seeds", "1", "100000", "0"),
    ("seed: 3", "seed: -1 # HERE", "seed", "0", "2147483647", "-1"),
    ("steps: 1e3", "steps: 1e9 # HERE", "train.steps", "1", "10000000", "1000000000"),
    ("warmup: 0", "warmup: 1.5 # HERE", "train.warmup", "0.0", "1.0", "1.5"),
    ("warmup: 0", "warmup: .nan # HERE", "train.warmup", "nan"),
    ("warmup: 0", "warmup: .inf # HERE", "train.warmup", "0.0", "1.0", "inf"),
    ("warmup: 0", "warmup: false # HERE", "train.warmup", "false"),
    ("warmup: 0", "warmup: nan # HERE", "train.warmup", "finite", "nan"),
    ("qk_norm: true", "qk_norm: 1 # HERE", "model.qk_norm", "true", "false", "1"),
    ("qk_norm: true", "qk_norm: yes # HERE", "model.qk_norm", "true", "false"),
    ("norm: rms", "norm: batch # HERE", "model.norm", "layer", "rms", "none", "batch"),
    ("norm: rms", "norm: 5 # HERE", "model.norm", "5"),
    ("scale: none", "scale: invers # HERE", "model.scale", "inverse_sqrt", "number", "invers"),
    ("scale: none", "scale: true # HERE", "model.scale", "true"),
    ("scale: none", "scale: -1 # HERE", "model.scale", "0.0", "1000000.0", "-1.0"),
    ("scale: none", "scale: .nan # HERE", "model.scale", "nan"),
    ("masked: [verb]", "masked: verb # HERE", "task.masked", "[a, b]"),
    ("masked: [verb]", "masked: [] # HERE", "task.masked", "slot"),
    ("masked: [verb]", "masked: [verb, verb] # HERE", "task.masked", "verb"),
    ("masked: [verb]", "masked: [5] # HERE", "task.masked.0", "5", "quotes"),
    ("probes: [der hund schlief .,", "probes: [[der], # HERE\n ", "probes.0"),
    ("evaluate:\n  sentences: 64", "evaluate: # HERE", "evaluate", "key: value"),
    ("evaluate:\n  sentences: 64", "evaluate: 64 # HERE", "evaluate", "64"),
    ("seeds: 2", "seeds: 2147483646 # HERE", "seeds", "100000", "2147483646"),
    ("world: german", "world: &a german # HERE", "", "anchors", "aliases"),
]  # fmt: skip


def assert_refused_at_its_mark(text, name, *named):
    """`text`, a config, is refused with the line in which "# HERE" stands, and by the name of the value."""
    line = 1 + text[: text.index("# HERE")].count("\n")
    with refused(f"test.yaml:{line}: {name}".removesuffix(": "), *named):
        config_from(text)


@pytest.mark.parametrize("row", MISTAKES, ids=[f"{i}-{row[1][:40]}" for i, row in enumerate(MISTAKES)])
def test_a_mistake_is_told_with_its_line(row):
    old, new, *expected = row
    assert WHOLE.count(old) == 1, old
    assert_refused_at_its_mark(WHOLE.replace(old, new), *expected)


def test_two_values_in_conflict_are_both_named():
    text = WHOLE.replace("seed: 3", "seed: 2147483647").replace("seeds: 2", "seeds: 2 # HERE")
    assert_refused_at_its_mark(text, "seeds", "seed", "seeds", "2147483648")


@pytest.mark.parametrize("text", ["- a\n", "seed\n", "5"])
def test_a_file_that_is_no_mapping(text):
    with refused("test.yaml:1", "mapping"):
        config_from(text)


# (option, value as typed, what it becomes)
TYPED = [
    ("train.steps", "300", 300),
    ("train.steps", "1e3", 1000),
    ("train.learning_rate", "1", 1.0),
    ("train.learning_rate", "1e-3", 0.001),
    ("model.scale", "learned", "learned"),
    ("model.scale", "2", 2.0),
    ("model.qk_norm", "true", True),
    ("world", "my worlds/on.yaml", "my worlds/on.yaml"),
    ("probes", "[the cat sat on the mat ., 'a, b']", ("the cat sat on the mat .", "a, b")),
    ("probes", "[]", ()),
    ("task.masked", " [verb, object]", ("verb", "object")),
]


@pytest.mark.parametrize(("option", "typed", "value"), TYPED)
def test_a_command_line_value_goes_on_top_of_the_file(option, typed, value):
    before, after = values(config_from(WHOLE)), values(config_from(WHOLE, {option: typed}))
    assert after.pop(option) == value
    assert type(values(config_from("", {option: typed}))[option]) is type(value)
    before.pop(option)
    assert after == before


# (option, value as typed, what the message names)
WRONGLY_TYPED = [
    ("train.steps", "many", "text"),
    ("train.steps", ""),
    ("train.steps", "-5", "1", "10000000", "-5"),
    ("train.steps", "[1]"),
    ("model.qk_norm", "1", "true", "false", "1"),
    ("model.norm", "Layer", "layer", "rms", "none", "Layer"),
    ("probes", "the cat", "[a, b]"),
    ("probes", "[the cat, 5]", "item 2", "5", "quotes"),
    ("probes", "[the cat", "brackets", "[a, b]"),
    ("probes", "[\u202e, \x07]", "U+0007"),
    ("task.masked", "[]", "slot"),
    ("world", "a\udcff", r"a\udcff", "UTF-8"),
]


@pytest.mark.parametrize("row", WRONGLY_TYPED, ids=[f"{row[0]} {row[1]!a}" for row in WRONGLY_TYPED])
def test_a_wrong_command_line_value_is_told_by_its_option(row):
    option, typed, *named = row
    with refused(f"--{option}", *named):
        config_from(WHOLE, {option: typed})


def test_two_options_in_conflict_are_told_by_the_one_that_rules():
    with refused("--seeds", "seed", "seeds", "2147483648"):
        config_from(WHOLE, {"seed": "2147483647", "seeds": "100000"})


def test_the_place_of_a_wrong_value_is_where_it_was_given():
    assert config_from("seed: -1", {"seed": "1"}).seed == 1
    with refused("test.yaml:2: seed", "-1"):
        config_from("seeds: 1\nseed: -1", {"seeds": "2"})


# Mutations: nothing that a slip of the hand leaves in a file may end in a traceback.
WEIRD = [*WEIRD_VALUES, "1" + "0" * 5000, "-" + "9" * 30, "1e-400", "1_0", "0x10", "[nan, [inf]]", "[.nan]", "{}: 1"]


def outcome(make, shown, schema=Config):
    """The config (a `schema`) that `make` gives, or None where it told of a mistake in one line."""
    try:
        config = make()
    except InputError as error:
        assert_told_well(error)
        return None
    except Exception as error:
        raise AssertionError(f"{shown!a} ended in {error!r}") from error
    assert isinstance(config, schema)
    return config


# (the file, how often it is mutated, whose config it is)
MUTATED = [
    ("whole", 1_000, Config),
    *((name, 200, Config) for name in config_names()),
    ("gradients.yaml", 200, GradientConfig),
    *((f"papers/{name}.yaml", 100, PapersConfig) for name in PAPERS),
]


@pytest.mark.parametrize(("name", "count", "schema"), MUTATED, ids=[row[0] for row in MUTATED])
def test_a_mutated_config_file_gives_a_config_or_one_line(name, count, schema):
    text = WHOLE if name == "whole" else (Path("configs") / name).read_text(encoding="utf-8")
    rng = random.Random(7)
    configs = 0
    for _ in range(count):
        changed = mutated(text, rng)
        if rng.random() < 0.3:  # a value becomes something else
            lines = changed.split("\n")
            here = rng.randrange(len(lines))
            lines[here] = f"{lines[here].partition(':')[0]}: {rng.choice(WEIRD)}"
            changed = "\n".join(lines)
        config = outcome(lambda text=changed: make_as(schema, parse_yaml(text, "test.yaml")), changed, schema)
        if config is not None:
            configs += 1
            assert make_as(schema, parse_yaml(to_yaml(config), "again")) == config, ascii(changed)
    assert 10 <= configs < count  # neither all of them are refused, nor none


def test_mutated_command_line_values_give_a_config_or_one_line():
    rng = random.Random(8)
    names = [name for name, _ in config_fields()]
    configs = 0
    for i in range(200):
        option, typed, _ = rng.choice(TYPED)
        overrides = {rng.choice(names): rng.choice(WEIRD)} if i % 4 == 0 else {option: mutated(typed, rng)}
        if i % 10 == 0:
            overrides["probes"] = f"[{rng.choice(WEIRD)}]"
        configs += outcome(lambda given=overrides: config_from(WHOLE, given), overrides) is not None
    assert 20 <= configs <= 180
