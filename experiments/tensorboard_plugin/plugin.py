"""The plugin `catmat`: its routes, and whether its tab is shown."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tensorboard.plugins import base_plugin
from werkzeug.wrappers import Request, Response

from data.errors import InputError
from experiments.replay.ledger import scale_text
from experiments.run_directory.stored_arrays import VanishedError
from experiments.tensorboard_plugin.answers import App, Refused, json_app, number, told
from experiments.tensorboard_plugin.log_directory import LogDirectory, local_folder
from experiments.tensorboard_plugin.run_listing import ListedRun, differing, load_listed, open_record
from experiments.view.run_arrays import RunArrays
from experiments.view.view_model import ViewModel

ASSETS = Path(__file__).resolve().parents[1] / "view" / "assets"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}
_CHUNK, _VECTORS_CHUNK = 128, 32
"""Recorded steps in one answer, at most."""
_ATTEMPTS = 3
"""A training that ends replaces its files once; who looks again finds them."""


class AttentionPlugin(base_plugin.TBPlugin):
    """The tab "Attention" of one TensorBoard."""

    plugin_name = "catmat"

    def __init__(self, context: Any) -> None:
        """Take the log directory from `context`; nothing is read yet."""
        self._logs: LogDirectory | None = None
        self._note = ""
        try:
            self._logs = local_folder(context.logdir or "")
        except InputError as error:
            self._note = str(error)

    def look_ahead(self) -> None:
        """Look for runs while TensorBoard starts, so that its first question is answered at once."""
        if self._logs is not None:
            threading.Thread(target=self._logs.look, daemon=True).start()

    def get_plugin_apps(self) -> dict[str, App]:
        """The WSGI applications by their routes."""
        answers = {
            "/runs": self._runs,
            "/run": self._of_run(self._run),
            "/sentence": self._of_run(self._sentence),
            "/head": self._of_run(self._head),
            "/cell": self._of_run(self._cell),
            "/vectors": self._of_run(self._vectors),
            "/plane": self._of_run(self._plane),
        }
        return {"/static/*": serve_asset, **{route: json_app(answer) for route, answer in answers.items()}}

    def is_active(self) -> bool:
        """Whether there is a run below the log directory."""
        return self._logs is not None and bool(self._logs.look().runs)

    def data_plugin_names(self) -> tuple[str, ...]:
        """Plugins whose events make the tab active: our own, where there is a note instead of runs to show."""
        return (self.plugin_name,) if self._logs is None else ()

    def frontend_metadata(self) -> Any:
        """How TensorBoard shows the tab."""
        return base_plugin.FrontendMetadata(es_module_path="/static/tab.js", tab_name="Attention", disable_reload=True)

    def _runs(self, _request: Request) -> Any:
        if self._logs is None:
            return {"runs": [], "notes": [self._note]}
        found = self._logs.look()
        listed: list[ListedRun] = []
        errors: dict[str, str] = {}
        for name in found.runs:
            try:
                listed.append(load_listed(self._logs, name))
            except Exception as error:
                errors[name] = told(error)
        entries = {
            run.name: {
                "name": run.name,
                "seed": run.seed,
                "status": run.status,
                "step": run.last,
                "steps": run.config.train.steps,
                "group": run.group,
                "identity": run.identity,
                "options": options,
                "error": None,
            }
            for run, options in zip(listed, differing(listed), strict=True)
        }
        return {"runs": [entries.get(name) or _unreadable(name, errors[name]) for name in found.runs],
                "notes": list(found.notes)}  # fmt: skip

    def _of_run(self, answer: Callable[[ViewModel, ListedRun, Request], Any]) -> Callable[[Request], Any]:
        """An answer about the run that the address names."""

        def answered(request: Request) -> Any:
            for attempt in range(_ATTEMPTS):
                try:
                    return answer(*self._view(request.args.get("run", "")), request)
                except VanishedError as error:
                    if attempt == _ATTEMPTS - 1 or self._logs is None:
                        raise Refused(404, str(error)) from None
                    self._logs.look()
            raise AssertionError("an attempt returns or raises")

        return answered

    def _view(self, name: str) -> tuple[ViewModel, ListedRun]:
        if self._logs is None:
            raise Refused(404, self._note)
        if not self._logs.has(name):
            raise Refused(404, f"run {name[:200]!r}: none of this name lies below the log directory; choose another")
        run = load_listed(self._logs, name)
        record = open_record(self._logs, name, "record")
        try:
            params = open_record(self._logs, name, "params")
        except VanishedError:
            params = None
        return ViewModel(RunArrays(record, params, run.config.model)), run

    @staticmethod
    def _run(view: ViewModel, run: ListedRun, _request: Request) -> Any:
        return {
            "name": run.name,
            "seed": run.seed,
            "status": run.status,
            "group": run.group,
            "identity": run.identity,
            "steps": run.config.train.steps,
            "scale": scale_text(run.config.model),
            **view.run(),
        }

    @staticmethod
    def _sentence(view: ViewModel, _run: ListedRun, request: Request) -> Any:
        return view.sentence(_sentence_of(view, request), *_steps_of(view, request, _CHUNK))

    @staticmethod
    def _head(view: ViewModel, run: ListedRun, request: Request) -> Any:
        n, h = _sentence_of(view, request), _below(request, "head", run.config.model.heads)
        return view.head(n, h, *_steps_of(view, request, _CHUNK))

    @staticmethod
    def _cell(view: ViewModel, run: ListedRun, request: Request) -> Any:
        n, h = _sentence_of(view, request), _below(request, "head", run.config.model.heads)
        sentence = view.arrays.sentences[n]
        row, word = _below(request, "row", len(sentence.masked)), _below(request, "word", len(sentence.tokens))
        return view.cell(n, h, row, word)

    @staticmethod
    def _vectors(view: ViewModel, run: ListedRun, request: Request) -> Any:
        n, h = _sentence_of(view, request), _below(request, "head", run.config.model.heads)
        row = _below(request, "row", len(view.arrays.sentences[n].masked))
        return view.vectors(n, h, row, *_steps_of(view, request, _VECTORS_CHUNK))

    @staticmethod
    def _plane(view: ViewModel, run: ListedRun, request: Request) -> Any:
        return view.plane(_sentence_of(view, request), _below(request, "head", run.config.model.heads))


def _unreadable(name: str, error: str) -> dict[str, Any]:
    return {"name": name, "seed": None, "status": "stopped", "step": None, "steps": None, "group": "", "options": {},
            "error": error}  # fmt: skip


def _below(request: Request, name: str, count: int) -> int:
    """A number of the address, of something that there are `count` of."""
    found = number(request, name)
    if found >= count:
        raise Refused(404, f"{name} {found}: this run has {count}, counted from 0")
    return found


def _sentence_of(view: ViewModel, request: Request) -> int:
    return _below(request, "sentence", len(view.arrays.sentences))


def _steps_of(view: ViewModel, request: Request, most: int) -> tuple[int, int]:
    """Numbers of recorded steps, from the first to behind the last."""
    first, end = number(request, "from"), number(request, "to")
    if not first < end <= first + most:
        raise Refused(400, f"from {first}, to {end}: from must be below to, and at most {most} steps apart")
    if end > view.arrays.count:
        raise Refused(404, f"to {end}: {view.arrays.count} steps are recorded")
    return first, end


@Request.application
def serve_asset(request: Request) -> Response:
    """One of the view's modules or styles; only names that stand in its folder."""
    name = request.path.rpartition("/")[2]
    known = {path.name: path for path in ASSETS.iterdir() if path.suffix in _TYPES} if ASSETS.is_dir() else {}
    kept = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    if name not in known:
        return Response("no such file", 404, kept, content_type="text/plain")
    return Response(known[name].read_bytes(), 200, kept, content_type=f"{_TYPES[known[name].suffix]}; charset=utf-8")
