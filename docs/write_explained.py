"""Write the page, the film strips and the picture of README and docs, from runs of toy.yaml and two_stories.yaml.

    python docs/write_explained.py runs/toy-001 runs/two_stories-001

Look at each before you commit it.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image

from experiments.explain import main as explain
from experiments.film import main as film

DOCS = Path(__file__).parent
SENTENCE = "the cat sat on the mat ."
COLOURS = 64
"""So many are enough for points; the picture then takes a third of the bytes."""


def main(run: str, stories: str) -> None:
    """Write all four; files that are there already are replaced."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        explain([SENTENCE, "--run", run, "--html", str(made / "explained.html")])
        explain([SENTENCE, "--run", run, "--short", "--png", str(made / "explained.png")])
        film([SENTENCE, "--run", run, "--out", str(made / "film")])
        points = ["--of", "queries_and_keys", "--steps", "5"]
        film(["--run", stories, *points, "--out", str(made / "queries_and_keys")])
        for name in ("explained.html", "explained.png", "film.png"):
            shutil.copyfile(made / name, DOCS / name)
        with Image.open(made / "queries_and_keys.png") as picture:
            few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
            few.save(DOCS / "queries_and_keys.png", optimize=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
