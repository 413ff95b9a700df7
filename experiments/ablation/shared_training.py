"""The training of an ablation's programs, one after the other: what all processes that share it do alike."""

import functools
from collections.abc import Callable, Iterator

from experiments.ablation.plan import Group, Plan
from experiments.ablation.training import GroupTraining, Results
from experiments.commands.process import Interruption
from experiments.training.agreement import Agreement
from experiments.training.trainer import Progress

MakeTraining = Callable[[Group], GroupTraining]
Moved = Callable[[Group, int, Progress], None]
"""Called after each chunk: of a group, before which so many updates were made, which has come so far."""


class SharedTraining:
    """Trains the groups of a plan, in all processes the same ones, and stops where any of them is to stop."""

    def __init__(self, plan: Plan, stop: Interruption, agreement: Agreement, make_training: MakeTraining) -> None:
        self.plan, self._stop, self.agreement, self._make_training = plan, stop, agreement, make_training

    def tell_kept(self, kept: Callable[[], str]) -> None:
        """Let `kept` say what is kept where another process has ended."""
        if self.agreement.exchange is not None:
            self.agreement.exchange.kept = kept

    def results(self, waiting: list[Group], moved: Moved) -> Iterator[tuple[Group, Results]]:
        """The groups that wait in process 0, with their results; fewer if a process was to stop."""
        numbers = set(self.agreement.first([group.number for group in waiting]))
        trainings = map(self._make_training, [group for group in self.plan.groups if group.number in numbers])
        done, training = 0, next(trainings, None)
        while training is not None and not self.agreement.any(self._stop.requested):
            following, group = next(trainings, None), training.group  # the next one compiles while this one trains
            found = training.run(functools.partial(self._after_chunk, moved, group, done), self.agreement)
            if found is None:
                break
            yield group, found
            done, training = done + group.updates, following
        self.agreement.release()

    def follow(self) -> None:
        """Train what process 0 trains."""
        for _ in self.results([], lambda *_: None):
            pass

    def _after_chunk(self, moved: Moved, group: Group, done: int, reached: Progress) -> bool:
        """Show how far it is; gives whether this process is to stop."""
        moved(group, done, reached)
        return self._stop.requested
