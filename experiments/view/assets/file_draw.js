// A sentence drawn as the world makes them: a template, the content words of each clause, and the words around them.

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
    wordOf(world.fields.find((field) => field.clause === clause && field.content === content));
  const tokens = template.fields.map((field) => {
    if (field.content !== undefined) return wordOf(field);
    if (field.of === undefined) return field.fits[Math.floor(random() * field.fits.length)];
    const chances = field.fits.map(
      (word) => world.forms[field.forms].get(`${contentOf(field.clause, field.of)} ${word}`) ?? 0,
    );
    return field.fits[drawn(chances, random)];
  });
  const places = template.fields.map(({ content }, i) => (content === undefined ? -1 : i)).filter((i) => i >= 0);
  return { tokens, place: places[Math.floor(random() * places.length)] };
}

/** A number from 0 on, as probable as `chances` say. */
function drawn(chances, random) {
  let left = random() * chances.reduce((a, b) => a + b);
  const i = chances.findIndex((chance) => (left -= chance) < 0);
  return i < 0 ? chances.length - 1 : i;
}
