"""Write the page, the film strip and the picture of README and docs, from a finished run of toy.yaml.

    python docs/write_explained.py runs/toy-001

Look at each before you commit it.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from experiments.explain import main as explain
from experiments.film import main as film

DOCS = Path(__file__).parent
SENTENCE = "the cat sat on the mat ."


def main(run: str) -> None:
    """Write all three; files that are there already are replaced."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        explain([SENTENCE, "--run", run, "--html", str(made / "explained.html")])
        explain([SENTENCE, "--run", run, "--short", "--png", str(made / "explained.png")])
        film([SENTENCE, "--run", run, "--out", str(made / "film")])
        for name in ("explained.html", "explained.png", "film.png"):
            shutil.copyfile(made / name, DOCS / name)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
