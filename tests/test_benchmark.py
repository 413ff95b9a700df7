"""The benchmark command measures what it says, on a tiny config; its figures are for people and are not tested."""

import re

import pytest

from experiments import benchmark

pytestmark = [pytest.mark.usefixtures("quickly_compiled"), pytest.mark.long]

TINY = """\
model: {d_model: 4, heads: 1, d_head: 2, d_mlp: 0}
train: {steps: 2, batch: 8}
evaluate: {sentences: 8}
track: {records: 2, images: 0}
"""
SWEEP = "command: ablate\nbase:\n" + "".join(f"  {line}\n" for line in TINY.splitlines())
SWEEP += "grid: {model.scale: [none, inverse], seed: [0, 4]}\n"


def test_the_command_prints_every_figure(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    monkeypatch.setattr(benchmark, "_machine", lambda: "a machine")  # it would set up devices that tests set up
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "true")  # for the commands that it starts
    path, sweep = str(tmp_path / "tiny.yaml"), str(tmp_path / "sweep.yaml")
    (tmp_path / "sweep.yaml").write_text(SWEEP, encoding="utf-8")
    assert benchmark.main(["--config", path, "--ablation", sweep, "--updates", "2", "--repeats", "1"]) == 0
    shown = capsys.readouterr().out
    number = r"\s+([0-9.,]+)"
    for label in ("first time, nothing compiled yet", "afterwards", "peak memory", "hidden rows only, as trained"):
        assert float(re.search(re.escape(label) + number, shown)[1].replace(",", "")) > 0, shown
    assert re.search(r"every row computed\s+[0-9,]+\s+1\.0 x", shown), shown
    for label in ("d_head 2", "all"):
        assert re.search(rf"{label} +as one ensemble +[\d.]+ s +one after the other +[\d.]+ s +[\d.]+ x", shown), shown
