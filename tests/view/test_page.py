"""What is put into the page that is one file: as many steps as fit, the world if it is small, and nothing that runs."""

import base64
import json
import re

import numpy as np
import pytest
from file_page import small_page

import experiments.view.page as page_module
from data.errors import InputError
from experiments.view.page import PagedModel, as_json, spread


def paged_model(paged, steps):
    params = paged.params[0]
    return PagedModel("Run 1", paged.config, "/ sqrt(3)", 40, [(step, params) for step in steps])


def told(html):
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    return json.loads(text)


@pytest.fixture(scope="module")
def paged():
    return small_page()


def page_of(paged, steps):
    return page_module.explanation_page(paged_model(paged, steps), paged.world, paged.tokens, 3)


def test_all_steps_are_kept_where_they_fit(paged):
    data = told(page_of(paged, range(8)))
    assert [one["step"] for one in data["steps"]] == list(range(8))
    assert data["left_out"] == 0
    assert data["recorded"] == 40


@pytest.mark.parametrize("count", range(1, 8))
def test_of_a_larger_model_fewer_steps_are_kept(paged, monkeypatch, count):
    """Those that are kept are spread over all, the last among them; the page stays below its limit."""
    whole = page_of(paged, range(8))
    one = len(page_of(paged, range(2))) - len(page_of(paged, range(1)))
    limit = len(whole) - (8 - count) * one + 250
    monkeypatch.setattr(page_module, "MOST_BYTES", limit)
    html = page_of(paged, range(8))
    data = told(html)
    steps = [one["step"] for one in data["steps"]]
    assert len(steps) == count
    assert data["left_out"] == 8 - count
    assert steps[-1] == 7
    assert count == 1 or steps[0] == 0
    assert limit - one < len(html) < limit


def test_a_model_that_does_not_fit_is_refused(paged, monkeypatch):
    monkeypatch.setattr(page_module, "MOST_BYTES", len(page_of(paged, range(1))) - 1000)
    with pytest.raises(InputError, match=r"parameters do not fit into a page of .* bytes, which has room for about"):
        page_of(paged, range(3))


def test_a_world_that_is_too_large_gives_no_exact_answers(paged, monkeypatch):
    monkeypatch.setattr("experiments.view.world_table.MOST_NUMBERS", 20)
    assert told(page_of(paged, [0]))["world"] is None


def test_steps_are_spread():
    assert spread(list("abcdefgh"), 3) == ["a", "e", "h"]
    assert spread(list("ab"), 8) == ["a", "b"]
    assert spread(list("abc"), 1) == ["c"]
    assert spread(list("abc"), 0) == spread(list("abc"), -4) == []


def test_json_stays_in_its_element():
    hostile = {"</script>": "<!-- \u2028\u2029\u202e\ud800 ]]> & é"}
    text = as_json(hostile)
    assert text.isascii()
    assert not set("<>") & set(text)
    assert json.loads(text) == hostile


def test_parameters_are_told_to_the_last_bit(paged):
    (step,) = told(page_of(paged, [5]))["steps"]
    for name, array in paged.params[0].items():
        numbers = np.frombuffer(base64.b64decode(step["params"][name]["float32"]), "<f4")
        np.testing.assert_array_equal(numbers.reshape(step["params"][name]["shape"]), array)
