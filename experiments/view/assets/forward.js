// The model's forward pass, in float64, which the one-file page computes for itself (as it does the terms of the logits
// and the exact answer), so that a sentence, a scale or a cut that nobody recorded can be tried. For one masked place of one sentence, every field of
// `ForwardOutput` (model/transformer.py) under its name without letters; a test holds them equal.
// Letters: H heads, K words, D components of a head, M of the residual stream, F hidden units, V vocabulary.

import { part } from "./arrays.js";

const LEAST_VARIANCE = 1e-6; // what flax's norms add under the root
const LEAST_SQUARE = 1e-12; // what QK-norm adds under the root

/**
 * `model`: {config, params: {path: {shape, data}}, scale}; `tokens`: word numbers, without padding; `place`: the
 * position whose word is guessed; `scale`: any factor for the dot products; `cut(head, k)`: whether that edge carries
 * nothing; the other weights then grow to sum to 1. Where all of a head's edges are cut, without a sink, all is NaN.
 */
export function forward(model, tokens, place, { scale = trainedScale(model), cut = () => false } = {}) {
  const { config, params } = model;
  const embedding = tokens.map((token, k) => embedded(params, token, k)); // [K, M]
  const inputs = embedding.map((x) => normed(model, x, "attention_norm"));
  const query = projected(model, queryInput(model, tokens[place], place), "query"); // [H, D]
  const key = inputs.map((x) => projected(model, x, "key")); // [K, H, D]
  const value = inputs.map((x) => projected(model, x, "value")); // [K, H, D]
  const dotProducts = query.map((q, h) => key.map((k) => dot(q, k[h]))); // [H, K]
  const scores = dotProducts.map((row) => row.map((x) => capped(x * scale, config.softcap)));
  const weights = scores.map((row, h) =>
    softmax(
      row.map((score, k) => (cut(h, k) ? -Infinity : score)),
      sinkScore(model, h),
    ),
  );
  const weighted = weights.map((row, h) => row.map((weight, k) => value[k][h].map((v) => weight * v))); // [H, K, D]
  const context = weighted.map((rows) => rows.reduce(sum)); // [H, D]
  const attention = times(context.flat(), params["attention/output/kernel"], 2); // [M]
  const residual = config.residual ? sum(embedding[place], attention) : attention;
  const mlp = config.d_mlp ? throughMlp(model, residual) : residual.map(() => 0);
  const output = sum(residual, mlp);
  const logits = sum(
    times(normed(model, output, "output_norm"), params["unembed/kernel"]),
    params["unembed/bias"].data,
  ); // [V]
  return {
    embedding,
    query,
    key,
    value,
    dot_products: dotProducts,
    scores,
    weights,
    weighted_values: weighted,
    context,
    attention,
    residual,
    mlp,
    output,
    logits,
  };
}

/** The factor that the model was trained with, or has learned. */
export function trainedScale({ config, params, scale }) {
  return config.learned_scale ? Math.exp(params["attention/log_scale"].data[0]) : scale;
}

/** softmax of scores, with a sink's score beside them unless it is null; they sum to less than 1 with one. */
export function softmax(scores, sink = null) {
  const all = sink === null ? scores : [...scores, sink];
  const largest = Math.max(...all);
  const powers = all.map((x) => Math.exp(x - largest));
  const total = powers.reduce((a, b) => a + b);
  return scores.map((_, k) => powers[k] / total);
}

/** Token + position, [M]. */
function embedded(params, token, k) {
  return sum([...part(params["token/embedding"], token).data], part(params["position/embedding"], k).data);
}

/** What W_Q gets: all that stands at the place, or, in a control arm, a part. */
function queryInput(model, token, place) {
  const { config, params } = model;
  if (config.query === "constant") return [...params.constant_query.data];
  const parts = {
    full: () => embedded(params, token, place),
    position: () => [...part(params["position/embedding"], place).data],
    content: () => [...part(params["token/embedding"], token).data],
  };
  return normed(model, parts[config.query](), "attention_norm");
}

/** Query, key or value of each head, [H, D]. */
function projected({ config, params }, x, kind) {
  const matrix = kind === "key" && config.tied_query_key ? "query" : kind; // W_K is W_Q then
  const flat = times(x, params[`attention/${matrix}/kernel`]);
  const heads = Array.from({ length: config.heads }, (_, h) => flat.slice(h * config.d_head, (h + 1) * config.d_head));
  if (!config.qk_norm || kind === "value") return heads;
  return heads.map((vector, h) => {
    const length = Math.sqrt(dot(vector, vector) + LEAST_SQUARE);
    const gain = kind === "query" ? params["attention/gain"].data[h] : 1;
    return vector.map((v) => (gain * v) / length);
  });
}

function sinkScore({ config, params }, h) {
  if (config.sink === "none") return null;
  return config.sink === "learned" ? params["attention/sink"].data[h] : 0;
}

function capped(score, softcap) {
  return softcap ? softcap * Math.tanh(score / softcap) : score;
}

/** Layer norm, RMS norm or none, of a vector [M]. */
function normed({ config, params }, x, name) {
  if (config.norm === "none") return x;
  const mean = config.norm === "layer" ? x.reduce((a, b) => a + b) / x.length : 0;
  const centred = x.map((v) => v - mean);
  const size = Math.sqrt(dot(centred, centred) / x.length + LEAST_VARIANCE);
  const [gain, bias] = [params[`${name}/scale`].data, params[`${name}/bias`]?.data];
  return centred.map((v, m) => (v / size) * gain[m] + (bias ? bias[m] : 0));
}

function throughMlp(model, residual) {
  const { params } = model;
  const hidden = sum(times(normed(model, residual, "mlp_norm"), params["mlp_in/kernel"]), params["mlp_in/bias"].data);
  const active = hidden.map((x) => Math.max(x, 0)); // [F]
  return sum(times(active, params["mlp_out/kernel"]), params["mlp_out/bias"].data);
}

/** A vector times a matrix, whose first `axes` axes are summed over; the others come back as one. */
function times(x, { shape, data }, axes = 1) {
  const columns = shape.slice(axes).reduce((a, b) => a * b, 1);
  const result = Array(columns).fill(0);
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < columns; j++) result[j] += x[i] * data[i * columns + j];
  }
  return result;
}

export function dot(a, b) {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[i];
  return total;
}

function sum(a, b) {
  return a.map((x, i) => x + b[i]);
}
