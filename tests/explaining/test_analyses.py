"""The options about a run as a whole: what the command prints, as tables, CSV and pictures."""

import csv
import io

import numpy as np
import pytest
from asked_run import STEPS, AskedRun

from data.errors import InputError
from experiments.explain import main
from experiments.explaining import analyses
from experiments.explaining.analyses import cells_csv
from experiments.explaining.formation import measure_formation
from experiments.reports.plots import panels
from experiments.run_directory.saved_run import load_run

pytestmark = pytest.mark.usefixtures("quickly_compiled")
FEW = ("--sentences", "8")


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    return AskedRun(tmp_path_factory.mktemp("analyses") / "runs" / "one", d_mlp=0, heads=2)


@pytest.fixture(autouse=True)
def here(asked, monkeypatch):
    monkeypatch.chdir(asked.folder.parents[1])


def printed(capsys, *arguments):
    assert main([*arguments, *FEW]) == 0
    return capsys.readouterr().out


def test_agreement_names_what_trains_models_to_compare_with(capsys):
    out = " ".join(printed(capsys, "--agreement").split())
    assert out.startswith("What does a weight mean? one, after 40 updates")
    assert "--world telling_preposition" in out
    assert "--train.hide_attention 0.1" in out


def test_formation_as_csv_is_what_was_measured(asked, capsys):
    lines = list(csv.reader(io.StringIO(printed(capsys, "--formation", "--csv"))))
    found = measure_formation(load_run(asked.folder), asked.world, 8)
    assert lines[0] == ["step", "old_weights", "final_weights", "plain"]
    expected = np.stack([STEPS, found.old_weights_T, found.final_weights_T, found.plain_T], axis=1)
    np.testing.assert_array_equal(np.asarray(lines[1:], float), expected)


def test_circuits_write_two_pictures_and_never_over_another_file(capsys, tmp_path, monkeypatch):
    for name in ("looks_for_figure", "speaks_for_figure"):  # what they show is tested where they are drawn
        monkeypatch.setattr(analyses, name, lambda _: panels(1, 1)[0])
    printed(capsys, "--circuits", "--png", str(tmp_path / "a.png"))
    names = {"a-looks-for.png", "a-speaks-for.png"}
    assert {path.name for path in tmp_path.iterdir()} == names
    with pytest.raises(InputError, match="cannot be written"):
        main(["--circuits", "--png", str(tmp_path / "a.png"), *FEW])


def test_evidence_has_no_picture(tmp_path):
    with pytest.raises(InputError, match="this has no picture"):
        main(["--evidence", "--png", str(tmp_path / "a.png"), *FEW])


def test_a_word_is_no_formula():
    text = cells_csv((["word"], [["=1+1", 2], ["-x", 0.5], ["cat", -1.5]]))
    assert list(csv.reader(io.StringIO(text)))[1:] == [["'=1+1", "2"], ["'-x", "0.5"], ["cat", "-1.5"]]
