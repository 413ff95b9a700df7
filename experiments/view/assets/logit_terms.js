// The logits taken apart: what each word adds through each head, in nats (experiments/view/evidence.py says how, and
// has the same once more for Python). The size that the final norm divides by is taken as it is.

import { part } from "./arrays.js";
import { dot } from "./forward.js";

/**
 * What adds up to the logit of `word`: {words: [H, K], place, mlp, bias}. `words`: the weighted value of each word, its
 * evidence; `place`: the masked place's own vector; `mlp`: all that the MLP adds; `bias`: of the last norm and the
 * unembedding. `out`: the fields of `forward` at `place`.
 */
export function logitTerms(model, out, place, word) {
  const { config, params } = model;
  const column = columnOf(params["unembed/kernel"], word);
  const read = along(model, out.output, column); // a term x of the residual stream adds x . read
  const kernel = params["attention/output/kernel"]; // [H, D, M]
  const ofHead = out.context.map((context, h) => context.map((_, d) => dot(read, part(kernel, h, d).data))); // [H, D]
  const own = params["output_norm/bias"];
  return {
    words: out.weighted_values.map((rows, h) => rows.map((row) => dot(row, ofHead[h]))),
    place: config.residual ? dot(out.embedding[place], read) : 0,
    mlp: config.d_mlp ? dot(out.mlp, read) : 0,
    bias: params["unembed/bias"].data[word] + (own ? dot(column, own.data) : 0),
  };
}

function columnOf({ shape: [rows, columns], data }, column) {
  return Array.from({ length: rows }, (_, m) => data[m * columns + column]);
}

function along({ config, params }, output, column) {
  if (config.norm === "none") return column;
  const layer = config.norm === "layer";
  const centred = (x) => x.map((v) => v - (layer ? x.reduce((a, b) => a + b) / x.length : 0));
  const rest = centred(output);
  const size = Math.sqrt(dot(rest, rest) / rest.length + 1e-6);
  const gain = params["output_norm/scale"].data;
  return centred(column.map((v, m) => v * gain[m])).map((v) => v / size); // to centre a term is to centre its factor
}
