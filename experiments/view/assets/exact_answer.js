// The exact answer: P(masked word | all other words), by enumeration over the world's templates, as data/inference.py
// does it. `world` is what experiments/view/world_table.py tells; words are numbers.

import { number } from "./arrays.js";

/** The table, ready to be asked. */
export function readWorld(table) {
  const fields = table.fields.map((field) => ({ ...field, words: new Set(field.fits) }));
  const forms = table.forms.map((rows) => new Map(rows.map(([content, word, p]) => [`${content} ${word}`, p])));
  const templates = table.templates.map((template) => ({ ...template, fields: template.fields.map((i) => fields[i]) }));
  return { ...table, forms, templates };
}

/** Probabilities of all words at a place of a sentence, or null: the world has no sentence with these other words. */
export function exactAnswer(world, tokens, place) {
  const answer = Array(world.words).fill(0);
  for (const template of world.templates) {
    const { fields } = template;
    if (fields.length !== tokens.length) continue;
    if (!fields.every(({ words }, i) => i === place || words.has(tokens[i]))) continue;
    for (const word of fields[place].fits) {
      answer[word] += probability(
        world,
        template,
        tokens.map((token, i) => (i === place ? word : token)),
      );
    }
  }
  const total = answer.reduce((a, b) => a + b);
  return total > 0 ? answer.map((p) => p / total) : null;
}

/** P(template and words). */
function probability(world, { probability: p, clauses, fields }, tokens) {
  const contents = Array.from({ length: clauses }, () => [0, 0, 0]); // subject, verb, object of each clause
  fields.forEach(({ content, clause }, i) => {
    if (content !== undefined) contents[clause][content] = tokens[i];
  });
  const ofClauses = contents.map((words) => number(world.content, ...words.map((word) => world.index[word])));
  const ofFields = fields.map(({ of, forms, choices, clause }, i) => {
    if (of !== undefined) return world.forms[forms].get(`${contents[clause][of]} ${tokens[i]}`) ?? 0;
    return choices === undefined ? 1 : 1 / choices;
  });
  return [...ofClauses, ...ofFields].reduce((product, x) => product * x, p);
}

/** KL(exact || guess) in nats: what the guess costs beyond the exact answer. */
export function excessOf(exact, guess) {
  return exact.reduce((sum, p, w) => (p > 0 ? sum + p * Math.log(p / guess[w]) : sum), 0);
}
