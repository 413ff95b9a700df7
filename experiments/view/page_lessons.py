"""Lessons as a page shows them: texts, filled in with a model's own numbers by whoever writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from experiments.view.packing import Json

TEXTS = {
    "lessons": "Lessons: predict, then compare with this very model",
    "your_turn": "Predict first",
    "show": "Show",
    "right": "You predicted that.",
    "wrong": "You predicted: {given}. Compare.",
    "was_right": "The answer is: {right}.",
}
"""What is said around any lesson, in English."""


@dataclass(frozen=True)
class PageLesson:
    """The texts of one lesson, filled in."""

    title: str
    expect: str
    """What to expect; stands before the question."""
    question: str
    options: tuple[str, ...]
    right: tuple[int, ...]
    """The numbers of the right options, from 0; none if there is no right one for this model."""
    answer: str
    """What the model says."""
    explain: str
    try_it: str = ""
    """What to try on the page."""


@dataclass(frozen=True)
class PageLessons:
    """Lessons, and what is said around them: where a text is missing, the English one of `TEXTS` stands."""

    lessons: Sequence[PageLesson] = ()
    texts: Mapping[str, str] | None = None

    def told(self) -> Json:
        """As JSON."""
        known = {name: text for name, text in (self.texts or {}).items() if name in TEXTS}
        return {"lessons": [asdict(lesson) for lesson in self.lessons], "lesson_texts": TEXTS | known}
