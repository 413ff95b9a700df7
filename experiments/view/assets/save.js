// The map as SVG, with its numbers and words as text, and every number of the step as CSV.

import { weightColour } from "./colours.js";
import { element, shape } from "./element.js";
import { stepText, weightText } from "./numbers.js";

const [SIDE, ROW, LEFT, TOP] = [56, 36, 120, 74];
const LEAST = 600; // so wide is the legend, about
export const FONT = "system-ui, 'Noto Sans', 'Noto Sans CJK SC', 'Noto Sans Arabic', sans-serif";

export const PAPER = { fill: "#ffffff" };
const RELEVANT = { stroke: "#c1121f", "stroke-width": 3 };
const PLAIN = { stroke: "#808a96", "stroke-width": 0.5 };
const LEGEND = "Rows: masked words. Columns: words they look at. Red: relevant words, by the rules of the world.";

export function label(x, y, content, attributes = {}) {
  return shape("text", { x, y, "text-anchor": "middle", "font-size": 13, ...attributes }, content);
}

/** An SVG element, for paper in either theme: the map of a frame. Words are text nodes, which the serializer escapes. */
export function mapPicture(map, frame) {
  const [width, height] = [Math.max(LEAST, LEFT + map.columns * SIDE + 10), TOP + map.rows * ROW + 34];
  const left = { "text-anchor": "start" };
  const head = `Attention weights, head ${map.head + 1}, step ${stepText(frame.step)}`;
  const columns = map.words.map((word, k) => label(columnLeft(map, k) + SIDE / 2, TOP - 10, shortened(word)));
  const beside = map.direction === "rtl" ? [map.columns * SIDE + 18, left] : [LEFT - 8, { "text-anchor": "end" }];
  const rows = map.masked.map((k, row) =>
    label(beside[0], TOP + (row + 0.5) * ROW + 5, shortened(map.words[k], 14), beside[1]),
  );
  return shape(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, width, height, "font-family": FONT, fill: "#1a1f26" },
    shape("title", {}, `${head}: ${map.words.join(" ")}`),
    shape("rect", { width, height, ...PAPER }),
    label(10, 24, head, { ...left, "font-size": 15 }),
    ...columns,
    ...rows,
    ...[...frame.weights].flatMap((x, i) => cellShapes(map, x, i)),
    label(10, height - 10, LEGEND, { ...left, "font-size": 11, fill: "#55606d" }),
  );
}

/** Where the column of word k begins: of a language that is written from right to left the first is the last. */
function columnLeft(map, k) {
  return map.direction === "rtl" ? 10 + (map.columns - 1 - k) * SIDE : LEFT + k * SIDE;
}

function cellShapes(map, x, i) {
  const [left, top] = [columnLeft(map, i % map.columns), TOP + map.rowAt(i) * ROW];
  const [fill, ink] = weightColour(x, "light");
  const place = { x: left + 2, y: top + 2, width: SIDE - 4, height: ROW - 4, rx: 3 };
  const box = shape("rect", { ...place, fill, ...(map.relevant[i] ? RELEVANT : PLAIN) });
  return [box, label(left + SIDE / 2, top + ROW / 2 + 5, weightText(x), { fill: ink })];
}

export const shortened = (word, most = 8) =>
  [...word].length > most ? `${[...word].slice(0, most - 1).join("")}\u2026` : word;

const COLUMNS = {
  dot_product: "dots",
  score: "scores",
  weight: "weights",
  evidence: "evidence",
  cut_cost: "cut",
  score_gradient: "gradient",
  all_heads_evidence: "allEvidence",
  all_heads_cut_cost: "allCut",
  model_relevance: "modelRelevance",
};

/**
 * A line for each cell. Words stand behind their place in the sentence, "6 mat": that tells two equal words apart,
 * and no
 * cell begins with a sign that a spreadsheet would take for a formula.
 */
export function cellsCsv(map, frame) {
  const word = (k) => quoted(`${k + 1} ${map.words[k]}`);
  const lines = map.masked.flatMap((masked, row) =>
    map.words.map((_, k) => {
      const i = row * map.columns + k;
      const numbers = Object.values(COLUMNS).map((name) => (frame[name] ? frame[name][i] : ""));
      return [frame.step, map.head + 1, word(masked), word(k), ...numbers, map.exact[i]].join(",");
    }),
  );
  return [
    ["step", "head", "masked_word", "word", ...Object.keys(COLUMNS), "exact_relevance"].join(","),
    ...lines,
    "",
  ].join("\r\n");
}

export const quoted = (text) => `"${text.replaceAll('"', '""')}"`;

/** Hands a text to the person as a file. */
export function download(name, text, type) {
  const link = element("a", {
    href: URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` })),
    download: name,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** toy-001_seed-5_sentence-1_head-1_step-1200.svg: letters, digits and hyphens, whatever the run is called. */
export function fileName(map, frame, kind) {
  const run = map.run.name.replace(/[^\p{L}\p{N}-]+/gu, "_").slice(0, 80);
  return `${run}_sentence-${map.sentence + 1}_head-${map.head + 1}_step-${frame.step}.${kind}`;
}
