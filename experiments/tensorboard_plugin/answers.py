"""Requests of the tab, checked; and answers in JSON, errors too: a route never raises."""

import json
import re
from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Request, Response

from data.errors import InputError, printable

App = Callable[..., Any]
"""A WSGI application."""
_NEVER_KEPT = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Refused(Exception):  # noqa: N818  it is an answer
    """A request that cannot be answered: the status of HTTP, and a line that says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(printable(message))
        self.status = status


def number(request: Request, name: str) -> int:
    """A whole number of the address; raises Refused."""
    text = request.args.get(name, "")
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise Refused(400, f"{name}: must be a whole number from 0, not {text[:40]!r}")
    return int(text)


def told(error: Exception) -> str:
    """The line that tells an error in a run's files."""
    if isinstance(error, InputError):
        return str(error)
    # Whatever bytes stand in these files: no kind of damage that nobody thought of ends in a traceback.
    return str(InputError(f"the run's files do not fit together ({type(error).__name__}: {error}); restore them"))


def json_app(answer: Callable[[Request], Any]) -> App:
    """The WSGI application that answers GET with JSON; see `Refused` for its errors."""

    @Request.application
    def app(request: Request) -> Response:
        try:
            if request.method not in ("GET", "HEAD"):
                raise Refused(400, f"{request.method}: only GET is answered here")
            return _json(answer(request))
        except Refused as refused:
            return _json({"error": str(refused)}, refused.status)
        except Exception as error:
            return _json({"error": told(error)}, 422)

    return app


def _json(value: Any, status: int = 200) -> Response:
    body = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Response(body, status, _NEVER_KEPT, content_type="application/json")
