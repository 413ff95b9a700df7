"""The command as a user meets it: its help, and one line with exit code 2 for whatever is mistaken.

One process answers all the calls: most of the time goes into its start.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from refusals import assert_refused, refused

from data.inference import read_sentence
from data.world import load_world
from data.yaml_file import parse_yaml
from experiments.commands.options import config_parser, parse
from experiments.config.loader import load_config, make_as
from experiments.config.schema import Config, TrainConfig, config_fields
from experiments.train import EPILOG
from model.config import ModelConfig

ROOT = Path(__file__).parents[2]
HELP, PRINT, PRINT_OWN, DEVICES = (
    ["--help"],
    ["--print-config"],
    ["--config", "own", "--print-config"],
    ["--list-devices"],
)
OWN = ["--config", "own.yaml", "--print-config", "--model.scale", "2", "--probes", "[der hund ., '1e3']", "--seed=4"]
CAT = "the cat sat on the mat ."

# (arguments, what the line after "error: " begins with, what it names further)
OPTIONS = [
    (["--model.d_modle", "5"], "unknown option --model.d_modle", ["--model.d_model"]),
    (["--model.d_modle=5"], "unknown option --model.d_modle=5", ["--model.d_model"]),
    (["--model.d_mod", "5"], "unknown option --model.d_mod", []),  # no abbreviations
    (["--train.step", "5"], "unknown option --train.step", ["--train.steps"]),
    (["--print-confg"], "unknown option --print-confg", ["--print-config"]),
    (["toy.yaml"], "unknown option toy.yaml", ["--config"]),
    (["--\u202e\x07\n"], r"unknown option --\u202e\x07\n", ["--config"]),
    (["--task.hidden", "[verb]"], "unknown option --task.hidden", ["--task.masked"]),
    (["--seed"], "argument --seed", ["--help"]),
    (["--seed", "five"], "--seed", ["whole number"]),
    (["--train.batch", "0"], "--train.batch", ["1", "1000000", "0"]),
    (["--model.norm", "batch"], "--model.norm", ["layer", "rms", "none", "batch"]),
    (["--config", "tyo.yaml"], "tyo.yaml", ["toy.yaml"]),
    (["--config", "full"], "full", ["folder"]),
    (["--config", "wrong.yaml"], "wrong.yaml:3: model.d_modle", ["d_model"]),
    (["--run-dir", "full"], "--run-dir full", ["empty", "new"]),
    (["--run-dir", "own.yaml"], "--run-dir own.yaml", ["file", "new"]),
    (["--resume", "full", "--run-dir", "new"], "--run-dir", ["leave out"]),
    (["--config", ""], "--config", ["empty", "shell"]),
    (["--config="], "--config", ["empty", "shell"]),
    (["--run-dir", " "], "--run-dir", ["empty", "shell"]),
    (["--resume", ""], "--resume", ["empty", "shell"]),
    (["--runs-at-once", "0"], "argument --runs-at-once", ["1 or more", "0"]),
    (["--runs-at-once", "two"], "argument --runs-at-once", ["whole number", "two"]),
    (["--run-dir", "-x"], "argument --run-dir", ["--run-dir=-x", "--help"]),
    (["--train.steps", "1e18"], "--train.steps", ["1", "10000000", "1000000000000000000"]),
    (["--train.steps", "1e300"], "--train.steps", ["whole", "1e+300"]),
    (["--train.learning_rate", "nan"], "--train.learning_rate", ["finite", "nan"]),
    (["--train.learning_rate=-.inf"], "--train.learning_rate", ["-inf"]),
    (["--probes", "[a,"], "--probes: [a,:", ["brackets", "[a, b]"]),
    (["--probes", "[a],[b]"], "--probes: [a],[b]:", ["brackets", "[a, b]"]),
    (["--config", "tab.yaml"], "tab.yaml:3", ["tab", "spaces"]),
    (["--config", "pipe"], "pipe", ["device", "config file"]),
]
WORLDS = [
    (["--world", "englisch"], "world 'englisch'", ["english"]),
    (["--world", "full"], "world 'full'", ["folder", "file"]),
    (["--world", "pipe"], "world 'pipe'", ["device", "world file"]),
    (["--world", "empty.yaml"], "empty.yaml:1", ["empty"]),
    (["--world", "wrong.yaml"], "wrong.yaml:2", []),
    (["--probes", "[the cta sat on the mat .]"], "probes", ["cta", "cat"]),
    (["--probes", "[cat the sat .]"], "probes", ["english", "cat the sat .", CAT]),
    (["--probes", "['']"], "probes", ["empty", CAT]),
    (["--probes", f"[{CAT}]", "--task.masked", "[adverb]"], "probes", [CAT, "adverb"]),
    (["--task.masked", "[adjective]"], "probes", ["english", "adjective"]),
    (["--world", "typo.yaml"], "typo.yaml:114: examples.1", ["slpet", "slept"]),
    (["--world", "form.yaml"], "form.yaml:114: examples.1", ["form", CAT]),
    (["--task.masked", "[verbs]"], "task.masked", ["verbs", "verb"]),
]
MISTAKES = OPTIONS + WORLDS

DRIVER = """
import contextlib, io, json, os, sys
os._exit = sys.exit  # of `run_command` after an error
from experiments.commands.process import run_command
from experiments.train import main
answers = []
for arguments in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            run_command(lambda: main(arguments))
        except SystemExit as end:
            code = end.code
    answers.append([code, out.getvalue(), err.getvalue(), "jax" in sys.modules])
import jax
json.dump([answers, jax.config.jax_compilation_cache_dir], sys.stdout)
"""


def contents(folder):
    return {path.relative_to(folder): path.is_file() and path.read_bytes() for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """{arguments: (exit code, stdout, stderr, whether jax was loaded by then)}."""
    folder, cache = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("cache")
    settings = {"PYTHONPATH": str(ROOT), "COLUMNS": "1000", "XDG_CACHE_HOME": str(cache)}
    settings["JAX_COMPILATION_CACHE_DIR"] = ""
    (folder / "full").mkdir()
    (folder / "full" / "summary.json").write_text("kept")
    (folder / "own.yaml").write_text("# mine\nworld: german\nmodel: {d_head: 8, scale: none}\n")
    (folder / "wrong.yaml").write_text("format: 2\nmodel:\n  d_modle: 5\n")
    english = (ROOT / "data" / "worlds" / "english.yaml").read_text(encoding="utf-8")
    for name, wrong in (("typo", "the dog slpet"), ("form", "dog the slept")):
        text = english.replace("the dog slept on the roof while", f"{wrong} on the roof while")
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    (folder / "tab.yaml").write_text("seed: 3\nmodel:\n\td_head: 4\n")
    (folder / "empty.yaml").touch()
    os.mkfifo(folder / "pipe")
    before = contents(folder)
    calls = [HELP, PRINT, PRINT_OWN, OWN, *(arguments for arguments, *_ in MISTAKES), DEVICES]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        input=json.dumps(calls),
        cwd=folder,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers, programs = json.loads(done.stdout)
    assert programs == str(cache / "catmat" / "xla")  # where compiled programs are kept for the next start
    assert contents(folder) == before  # nothing was written
    return {tuple(call): answer for call, answer in zip(calls, answers, strict=True)}


@pytest.mark.parametrize(
    ("arguments", "place", "named"), MISTAKES, ids=[ascii(" ".join(row[0])[:50]) for row in MISTAKES]
)
def test_a_mistake_is_one_line_and_exit_code_2(answers, arguments, place, named):
    code, out, err, _ = answers[tuple(arguments)]
    assert (code, out) == (2, "")
    assert_refused(err, place, *named)


def test_help_lists_every_value_with_its_meaning_and_default(answers):
    code, out, err, loaded = answers[tuple(HELP)]
    assert (code, err, loaded) == (0, "", False)
    lines = [" ".join(line.split()) for line in out.split("\n")]
    text = " ".join(lines)
    listed = re.findall(r"(?<=\n  )--([a-z_0-9.]+) VALUE", out)
    assert sorted(listed) == sorted(name for name, _ in config_fields())
    for name, item in config_fields():
        shown = list(item.default) if isinstance(item.default, tuple) else item.default
        choices = ", ".join(item.metadata.get("choices", ()))
        several = "; can be given several times" if isinstance(item.default, tuple) else ""
        expected = (
            f"--{name} VALUE {item.metadata['meaning']}{several} ({choices + '; ' if choices else ''}default: {shown})"
        )
        assert expected in text, expected
    for option in ("--config FILE", "--run-dir DIR", "--print-config", "--list-devices", "-h, --help"):
        assert any(line.startswith(option) for line in lines), option
    assert "exit codes: 0 finished, 2 a mistake in what was given, 3 diverged, 130 interrupted" in text
    assert "python -m experiments.train --config toy.yaml" in lines


@pytest.mark.parametrize(("given", "probes"), [
    ([CAT], (CAT,)),
    ([CAT, "yes, it: is #1"], (CAT, "yes, it: is #1")),
    ([f"[{CAT}, der hund .]"], (CAT, "der hund .")),
    ([f"[{CAT}]", "der hund ."], (CAT, "der hund .")),
    (["[]"], ()),
])  # fmt: skip
def test_sentences_are_given_one_by_one_or_as_a_list(given, probes):
    parser = config_parser("python -m experiments.train", "", "")
    _, overrides = parse(parser, [part for sentence in given for part in ("--probes", sentence)])
    assert load_config("toy.yaml", overrides).probes == probes


def test_a_new_name_is_told_of_options_that_there_are():
    parser = config_parser("train", "")
    with refused("unknown option --base.seeds", "--seeds"):
        parse(parser, ["--base.seeds", "3"])
    with refused("unknown option --base.nope", "known"):
        parse(parser, ["--base.nope", "3"])


def test_the_sentences_of_the_help_can_be_said():
    world = load_world("english")
    probes = re.findall('--probes "(.*?)"', EPILOG)
    assert all(read_sentence(world, probe) for probe in probes)
    assert len(probes) == 2


@pytest.mark.parametrize("width", [40, 60, 80])
def test_help_is_wrapped_to_the_terminal_but_for_lines_to_copy(monkeypatch, width):
    parser = config_parser("python -m experiments.train", "What it does, at length. " * 5, EPILOG)
    monkeypatch.setenv("COLUMNS", "1000")
    words = parser.format_help().split()
    monkeypatch.setenv("COLUMNS", str(width))
    text = parser.format_help()
    assert text.split() == words
    copied = [line for line in EPILOG.splitlines() if line.startswith("  python")]
    assert copied == [line for line in text.splitlines() if line.startswith("  python")]
    assert all(len(line) <= width for line in text.splitlines()[1:] if line not in copied)  # the first is the usage


def test_the_printed_config_reads_back(answers):
    code, out, err, loaded = answers[tuple(PRINT)]
    assert (code, err, loaded) == (0, "", False)
    assert make_as(Config, parse_yaml(out, "out")) == load_config("toy.yaml", {})
    assert {line.partition(":")[0].strip() for line in out.splitlines()} >= {
        name.rpartition(".")[2] for name, _ in config_fields()
    }
    code, out, _, _ = answers[tuple(OWN)]
    assert code == 0
    assert make_as(Config, parse_yaml(out, "out")) == Config(
        world="german", seed=4, probes=("der hund .", "1e3"), model=ModelConfig(d_head=8, scale=2.0)
    )
    assert Config().train == TrainConfig()


def test_a_config_of_ones_own_needs_its_whole_name(answers):
    code, out, err, _ = answers[tuple(PRINT_OWN)]
    assert (code, out) == (2, "")
    assert_refused(err, "own", "toy.yaml")


def test_mistakes_of_options_and_configs_are_told_without_jax(answers):
    early = [arguments for arguments, *_ in MISTAKES if not answers[tuple(arguments)][3]]
    assert early == [arguments for arguments, *_ in OPTIONS]


def test_the_devices(answers):
    code, out, err, _ = answers[tuple(DEVICES)]
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines
    assert all(re.fullmatch(r"\d+: \w+ .+", line) for line in lines)
    assert [line.partition(":")[0] for line in lines] == [str(i) for i in range(len(lines))]


def test_a_command_rarely_looks_for_garbage_and_never_at_its_end():
    """It would go through all of JAX's objects once more; what was registered for the end is done all the same."""
    code = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 1000, gc.get_threshold()[0]));"
    code += "from experiments.commands.process import run_command; run_command(lambda: 7)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, "True 20000\n", "")
