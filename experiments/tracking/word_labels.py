"""What TensorBoard's projector says of the words of a world: a line for each, its columns parted by tabs."""

from data.world import World


def word_labels(world: World) -> list[str]:
    """The names of the columns, and for each word of the vocabulary its slot, class and, where words have any, form.

    Words have no blanks in them, so a tab ends each. Words without a class share one label: TensorBoard has ten
    colours.
    """
    has_forms = bool(world.word_forms.names)
    columns = ["word", "slot", "class", *(["form"] if has_forms else [])]
    lines = ["\t".join(columns)]
    for number, word in enumerate(world.vocabulary.words):
        slot = world.slot_of.get(number, "other")
        of_class = world.class_of.get(number, slot)
        cells = [word, slot, "no class" if of_class == slot else of_class]
        lines.append("\t".join([*cells, *([world.form_of.get(number, "no form")] if has_forms else [])]))
    return lines
