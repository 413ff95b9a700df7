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

/** A word without its form. */
export const baseIn = ({ base }, word) => (base ? base[word] : word);

/**
 * Probabilities of all words at a place of a sentence, or null: the world has no sentence with these other words. Where
 * words have forms, that of the word at the place is known, and the answers are words without form.
 */
export function exactAnswer(world, tokens, place) {
  const answer = Array(world.words).fill(0);
  const form = world.form ? world.form[tokens[place]] : 0;
  for (const template of world.templates) {
    const words = wordsOfFields(template, tokens, place);
    const open = words ? words.indexOf(null) : -1;
    if (open < 0 || (template.fields[open].form ?? 0) !== form) continue;
    for (const word of template.fields[open].fits) {
      const said = words.map((one, i) => baseIn(world, i === open ? word : one));
      answer[said[open]] += probability(world, template, said);
    }
  }
  const total = answer.reduce((a, b) => a + b);
  return total > 0 ? answer.map((p) => p / total) : null;
}

/** The word of each field, null for what stands at `place`; or null: other words do not make a sentence of it. */
function wordsOfFields({ fields, any_order: anyOrder }, tokens, place) {
  if (fields.length !== tokens.length) return null;
  const words = fields.map(() => null);
  for (const [k, token] of tokens.entries()) {
    if (k === place) continue;
    const field = anyOrder ? fields.findIndex((one) => one.words.has(token)) : k; // no word fits two fields
    if (field < 0 || words[field] !== null || !fields[field].words.has(token)) return null;
    words[field] = token;
  }
  return words;
}

/** P(template and words, in one order), where tokens[i] is field i, without form. */
function probability(world, { probability: p, clauses, fields, any_order: anyOrder }, tokens) {
  const orders = anyOrder ? fields.reduce((product, _, i) => product * (i + 1), 1) : 1;
  const contents = Array.from({ length: clauses }, () => [0, 0, 0]); // subject, verb, object of each clause
  fields.forEach(({ content, clause }, i) => {
    if (content !== undefined) contents[clause][content] = tokens[i];
  });
  const ofClauses = contents.map((words) => number(world.content, ...words.map((word) => world.index[word])));
  const ofFields = fields.map(({ of, forms, choices, clause }, i) => {
    if (of !== undefined) return world.forms[forms].get(`${contents[clause][of]} ${tokens[i]}`) ?? 0;
    return choices === undefined ? 1 : 1 / choices;
  });
  return [...ofClauses, ...ofFields].reduce((product, x) => product * x, p / orders);
}

/** KL(exact || guess) in nats: what the guess costs beyond the exact answer. */
export function excessOf(exact, guess) {
  return exact.reduce((sum, p, w) => (p > 0 ? sum + p * Math.log(p / guess[w]) : sum), 0);
}
