"""The attention tab's routes, asked as a page asks them; no browser, no server."""

import base64
from types import SimpleNamespace

import numpy as np
from werkzeug.test import Client

from experiments.tensorboard_plugin.plugin import AttentionPlugin


def plugin_of(logdir, **flags):
    return AttentionPlugin(SimpleNamespace(logdir=str(logdir), flags=SimpleNamespace(**flags)))


class Tab:
    """The routes of a plugin."""

    def __init__(self, logdir):
        self.plugin = plugin_of(logdir)
        self.apps = self.plugin.get_plugin_apps()

    def answer(self, route, method="GET", **asked):
        """The answer to a request; `from_` stands for `from`, which Python keeps for itself."""
        asked = {name.removesuffix("_"): value for name, value in asked.items()}
        return Client(self.apps[f"/{route}"]).open(f"/data/plugin/catmat/{route}", method=method, query_string=asked)

    def get(self, route, **asked):
        """What is answered, which must not be an error."""
        answer = self.answer(route, **asked)
        assert answer.status_code == 200, answer.json
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.json

    def error(self, status, route, **asked):
        """The line of an error of that status."""
        answer = self.answer(route, **asked)
        assert answer.status_code == status, (answer.status_code, answer.json)
        (line,) = answer.json.values()
        assert "\n" not in line
        assert "Traceback" not in line
        return line

    def names(self):
        return [run["name"] for run in self.get("runs")["runs"]]


def unpack(packed):
    return np.frombuffer(base64.b64decode(packed["float32"]), "<f4").reshape(packed["shape"])
