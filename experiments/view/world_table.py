"""A world as JSON, as far as a page needs it to compute exact answers (`data.inference.posterior`)."""

from typing import Any

from data.grammar import CONTENT, Field, Template
from data.world import World
from experiments.view.packing import Json, packed

MOST_NUMBERS = 40_000
"""So many probabilities, fields and words at most: with more, a page would have little room for parameters."""


def world_table(world: World) -> Json | None:
    """The templates, P(subject, verb, object) and the agreeing words' probabilities; None where they are too many.

    Fields of templates are numbered: {"fits": words, "clause", "content": 0 to 2 for subject, verb or object, "of": the
    content field that it agrees with, and "forms": which of `forms`, "choices": how many words a free field has}. Where
    words have forms, "base" and "form" are those of each word, and fields have a "form".
    """
    fields = {field: i for i, field in enumerate(dict.fromkeys(f for one in world.templates for f in one.fields))}
    forms = {slot: i for i, slot in enumerate(world.forms_WW)}
    numbers = world.content_SVO.size + sum(len(template) for template in world.templates)
    numbers += sum(len(world.field_words[field]) for field in fields)
    numbers += 3 * sum(int((table_WW > 0).sum()) for table_WW in world.forms_WW.values())
    if numbers > MOST_NUMBERS:
        return None
    return {
        "words": len(world.vocabulary),
        "index": world.index_W.tolist(),
        "content": packed(world.content_SVO),
        "fields": [_field(world, field, forms) for field in fields],
        "templates": [_template(template, fields) for template in world.templates],
        "forms": [
            [[int(a), int(b), float(table_WW[a, b])] for a, b in zip(*table_WW.nonzero(), strict=True)]
            for table_WW in world.forms_WW.values()
        ],
        **_of_forms(world),
    }


def _of_forms(world: World) -> Json:
    """The word without form and the number of the form of each word; nothing where no words have forms."""
    forms = world.word_forms
    return {"base": forms.base_W.tolist(), "form": forms.form_W.tolist()} if forms.names else {}


def _template(template: Template, fields: dict[Field, int]) -> Json:
    return {
        "probability": template.probability,
        "clauses": template.clauses,
        "fields": [fields[field] for field in template.fields],
        **({"any_order": True} if template.any_order else {}),
    }


def _field(world: World, field: Field, forms: dict[str, int]) -> dict[str, Any]:
    told: dict[str, Any] = {"fits": sorted(int(word) for word in world.field_words[field])}
    if field.form:
        told["form"] = world.word_forms.number[field.form]
    if field.is_content:
        return told | {"clause": field.clause, "content": CONTENT.index(field.slot)}
    if field.of is not None:
        return told | {"clause": field.clause, "of": CONTENT.index(field.of), "forms": forms[field.slot]}
    return told | ({} if field.is_word else {"choices": len(world.slots[field.slot])})
