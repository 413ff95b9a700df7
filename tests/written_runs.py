"""Run folders written from arrays, without a training: any words, and random numbers in the shapes of a record.

`made_run` has a real forward pass, of a few words.
"""

import dataclasses

import numpy as np

from experiments.config.loader import to_yaml
from experiments.config.schema import Config
from experiments.run_directory.arrays import RecordFile
from experiments.run_directory.files import write_summary
from model.config import ModelConfig

HEADS, SIZE, WIDTH = 2, 3, 5
STEPS = (0, 1, 3, 10, 40)
SENTENCES = ("the cat sat on the mat .", "the dog slept .")


class WrittenRun:
    """A run's folder, whose steps are written one by one, as a training does it.

    Attributes:
      steps: the arrays of each step [T], as they were written.
      fixed: the arrays that are the same at every step.
    """

    def __init__(self, folder, sentences=SENTENCES, *, seed=0, scale="inverse_sqrt", masked=None):
        folder.mkdir(parents=True)
        self.folder, self.steps = folder, []
        self._random = np.random.default_rng([seed, len(scale)])
        model = ModelConfig(d_model=WIDTH, heads=HEADS, d_head=SIZE, d_mlp=0, scale=scale)
        config = Config(seed=seed, model=model)
        config = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=max(STEPS)))
        (folder / "config.yaml").write_text(to_yaml(config), encoding="utf-8")
        self.fixed = self._fixed([_words(sentence) for sentence in sentences], masked)
        self._record, self._params = RecordFile(folder, "record"), RecordFile(folder, "params")
        self._record.begin(self.fixed)
        self._params.begin({})

    def _fixed(self, sentences, masked):
        known = sorted({word for sentence in sentences for word in sentence})
        words = ["[PAD]", "[MASK]", *known]
        rows = [masked or range(1, len(sentence), 2) for sentence in sentences]
        count, places, most = len(sentences), max(map(len, sentences)), max(map(len, rows))
        tokens = np.zeros((count, places), np.int32)
        row = np.full((count, most), -1, np.int32)
        for n, sentence in enumerate(sentences):
            tokens[n, : len(sentence)] = [words.index(word) for word in sentence]
            row[n, : len(rows[n])] = rows[n]
        posterior = self._random.dirichlet(np.ones(len(words)), (count, most))
        return {
            "tokens": tokens,
            "row": row,
            "words": np.asarray(words),
            "world": np.asarray("made"),
            "exact_relevance": self._random.exponential(0.5, (count, most, places)).astype(np.float32),
            "exact_posterior": posterior.astype(np.float32),
            "excess_groups": np.asarray(["trained/subject", "held_out/subject"]),
            "parameter_groups": np.asarray(["all"]),
            # Every other word is of a class of its own name.
            "word_groups/form": np.full(len(words), ""),
            "word_groups/class": np.asarray(["", "", *(word if n % 2 else "" for n, word in enumerate(known))]),
            "word_groups/slot": np.asarray(["", "", *(f"slot {n % 3}" for n, _ in enumerate(known))]),
        }

    def add(self, *steps):
        """Record random numbers at `steps`."""
        (count, most), places, words = self.fixed["row"].shape, self.fixed["tokens"].shape[1], len(self.fixed["words"])
        rows = count, most
        shapes = {
            **dict.fromkeys(("dot_products", "scores", "score_gradient"), (*rows, HEADS, places)),
            **dict.fromkeys(("key", "value"), (*rows, places, HEADS, SIZE)),
            **dict.fromkeys(("query", "context"), (*rows, HEADS, SIZE)),
            "weighted_values": (*rows, HEADS, places, SIZE),
            "output": (*rows, WIDTH),
            "logits": (*rows, words),
            "cut_cost": (*rows, HEADS + 1, places),
            "model_relevance": (*rows, places),
            "row_excess": rows,
            "loss": (),
            "excess": (2,),
        }
        for step in steps:
            arrays = {name: self._random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
            weights = self._random.dirichlet(np.ones(places), (*rows, HEADS))
            arrays |= {"weights": weights.astype(np.float32), "excess": np.abs(arrays["excess"])}
            self.steps.append(arrays)
            self._params.append(step, self._parameters(words))
            self._record.append(step, arrays)
        for file in (self._params, self._record):
            file.flush()

    def _parameters(self, words):
        shapes = {
            "attention/output/kernel": (HEADS, SIZE, WIDTH),
            "output_norm/scale": (WIDTH,),
            "unembed/kernel": (WIDTH, words),
        }
        return {name: self._random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}

    def finish(self):
        """Merge what was recorded, as a training does at its end."""
        self._record.merge()
        self._params.merge()
        write_summary(self.folder, {"status": "finished"})
        return self


def finished_run(folder, sentences=SENTENCES, steps=STEPS, **options):
    """A whole run."""
    run = WrittenRun(folder, sentences, **options)
    run.add(*steps)
    return run.finish()


def _words(sentence):
    """A sentence is a text, or its words, which may hold blanks."""
    return sentence.split(" ") if isinstance(sentence, str) else list(sentence)
