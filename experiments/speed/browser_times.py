"""How quick the attention tab is in a browser: the first map, and a move of the slider.

Needs chromium and its driver, and selenium, which comes with the extra `test`.
"""

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from experiments.speed.turns import spread

_MOVES = 40
_LOOK = 2.0
"""Seconds in which a person looks, and the page fetches what is not needed at once."""
_FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
_FLAGS += " --disable-component-update --disable-sync --window-size=1500,1000"
_FIRST_MAP = """
const done = arguments[0];
const frame = [...document.querySelectorAll("iframe")].find((one) => one.src.includes("catmat"));
const before = frame.contentDocument, begin = performance.now();
const look = () => {
  const now = frame.contentDocument;
  if (now && now !== before && now.querySelector("td.cell[data-value]")) done(performance.now() - begin);
  else requestAnimationFrame(look);
};
frame.contentWindow.location.reload();
look();
"""
"""Milliseconds from the tab's start until its map has numbers and the browser draws it."""
_MOVE = """
const [place, done] = arguments, slider = document.querySelector("input[type=range]"), begin = performance.now();
slider.value = place;
slider.dispatchEvent(new Event("input", { bubbles: true }));
const look = () => {
  if (document.querySelector(".waiting")) return requestAnimationFrame(look);
  const painted = new MessageChannel();
  painted.port1.onmessage = () => done(performance.now() - begin);
  painted.port2.postMessage(0);
};
requestAnimationFrame(look);
"""
"""Milliseconds from a move of the slider until the next frame with that step's numbers is drawn."""


def browser_times(logs: Path, runs: dict[str, str], profile: Path, repeats: int) -> dict[str, Any]:
    """How long the tab takes in a browser, in milliseconds; "left_out" says what is missing to measure it.

    Args:
      logs: a log directory.
      runs: what to call each run of it that is looked at, by its name.
      profile: a new folder for the browser.
      repeats: how often the first map is timed.
    """
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if missing or find_spec("selenium") is None:
        return {"left_out": f"not measured, for want of {' and '.join(missing) or 'selenium'}"}
    found = {}
    with browser(profile) as driver, tensorboard(logs) as address:
        driver.set_script_timeout(60)
        for name, called in runs.items():
            first, moves = _timed(driver, f"{address}#catmat&p.catmat.run={name}", repeats)
            middle, slow = (float(value) for value in np.percentile(moves, (50, 90)))
            found[called] = {"first_map": spread(first), "move": middle, "one_move_in_ten": slow, "moves": moves}
    return found


def lines(found: dict[str, Any]) -> list[str]:
    """What was measured in a browser, as it is printed."""
    shown = ["attention tab, in a browser"]
    if "left_out" in found:
        return [*shown, f"  {found['left_out']}"]
    for called, one in found.items():
        shown.append(f"  {f'first map, {called}':<34} {one['first_map']['median']:6.0f} ms")
        slow = f"one in ten above {one['one_move_in_ten']:.0f} ms"
        shown.append(f"  {f'a move of the slider, {called}':<34} {one['move']:6.0f} ms, {slow}")
    return shown


@contextmanager
def tensorboard(logs: Path) -> Iterator[str]:
    """The address of a TensorBoard over `logs`, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logs), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            address = f"http://127.0.0.1:{port}/"
            _wait_for(f"{address}data/environment")
            yield address
        finally:
            process.terminate()


def _wait_for(address: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(address, timeout=10).close()  # noqa: S310
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"{address}: TensorBoard did not start within a minute")


@contextmanager
def browser(profile: Path, **logs: str) -> Iterator[Any]:
    """Chromium without a window, which keeps its console's messages; `profile` is a new folder.

    Further `logs` may be kept: with performance="ALL" each request that a page makes.
    """
    from selenium import webdriver  # noqa: PLC0415  comes with the extra `test`

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in [*_FLAGS.split(), f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", **logs})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        # Else a page is as in a window behind others, and hears nothing of what gets the focus.
        driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
        yield driver
    finally:
        driver.quit()


def _timed(driver: Any, address: str, repeats: int) -> tuple[list[float], list[float]]:
    """Milliseconds to the first map, and of each move to places all over the training."""
    driver.get("about:blank")
    driver.get(address)
    find = "return [...document.querySelectorAll('iframe')].find((one) => one.src.includes('catmat'))"
    for _ in range(600):
        if frame := driver.execute_script(find):
            break
        time.sleep(0.1)
    first = []
    for _ in range(repeats):
        time.sleep(_LOOK)
        first.append(driver.execute_async_script(_FIRST_MAP))
    driver.switch_to.frame(frame)
    time.sleep(_LOOK)
    places = np.random.default_rng(0).random(_MOVES)
    return first, [driver.execute_async_script(_MOVE, float(place)) for place in places]
