// A sentence drawn as the world makes them: a template, the content words of each clause, and the words around them.

import { baseIn } from "./exact_answer.js";

/** {tokens, place}: a sentence, and one of its content words to mask; `random`: gives numbers from 0 to 1. */
export function drawnSentence(world, random) {
  const template =
    world.templates[
      drawn(
        world.templates.map(({ probability: p }) => p),
        random,
      )
    ];
  const [, verbs, objects] = world.content.shape;
  const contents = Array.from({ length: template.clauses }, () => {
    const i = drawn(world.content.data, random);
    return [Math.floor(i / (verbs * objects)), Math.floor(i / objects) % verbs, i % objects];
  });
  const wordOf = (field) => field.fits.find((word) => world.index[word] === contents[field.clause][field.content]);
  const contentOf = (clause, content) =>
    baseIn(world, wordOf(world.fields.find((field) => field.clause === clause && field.content === content)));
  const tokens = template.fields.map((field) => {
    if (field.content !== undefined) return wordOf(field);
    if (field.of === undefined) return field.fits[Math.floor(random() * field.fits.length)];
    const chances = field.fits.map(
      (word) => world.forms[field.forms].get(`${contentOf(field.clause, field.of)} ${baseIn(world, word)}`) ?? 0,
    );
    return field.fits[drawn(chances, random)];
  });
  const inOrder = [...tokens.keys()]; // of the sentence: which field stands at each place
  const order = template.any_order ? shuffled(inOrder, random) : inOrder;
  const places = inOrder.filter((k) => template.fields[order[k]].content !== undefined);
  return { tokens: order.map((i) => tokens[i]), place: places[Math.floor(random() * places.length)] };
}

/** In any order, every one as probable (Fisher and Yates). */
function shuffled(values, random) {
  const left = [...values];
  return values.map(() => left.splice(Math.floor(random() * left.length), 1)[0]);
}

/** A number from 0 on, as probable as `chances` say. */
function drawn(chances, random) {
  let left = random() * chances.reduce((a, b) => a + b);
  const i = chances.findIndex((chance) => (left -= chance) < 0);
  return i < 0 ? chances.length - 1 : i;
}
