"""TensorBoard's own dashboards in a real browser: each is filled, and none reports an error.

Of two runs; and, since TensorBoard opens with no run selected where it lists more than 40, of four studies with as many
runs as a study may add, beside ten trainings.
"""

import json
import shutil
import time
import urllib.request

import pytest
from small_training import WHOLE
from tab_page import need_chromium, tensorboard

from data.yaml_file import parse_yaml
from experiments.ablation.config import AblationConfig
from experiments.ablation.session import ablate
from experiments.config.loader import make_as
from experiments.speed import browser_times

# What each dashboard must show of the two runs (in any of its shadow roots).
EXPECTED = {
    # In an order in which neighbours share no text: what is still shown of the one before is not what is waited for.
    "timeseries": ["1 attention", "head-1", "2 loss and excess", "new/seed-5", "new/seed-6"],
    "text": ["1 how to read this", "they sum to 1.", "2 attention in seven lines", "query . key", "3 about this run"],
    "scalars": ["2 loss and excess/loss", "3 relevance/error of model relevance", "6 diagnostics", "7 gradients"],
    "projector": ["word embeddings", "3 tensors found", "Dimension: 8"],
    "images": ["1 attention/sentence-4/head-1", "3 relevance/sentence-1/exact", "4 more maps", "5 film", "new/seed-6"],
    "histograms": ["6 diagnostics/scores", "7 gradients/parameters/query"],
    "hparams": ["seed", "2 loss and excess/loss", "new/seed-5", "new/seed-6"],
}
CROWD = {
    "timeseries": ["1 attention", "head-1", "2 loss and excess", "study-1/variants/variant-quarter", "train-9"],
    "text": ["2 attention in seven lines", "3 about this run", "4 report of a study"],
    "scalars": ["2 loss and excess/loss", "3 relevance/attention on relevant words", "6 diagnostics"],
    "custom_scalars": ["Median and range of the seeds", "relation/weight/all", "Matches (24)"],
    "projector": ["word embeddings", "10 runs found"],
    "images": ["3 relevance/sentence-1/exact", "4 more maps", "figures"],
    "histograms": ["6 diagnostics/scores", "scores of the watched rows"],
    "hparams": ["ablation.variant", "model.scale", "quarter", "new/seed-6"],
}
"""The same of four studies and ten trainings."""
STUDY = """\
command: ablate
title: A study of many variants
base:
  seeds: 2
  model: {d_model: 4, heads: 1, d_head: 2, d_mlp: 0}
  train: {steps: 3, batch: 8}
  evaluate: {sentences: 8}
  track: {records: 2}
grid:
  variant:
    standard: {}
    none: {model.scale: none}
    quarter: {model.scale: 0.25}
    half: {model.scale: 0.5}
    third: {model.scale: 0.3}
    fifth: {model.scale: 0.2}
    tenth: {model.scale: 0.1}
"""
TEXT = """
const collect = (node) => {
  let text = node.nodeType === 3 ? node.textContent : '';
  // Dashboards that were shown before are still there, but hidden.
  if (node.nodeType === 1 && getComputedStyle(node).visibility === 'hidden') return '';
  if (node.shadowRoot) text += collect(node.shadowRoot);
  for (const child of node.childNodes) if (!['STYLE', 'SCRIPT'].includes(child.nodeName)) text += collect(child);
  if (node.nodeName === 'IFRAME' && node.contentDocument?.body) text += collect(node.contentDocument.body);
  return text + ' ';
};
return collect(document.body).replace(/\\s+/g, ' ');
"""


@pytest.fixture(scope="module")
def server(trained):
    with tensorboard(trained.folder.parent) as address:
        yield address


@pytest.fixture(scope="module")
def address(server, browser):  # noqa: ARG001
    """The same, once TensorBoard has read the runs; it does that while the browser starts."""
    wait_for(f"{server}data/runs", '"new/seed-6"')
    return server


@pytest.fixture(scope="module")
def crowd(trained, tmp_path_factory, quick_compiler, trace_cache, browser):  # noqa: ARG001
    """The address of TensorBoard with four studies, which add as many runs as a study may, and ten trainings."""
    root = tmp_path_factory.mktemp("crowd")
    with quick_compiler(), trace_cache():
        ablate(make_as(AblationConfig, parse_yaml(STUDY, "study.yaml")), "study", str(root / "study-1"))
    for number in (2, 3, 4):
        shutil.copytree(root / "study-1", root / f"study-{number}")
    for number in range(10):  # what a training of one seed leaves is what one of several leaves in its folder
        shutil.copytree(trained.folder / "seed-6", root / f"train-{number}")
    with tensorboard(root) as address:
        wait_for(f"{address}data/runs", '"train-9"')
        yield address


def wait_for(url, content, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if content in answer.read().decode():
                    return
        except OSError:
            pass
        time.sleep(0.3)
    raise AssertionError(f"{url} never said {content}")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    need_chromium()
    with browser_times.browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.mark.parametrize("dashboard", EXPECTED)
def test_a_dashboard_is_filled(address, browser, dashboard):
    check_filled(address, browser, dashboard, EXPECTED[dashboard])


@pytest.mark.long
@pytest.mark.parametrize("dashboard", CROWD)
def test_a_dashboard_of_four_studies_and_ten_trainings_is_filled(crowd, browser, dashboard):
    with urllib.request.urlopen(f"{crowd}data/runs", timeout=20) as answer:
        assert len(json.load(answer)) == 4 * 7 + 10
    check_filled(crowd, browser, dashboard, CROWD[dashboard])


def check_filled(address, browser, dashboard, expected):
    browser.get(f"{address}#{dashboard}")  # after the first, only the part behind # changes: no page is loaded again
    until = time.monotonic() + 40
    missing = expected
    while missing and time.monotonic() < until:
        time.sleep(0.3)
        shown = browser.execute_script(TEXT)
        missing = [text for text in expected if text not in shown]
    assert not missing, (missing, shown[:2000])
    errors = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert not errors


WRAPPED = """
const all = (node, name) => [...node.querySelectorAll('*')].flatMap((one) => [
  ...(one.localName === name ? [one] : []), ...(one.shadowRoot ? all(one.shadowRoot, name) : []),
]);
const cells = all(document, 'td').filter((cell) => /^-?[0-9.]+$/.test(cell.textContent));
const lines = (cell) => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return range.getClientRects().length;
};
return [cells.length, cells.filter((cell) => lines(cell) > 1).map((cell) => cell.textContent)];
"""


def test_no_number_of_a_text_is_broken_on_a_narrow_page(address, browser):
    browser.set_window_size(800, 1000)
    check_filled(address, browser, "text", ["2 attention in seven lines", "softmax"])
    numbers, wrapped = browser.execute_script(WRAPPED)
    browser.set_window_size(1400, 1000)
    assert numbers > 3 * 7  # of one ledger at least
    assert not wrapped


def test_every_step_of_a_picture_is_served(address):
    """Under TensorBoard's default flags none is dropped: the first and the last recorded steps are among them."""
    url = f"{address}data/plugin/images/images?run=new%2Fseed-5&tag=1+attention%2Fsentence-4%2Fhead-1&sample=0"
    for step in (0, WHOLE.train.steps):
        wait_for(url, f'"step": {step}')
