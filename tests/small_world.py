"""A world small enough to write every sentence down, and its exact answers by plain enumeration.

The oracle reads the YAML values itself and shares no code with `data`: it lists all sentences with their probabilities
and adds up those that agree with what is visible.
"""

import itertools
import math
from collections import defaultdict

import yaml

from data.world import World, make_world
from data.world_file import check_world
from data.yaml_file import parse_yaml

SMALL = """\
format: 1
title: A world in a nutshell
words:
  subject:
    pet: [cat, dog]
    person: [girl]
  object: [mat, roof]
  verb: [sat, slept]
  adjective: [old, small]
  connector: [while, but]
  adverb: [often]
groups:
  anyone: [dog, girl]
  high: [roof]
forms:
  determiner:
    pet: {the: 2, a: 1}
    default: {the: 1}
  preposition:
    mat: {"on": 1}
    high: {"on": 3, under: 1}
preferences:
  - between: [subject, verb]
    strength: 1.5
    pairs:
      pet: [sat]
      girl: [slept]
  - between: [object, verb]
    strength: 2
    pairs:
      high: [slept]
      mat: [sat]
  - {between: [subject, object], strength: 1.25, pairs: {cat: [mat], anyone: [high]}}
  - {between: [subject, object], strength: -0.5, pairs: {girl: [mat]}}
clauses:
  main:
    - {slot: determiner, of: subject}
    - {slot: adjective, chance: 0.25}
    - {slot: subject}
    - {slot: verb}
    - {slot: preposition, of: object}
    - {slot: object}
  back:
    - {slot: determiner, of: subject}
    - {slot: subject}
    - {slot: preposition, of: object}
    - {slot: object}
    - {slot: verb}
  slow:
    - {slot: determiner, of: subject}
    - {slot: adjective, chance: 0.125}
    - {slot: subject}
    - {slot: adverb, chance: 0.5}
    - {slot: verb}
    - {slot: preposition, of: object}
    - {slot: object}
sentences:
  - chance: 0.625
    parts: [{clause: main}, {slot: connector}, {clause: back}, {word: .}]
  - chance: 0.375
    parts: [{word: so, chance: 0.25}, {clause: slow}, {word: .}]
held_out:
  share: 0.25
  always:
    - {subject: cat, verb: sat, object: mat}
examples:
  - the cat sat on mat .
"""

SMALL_FORMS = """\
format: 1
words:
  subject: [cat, dog]
  verb: [sat, ran]
  object: [mat]
  time: [now]
  way: [so]
forms:
  determiner:
    cat: {the: 2, a: 1}
    default: {the: 1}
preferences:
  - {between: [subject, verb], strength: 1.5, pairs: {cat: [sat], dog: [ran]}}
  - {between: [verb, object], strength: 1, pairs: {sat: [mat]}}
  - {between: [subject, object], strength: -0.75, pairs: {cat: [mat]}}
clauses:
  story: [{slot: subject}, {slot: verb}, {slot: object}]
  with: [{slot: determiner, of: subject}, {slot: subject}, {slot: verb}, {word: near}, {slot: object}]
word_forms:
  low: {blank: "[mask]"}
  high: {blank: "[HIGH]", case: upper}
  far: {blank: "[far]", words: {cat: kat, dog: hund, sat: satt, ran: rann, mat: matt, the: de, a: en}}
sentences:
  - {chance: 0.5, order: any, parts: [{clause: story, form: low}, {clause: story, form: high}]}
  - {chance: 0.25, order: any, parts: [{clause: story, form: far}, {slot: time, chance: 0.5}]}
  - {chance: 0.125, parts: [{clause: with, form: high}, {word: while}]}
  - {chance: 0.125, parts: [{clause: story, form: far}, {slot: way}]}
held_out:
  share: 0
  always: [{subject: cat, verb: sat, object: mat}]
"""
"""Words of three forms, in any order and in fixed ones, agreeing words, and words without form."""

CONTENT = ("subject", "verb", "object")
Words = tuple[str, ...]


def world_from(text: str, name: str = "test") -> World:
    """The world of a file with the content `text`."""
    return make_world(name, check_world(parse_yaml(text, f"{name}.yaml")))


class Oracle:
    """All sentences of a world file: `probability[words]`, and `content[words]` = (slot, clause) of every place."""

    def __init__(self, text: str) -> None:
        self.file = yaml.safe_load(text)
        self.probability: dict[Words, float] = defaultdict(float)
        self.content: dict[Words, tuple[tuple[str, int] | None, ...]] = {}
        self._triples = self._content_probabilities()
        for sentence in self.file["sentences"]:
            pieces, clause = [], 0
            for part in sentence["parts"]:
                if "clause" in part:
                    pieces.append(list(self._clause(self.file["clauses"][part["clause"]], clause)))
                    clause += 1
                else:
                    pieces.append([([choice], p) for choice, p in self._choices(part, {}, 0)])
            for combination in itertools.product(*pieces):
                self._add(combination, sentence["chance"])

    def _add(self, combination, chance):
        places = [place for piece, _ in combination for place in piece if place is not None]
        words = tuple(word for word, _ in places)
        self.probability[words] += chance * math.prod(p for _, p in combination)
        self.content[words] = tuple(where for _, where in places)

    def _words(self, name):
        """The words that a name stands for: itself, or those of a class or a group."""
        for slot in self.file["words"].values():
            if isinstance(slot, dict) and name in slot:
                return slot[name]
        return self.file["groups"].get(name, [name])

    def _slot(self, slot):
        words = self.file["words"][slot]
        return [word for runs in words.values() for word in runs] if isinstance(words, dict) else words

    def _content_probabilities(self):
        energy = dict.fromkeys(itertools.product(*map(self._slot, CONTENT)), 0.0)
        for preference in self.file["preferences"]:
            left, right = (CONTENT.index(slot) for slot in preference["between"])
            pairs = {(a, b) for key, liked in preference["pairs"].items() for name in liked
                     for a in self._words(key) for b in self._words(name)}  # fmt: skip
            for triple in energy:
                if (triple[left], triple[right]) in pairs:
                    energy[triple] += preference["strength"]
        total = math.fsum(math.exp(value) for value in energy.values())
        return {triple: math.exp(value) / total for triple, value in energy.items()}

    def _form(self, slot, noun):
        forms = self.file["forms"][slot]
        named = [form for name, form in forms.items() if noun in self._words(name)]
        form = named[0] if named else forms["default"]
        return {word: weight / sum(form.values()) for word, weight in form.items()}

    def _choices(self, part, content, clause):
        """What a part can be: ((word, where), probability), or None for a word left out."""
        chance = part.get("chance", 1)
        if chance < 1:
            yield None, 1 - chance
        if "word" in part:
            yield (part["word"], None), chance
        elif "of" in part:
            for word, p in self._form(part["slot"], content[part["of"]]).items():
                yield (word, None), chance * p
        elif part["slot"] in content:
            yield (content[part["slot"]], (part["slot"], clause)), chance
        else:
            words = self._slot(part["slot"])
            for word in words:
                yield (word, None), chance / len(words)

    def _clause(self, parts, clause):
        for triple, p in self._triples.items():
            content = dict(zip(CONTENT, triple, strict=True))
            for combination in itertools.product(*(self._choices(part, content, clause) for part in parts)):
                yield [choice for choice, _ in combination], p * math.prod(q for _, q in combination)

    def masked(self, holes):
        """{`with_holes` of a sentence: {words in the holes: probability}}; `holes` is how many words are masked."""
        table = defaultdict(lambda: defaultdict(float))
        for length in {len(words) for words in self.probability}:
            sentences = [(words, p) for words, p in self.probability.items() if len(words) == length]
            for places in itertools.combinations(range(length), holes):
                hidden = [i in places for i in range(length)]
                visible = [i not in places for i in range(length)]
                for words, p in sentences:
                    key = places, tuple(itertools.compress(words, visible))
                    table[key][tuple(itertools.compress(words, hidden))] += p
        return table


def with_holes(words, places):
    """What is known of a sentence with holes: their places, and the other words."""
    places = tuple(sorted(places))
    return places, tuple(word for i, word in enumerate(words) if i not in places)


def normalised(table):
    total = math.fsum(table.values())
    return {key: value / total for key, value in table.items()}
