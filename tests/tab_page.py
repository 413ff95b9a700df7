"""TensorBoard with the tab, and the tab in a browser, for tests: what a person sees and does."""

import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

webdriver = pytest.importorskip("selenium.webdriver")
ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium")

RELOAD = """
for (let timer = setTimeout(() => {}); timer > 0; timer--) clearTimeout(timer); // one of them writes the address
parent.history.replaceState(parent.history.state, "", arguments[0]);
document.body.replaceChildren();
location.reload();
"""


def need_chromium():
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no chromium: .ci/run installs it")
        pytest.skip("no chromium on this machine")


def installed_in(folder):
    """A folder for Python's path that tells TensorBoard of the plugin, as installing catmat does."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    known = folder / f"catmat-{project['version']}.dist-info"
    known.mkdir(parents=True)
    (known / "METADATA").write_text(f"Metadata-Version: 2.1\nName: catmat\nVersion: {project['version']}\n")
    points = project["entry-points"]["tensorboard_plugins"]
    lines = [f"{name} = {target}" for name, target in points.items()]
    (known / "entry_points.txt").write_text("\n".join(["[tensorboard_plugins]", *lines, ""]))
    return folder


@contextmanager
def tensorboard(logdir, path=ROOT, *flags, prefix=""):
    """The address of TensorBoard over `logdir`, with the plugin that `path` tells of; it may not listen yet."""
    need_chromium()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir), "--port", str(port), *flags]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(path), str(ROOT)])}
    process = subprocess.Popen(
        command, env=environment, cwd=logdir, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{port}{prefix}/"
    finally:
        process.terminate()
        process.wait(30)


def wait_until(condition, seconds=30):
    """What `condition()` gives, once it is true."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
    return found


def listening(address):
    def answers():
        try:
            with urllib.request.urlopen(f"{address}data/plugin/catmat/runs", timeout=20) as answer:
                return answer.status == 200
        except OSError:
            return False

    wait_until(answers, 60)


class Tab:
    """The tab in a browser."""

    def __init__(self, driver, address):
        self.driver, self.address = driver, address

    def open(self, *, ready=True, **wish):
        """Load the tab with values in the page's address, and wait for the map, if one will be `ready`.

        Of TensorBoard's own page, which takes seconds, only the first time.
        """
        address = f"{self.address}#catmat{''.join(f'&p.catmat.{name}={value}' for name, value in wish.items())}"
        self.driver.switch_to.default_content()
        if self.driver.current_url.startswith(self.address):
            self.driver.switch_to.frame(self._frame())
            self.js(RELOAD, address)
        else:
            listening(self.address)
            self.driver.get(address)
        if ready:
            return self.enter()
        self.driver.switch_to.default_content()
        self.driver.switch_to.frame(self._frame())
        wait_until(lambda: self.js("return document.querySelector('.catmat .notices') !== null"))
        return self

    def _frame(self):
        frames = "return [...document.querySelectorAll('iframe')].find((frame) => frame.src.includes('catmat'))"
        return wait_until(lambda: self.js(frames))

    def enter(self):
        """Into the plugin's frame, once its map is there."""
        self.driver.switch_to.default_content()
        self.driver.switch_to.frame(self._frame())
        wait_until(lambda: self.js('return document.querySelector("td.cell[data-value]") !== null'))
        self.settle()
        return self

    def js(self, code, *arguments):
        return self.driver.execute_script(code, *arguments)

    def settle(self):
        """Until nothing is asked for and everything is drawn."""
        quiet = 'return !document.querySelector(".waiting") && Boolean(document.querySelector(".map .chosen"))'
        wait_until(lambda: self.js(quiet))
        frames = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))"
        self.driver.execute_async_script(frames)

    def cells(self, place=".map-place"):
        """The numbers of a map, as they stand in the page: float32 [cells]."""
        values = f"return [...document.querySelectorAll('{place} td.cell')].map((cell) => cell.dataset.value)"
        return np.asarray([np.float32(text) for text in self.js(values)])

    def number(self, measure):
        """A number about the chosen cell."""
        return np.float32(self.js(f"return document.querySelector(\"[data-measure='{measure}']\").dataset.value"))

    def column(self, table, column):
        """A column of numbers."""
        rows = f"[...document.querySelectorAll('{table} tbody tr')]"
        return np.asarray(
            [np.float32(x) for x in self.js(f"return {rows}.map((row) => row.cells[{column}].dataset.value)")]
        )

    def text(self, selector):
        return self.js("return document.querySelector(arguments[0]).textContent", selector)

    def step_to(self, place):
        """Drag the player's slider to a place, 0 to 1."""
        slider = self.driver.find_element("css selector", ".track input")
        self.js("arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))", slider, place)
        self.settle()

    def press(self, *keys):
        """Press keys one after the other, wherever the focus is."""
        for key in keys:
            held = webdriver.ActionChains(self.driver)
            for one in key[:-1]:
                held.key_down(one)
            held.send_keys(key[-1])
            for one in key[:-1]:
                held.key_up(one)
            held.perform()
        if self.js("return document.querySelector('.map') !== null"):
            self.settle()

    def button(self, name):
        self.js("[...document.querySelectorAll('button')].find((b) => b.textContent === arguments[0]).click()", name)

    def errors(self):
        """Errors in the console since the last look; TensorBoard asks for fonts that are not behind its prefix."""
        messages = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        return [message for message in messages if "/font-roboto/" not in message]
