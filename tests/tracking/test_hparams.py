"""Hyperparameters have one type for each name over all runs, so that HParams can sort and filter them."""

from dataclasses import replace

import pytest
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

from experiments.config.schema import Config, TaskConfig, config_fields
from experiments.tracking.event_writer import EventWriter
from experiments.tracking.hparams import _declared, _typed, hparams
from model.config import ModelConfig

MODELS = {
    "word": ModelConfig(scale="none", query_start="inverse", folded="inverse_sqrt"),
    "number": ModelConfig(scale=0.25, query_start=2.0, folded=0.5, softcap=30.0, qk_norm=True, d_head=64),
    "one": ModelConfig(scale=1.0),
}


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """Three runs in one log directory, as the HParams dashboard reads them."""
    root = tmp_path_factory.mktemp("runs")
    for seed, (name, model) in enumerate(MODELS.items()):
        with EventWriter(root / name) as writer:
            writer.hparams(hparams(Config(model=model), seed), name)
            writer.scalars(0, {"loss": seed})
            writer.hparams_end(True)
    multiplexer = plugin_event_multiplexer.EventMultiplexer(tensor_size_guidance={"scalars": 0})
    multiplexer.AddRunsFromDirectory(str(root))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(root))
    return backend_context.Context(base_plugin.TBContext(data_provider=provider))


def groups(context, **params):
    """The names of the runs that the dashboard shows for a column's sorting or filter."""
    request = api_pb2.ListSessionGroupsRequest(
        start_index=0,
        slice_size=99,
        allowed_statuses=[api_pb2.STATUS_SUCCESS],
        col_params=[api_pb2.ColParams(**params)],
    )
    answer = list_session_groups.Handler(RequestContext(), context, "0", request).run()
    return [group.name for group in answer.session_groups]


@pytest.mark.parametrize("name", ["model.scale", "model.query_start", "model.folded", "model.d_head", "model.qk_norm"])
def test_every_column_can_be_sorted(context, name):
    up, down = (groups(context, hparam=name, order=order) for order in (api_pb2.ORDER_ASC, api_pb2.ORDER_DESC))
    assert sorted(up) == sorted(down) == sorted(MODELS)


def test_words_beside_numbers_are_filtered(context):
    assert groups(context, hparam="model.scale", filter_regexp="none") == ["word"]
    assert groups(context, hparam="model.scale", filter_regexp=r"^0\.25$") == ["number"]
    assert groups(context, hparam="model.scale", order=api_pb2.ORDER_ASC) == ["number", "one", "word"]
    bounds = api_pb2.Interval(min_value=20, max_value=99)
    assert groups(context, hparam="model.d_head", filter_interval=bounds) == ["number"]


def test_the_columns_that_differ_come_first(context):
    """TensorBoard finds out itself, over all runs: no run says what differs, as it cannot know the others."""
    known = context.hparams_metadata(RequestContext(), "0"), None
    experiment = context.experiment_from_metadata(RequestContext(), "0", True, *known)
    differ = ["d_head", "folded", "qk_norm", "query_start", "scale", "softcap"]
    names = [info.name for info in experiment.hparam_infos]
    assert names[: len(differ) + 1] == [*(f"model.{name}" for name in differ), "seed"]
    assert sum(info.differs for info in experiment.hparam_infos) == len(differ) + 1
    assert sorted(names) == sorted(hparams(Config(), 0))
    assert [metric.name.tag for metric in experiment.metric_infos] == ["loss"]


def test_values_are_text_where_they_may_be_a_word_or_a_list():
    found = hparams(replace(Config(model=MODELS["number"]), task=TaskConfig(masked=("verb", "object"))))
    wanted = {"model.scale": "0.25", "model.qk_norm": True, "model.d_head": 64.0, "task.masked": "verb+object"}
    assert wanted.items() <= found.items()
    assert {type(found[name]) for name in wanted} == {str, bool, float}
    assert hparams(Config(model=MODELS["one"]))["model.scale"] == "1"
    assert "seed" not in found
    assert hparams(Config(), 7)["seed"] == 7.0
    assert not any(name.startswith(("track", "evaluate")) for name in found)


def test_a_name_has_one_type_whatever_value_a_run_has():
    """Of every setting: its default, its words, its smallest and largest number."""
    for name, item in config_fields():
        ends = [item.metadata[end] for end in ("low", "high") if end in item.metadata]
        values = [item.default, *item.metadata.get("choices", ()), *ends]
        assert len({type(_typed(_declared(name), value)) for value in values}) == 1, name
