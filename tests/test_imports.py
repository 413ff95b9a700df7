"""Who may import whom, read from the source: a module imports from earlier rows of its package's table alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# The modules of each row know nothing of each other, nor of later rows.
ROWS = {
    "data": [
        ["errors", "files"],
        ["grammar", "vocabulary", "yaml_file"],
        ["reader"],
        ["world_entries"],
        ["world_sentences"],
        ["world_file"],
        ["world"],
        ["contexts", "posterior"],
        ["sampler"],
    ],
    "model": [
        ["config", "attention", "loss"],
        ["transformer"],
        ["functional"],
        ["interventions"],
    ],
    "experiments": [
        ["config", "plain_text", "kept_programs", "scale_check", "interruption", "stopwatch", "statistics"],
        ["checkpoint", "gradient_config", "gradient_theory", "gradient_stages", "gradient_statistics", "paper_claims"],
        ["yaml_config", "command_line", "runtime", "record_file", "gradient_predictions", "gradient_escape"],
        ["run_directory", "paper_config", "ablation_grid"],
        ["run_options"],
        ["ablation_config"],
        ["state", "report_writer", "ablation_roles"],
        ["step", "gradient_norms", "health", "ablation_plan"],
        ["ensemble", "evaluate", "probes"],
        ["measure", "rates", "runner"],
        ["paper_training"],
        ["relation", "paper_logit_size", "paper_mup"],
        ["loop"],
        ["metrics", "record", "paper_entropy", "ablation_training", "sweep_rates"],
        ["summary", "paper_figures", "ablation_metrics"],
        ["event_writer", "map_paint", "paper_report", "ablation_arms", "ablation_cost"],
        ["figures", "run_page", "projector", "paper_session", "ablation_log", "ablation_figures", "ablation_verdicts"],
        ["ablation_tables"],
        ["ablation_answers"],
        ["ablation_report", "ablation_terminal"],
        ["ablation_session"],
        ["film_maker"],
        ["sentence_pictures"],
        ["member_log"],
        ["tracker", "terminal", "progress_bar", "resume"],
        ["session"],
        ["gradient_compiler", "gradient_simulated"],
        ["gradient_layer", "gradient_comparisons"],
        ["gradient_control", "gradient_training"],
        ["gradient_study"],
        ["gradient_size_checks", "gradient_softmax_checks", "gradient_law_checks", "gradient_tables"],
        ["gradient_checks", "gradient_figures"],
        ["gradient_events", "gradient_training_figures"],
        ["gradient_sections"],
        ["gradient_report"],
        ["gradient_session"],
        ["train", "benchmark", "check_scale", "film", "runs", "gradients", "papers", "ablate"],
    ],
}
# Which other packages a package may import.
BELOW = {"data": set(), "model": set(), "experiments": {"data", "model", "configs"}}


def modules(package):
    """Dotted names, below the package, of all its files."""
    paths = [path.relative_to(ROOT / package).with_suffix("") for path in (ROOT / package).rglob("*.py")]
    return sorted(".".join(path.parts) for path in paths if path.name != "__init__")


def imported(source):
    """Dotted names that a source imports anywhere in it, `from a import b` as a.b."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the whole name of what is imported"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def mistakes(package, module, source):
    """What a module of `package` imports and should not."""
    row = {name: i for i, names in enumerate(ROWS[package]) for name in names}
    found = []
    for name in imported(source):
        top, *rest = name.split(".")
        if top == package:
            known = [".".join(rest[:n]) for n in range(len(rest), 0, -1) if ".".join(rest[:n]) in row]
            if not known:
                found.append(f"{name} is no module of the table")
            elif row[known[0]] >= row[module]:
                found.append(f"{name} stands in the same or a later row")
        elif top in {*ROWS, "configs", "tests"} and top not in BELOW[package]:
            found.append(f"{package} does not import {top}")
    return found


@pytest.mark.parametrize("package", ROWS)
def test_a_module_imports_from_earlier_rows_alone(package):
    listed = [name for row in ROWS[package] for name in row]
    assert len(set(listed)) == len(listed)
    for module in modules(package):
        assert module in listed, (
            f"{package}.{module} is new: add it to ROWS in {Path(__file__).name}, below what it uses"
        )
    for module in listed:
        path = ROOT / package / f"{module.replace('.', '/')}.py"
        assert path.is_file(), f"{package}.{module} is gone: remove it from ROWS in {Path(__file__).name}"
        assert not mistakes(package, module, path.read_text(encoding="utf-8")), f"{package}.{module}"


@pytest.mark.parametrize("package", ROWS)
def test_a_package_itself_imports_nothing_of_ours(package):
    names = imported((ROOT / package / "__init__.py").read_text(encoding="utf-8"))
    assert not {name.split(".")[0] for name in names} & {*ROWS, "configs"}


@pytest.mark.parametrize(
    ("package", "module", "source"),
    [
        ("data", "world", "import model.config"),
        ("data", "world", "def f():\n    from experiments import config"),
        ("model", "config", "import data"),
        ("model", "config", "from data.errors import InputError"),
        ("data", "errors", "from data.reader import Reader"),
        ("data", "grammar", "from data import vocabulary"),
        ("experiments", "config", "from experiments.train import main"),
        ("experiments", "config", "import experiments.nowhere"),
        ("experiments", "train", "import tests.conftest"),
    ],
)
def test_a_wrong_import_is_noticed(package, module, source):
    assert mistakes(package, module, source)


def test_what_help_and_a_mistake_need_imports_no_jax():
    heavy = "{'jax', 'flax', 'optax', 'matplotlib', 'tensorboard', 'orbax'}"
    code = f"import sys, experiments.command_line, experiments.config, experiments.yaml_config, experiments.train\n\
assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_module_is_called_utils():
    names = {path.name for package in (*ROWS, "configs", "tests") for path in (ROOT / package).rglob("*.py")}
    assert not names & {"utils.py", "util.py", "helpers.py", "misc.py"}
