"""Write the pictures of TensorBoard's tab "Attention" in README and docs/tab.md, from real runs.

    python docs/write_screenshots.py runs        trains what is missing in runs (minutes), then takes the pictures

Needs catmat installed (`pip install -e '.[test]'`), Chromium and its driver. Look at each picture before you commit it.
"""

import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from experiments.speed.browser_times import browser, tensorboard

DOCS = Path(__file__).parent
RUNS = {
    "scaled": "--config toy.yaml --seeds 3",
    "unscaled": "--config toy.yaml --seeds 3 --model.scale none",
}
"""The runs, and how they are made; several seeds, for bands."""
SENTENCE = "run=scaled%2Fseed-5&sentence=2"
PICTURES = {
    "attention_tab.png": (f"{SENTENCE}&row=5&step=112", (1500, 1130), False),
    "docs/tab_dark.png": (f"{SENTENCE}&row=5", (1500, 1130), True),
    "docs/tab_compare.png": (f"{SENTENCE}&row=5&compare=run:unscaled%2Fseed-5", (1500, 1000), False),
    "docs/tab_narrow.png": (f"{SENTENCE}&row=5&step=112", (800, 1130), False),
}
"""The address of each picture, the size of the window, and whether it is dark."""
COLOURS = 192
"""So many are enough for these pages; a picture then takes a third of the bytes."""
FRAME = "return [...document.querySelectorAll('iframe')].find((frame) => frame.src.includes('catmat'))"
READY = """
return Boolean(document.querySelector('td.cell[data-value]')) && !document.querySelector('.waiting')
  && document.querySelectorAll('.spark path.line').length > 8;
"""


def main(root: Path) -> None:
    """Train what is missing, and take all pictures."""
    for name, options in RUNS.items():
        if not (root / name).exists():
            command = ["-m", "experiments.train", *options.split(), "--run-dir", str(root / name)]
            subprocess.run([sys.executable, *command], check=True, cwd=DOCS.parent)  # noqa: S603  our own
    with tensorboard(root) as address, tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as driver:
        photograph(driver, address)


def photograph(driver: Any, address: str) -> None:
    """Take all pictures of the tab at `address`."""
    for name, (values, size, dark) in PICTURES.items():
        hashed = "".join(f"&p.catmat.{value}" for value in values.split("&"))
        driver.get("about:blank")
        driver.set_window_size(*size)
        driver.get(f"{address}#catmat{hashed}")
        driver.switch_to.frame(wait_for(lambda: driver.execute_script(FRAME)))
        wait_for(lambda: driver.execute_script(READY))
        driver.execute_script("parent.document.body.classList.toggle('dark-mode', arguments[0])", dark)
        time.sleep(1)
        save(driver.get_screenshot_as_png(), DOCS.parent / name)


def save(picture: bytes, path: Path) -> None:
    """Write a picture with few colours, so that it is small."""
    few = Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")  # noqa: T201


def wait_for(condition, seconds: float = 60):  # noqa: ANN001, ANN201
    """What `condition()` gives, once it is true."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.2)
    raise SystemExit("the page did not come; is catmat installed?")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs"))
