"""What the processes of one training do together, although each knows only its own clock and its own signals."""

from typing import Any, TypeVar

from experiments.training.exchange import Exchange

T = TypeVar("T")
IN_EACH = "  in each process, with its --coordinator, --processes and --process-id as before"


class Agreement:
    """How all processes come to do the same at the same step; where there is one process, it does what it wants.

    Every process must call the same methods in the same order. None of them touches JAX or a device.
    """

    def __init__(self, exchange: Exchange | None = None) -> None:
        self.exchange = exchange

    @property
    def several(self) -> bool:
        """Whether there is more than one process."""
        return self.exchange is not None

    @property
    def in_each(self) -> str:
        """What to say after a command that all processes are to be started with; nothing of a single one."""
        return (
            "  in each process, with its --coordinator, --processes and --process-id as before" if self.several else ""
        )

    @property
    def leads(self) -> bool:
        """Whether this is process 0, which alone reads and writes files and prints."""
        return self.exchange is None or self.exchange.together.process_id == 0

    def first(self, value: T) -> T:
        """The `value` of process 0 (what JSON can hold, or bytes)."""
        return value if self.exchange is None else self.exchange.first(value)

    def any(self, wish: bool) -> bool:
        """Whether any process wishes it."""
        return wish if self.exchange is None else any(self.exchange.gather(bool(wish)))

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes (what JSON can hold), by their numbers."""
        return [value] if self.exchange is None else self.exchange.gather(value)

    def release(self) -> None:
        """Called by all when nothing is left to be computed: process 0, which goes on, needs the others no more."""
        if self.exchange is not None and self.leads:
            self.exchange.release()

    def ended(self, code: int) -> int:
        """The exit code of process 0, in all processes; the others wait for it."""
        if self.exchange is None:
            return code
        code = self.exchange.first(code)
        self.exchange.release()
        return code


ALONE = Agreement()
"""That of a single process."""
