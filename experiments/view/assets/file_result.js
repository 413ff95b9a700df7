// Everything that the one-file page shows, computed anew from what the person chose: one forward pass and what follows
// from it.

import { exactAnswer, excessOf } from "./exact_answer.js";
import { forward, softmax, trainedScale } from "./forward.js";
import { logitTerms } from "./logit_terms.js";

export const MASK = 1;
const FIRST_WORD = 2; // 0 is padding, 1 the mask
const RIVALS = 5; // words of the table of evidence
const BARS = 10; // words of the bars

/** A name for the edge from the masked place to word k in a head. */
export const edge = (head, k) => `${head} ${k}`;

/**
 * `data`: what `readData` made; `choice`: {tokens, place, t, factor (null: the trained one), cuts: Set of edges}. Gives
 * `out`, the fields of the forward pass, and:
 * guess, exact: probabilities [V], exact null where there is none; excess: KL(exact || guess) in nats; asTrained:
 * {guess, excess} without cuts and with the trained scale; kin: the words that the masked one is compared with; best:
 * the most probable guess; rivals, bars: the words that are shown; evidenceOf(words): what adds up to each one's logit.
 */
export function resultOf(data, choice) {
  const { tokens, place, t, factor, cuts } = choice;
  const { step, model } = data.steps[t];
  const masked = tokens.map((token, k) => (k === place ? MASK : token));
  const trained = trainedScale(model);
  const scale = factor ?? trained;
  const out = forward(model, masked, place, { scale, cut: (head, k) => cuts.has(edge(head, k)) });
  const usual = cuts.size || factor !== null ? forward(model, masked, place) : out;
  const exact = data.world && exactAnswer(data.world, tokens, place);
  const [guess, usualGuess] = [out, usual].map(({ logits }) => softmax(logits));
  const excess = (chances) => (exact ? excessOf(exact, chances) : null);
  const kin = kinOf(data, tokens[place]);
  const order = orderOf(data, kin, exact, masked, place);
  return {
    step,
    model,
    trained,
    scale,
    out,
    exact,
    guess,
    kin,
    excess: excess(guess),
    asTrained: { guess: usualGuess, excess: excess(usualGuess) },
    ...shownWords(order, guess, tokens[place]),
    evidenceOf: evidenceFor(kin, out, (word) => logitTerms(model, out, place, word)),
  };
}

/** The words of the masked word's kind: subjects for a subject; all words for one without a kind. */
function kinOf(data, word) {
  const slot = data.slots.find(([, words]) => words.includes(word));
  return slot ? slot[1] : data.words.map((_, w) => w).slice(FIRST_WORD);
}

/** The most probable words first, by the exact answer or the finished model's guess: no slider moves them. */
function orderOf(data, kin, exact, masked, place) {
  const { model } = data.steps[data.steps.length - 1];
  const by = exact ?? softmax(forward(model, masked, place).logits);
  const possible = exact ? exact.map((p, w) => (p > 0 ? w : -1)).filter((w) => w >= 0) : kin;
  return [...possible].sort((a, b) => by[b] - by[a]);
}

/** The masked word, its rivals and the model's guess. */
function shownWords(order, guess, word) {
  const best = guess.indexOf(Math.max(...guess));
  const first = (count) => {
    const shown = order.slice(0, count);
    const more = [word, best].filter((w) => w >= 0 && !shown.includes(w));
    return [...new Set([...shown.slice(0, Math.max(1, count - more.length)), ...more])];
  };
  return { best, rivals: first(RIVALS), bars: first(BARS) };
}

/** Gives for words {words: [H, K], place, mlp, bias}, above their average over the kind, and that of the logits. */
function evidenceFor(kin, out, termsOf) {
  const all = kin.map(termsOf);
  const mean = (of) => all.reduce((sum, terms) => sum + of(terms), 0) / all.length;
  const oneWord = (word) => {
    const terms = kin.includes(word) ? all[kin.indexOf(word)] : termsOf(word);
    const above = (of) => of(terms) - mean(of);
    return {
      word,
      words: terms.words.map((row, h) => row.map((_, k) => above(({ words: rows }) => rows[h][k]))),
      place: above((one) => one.place),
      mlp: above((one) => one.mlp),
      bias: above((one) => one.bias),
      average: kin.reduce((sum, w) => sum + out.logits[w], 0) / kin.length,
      logit: out.logits[word],
    };
  };
  return (words) => words.map(oneWord);
}
