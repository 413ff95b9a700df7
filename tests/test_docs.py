"""What the documents name exists: tests, files, modules, folders; versions agree."""

import ast
import importlib
import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from experiments.view.script import ASSETS, one_script

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in DOCUMENTS}
TESTS = {
    node.name
    for path in (ROOT / "tests").rglob("test_*.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.FunctionDef)
}
SOURCES = [
    path
    for top in ("data", "model", "experiments", "configs", "examples", "tests")
    for path in (ROOT / top).rglob("*.*")
    if path.suffix in (".py", ".yaml") and path != Path(__file__)
]
SOURCE_WORDS = {
    word
    for path in [*SOURCES, ROOT / "pyproject.toml"]
    for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))
}


def named_tests(text):
    """Names of tests in backquotes; of a shortened one (`test_a_full_disk_...`) what stands before the dots."""
    return re.findall(r"`(test_\w+)(\.\.\.)?`", text)


@pytest.mark.parametrize("name", TEXTS)
def test_every_test_that_is_named_exists(name):
    for test, dots in named_tests(TEXTS[name]):
        assert any(known.startswith(test) if dots else known == test for known in TESTS), test


def test_the_table_of_reliability_names_tests():
    assert len(named_tests(TEXTS["docs/reliability.md"])) >= 30


@pytest.mark.parametrize("name", TEXTS)
def test_every_file_that_is_linked_exists(name):
    folder = (ROOT / name).parent
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", TEXTS[name])
    assert all((folder / link).exists() for link in links if "://" not in link), links


@pytest.mark.parametrize("name", TEXTS)
def test_every_module_and_config_that_is_named_exists(name):
    text = TEXTS[name]
    for module in set(re.findall(r"python -m (experiments\.\w+)", text)):
        assert importlib.util.find_spec(module), module
    example = {"cosine.yaml"}  # of CONTRIBUTING.md, written out there
    for config in set(re.findall(r"--config ([\w/]+\.yaml)", text)) - example:
        assert (ROOT / "configs" / config).exists() or (ROOT / "configs" / "papers" / config).exists(), config
    for path in set(re.findall(r"`((?:data|model|experiments|tests|examples|configs|docs)/[\w/.]+)`", text)):
        assert "NAME" in path or (ROOT / path).exists(), path


@pytest.mark.parametrize("name", sorted(set(TEXTS) - {"CHANGELOG.md", "docs/history.md"}))
def test_every_name_in_code_is_one_of_the_source(name):
    """Words in backquotes; the changelog has old names too."""
    named = set(re.findall(r"`([A-Za-z_]\w+)(?:\(.*?\))?`", TEXTS[name]))
    assert named - SOURCE_WORDS == {"cosine_temperature"} & named  # the example of CONTRIBUTING.md


def test_every_import_of_the_documents_works():
    blocks = [
        block
        for text in TEXTS.values()
        for block in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]
    assert len(blocks) >= 3
    for node in (node for block in blocks for node in ast.walk(ast.parse(block))):
        if isinstance(node, ast.ImportFrom):
            assert all(hasattr(importlib.import_module(node.module), alias.name) for alias in node.names)


def test_the_tree_has_every_folder():
    named = re.findall(r"^((?:\w+/)+) ", TEXTS["docs/architecture.md"], re.MULTILINE)
    assert all((ROOT / folder).is_dir() for folder in named)
    packages = {f"experiments/{path.parent.name}/" for path in (ROOT / "experiments").glob("*/__init__.py")}
    assert packages | {"data/", "model/", "configs/", "examples/", "docs/", "experiments/", "tests/"} == set(named)


def test_the_finished_page_is_of_this_code():
    """`docs/write_explained.py` writes it; its numbers are those of the run that it was made of."""
    page = (ROOT / "docs" / "explained.html").read_text(encoding="utf-8")
    assert f'(() => {{\n"use strict";\n{one_script("file.js")}}})();' in page
    assert all((ASSETS / name).read_text(encoding="utf-8") in page for name in ("page.css", "file.css"))


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert f"\n## {project['version']}" in TEXTS["CHANGELOG.md"]


@pytest.fixture(scope="module")
def numbers():
    """`docs/write_numbers.py`, which is no module of a package."""
    spec = importlib.util.spec_from_file_location("numbers_of_documents", ROOT / "docs" / "write_numbers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", TEXTS)
def test_the_numbers_of_a_document_are_the_measured_ones(numbers, name):
    assert numbers.rewritten(TEXTS[name]) == TEXTS[name], "python docs/write_numbers.py writes them"


@pytest.mark.parametrize("name", TEXTS)
def test_no_number_breaks_its_paragraph(name):
    """In Markdown a line that begins with a comment is HTML: only whole blocks may stand so."""
    begins = re.findall(r"^ {0,3}<!--=([\w/.]+)", TEXTS[name], re.MULTILINE)
    assert all(file.endswith((".txt", ".md")) for file in begins), begins


@pytest.mark.parametrize("left", [{}, {"printed.part": "begun"}, {"printed.txt": ""}])
def test_a_run_that_failed_is_no_result(numbers, tmp_path, monkeypatch, left):
    monkeypatch.setattr(numbers, "MEASURED", tmp_path / "measured")
    (tmp_path / "toy").mkdir()
    for name, text in left.items():
        (tmp_path / "toy" / name).write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit, match="toy: holds no finished run"):
        numbers.main([str(tmp_path), "toy"])
    assert not (tmp_path / "measured").exists()


def test_a_run_that_fails_is_not_named_finished(numbers, tmp_path, monkeypatch):
    monkeypatch.setitem(numbers.RUNS, "toy", "train --config nowhere.yaml")
    with pytest.raises(subprocess.CalledProcessError):
        numbers.main([str(tmp_path), "toy"])
    assert [path.name for path in (tmp_path / "toy").iterdir()] == ["printed.part"]


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["folder", "toi"], 2)])
def test_help_and_wrong_names_start_no_run(numbers, tmp_path, monkeypatch, capsys, arguments, code):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        numbers.main(arguments)
    assert ended.value.code == code
    assert "toy" in "".join(capsys.readouterr())
    assert not list(tmp_path.iterdir())


def test_wrong_numbers_are_replaced_and_lost_ones_named(numbers, tmp_path, monkeypatch):
    monkeypatch.setattr(numbers, "MEASURED", tmp_path)
    (tmp_path / "arms.csv").write_text("d,scale,ratio\n4,none,1.912\n64,none,55.73\n", encoding="utf-8")
    (tmp_path / "summary.json").write_text('{"excess/all": 0.00171}', encoding="utf-8")
    (tmp_path / "output.txt").write_text("First\n 1\n\nSecond\n 2\n\n", encoding="utf-8")
    (tmp_path / "report.md").write_text("# T\n\n## Answer\n\nYes.\n\n## More\n", encoding="utf-8")
    for mark, value in {
        "arms.csv d=64 scale=none {ratio:.0f} times": "56 times",
        "summary.json {excess/all:.4f}": "0.0017",
        "output.txt Second": "\n```\nSecond\n 2\n```\n",
        "output.txt": "\n```\nFirst\n 1\n\nSecond\n 2\n```\n",
        "report.md Answer": "\nYes.\n",
    }.items():
        assert numbers.rewritten(f"a <!--={mark}-->9<!--/--> b") == f"a <!--={mark}-->{value}<!--/--> b"
    for mark in ("arms.csv scale=none {ratio}", "output.txt Third", "report.md Third"):
        with pytest.raises(LookupError, match=mark.split()[0]):
            numbers.rewritten(f"<!--={mark}--><!--/-->")
