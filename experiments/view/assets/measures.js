// What is said of the chosen cell: each number, one plain sentence, and how it came about.

import { numberText, signedText, smallText, weightText } from "./numbers.js";

const nats = (x) => `${signedText(x)} nats`;
const exact = (map, { row, word }) => map.exact[row * map.columns + word];

/**
 * name; series of `cell`; number in a frame; text; sentence. Where a series is given by `constant`, it never changes.
 */
export const MEASURES = [
  {
    name: "weight",
    series: "weights",
    of: "weights",
    text: weightText,
    zero: true,
    sentence: ({ run }) => {
      const rest = run.sink ? "A sink takes the rest of the row." : "A row sums to 1.";
      return `Softmax of the scores: the share of this word's value that the head takes. ${rest}`;
    },
  },
  {
    name: "evidence, this head",
    series: "evidence",
    of: "evidence",
    text: nats,
    zero: true,
    sentence: ({ run }) => {
      const path = run.mlp ? " The direct path only: the MLP's part is not in it." : "";
      return `What this word's weighted value adds to the masked word's logit, less the candidates' mean.${path}`;
    },
  },
  {
    name: "evidence, all heads",
    series: "all_evidence",
    of: "allEvidence",
    text: nats,
    zero: true,
    sentence: () => "The same, added up over the heads.",
  },
  {
    name: "exact relevance",
    constant: exact,
    text: (x) => `${numberText(x, 2)} nats`,
    zero: true,
    sentence: () =>
      "The truth, by the rules of the world: how much the exact answer changes without this word, at any step.",
  },
  {
    name: "model relevance",
    series: "model_relevance",
    of: "modelRelevance",
    text: (x) => `${numberText(x, 2)} nats`,
    zero: true,
    sentence: () =>
      "How much the model's guess changes without this word. In a perfect model it equals the line above.",
  },
  {
    name: "cost of cutting, this head",
    series: "cut_cost",
    of: "cut",
    text: nats,
    zero: true,
    sentence: () => "How much worse the guess gets (its excess rises) if this head may not look at the word.",
  },
  {
    name: "cost of cutting, all heads",
    series: "all_cut_cost",
    of: "allCut",
    text: nats,
    zero: true,
    sentence: () => "The same, if no head may.",
  },
  {
    name: "query . key",
    series: "dot_products",
    of: "dots",
    text: (x) => numberText(x),
    zero: true,
    sentence: ({ run }) => {
      const length = run.qk_norm ? " QK-norm: both have a fixed length." : "";
      return `Large where query and key point the same way; term by term below.${length}`;
    },
  },
  {
    name: "score",
    series: "scores",
    of: "scores",
    text: (x) => numberText(x),
    zero: true,
    sentence: ({ run }) => `The dot product ${run.scale}: what softmax gets.`,
  },
  {
    name: "weight x value",
    series: "weighted_value_length",
    text: (x) => `length ${numberText(x, 2)}`,
    zero: true,
    sentence: () => "What this word brings to the sum: a vector, whose components are below; here its length.",
  },
  {
    name: "gradient dL/ds",
    series: "score_gradient",
    of: "gradient",
    text: smallText,
    zero: true,
    sentence: () =>
      "How this row's loss against the exact answer changes with the score. Where it is positive, the row makes the " +
      "update lower the score; where negative, raise it. An update adds up many rows.",
    absent: "This run did not record it: it was made by an earlier version.",
  },
];

/** The number of a measure in a frame; null if it is none. */
export function measured(measure, map, frame, choice) {
  if (measure.constant) return measure.constant(map, choice);
  const values = measure.of ? frame[measure.of] : null;
  return values ? values[choice.row * map.columns + choice.word] : null;
}
