"""The tables that sentences are drawn from: probabilities of a world, as thresholds for random bits.

A training example is a sentence of the world, with one masked position: (sentence, position) from P x uniform, where
pairs with a held-out context are rejected. Nothing is drawn and thrown away: the tables hold the probabilities that
rejection would leave. Letters as in `data.sampler`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from data.contexts import held_out_contexts
from data.grammar import CONTENT, Field
from data.world import Floats, World

BITS = 2.0**32


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SamplerTables:
    """Cumulative probabilities (as 32-bit thresholds) and what they choose; arguments of the training program.

    NumPy arrays as they are made; `jax.Array` once they are on a device.
    """

    question_E: Any
    template_E: Any
    position_E: Any
    slot_E: Any
    clause_table_EC: Any
    """Which content table each clause draws from: 0 all contents, 1 + s only trained contexts of content slot s."""
    subject_AS: Any
    verb_ASV: Any
    object_ASVO: Any
    content_3N: Any
    """Word numbers of the content slots, padded."""
    field_FWN: Any
    field_words_FN: Any
    field_parent_F: Any
    """Which field's word chooses the row of `field_FWN`: a content word, or (last) padding for none."""
    places_TK: Any
    """The field at each position of a template."""


def sampler_tables(world: World, masked: tuple[str, ...], held_out: bool = False) -> SamplerTables | None:
    """Tables that draw trained contexts, or `held_out` ones; None where the world has no such context.

    Args:
      world: the world to draw from.
      masked: the slots whose words are masked.
      held_out: draw only (sentence, position) pairs whose context training never asks for.
    """
    trained_3SVO = held_out_contexts(world) == held_out
    # What rejection leaves of each slot: for a slot without contexts all (or, of held-out pairs, nothing).
    kept = {slot: float((world.content_SVO * trained_3SVO[i]).sum()) for i, slot in enumerate(CONTENT)}
    questions: list[tuple[float, int, int, Field]] = []
    for t, template in enumerate(world.templates):
        places = [(i, field) for i, field in enumerate(template.fields) if not field.is_word and field.slot in masked]
        for i, field in places:
            share = kept.get(field.slot, float(not held_out))
            questions.append((template.probability / len(places) * share, t, i, field))
    if not any(share > 0 for share, *_ in questions):
        return None  # questions without a share stay: tables of either kind have one shape, and need one compilation
    clauses = max(template.clauses for template in world.templates)
    own_table = {field: 1 + CONTENT.index(field.slot) for *_, field in questions if field.is_content}
    table_EC = [
        [own_table.get(field, 0) if field.clause == clause else 0 for clause in range(clauses)]
        for *_, field in questions
    ]
    return SamplerTables(
        question_E=_thresholds(np.asarray([share for share, *_ in questions])),
        template_E=_ints([t for _, t, _, _ in questions]),
        position_E=_ints([i for _, _, i, _ in questions]),
        slot_E=_ints([masked.index(field.slot) for *_, field in questions]),
        clause_table_EC=_ints(table_EC),
        **_content_tables(world, trained_3SVO),
        **_field_tables(world, clauses),
    )


def _content_tables(world: World, trained_3SVO: NDArray[np.bool_]) -> dict[str, Any]:
    joint_ASVO = np.stack([world.content_SVO, *(world.content_SVO * trained for trained in trained_3SVO)])
    return {
        "subject_AS": _thresholds(joint_ASVO.sum(axis=(2, 3))),
        "verb_ASV": _thresholds(joint_ASVO.sum(axis=3)),
        "object_ASVO": _thresholds(joint_ASVO),
        "content_3N": _padded([world.slots[slot] for slot in CONTENT], max(joint_ASVO.shape[1:])),
    }


def _field_tables(world: World, clauses: int) -> dict[str, Any]:
    """Tables of all fields but content; in `places_TK` the content fields come first, then padding, then these."""
    content = [Field(slot, clause) for clause in range(clauses) for slot in CONTENT]
    others = {field: None for template in world.templates for field in template.fields if not field.is_content}
    words = [world.field_words(field) for field in others]
    longest = max((len(choices) for choices in words), default=1)
    weight_FWN = np.zeros((len(words), len(world.vocabulary), longest))
    for f, (field, choices) in enumerate(zip(others, words, strict=True)):
        weight_FWN[f, :, : len(choices)] = 1.0 if field.of is None else world.forms_WW[field.slot][:, choices]
    padding = len(content)
    number = {field: i for i, field in enumerate([*content, None, *others])}
    parent_F = [padding if field.of is None else number[Field(field.of, field.clause)] for field in others]
    places = [[number[field] for field in template.fields] for template in world.templates]
    return {
        "field_FWN": _thresholds(weight_FWN),
        "field_words_FN": _padded(words, longest),
        "field_parent_F": _ints(parent_F),
        "places_TK": _padded(places, world.max_length, padding),
    }


def _thresholds(weight: Floats) -> NDArray[np.uint32]:
    """Cumulative probabilities of the last axis in units of 2**-32, without the last one (which is always 1)."""
    total = weight.sum(axis=-1, keepdims=True)
    cumulative = np.cumsum(weight / np.where(total > 0, total, 1.0), axis=-1)[..., :-1]
    return np.minimum(np.round(cumulative * BITS), BITS - 1).astype(np.uint32)


def _padded(rows: Sequence[Sequence[int]], width: int, padding: int = 0) -> NDArray[np.int32]:
    """Rows of different lengths as one array."""
    return _ints([[*row, *[padding] * (width - len(row))] for row in rows]).reshape(len(rows), width)


def _ints(values: object) -> NDArray[np.int32]:
    return np.asarray(values, np.int32)


def training_tables(world: World, masked: tuple[str, ...]) -> SamplerTables:
    """Tables that draw trained contexts, which every world has."""
    tables = sampler_tables(world, masked)
    assert tables is not None  # noqa: S101  only held-out contexts can be missing from a world
    return tables
