"""Run folders made of arrays, without training: random parameters at each step, and the oracle's forward pass."""

import dataclasses

import numpy as np
from oracle import Oracle

from data.vocabulary import MASK
from experiments.config.loader import to_yaml
from experiments.config.schema import Config, TrainConfig
from experiments.run_directory.arrays import RecordFile, write_npz
from experiments.run_directory.files import write_summary, write_text
from experiments.run_directory.saved_run import nested
from model.config import ModelConfig

WORDS = [
    "[PAD]",
    "[MASK]",
    "cat",
    "dog",
    "sat",
    "</script><img src=x onerror=alert(1)>",
    "猫",
    "قطة",
    "w" * 60,
    "the",
    "mat",
]
PLACES, MOST_ROWS = 7, 3
SENTENCES = [([9, 2, 4, 9, 10], [1, 2, 4]), ([5, 6, 7, 8, 3, 2, 10], [3])]
"""Word numbers, and the positions that are masked."""
MODEL = ModelConfig(d_model=5, heads=2, d_head=3, d_mlp=4, norm="layer")
FIELDS = ("embedding", "query", "key", "value", "dot_products", "scores", "weights", "weighted_values", "context",
          "attention", "residual", "mlp", "output", "logits")  # fmt: skip


def made_params(model, rng, words=None, places=None):
    """The parameters of a model by their paths."""
    m, h, d, f, v = model.d_model, model.heads, model.d_head, model.d_mlp, words or len(WORDS)
    matrices = ("query", "value") if model.tied_query_key else ("query", "key", "value")
    shapes = {f"attention/{name}/kernel": (m, h, d) for name in matrices}
    shapes |= {
        "attention/output/kernel": (h, d, m),
        "token/embedding": (v, m),
        "position/embedding": (places or PLACES, m),
    }
    shapes |= {"unembed/kernel": (m, v), "unembed/bias": (v,)}
    norms = [] if model.norm == "none" else ["attention_norm", "output_norm", *(["mlp_norm"] if f else [])]
    parts = ("scale", "bias") if model.norm == "layer" else ("scale",)
    shapes |= {f"{norm}/{part}": (m,) for norm in norms for part in parts}
    if f:
        shapes |= {"mlp_in/kernel": (m, f), "mlp_in/bias": (f,), "mlp_out/kernel": (f, m), "mlp_out/bias": (m,)}
    if model.query == "constant":
        shapes["constant_query"] = (m,)
    if model.scale == "learned":
        shapes["attention/log_scale"] = ()
    if model.qk_norm:
        shapes["attention/gain"] = (h,)
    if model.sink == "learned":
        shapes["attention/sink"] = (h,)
    return {name: np.float32(rng.normal(0.1, 0.7, shape)) for name, shape in shapes.items()}


def fixed_arrays(rng):
    count, most = len(SENTENCES), MOST_ROWS
    row_NR = np.full((count, most), -1)
    exact_NRV = np.full((count, most, len(WORDS)), np.nan, np.float32)
    relevance_NRK = np.full((count, most, PLACES), np.nan, np.float32)
    for n, (_, masked) in enumerate(SENTENCES):
        row_NR[n, : len(masked)] = masked
        chances = rng.dirichlet(np.full(len(WORDS) - 2, 0.4), len(masked))
        chances[:, 3] = 0  # a word that cannot stand there
        exact_NRV[n, : len(masked)] = np.pad(chances / chances.sum(axis=1, keepdims=True), ((0, 0), (2, 0)))
        relevance_NRK[n, : len(masked)] = rng.random((len(masked), PLACES))
    return {
        "tokens": np.asarray([np.pad(tokens, (0, PLACES - len(tokens))) for tokens, _ in SENTENCES], np.int32),
        "world": np.asarray("0" * 16),
        "words": np.asarray(WORDS),
        "row": row_NR,
        "exact_relevance": relevance_NRK,
        "exact_posterior": exact_NRV,
        "excess_groups": np.asarray(["trained/subject", "held_out/subject"]),
        "parameter_groups": np.asarray(["attention/key"]),
    }


def step_arrays(model, params, rng):
    """What is recorded at a step: the forward pass of `params`, and random numbers for what is measured beside it."""
    heads, oracle = model.heads, Oracle(model, params, model.scale)
    found = {}
    for n, (tokens, masked) in enumerate(SENTENCES):
        for r, place in enumerate(masked):
            padded = np.pad(tokens, (0, PLACES - len(tokens)))
            padded[place] = MASK
            for name, value in oracle.row(padded, place).items():
                shape = (len(SENTENCES), MOST_ROWS, *value.shape)
                found.setdefault(name, np.full(shape, np.nan, np.float32))[n, r] = value
    shape = len(SENTENCES), MOST_ROWS
    return {
        **{name: found[name] for name in FIELDS},
        "loss": np.float32(rng.random()),
        "excess": rng.random(2).astype(np.float32),
        "cut_cost": rng.normal(size=(*shape, heads + 1, PLACES)).astype(np.float32),
        "model_relevance": rng.random((*shape, PLACES)).astype(np.float32),
        "row_excess": rng.random(shape).astype(np.float32),
        "score_gradient": rng.normal(size=(*shape, heads, PLACES)).astype(np.float32),
        "gradient_norm": rng.random((4, 1)).astype(np.float32),
    }


def made_config(model=MODEL, seed=3, seeds=1, steps=100):
    return Config(seed=seed, seeds=seeds, model=model, train=TrainConfig(steps=steps))


class MadeRun:
    """A run that is written step by step, as training writes it."""

    def __init__(self, folder, config=None, number=0):
        """Begin a run in `folder`; `number` of several seeds, whose config is in the folder above."""
        self.folder, self.config = folder, config or made_config()
        self.rng = np.random.default_rng(self.config.seed + number)
        folder.mkdir(parents=True)
        whole = folder if self.config.seeds == 1 else folder.parent
        write_text(whole / "config.yaml", to_yaml(self.config))
        self.record, self.params = RecordFile(folder, "record"), RecordFile(folder, "params")
        self.record.begin(fixed_arrays(self.rng))
        self.params.begin({})

    def add(self, *steps, without=()):
        """Record steps; leaves the arrays `without` out."""
        for step in steps:
            params = made_params(self.config.model, self.rng)
            arrays = step_arrays(self.config.model, nested(params), self.rng)
            self.record.append(step, {name: array for name, array in arrays.items() if name not in without})
            self.params.append(step, params)
        self.record.flush()
        self.params.flush()
        return self

    def finish(self, status="finished"):
        self.record.merge()
        self.params.merge()
        write_summary(self.folder, {"status": status, "seed": self.config.seed, "steps": self.config.train.steps})
        return self

    def arrays(self):
        """All of record.npz by NumPy alone, and of params.npz."""
        with np.load(self.folder / "record.npz") as record, np.load(self.folder / "params.npz") as params:
            return dict(record), dict(params)


def rewritten(path, **changes):
    """Write an .npz file anew with some of its arrays exchanged, or left out where the change is None."""
    with np.load(path) as file:
        arrays = dict(file) | changes
    write_npz(path, {name: array for name, array in arrays.items() if array is not None})


def variant(**changes):
    return dataclasses.replace(MODEL, **changes)
