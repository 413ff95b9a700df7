"""What a training leaves behind: folders, events, pictures, the summary, and the words on the terminal."""

import dataclasses
import hashlib
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from small_training import PICTURED, PROBE, STEPS, WHOLE
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugin_util import markdown_to_safe_html
from tensorboard.util import tensor_util

from data.vocabulary import SPECIAL_WORDS
from data.world import load_world
from data.yaml_file import read_yaml
from experiments.config.loader import make_as
from experiments.config.schema import Config
from experiments.measuring.metrics import MEANINGS, meaning
from experiments.pictures.film_strip import film_strip
from experiments.run_directory import load_run
from experiments.tracking.projector import write_projector
from experiments.tracking.sentence_pictures import SentencePictures
from experiments.tracking.tags import ABOUT_THIS_RUN, HOW_TO_READ, SEVEN_LINES, metric_of
from experiments.training.record import pictured_steps

WORD_KEYS = {f"relation/weight/{word}" for word in ("cat", "sat", "mat")}
"""Keys of the summary, which is data, with the words of the first sentence; tags never have one."""
ATTENTION_STATISTICS = [
    "entropy",
    "effective_words",
    "max_weight",
    "saturated_rows",
    "score_std",
    "score_max",
    "row_sum_error",
]
ATTENTION_STATISTICS += ["query_norm", "key_norm", "cosine"]
SENTENCES = 4  # three examples of the world, and the probe


@dataclasses.dataclass
class Left:
    """What a training left."""

    folder: object
    terminal: str
    events: dict
    """{member: [(step, tag, plugin, array)]}; scalars by the names of their metrics."""
    summaries: dict
    saved: dict
    """{step: excess that the best is chosen by} of each checkpoint that was kept."""

    def scalars(self, member):
        return {(step, tag): float(array) for step, tag, plugin, array in self.events[member] if plugin == "scalars"}


def events_of(folder):
    (path,) = folder.glob("events.out.tfevents.*")
    rows = [
        (event.step, value.tag, value.metadata.plugin_data.plugin_name, tensor_util.make_ndarray(value.tensor))
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
    ]
    return [(step, metric_of(tag) if kind == "scalars" else tag, kind, array) for step, tag, kind, array in rows]


def descriptions_of(folder):
    """{metric: what TensorBoard shows beside it}."""
    (path,) = folder.glob("events.out.tfevents.*")
    return {
        metric_of(value.tag): value.metadata.summary_description
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
        if value.metadata.plugin_data.plugin_name == "scalars" and value.metadata.summary_description
    }


@pytest.fixture(scope="module")
def left(trained):
    folder = trained.folder
    saved = {
        int(path.parents[1].name): json.loads(path.read_text("utf-8"))["excess"]
        for path in folder.glob("checkpoints/*/metrics/metrics")
    }
    runs = ["seed-5", "seed-6"]
    events = {member: events_of(folder / member) for member in runs}
    summaries = {member: json.loads((folder / member / "summary.json").read_text("utf-8")) for member in runs}
    return Left(folder, trained.terminal, events, summaries, saved)


def test_the_layout_of_a_run_folder(left):
    found = {str(path.relative_to(left.folder)) for path in left.folder.rglob("*")}
    found = {re.sub(r"tfevents\..*", "tfevents", path) for path in found}
    each = ["events.out.tfevents", "summary.json", "attention.png", "record.npz", "params.npz"]
    each += ["projector_config.pbtxt", "projector", "projector/embeddings.tsv", "projector/labels.tsv"]
    each += [f"projector/queries_and_keys_{name}.tsv" for name in ("head_1", "head_2", "labels")]
    runs = {f"{member}/{name}" for member in ("seed-5", "seed-6") for name in each}
    overview = {
        f"overview/{line}{part}" for line in ("lowest", "median", "highest") for part in ("", "/events.out.tfevents")
    }
    kept = {path for path in found if path.split("/")[0] == "checkpoints"}
    assert "checkpoints/20" in kept
    assert found - kept == {".lock", "config.yaml", "seed-5", "seed-6", "overview", *overview, *runs}


def test_only_a_state_that_was_measured_can_be_the_best(left):
    """Kept are the last two, of which the one between records has no excess, and the best."""
    ends = [summary["excess/trained/all"] for summary in left.summaries.values()]
    assert left.saved[20] == pytest.approx(np.mean(ends), rel=1e-6)
    assert left.saved[19] == 1e30
    assert set(left.saved) <= {19, 20, *STEPS}


def test_the_config_reads_back(left):
    assert make_as(Config, read_yaml(left.folder / "config.yaml")) == WHOLE


def test_scalars_stand_at_the_recorded_steps(left):
    tags = [
        f"excess/{kind}/{slot}" for kind in ("trained", "held_out") for slot in ("subject", "verb", "object", "all")
    ]
    tags += [f"relation/weight/{which}" for which in ("all", "head-1", "head-2", "best_head")]
    tags += ["relation/untrained", "relation/position_only", "relation/uniform", "cut_cost/right_words"]
    tags += [f"relevance/{name}" for name in ("mean_error", "largest_error", "model", "exact")]
    tags += [f"attention_statistics/{name}/head-{head}" for name in ATTENTION_STATISTICS for head in (1, 2)]
    groups = [f"attention/{name}" for name in ("query", "key", "value", "output")]
    groups += ["mlp", "norm", "position", "token", "unembed"]
    tags += [f"gradient/{statistic}/{group}" for statistic in ("rms", "median", "dead_rows") for group in groups]
    expected = {(step, tag) for step in STEPS for tag in tags} | {(step, "loss") for step in STEPS[1:]}
    for member in left.events:
        scalars = left.scalars(member)
        assert set(scalars) == expected
        assert all(np.isfinite(value) for value in scalars.values())
        assert all(0 < value < 10 for (_, tag), value in scalars.items() if tag.startswith(("excess", "loss")))
        for step in STEPS:
            parts = [scalars[step, f"excess/trained/{slot}"] for slot in ("subject", "verb", "object")]
            assert scalars[step, "excess/trained/all"] == pytest.approx(sum(parts) / 3, rel=1e-5)
    first, second = (left.scalars(member) for member in left.events)
    assert all(first[key] != second[key] for key in first if key[1].startswith(("excess", "loss", "gradient/rms")))


def test_every_tag_says_what_it_means(left):
    """In TensorBoard's own place for it: the text of the metric whose name the tag begins with, no other's."""
    described = descriptions_of(left.folder / "seed-5")
    assert set(described) == {tag for _, tag in left.scalars("seed-5")}
    for tag, text in described.items():
        (name,) = {max((name for name in MEANINGS if f"{tag}/".startswith(f"{name}/")), key=len)}
        assert text == MEANINGS[name]
    assert set(described.values()) == set(MEANINGS.values())  # so none stands there for nothing
    assert described["relation/weight/best_head"] != described["relation/weight/all"]
    assert meaning("relation/weight/best_head/x") == MEANINGS["relation/weight/best_head"]
    assert meaning("nothing/like/it") == ""


def test_the_overview_sums_up_the_members(left):
    runs = [left.scalars(member) for member in left.events]
    for line, sums in (("lowest", min), ("median", np.mean), ("highest", max)):  # of two, the median is the mean
        found = {(step, tag): float(array) for step, tag, _, array in events_of(left.folder / "overview" / line)}
        assert set(found) == set(runs[0])
        for key, value in found.items():
            assert value == pytest.approx(sums([scalars[key] for scalars in runs]), rel=1e-5, abs=1e-7)


def test_pictures_stand_at_some_steps_the_first_and_the_last_among_them(left):
    tags = {f"4 more maps/sentence-{n + 1}/head-{head + 1}" for n in range(SENTENCES - 1) for head in range(2)}
    tags |= {f"1 attention/sentence-{SENTENCES}/head-{head + 1}" for head in range(2)}  # the config's own
    tags |= {f"3 relevance/sentence-{n + 1}/{whose}" for n in range(SENTENCES) for whose in ("exact", "model")}
    seen = {}
    for member, rows in left.events.items():
        images = [(step, tag, list(array)) for step, tag, plugin, array in rows if plugin == "images"]
        expected = [(step, tag) for step in PICTURED for tag in tags]
        expected += [(20, f"5 film/sentence-{n + 1}") for n in range(SENTENCES)]
        assert sorted((step, tag) for step, tag, _ in images) == sorted(expected)
        for step, tag, (width, height, png) in images:
            assert Image.open(io.BytesIO(png)).size == (int(width), int(height))
            if tag.rpartition("/")[2] != "exact":  # the same for every seed and step
                seen[member, step, tag] = hashlib.sha256(png).digest()
    assert len(set(seen.values())) == len(seen)  # every seed, step, sentence and head has its own


def texts_of(rows):
    """{(step, tag): the text as TensorBoard renders it}."""
    return {
        (step, tag): markdown_to_safe_html(array.item().decode())
        for step, tag, plugin, array in rows
        if plugin == "text"
    }


def test_texts_stand_in_the_order_in_which_they_are_read_and_how_to_read_stands_once(left):
    seven, about = ({(step, tag) for step in steps} for tag, steps in ((SEVEN_LINES, STEPS), (ABOUT_THIS_RUN, (0, 20))))
    assert set(texts_of(left.events["seed-6"])) == seven | about
    assert set(texts_of(left.events["seed-5"])) == seven | about | {(0, HOW_TO_READ)}
    assert sorted([ABOUT_THIS_RUN, SEVEN_LINES, HOW_TO_READ]) == [HOW_TO_READ, SEVEN_LINES, ABOUT_THIS_RUN]


def test_the_picture_of_a_run_is_of_the_configs_own_sentence(left):
    record = load_run(left.folder / "seed-6").record
    pictures = SentencePictures({name: record[name] for name in ("tokens", "words", "row", "exact_relevance")})
    at = [STEPS.index(step) for step in PICTURED]
    maps = [pictures.maps(SENTENCES - 1, record["weights"][t]) for t in at]
    strip = film_strip(maps, PICTURED, pictures.labels[SENTENCES - 1], PROBE)
    assert (left.folder / "seed-6" / "attention.png").read_bytes() == strip


def test_the_seven_lines_have_the_numbers_of_the_record_at_each_step(left):
    record = load_run(left.folder / "seed-6").record
    texts = texts_of(left.events["seed-6"])
    words = ["a", "[ ]", *PROBE.split()[2:]]  # the sentence of the config, the last one
    for t, step in enumerate(STEPS):
        html = texts[step, SEVEN_LINES]
        assert f"after {step} updates" in html
        cells = re.findall("<td>(.*?)</td>", html)
        assert cells[4::4] == words
        for column, name, digits in ((5, "dot_products", 1), (6, "scores", 1), (7, "weights", 2)):
            assert cells[column::4] == [f"{x:.{digits}f}" for x in record[name][t, -1, 0, 0, : len(words)]]
        j = int(record["weights"][t, -1, 0, 0].argmax())
        vectors = [record["query"][t, -1, 0, 0], record["key"][t, 0, 0, j, 0], record["value"][t, 0, 0, j, 0]]
        lines = re.findall(r"<li><strong>\d \w+</strong>, .*: (.*?)</li>", html)
        assert lines == ["\xa0".join(f"{x:.1f}" for x in v) for v in [*vectors, record["context"][t, -1, 0, 0]]]


def test_words_of_the_projector_have_a_slot_and_a_class_and_each_class_a_colour(left):
    rows = [line.split("\t") for line in (left.folder / "seed-5/projector/labels.tsv").read_text("utf-8").splitlines()]
    assert rows[0] == ["word", "slot", "class"]
    assert [word for word, *_ in rows[1:]] == list(load_world("english").vocabulary.words)
    assert {("cat", "subject", "pet"), ("sat", "verb", "no class"), (".", "other", "no class")} <= set(map(tuple, rows))
    assert len({of_class for *_, of_class in rows[1:]}) == 9  # TensorBoard has ten colours


def test_the_projector_has_the_queries_and_keys_of_the_watched_sentences(left):
    folder, record = left.folder / "seed-6", load_run(left.folder / "seed-6").record
    lines = (folder / "projector/queries_and_keys_labels.tsv").read_text("utf-8").splitlines()
    columns, *labels = (tuple(line.split("\t")) for line in lines)
    assert columns == ("word", "kind", "form", "class", "slot", "place")
    assert len(set(labels)) == len(labels)
    assert ("sat", "key", "no form", "verb", "verb", "3") in labels
    assert ("the", "key", "no form", "no class", "determiner", "1") in labels
    # The blank at place 2 hides a cat in one sentence, a dog in another and a wolf in the last: one query.
    assert ("[cat,dog,wolf]", "query", "no form", "several", "subject", "2") in labels
    for head in (1, 2):
        vectors = np.loadtxt(folder / f"projector/queries_and_keys_head_{head}.tsv", delimiter="\t")
        assert vectors.shape == (len(labels), WHOLE.model.d_head)
        of = dict(zip(labels, vectors, strict=True))
        query, key = record["query"][-1, 0, 0, head - 1], record["key"][-1, 0, 0, 2, head - 1]  # cat is masked
        np.testing.assert_allclose(of["[cat,dog,wolf]", "query", "no form", "several", "subject", "2"], query, 1e-5)
        np.testing.assert_allclose(of["sat", "key", "no form", "verb", "verb", "3"], key, 1e-5)
    config = (folder / "projector_config.pbtxt").read_text("utf-8")
    named = re.findall(r'_path: "(.*)"', config)
    assert len(named) == 6
    assert all((folder / path).is_file() for path in named)


def test_heads_of_few_components_fill_the_projectors_three_axes(small_projector):
    for line in small_projector("queries_and_keys_head_1"):
        assert len(line.split("\t")) == 3
        assert line.endswith("\t0\t0")


@pytest.fixture
def small_projector(tmp_path):
    """The lines of a table, of a made record of heads of one component."""
    world = load_world("english")
    tokens = np.asarray([world.vocabulary.encode("the cat sat on the mat .")])
    record = {"tokens": tokens, "row": np.asarray([[1, -1]]), "query": np.ones((1, 1, 2, 1, 1)),
              "key": np.ones((1, 1, 2, 7, 1, 1))}  # fmt: skip
    write_projector(tmp_path, world, {"token": {"embedding": np.ones((len(world.vocabulary), 4))}}, record)
    return lambda table: (tmp_path / "projector" / f"{table}.tsv").read_text("utf-8").splitlines()


def test_film_strips_are_pictures(left):
    for path in left.folder.rglob("attention.png"):
        picture = Image.open(path)
        picture.load()
        assert min(picture.size) > 100


def test_no_word_of_a_world_or_a_sentence_stands_in_a_tag_or_a_key(left):
    words = set(load_world("english").vocabulary.words) - {*SPECIAL_WORDS}
    assert {"wolf", "shelf", "prowled", "quiet", "."} <= words
    names = {tag for rows in left.events.values() for _, tag, *_ in rows}
    names |= {key for summary in left.summaries.values() for key in summary if key not in WORD_KEYS}
    assert len(names) > 20
    assert not words & {part for name in names for part in re.split(r"[/_\-\s]", name)}


def test_the_summary_says_what_the_last_scalars_say(left):
    for number, (member, summary) in enumerate(left.summaries.items()):
        scalars = {tag: value for (step, tag), value in left.scalars(member).items() if step == 20}
        scalars = {
            tag: value for tag, value in scalars.items() if not tag.startswith(("attention_statistics", "gradient"))
        }
        assert {tag: np.float32(summary[tag]) for tag in scalars} == {tag: np.float32(v) for tag, v in scalars.items()}
        assert (summary["version"], summary["status"]) == (2, "finished")
        assert (summary["seed"], summary["steps"], summary["world"]) == (5 + number, 20, "english")
        assert re.fullmatch("[0-9a-f]{16}", summary["world_fingerprint"])
        assert set(summary["versions"]) == {"python", "jax", "jaxlib", "platform", "device", "devices"}
        relation = {key: value for key, value in summary.items() if key.startswith("relation/")}
        weights = ["all", "head-1", "head-2", "best_head"]
        baselines = ["untrained", "position_only", "uniform"]
        names = [*(f"weight/{key}" for key in weights), *baselines]
        assert set(relation) == {*(f"relation/{key}" for key in names), *WORD_KEYS}
        assert all(0 <= value <= 1 for value in relation.values())
        heads = [relation["relation/weight/head-1"], relation["relation/weight/head-2"]]
        assert relation["relation/weight/all"] == pytest.approx(sum(heads) / 2)
        assert relation["relation/weight/best_head"] in heads
        assert summary["relevance/largest_error"] > 0
        assert 0 <= summary["cut_cost/right_words"] <= 1
        assert summary["seconds/training"] > 0
        others = {"seed", "steps", "version", "status", "world", "world_fingerprint", "versions"}
        others |= {"seconds/training", "updates_per_second"}
        assert set(summary) == {*scalars, *relation, *others}


def test_what_the_terminal_shows(left):
    text = left.terminal
    lines = [line.split() for line in text.splitlines() if not line.startswith("  head ")]
    assert ["masked", "the", "cat", "sat", "on", "the", "mat", ".", "guess", "exact"] in lines
    assert "What the model looks at to guess each masked word, seed 5\n" in text
    for term in ("Excess:", "Trained contexts are", "held-out contexts are", "Weight on relevant words:"):
        assert term in " ".join(text.split())  # each is explained in a sentence
    # The sentence that the config adds, and none of the world's other examples.
    heads = [line[1:-2] for line in lines if line[:1] == ["masked"]]
    assert heads == [["the", "cat", "sat", "on", "the", "mat", "."], PROBE.split()]
    assert [line[0] for line in lines[lines.index(["masked", *PROBE.split(), "guess", "exact"]) :][1:4]] == [
        "wolf",
        "prowled",
        "shelf",
    ]
    rows = {line[0]: line[1:] for line in lines if line[:1] in (["cat"], ["sat"], ["mat"])}
    assert set(rows) == {"cat", "sat", "mat"}
    for place, row in zip((1, 2, 5), rows.values(), strict=True):
        weights, (guess, chance, _, exact, sure, _) = row[:7], row[7:]
        assert weights[place].startswith("[")  # the masked word's own place
        assert sum(float(weight.strip("[]")) for weight in weights) == pytest.approx(1, abs=0.04)
        assert guess in load_world("english").vocabulary.words
        assert 0 < int(chance) <= 100
        assert int(sure) > 50
        assert exact == ("cat", "sat", "mat")[(1, 2, 5).index(place)]
    medians = [
        np.median([s[f"excess/{kind}/all"] for s in left.summaries.values()]) for kind in ("trained", "held_out")
    ]
    assert [f"{median:.4f} nats" in text for median in medians] == [True, True]
    weight = np.median([summary["relation/weight/all"] for summary in left.summaries.values()])
    assert re.search(rf"Weight [a-z ]+ +{weight:.2f} +median of 2, ", text)
    assert f"This run lies in  '{left.folder}'\n" in text
    assert f"Pictures          '{left.folder}/seed-5/attention.png'\n" in text
    assert f"Watch it with     tensorboard --logdir '{left.folder.parent}'\n" in text
    assert f"At a glance       tensorboard --logdir '{left.folder / 'overview'}'\n" in text


def test_the_terminal_gets_no_bar_and_no_codes_where_it_is_none(left):
    assert all(c.isprintable() or c == "\n" for c in left.terminal)
    for sign in ("━", "compiling", "/20 ", "0:00"):
        assert sign not in left.terminal, sign


@pytest.mark.parametrize(
    ("steps", "count", "chosen"),
    [
        ([0, 1, 2, 5, 10, 20], 3, [0, 2, 20]),
        ([0, 1, 2, 5, 10, 20], 6, [0, 1, 2, 5, 10, 20]),
        ([0, 1, 2, 5, 10, 20], 10, [0, 1, 2, 5, 10, 20]),
        ([0, 1, 2, 5, 10, 20], 2, [0, 20]),
        ([0, 1, 2, 5, 10, 20], 1, [20]),
        ([0, 1, 2, 5, 10, 20], 0, []),
        ([0], 10, [0]),
        ([], 10, []),
    ],
)
def test_which_steps_become_pictures(steps, count, chosen):
    assert pictured_steps(steps, count) == chosen
