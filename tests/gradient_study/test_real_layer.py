"""Along training: every number stands at its own arm, scale and seed; the figure shows what the CSV file says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from synthetic_study import make_study

from data.drawing_tables import sampler_tables
from data.sampler import sample
from data.world import load_world
from experiments.config.schema import TaskConfig
from experiments.gradient_study.config import EscapeConfig, GradientConfig, LayerConfig, TrainingConfig
from experiments.gradient_study.figures import training_course
from experiments.gradient_study.norm_statistics import ALL_STAGES, SCALES, STATISTICS
from experiments.gradient_study.real_layer import Arms, train_config
from experiments.gradient_study.stage_gradients import row_losses
from experiments.gradient_study.tables import HEADER, statistic_rows
from experiments.measuring.evaluation_set import make_evaluation_set
from experiments.training.compiler import Compiler
from experiments.training.hyperparameters import hyperparameters, init_state, training_spec
from experiments.training.record import one_run
from experiments.training.update import train_steps
from model.functional import Model, apply

D, ROWS = 4, 8
CONFIG = GradientConfig(
    seed=5,
    seeds=2,
    layer=LayerConfig(sizes=(2, D), d_model=6, heads=1, embedding_std=0.5),
    training=TrainingConfig(sizes=(2, D), steps=3, batch=8, records=2, rows=ROWS, sentences=32, learning_rate=0.1),
    escape=EscapeConfig(margins=(0, 1, 2)),
)


@pytest.fixture(scope="module")
def world():
    return load_world("english")


@pytest.fixture(scope="module")
def tables(world):
    return sampler_tables(world, TaskConfig().masked)


@pytest.fixture(scope="module")
def rows(tables):
    return jax.device_get(jax.jit(sample, static_argnums=2)(tables, jax.random.key(1), ROWS))


@pytest.fixture(scope="module")
def measured(world, tables, rows):
    """The ensemble of all arms and seeds at D."""
    compiler, told = Compiler(), []
    examples = make_evaluation_set(train_config(CONFIG, D, "none"), world)
    arms = Arms(CONFIG, D, world, tables, (examples, rows), compiler)
    compiler.start()
    found = arms.run(told.append)
    assert told == ["training, d 4, update 0", "training, d 4, update 3"]
    return found


@pytest.fixture(scope="module")
def lone(world, tables):
    """The last seed's run of the arm under 1/d after its 3 updates, by itself."""
    config = train_config(CONFIG, D, "inverse")
    own, values = training_spec(config, world), one_run(hyperparameters(config), 1)
    state = init_state(own, values)
    state = jax.jit(lambda state: train_steps(own, tables, values, state, np.int32(0), np.int32(3))[0])(state)
    return Model(own.model, state.params, 1 / D)


ARM, SEED = SCALES.index("inverse"), 1


@pytest.mark.long
def test_an_arm_of_the_ensemble_is_the_lone_run(measured, lone, rows):
    """The gradient of W_Q of single rows, differentiated one by one, under each scale; all differ."""
    assert measured.norms.table_KCSR.shape == (len(STATISTICS), 2, 3, 3, len(ALL_STAGES), 2)
    gradients = jax.jit(jax.jacrev(lambda params, scale: row_losses(Model(lone.config, params, scale), rows)))
    for c, scale in enumerate((1.0, D**-0.5, 1.0 / D)):
        kernel = np.asarray(gradients(lone.params, jnp.float32(scale))["attention"]["query"]["kernel"])
        norm_T = np.linalg.norm(kernel.reshape(ROWS, -1), axis=1)
        expected = [np.sqrt(np.mean(norm_T**2)), *np.quantile(norm_T, (0.05, 0.5, 0.95))]
        found = [measured.norms.of(name, "W_Q")[1, ARM, c, SEED] for name in ("rms", "q05", "median", "q95")]
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-6)


@pytest.mark.long
def test_sigma_is_that_of_the_arms_own_scale(measured, lone, rows):
    forward = apply(lone, rows.tokens_BK, rows.masked_B[:, None])
    dots = [np.asarray(row[0, 0])[np.asarray(tokens) != 0]
            for row, tokens in zip(forward.dot_products_BHQK, rows.tokens_BK, strict=True)]  # fmt: skip
    expected = np.sqrt(np.mean([np.var(row) for row in dots])) / D
    assert measured.sigma_PAR[1, ARM, SEED] == pytest.approx(expected, rel=1e-3)


@pytest.mark.long
def test_excess_is_that_of_asked_contexts(measured, lone, world):
    examples = make_evaluation_set(train_config(CONFIG, D, "none"), world)
    forward = apply(lone, examples.tokens_EK, examples.masked_E[:, None])
    log_EV = np.asarray(jax.nn.log_softmax(forward.logits_BQV[:, 0]))
    truth_EV = examples.posterior_EV
    divergence_E = np.sum(truth_EV * (np.log(np.maximum(truth_EV, 1e-30)) - log_EV), axis=1)
    asked = [divergence_E[examples.share_EG[:, slot] > 0].mean() for slot in range(3)]
    assert measured.excess_PAR[1, ARM, SEED] == pytest.approx(np.mean(asked), rel=1e-3)


@pytest.mark.long
def test_arms_start_from_the_same_parameters(measured):
    start_ACR, end_ACR = measured.norms.of("rms", "W_Q")
    for arm in range(1, 3):
        np.testing.assert_allclose(start_ACR[arm], start_ACR[0], rtol=1e-4, atol=1e-7)
    assert not np.allclose(end_ACR[1], end_ACR[0], rtol=1e-2)


@pytest.fixture(scope="module")
def study():
    return make_study(64)


def test_a_row_is_dead_beside_the_same_parameters(study):
    """`statistics` compares the scales of one setting, and a setting is one arm's parameters at one step."""
    dead_PACR, own_PAR = study.trained[0].norms.of("dead", "W_K"), study.trained[0].own_PAR("dead", "W_K")
    assert len(np.unique(own_PAR)) > 2
    for p, a, r in np.ndindex(2, 3, 3):
        assert own_PAR[p, a, r] == dead_PACR[p, a, a, r] == study.trained[0].norms.at(p, a).of("dead", "W_K")[a, r]


@pytest.mark.parametrize(("row", "statistic"), [(1, "rms"), (2, "median"), (3, "dead")])
def test_the_figure_shows_the_numbers_of_the_csv_file(study, row, statistic):
    kept = {tuple(map(str, line[:7])): line[7] for line in statistic_rows(study) if line[0] == "training"}
    assert HEADER[:8] == ["part", "d", "trained_under", "update", "scale", "stage", "statistic", "value"]
    axes = training_course(study).axes
    for column, size in enumerate(study.trained):
        drawn = axes[row * len(study.trained) + column].lines
        for scale, line in zip(SCALES, drawn, strict=True):
            expected = [kept["training", str(size.d), scale, str(step), scale, "W_Q", statistic] for step in size.steps]
            assert list(line.get_ydata()) == pytest.approx(expected)
            assert list(line.get_xdata()) == [step + 1 for step in size.steps]
