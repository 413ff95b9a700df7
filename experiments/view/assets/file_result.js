// Everything that the one-file page shows, computed anew from what the person chose: one forward pass and what follows
// from it.

import { exactAnswer, excessOf } from "./exact_answer.js";
import { asRead, baseOf, blankShown } from "./file_forms.js";
import { forward, softmax, trainedScale } from "./forward.js";
import { logitTerms } from "./logit_terms.js";

const RIVALS = 5; // words of the table of evidence

/** A name for the edge from the masked place to word k in a head. */
export const edge = (head, k) => `${head} ${k}`;

/**
 * `data`: what `readData` made; `choice`: {tokens, place, t, factor (null: the trained one), cuts: Set of edges}. Gives
 * `out`, the fields of the forward pass, and:
 * guess, exact: probabilities [V], exact null where there is none; excess: KL(exact || guess) in nats; asTrained:
 * {guess, excess} without cuts and with the trained scale; candidates: the words that may stand there; best:
 * the most probable guess; rivals, bars: the words that are shown; evidenceOf(words): what adds up to each one's logit;
 * target: what is to be guessed, the masked word without its form; blank: how the masked place is shown.
 */
export function resultOf(data, choice) {
  const { tokens, place, t, factor, cuts } = choice;
  const { step, model } = data.steps[t];
  const masked = asRead(data, tokens, place);
  const trained = trainedScale(model);
  const scale = factor ?? trained;
  const out = forward(model, masked, place, { scale, cut: (head, k) => cuts.has(edge(head, k)) });
  const usual = cuts.size || factor !== null ? forward(model, masked, place) : out;
  const exact = data.world && exactAnswer(data.world, tokens, place);
  const [guess, usualGuess] = [out, usual].map(({ logits }) => softmax(logits));
  const excess = (chances) => (exact ? excessOf(exact, chances) : null);
  const candidates = candidatesOf(data, exact, masked, place);
  const target = baseOf(data, tokens[place]);
  return {
    step,
    model,
    trained,
    scale,
    out,
    exact,
    guess,
    candidates,
    excess: excess(guess),
    asTrained: { guess: usualGuess, excess: excess(usualGuess) },
    target,
    blank: blankShown(data, tokens[place]),
    ...shownWords(candidates, guess, target),
    evidenceOf: evidenceFor(candidates, out, (word) => logitTerms(model, out, place, word)),
  };
}

/**
 * The words that may stand there, as in the tab and on the terminal (experiments/view/run_arrays.py): by the exact
 * answer or else the finished model's guess, so that no slider changes them.
 */
function candidatesOf(data, exact, masked, place) {
  const { model } = data.steps[data.steps.length - 1];
  const chances = exact ?? softmax(forward(model, masked, place).logits);
  const order = [...chances.keys()].sort((a, b) => chances[b] - chances[a]).slice(0, data.most_candidates);
  const possible = order.filter((word) => chances[word] > data.least_chance);
  return possible.length ? possible : order.slice(0, 1);
}

/** The word that is to be guessed, its rivals and the model's guess. */
function shownWords(candidates, guess, word) {
  const best = guess.indexOf(Math.max(...guess));
  const first = (count) => {
    const shown = candidates.slice(0, count);
    const more = [word, best].filter((w) => w >= 0 && !shown.includes(w));
    return [...new Set([...shown.slice(0, Math.max(1, count - more.length)), ...more])];
  };
  return { best, rivals: first(RIVALS), bars: first(candidates.length + 2) };
}

/** Gives for words {words: [H, K], place, mlp, bias}, above their average over the candidates; with that the logit. */
function evidenceFor(candidates, out, termsOf) {
  const all = candidates.map(termsOf);
  const mean = (of) => all.reduce((sum, terms) => sum + of(terms), 0) / all.length;
  const oneWord = (word) => {
    const terms = candidates.includes(word) ? all[candidates.indexOf(word)] : termsOf(word);
    const above = (of) => of(terms) - mean(of);
    return {
      word,
      words: terms.words.map((row, h) => row.map((_, k) => above(({ words: rows }) => rows[h][k]))),
      place: above((one) => one.place),
      mlp: above((one) => one.mlp),
      bias: above((one) => one.bias),
      average: candidates.reduce((sum, w) => sum + out.logits[w], 0) / candidates.length,
      logit: out.logits[word],
    };
  };
  return (words) => words.map(oneWord);
}
