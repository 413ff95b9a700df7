"""Tables for TensorBoard's projector: word embeddings; queries and keys of the watched sentences at the last step.

The tables are plain text; words have no blanks in them, so a tab ends each.
"""

import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.world import World
from experiments.run_directory.arrays import Arrays
from experiments.run_directory.files import write_text
from experiments.tracking.word_labels import word_labels
from experiments.view.plane_points import different_points
from experiments.view.word_groups import word_groups
from model.functional import Params

_TABLE = """\
embeddings {{
  tensor_name: "{name}"
  tensor_path: "projector/{table}.tsv"
  metadata_path: "projector/{labels}.tsv"
}}
"""
_LEAST = 3
"""Columns that the projector needs; heads of fewer components get zeros."""
_COLUMNS = ("word", "kind", "form", "class", "slot", "place")
_WORDS = ("word embeddings", "embeddings", "labels")
_HEAD = "queries and keys, head {}", "queries_and_keys_head_{}", "queries_and_keys_labels"
"""What tables are called, their file and that of their labels; each head's vectors have a space of their own."""


def write_projector(folder: Path, world: World, params: Params, record: Arrays) -> None:
    """Write one run's tables.

    Word embeddings [V, M] are labelled as `word_labels` says.

    Args:
      folder: the run's.
      world: its world.
      params: its parameters at the last step.
      record: `record.npz`, of which the last step is taken.
    """
    (folder / "projector").mkdir(exist_ok=True)
    vectors, point_labels = _queries_and_keys(world, record)
    tables = {_WORDS: np.asarray(params["token"]["embedding"])}
    for h, vectors_ND in enumerate(vectors, start=1):
        tables[_HEAD[0].format(h), _HEAD[1].format(h), _HEAD[2]] = vectors_ND
    for (_, table, _), values in tables.items():
        _write_table(folder / "projector" / f"{table}.tsv", values)
    for name, lines in ((_WORDS[2], word_labels(world)), (_HEAD[2], point_labels)):
        write_text(folder / "projector" / f"{name}.tsv", "\n".join(lines) + "\n")
    config = (_TABLE.format(name=name, table=table, labels=of_table) for name, table, of_table in tables)
    write_text(folder / "projector_config.pbtxt", "".join(config))


def _queries_and_keys(world: World, record: Arrays) -> tuple[list[NDArray[np.floating]], list[str]]:
    """The different queries and keys of each head, and the line of labels of each, behind that of the columns."""
    sentence_G, row_G = np.nonzero(record["row"] >= 0)
    tokens_GK, masked_G = record["tokens"][sentence_G], record["row"][sentence_G, row_G]
    query_GHD, key_GKHD = (record[name][-1][sentence_G, row_G] for name in ("query", "key"))
    points = different_points(tokens_GK, masked_G, world.blank_W[tokens_GK[np.arange(len(masked_G)), masked_G]])
    heads = range(query_GHD.shape[1])
    vectors = [np.concatenate(points.vectors(query_GHD[:, h], key_GKHD[:, :, h])) for h in heads]
    words = world.vocabulary.words
    names = ["[" + ",".join(words[word] for word in masked) + "]" for masked in points.query_words]
    columns = [
        [*names, *(words[word] for word in points.key_word)],
        ["query"] * len(names) + ["key"] * len(points.key_word),
    ]
    for by, groups in word_groups(world).items():
        columns.append([group or f"no {by}" for group in itertools.chain(*points.groups(groups))])
    columns.append([str(place + 1) for place in (*points.query_place, *points.key_place)])
    return vectors, ["\t".join(line) for line in (_COLUMNS, *zip(*columns, strict=True))]


def _write_table(path: Path, vectors: NDArray[np.floating]) -> None:
    rows = np.pad(vectors, ((0, 0), (0, max(0, _LEAST - vectors.shape[1]))))
    write_text(path, "".join("\t".join(f"{x:.6g}" for x in row) + "\n" for row in rows))
