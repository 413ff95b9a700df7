// The page's one row as the tab's own parts take it: the seven lines and the bars of the guess are theirs.

import { directionOf } from "./direction.js";
import { blankShown } from "./file_forms.js";
import { numberText, scaleText } from "./numbers.js";

/** A map of one row, for `Ledger` and `Guess`. */
export function mapOf(data, choice, result) {
  const { tokens, place, head, factor } = choice;
  const { config } = data;
  const words = tokens.map((token) => data.words[token]);
  const changed = factor === 1 ? "x 1, no scale" : `x ${numberText(result.scale, 3)}`;
  const scale = factor === null ? trainedText(data, result) : changed;
  return {
    words,
    tokens,
    head,
    columns: words.length,
    masked: [place],
    direction: directionOf(words),
    rowOf: (values) => values,
    targets: [result.target],
    blanks: [blankShown(data, tokens[place], "[ ]")],
    run: {
      heads: config.heads,
      sink: config.sink !== "none",
      scale,
      learned_scale: null,
      words: data.words,
      word_groups: data.word_groups,
    },
    candidates: [result.bars],
    answers: [result.exact && { data: result.bars.map((word) => result.exact[word]) }],
  };
}

/** "/ sqrt(16)", or "x 0.312, learned". */
function trainedText({ config, scale_text: text }, { scale }) {
  const learned = config.learned_scale && { data: [scale] };
  return scaleText({ scale: text, learned_scale: learned }, 0);
}

/** The numbers of its head, as at one recorded step. */
export function frameOf({ head, t }, { step, out, guess, bars }) {
  return {
    t,
    step,
    dots: out.dot_products[head],
    scores: out.scores[head],
    weights: out.weights[head],
    guess: [bars.map((word) => guess[word])],
    other: [null],
  };
}

/** The vectors of its head. */
export function vectorsOf({ head }, { out }) {
  const rows = (values) => {
    const flat = Float64Array.from(values.flat());
    return { shape: [1, values.length, values[0].length], data: flat };
  };
  const one = (vector) => ({ shape: [1, vector.length], data: Float64Array.from(vector) });
  const ofHead = (values) => rows(values.map((heads) => heads[head]));
  return {
    s: 0,
    piece: {
      query: one(out.query[head]),
      key: ofHead(out.key),
      value: ofHead(out.value),
      context: one(out.context[head]),
    },
  };
}
