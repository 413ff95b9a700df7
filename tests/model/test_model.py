"""The transformer against an independent forward pass in NumPy, and what its variants and control arms promise."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from oracle import Oracle
from refusals import refused
from small_model import config_of, fast_jit, flat, model_of, random_params

from model.config import ModelConfig
from model.functional import apply, init_params, training_logits

B, K, V = 2, 7, 19
TOKENS = np.asarray([[4, 9, 1, 3, 9, 18, 7], [2, 5, 8, 1, 0, 0, 0]], np.int32)  # 0 is padding
ONE_ROW, THREE_ROWS = jnp.asarray([[2], [3]]), jnp.asarray([[2, 0, 6], [3, 1, 1]])

VARIANTS = {
    "default": {},
    "position query": {"query": "position", "norm": "rms", "scale": "inverse"},
    "content query": {"query": "content", "norm": "none", "d_mlp": 0, "sink": "zero", "scale": 0.3},
    "constant query": {"query": "constant", "scale": "learned", "sink": "learned", "softcap": 2.0},
    "one head": {"heads": 1, "scale": "none", "d_mlp": 0},
    "no norm": {"norm": "none", "query": "position"},
    "softcap": {"softcap": 0.7, "norm": "rms"},
    "qk norm": {"qk_norm": True, "scale": "none"},
    "one matrix": {"tied_query_key": True, "norm": "rms"},
    "one matrix, qk norm": {"tied_query_key": True, "qk_norm": True, "residual": False, "query": "position"},
    "no residual": {"residual": False, "d_mlp": 0, "sink": "learned"},
    "uniform": {"scale": 0.0, "residual": False},
    "everything": {"qk_norm": True, "softcap": 3.0, "sink": "learned", "scale": "learned", "query": "constant"},
}
ROWS = {name: ONE_ROW if name in ("position query", "one head", "qk norm") else THREE_ROWS for name in VARIANTS}


@functools.cache
def computed(name):
    """Config, parameters, query positions, everything on the shown path and the logits of the training path."""
    with jax.enable_x64(True):
        config, positions = config_of(**VARIANTS[name]), ROWS[name]

        def both(params):
            model = model_of(config, params, VARIANTS[name].get("scale", "inverse_sqrt"))
            return apply(model, TOKENS, positions), training_logits(model, TOKENS, positions)

        params = random_params(config)
        return config, params, positions, *fast_jit(both)(params)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_field_is_what_its_definition_says(name, assert_close):
    config, params, positions, out, trained = computed(name)
    oracle = Oracle(config, params, VARIANTS[name].get("scale", "inverse_sqrt"))
    names = [item.name for item in dataclasses.fields(out)]
    for b, q in np.ndindex(positions.shape):
        row = oracle.row(np.asarray(TOKENS)[b].tolist(), int(positions[b, q]))
        assert sorted(row) == sorted(field.rpartition("_")[0] for field in names)
        for field in names:
            name, _, axes = field.rpartition("_")
            index = tuple({"B": b, "Q": q}.get(axis, slice(None)) for axis in axes)
            assert_close(np.asarray(getattr(out, field))[index], row[name], 1e-12, field)
        assert_close(trained[b, q], row["logits"], 1e-12, "training_logits")


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", VARIANTS)
def test_many_sentences_are_computed_as_a_few_are(name, assert_close):
    """Of more sentences than the vocabulary has words, pairs of a word and a place are computed, and looked up."""
    config = config_of(**VARIANTS[name])
    model = model_of(config, random_params(config), VARIANTS[name].get("scale", "inverse_sqrt"))
    generator = np.random.default_rng(0)
    tokens, positions = generator.integers(1, V, (V + 1, K)), generator.integers(0, K, (V + 1, 1))
    tokens[::3, 5:] = 0
    many = fast_jit(apply)(model, tokens, positions)
    few = [fast_jit(apply)(model, tokens[part], positions[part]) for part in (slice(V), slice(V, None))]
    for item in dataclasses.fields(many):
        one, two = getattr(many, item.name), np.concatenate([getattr(part, item.name) for part in few])
        assert_close(one, two, 1e-13, item.name)


def test_weighted_values_add_up_to_the_context(assert_close):
    """Two fields that are computed apart."""
    *_, out, _ = computed("default")
    assert_close(np.asarray(out.weighted_values_BHQKD).sum(axis=3).swapaxes(1, 2), out.context_BQHD, 1e-13)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    "name",
    [
        "default",
        "position query",
        "content query",
        "constant query",
        "one head",
        "one matrix",
        "no residual",
    ],
)
def test_training_path_has_the_gradients_of_the_shown_path(name, assert_close):
    config, params, positions, *_ = computed(name)
    scale = VARIANTS[name].get("scale", "inverse_sqrt")
    mix = jnp.asarray(np.random.default_rng(1).normal(size=(*positions.shape, V)))

    def shown(params):
        return (apply(model_of(config, params, scale), TOKENS, positions).logits_BQV * mix).sum()

    def trained(params):
        return (training_logits(model_of(config, params, scale), TOKENS, positions) * mix).sum()

    expected, gradient = fast_jit(lambda params: [jax.grad(f)(params) for f in (shown, trained)])(params)
    assert sorted(flat(gradient)) == sorted(flat(params))
    for path, leaf in flat(expected).items():
        assert np.abs(leaf).max() > 0, f"{path} is not used"
        assert_close(flat(gradient)[path], leaf, 1e-10, path)


def test_padding_and_other_sentences_change_nothing(assert_close):
    """The second sentence alone and without its padding."""
    config, params, positions, out, _ = computed("content query")
    with jax.enable_x64(True):
        alone = fast_jit(apply)(model_of(config, params, 0.3), TOKENS[1:, :4], positions[1:])
    assert (np.asarray(out.weights_BHQK)[1, :, :, 4:] == 0).all()
    assert_close(alone.logits_BQV[0], out.logits_BQV[1], 1e-13)
    assert_close(alone.weights_BHQK[0], out.weights_BHQK[1, :, :, :4], 1e-13)


@pytest.mark.parametrize(
    ("arm", "of_token", "of_position"),
    [("full", True, True), ("position", False, True), ("content", True, False), ("constant", False, False)],
)
def test_what_the_query_is_made_of(arm, of_token, of_position):
    """One sentence of fives and one of sevens: word and place of the query position are changed one at a time."""
    config = config_of(query=arm)
    tokens, positions = jnp.asarray([[5] * 4, [7] * 4, [5] * 4]), jnp.asarray([[1], [1], [3]])
    queries = fast_jit(lambda params: apply(model_of(config, params), tokens, positions).query_BQHD)(
        random_params(config)
    )
    start, other_word, other_place = queries
    assert (not np.array_equal(start, other_word)) == of_token
    assert (not np.array_equal(start, other_place)) == of_position


@pytest.mark.parametrize(
    ("scale", "d_head", "factor"),
    [
        ("inverse_sqrt", 16, 0.25),
        ("inverse_sqrt", 64, 0.125),
        ("inverse", 16, 0.0625),
        ("none", 16, 1.0),
        ("learned", 16, 0.25),
        (0.3, 16, 0.3),
        (2, 16, 2.0),
    ],
)
def test_scale_factor(scale, d_head, factor):
    assert ModelConfig(scale=scale, d_head=d_head).scale_factor == factor


def test_a_traced_scale_multiplies_the_dot_products(assert_close):
    config = config_of(d_mlp=0)
    params = random_params(config)
    scales = [0.1, 0.5, 2.0]

    def run(scale):
        model = model_of(config, params, scale)
        return apply(model, TOKENS, THREE_ROWS), training_logits(model, TOKENS, THREE_ROWS)

    out, trained = fast_jit(jax.vmap(run))(jnp.asarray(scales))
    for i, scale in enumerate(scales):
        assert_close(out.scores_BHQK[i], scale * np.asarray(out.dot_products_BHQK[0]), 1e-6)
        row = Oracle(config, params, scale).row(np.asarray(TOKENS)[0].tolist(), int(THREE_ROWS[0, 1]))
        assert_close(out.logits_BQV[i, 0, 1], row["logits"], 1e-5)
        assert_close(trained[i, 0, 1], row["logits"], 1e-5)


def test_a_learned_scale_is_a_parameter_and_not_an_argument(assert_close):
    config = config_of(scale="learned")
    params = random_params(config)
    scores = fast_jit(lambda params, scale: apply(model_of(config, params, scale), TOKENS, ONE_ROW).scores_BHQK)
    doubled = params | {
        "attention": params["attention"] | {"log_scale": params["attention"]["log_scale"] + math.log(2)}
    }
    assert_close(scores(doubled, 1.0), 2 * np.asarray(scores(params, 1.0)), 1e-6)
    np.testing.assert_array_equal(scores(params, 1.0), scores(params, 9.0))


def test_qk_norm_makes_dot_products_gain_times_cosine():
    config, params, positions, out, _ = computed("qk norm")
    oracle = Oracle(config, params, "none")
    gain_H = oracle.p["attention/gain"]
    inputs = np.asarray([[oracle.norm(x, "attention_norm") for x in row] for row in np.asarray(out.embedding_BKM)])
    for b, h, j in np.ndindex(B, config.heads, K):
        q = inputs[b, positions[b, 0]] @ oracle.p["attention/query/kernel"][:, h]
        k = inputs[b, j] @ oracle.p["attention/key/kernel"][:, h]
        expected = gain_H[h] * (q @ k) / (np.linalg.norm(q) * np.linalg.norm(k))
        # The model adds 1e-12 to squared lengths; those here are above 1.
        assert abs(float(out.dot_products_BHQK[b, h, 0, j]) - expected) < 1e-12 * abs(gain_H[h])
    assert (np.abs(out.dot_products_BHQK) <= np.abs(gain_H)[None, :, None, None]).all()


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("d_head", [16, 64])
def test_prediction_2_scaling_shrinks_gradients_of_small_queries_and_keys(d_head):
    """Unscaled to scaled: sqrt(d_head) times for W_Q and W_K, once for W_V.

    Behind LayerNorm the components of q and k have std 1 at the start; times 1e-2 each they have 1e-2, and unscaled
    scores the std sqrt(64) 1e-4 = 8e-4, the scaled ones less. Weights are then uniform to about 3 std, and so is what
    they multiply in every gradient: the ratio of the factors is left, within 3 * 8e-4 < 1 %.
    """
    config, targets = config_of(d_model=31, d_head=d_head, d_mlp=0), jnp.asarray([[3, 1, 4], [1, 5, 9]])

    def gradient_norms(params, scale):
        def loss(params):
            logits = training_logits(model_of(config, params, scale), TOKENS, THREE_ROWS)
            return optax.softmax_cross_entropy_with_integer_labels(logits, targets).mean()

        gradient = jax.grad(loss)(params)["attention"]
        return {name: jnp.linalg.norm(gradient[name]["kernel"]) for name in ("query", "key", "value")}

    params = fast_jit(functools.partial(init_params, config))(jax.random.key(0))
    for name in ("query", "key"):
        params["attention"][name]["kernel"] *= 1e-2
    scales = [1.0, d_head**-0.5]
    norms = fast_jit(jax.vmap(gradient_norms, in_axes=(None, 0)))(params, jnp.asarray(scales))
    for name, ratio in {"query": math.sqrt(d_head), "key": math.sqrt(d_head), "value": 1.0}.items():
        unscaled, scaled = norms[name]
        assert unscaled / scaled == pytest.approx(ratio, rel=0.01), name


SHAPES = {
    "token/embedding": (19, 13),
    "position/embedding": (11, 13),
    "attention_norm/scale": (13,),
    "attention_norm/bias": (13,),
    "attention/query/kernel": (13, 3, 5),
    "attention/key/kernel": (13, 3, 5),
    "attention/value/kernel": (13, 3, 5),
    "attention/output/kernel": (3, 5, 13),
    "mlp_norm/scale": (13,),
    "mlp_norm/bias": (13,),
    "mlp_in/kernel": (13, 17),
    "mlp_in/bias": (17,),
    "mlp_out/kernel": (17, 13),
    "mlp_out/bias": (13,),
    "output_norm/scale": (13,),
    "output_norm/bias": (13,),
    "unembed/kernel": (13, 19),
    "unembed/bias": (19,),
}


@pytest.mark.parametrize(
    ("changes", "added", "removed"),
    [
        ({}, {}, ""),
        ({"d_mlp": 0}, {}, "mlp_"),
        ({"norm": "rms"}, {}, "_norm/bias"),
        ({"norm": "none"}, {}, "_norm/"),
        ({"query": "constant"}, {"constant_query": (13,)}, ""),
        ({"scale": "learned"}, {"attention/log_scale": ()}, ""),
        ({"qk_norm": True}, {"attention/gain": (3,)}, ""),
        ({"sink": "learned"}, {"attention/sink": (3,)}, ""),
        ({"sink": "zero"}, {}, ""),
        ({"tied_query_key": True}, {}, "attention/key"),
        ({"residual": False}, {}, ""),
    ],
)
def test_names_and_shapes_of_parameters(changes, added, removed):
    params = jax.eval_shape(functools.partial(init_params, config_of(**changes)), jax.random.key(0))
    expected = {path: shape for path, shape in SHAPES.items() if not removed or removed not in path} | added
    assert {path: leaf.shape for path, leaf in flat(params).items()} == expected


def test_parameters_are_plain_dicts_of_float32():
    def visit(node):
        if type(node) is dict:
            for child in node.values():
                visit(child)
        else:
            assert (type(node), node.dtype) == (jax.ShapeDtypeStruct, jnp.float32)

    visit(jax.eval_shape(functools.partial(init_params, config_of(**VARIANTS["everything"])), jax.random.key(0)))


@functools.cache
def initial():
    """A config with every kind of parameter, and fresh parameters of three keys: as an ensemble, and each alone."""
    config = config_of(d_model=64, heads=8, d_head=16, d_mlp=256, vocabulary_size=128, max_length=64, embedding_std=0.1)
    config = dataclasses.replace(config, query="constant", learned_scale=True, sink="learned", qk_norm=True)
    init, keys = functools.partial(init_params, config), jax.random.split(jax.random.key(3), 3)
    ensemble, lone = fast_jit(jax.vmap(init))(keys), fast_jit(init)
    return flat(ensemble), [flat(lone(key)) for key in keys]


def test_initial_parameters_are_a_function_of_the_key_and_vmap():
    ensemble, runs = initial()
    for path, stacked in ensemble.items():
        for i, member in enumerate(runs):
            np.testing.assert_allclose(stacked[i], member[path], rtol=1e-6, err_msg=path)
        drawn = path.endswith(("kernel", "embedding", "constant_query"))
        assert (not np.array_equal(stacked[0], stacked[1])) == drawn, path
    kernels = [ensemble[f"attention/{name}/kernel"][0] for name in ("query", "key", "value")]
    assert not np.array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[1], kernels[2])


def test_spread_of_initial_parameters():
    """Embeddings have the configured std, matrices 1/sqrt(inputs): behind LayerNorm queries and keys start at std 1."""
    params = initial()[1][0]
    expected = {"token/embedding": 0.1, "position/embedding": 0.1, "attention/output/kernel": 128**-0.5}
    expected |= {f"attention/{name}/kernel": 64**-0.5 for name in ("query", "key", "value")}
    expected |= {"mlp_in/kernel": 64**-0.5, "mlp_out/kernel": 256**-0.5, "unembed/kernel": 64**-0.5}
    expected |= {"constant_query": 1.0}
    for path, std in expected.items():
        # the relative standard error of a standard deviation is 1/sqrt(2n); four are allowed
        assert np.std(params[path]) == pytest.approx(std, rel=4 / math.sqrt(2 * params[path].size)), path
    constants = {"attention/gain": 4.0, "attention/log_scale": math.log(1 / 4), "attention/sink": 0.0}
    for path in set(params) - set(expected):
        constant = constants.get(path, 1.0 if path.endswith("scale") else 0.0)
        np.testing.assert_allclose(params[path], constant, rtol=1e-6, err_msg=path)


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("d_model", 0, ["1", "4096"]),
        ("heads", 65, ["1", "64"]),
        ("d_head", -3, ["1", "4096"]),
        ("d_mlp", -1, ["0", "16384"]),
        ("norm", "batch", ["layer", "rms", "none"]),
        ("embedding_std", -0.5, ["0.0", "100.0"]),
        ("embedding_std", math.nan, ["0.0", "100.0"]),
        ("query", "both", ["full", "position", "content", "constant"]),
        ("scale", "sqrt", ["inverse_sqrt", "inverse", "none", "learned", "number"]),
        ("scale", -1.0, ["0.0", "1000000.0"]),
        ("scale", math.inf, ["0.0", "1000000.0"]),
        ("softcap", -2.0, ["0.0", "1000000.0"]),
        ("sink", "one", ["none", "zero", "learned"]),
    ],
)
def test_a_wrong_value_is_told_in_one_line(field, value, named):
    with refused(field, *named, value, kind=ValueError):
        ModelConfig(**{field: value})


def test_one_matrix_has_no_query_start_of_its_own():
    with refused("query_start", "W_K is W_Q", kind=ValueError):
        ModelConfig(tied_query_key=True, query_start="inverse_sqrt")
    assert ModelConfig(tied_query_key=True).query_start == "none"


@pytest.mark.usefixtures("float64")
def test_one_matrix_makes_scores_that_are_symmetric(assert_close):
    """Where queries are made of what keys are made of: score(i, j) = score(j, i)."""
    config, sentence = config_of(tied_query_key=True), jnp.asarray([[4, 9, 1, 3, 7]])
    out = fast_jit(lambda params: apply(model_of(config, params), sentence, jnp.arange(5)[None]))(random_params(config))
    assert_close(out.scores_BHQK, jnp.swapaxes(out.scores_BHQK, 2, 3), 1e-12)


def test_config_is_frozen_hashable_and_knows_its_sizes():
    config = ModelConfig(heads=3, scale=0.5)
    sized = config.sized(19, 11)
    assert (sized.heads, sized.learned_scale, sized.vocabulary_size, sized.max_length) == (3, False, 19, 11)
    assert config.sized(19, 11) == ModelConfig(heads=3, scale="none").sized(19, 11)
    assert ModelConfig(heads=3, scale="learned").sized(19, 11).learned_scale
    assert hash(sized) == hash(ModelConfig(scale=0.5, heads=3).sized(19, 11))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.heads = 4
