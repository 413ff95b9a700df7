"""The word embeddings for TensorBoard's projector: plain tables, labelled by word, slot and class."""

from pathlib import Path

from data.world import World
from experiments.run_directory.files import write_text
from model.functional import Params

_CONFIG = """\
embeddings {
  tensor_name: "word embeddings"
  tensor_path: "projector/embeddings.tsv"
  metadata_path: "projector/labels.tsv"
}
"""


def write_projector(folder: Path, world: World, params: Params) -> None:
    """Write the token embeddings of one run [V, M]; words have no blanks in them, so a tab ends each."""
    rows = params["token"]["embedding"]
    labels = ["word\tslot\tclass"]
    for number, word in enumerate(world.vocabulary.words):
        slot = world.slot_of.get(number, "other")
        labels.append(f"{word}\t{slot}\t{world.class_of.get(number, slot)}")
    (folder / "projector").mkdir(exist_ok=True)
    write_text(folder / "projector" / "embeddings.tsv", "".join("\t".join(f"{x:.6g}" for x in r) + "\n" for r in rows))
    write_text(folder / "projector" / "labels.tsv", "\n".join(labels) + "\n")
    write_text(folder / "projector_config.pbtxt", _CONFIG)
