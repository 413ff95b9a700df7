// The map as SVG, with its numbers and words as text, and every number of the step as CSV.

import { weightColour } from "./colours.js";
import { element, shape } from "./element.js";
import { stepText, weightText } from "./numbers.js";

const [SIDE, ROW, LEFT, TOP] = [56, 36, 120, 74];
const FONT = "system-ui, 'Noto Sans', 'Noto Sans CJK SC', 'Noto Sans Arabic', sans-serif";

/** An SVG element: the map of a frame. Words are text nodes, which the serializer escapes. */
export function mapPicture(map, frame) {
  const [width, height] = [LEFT + map.columns * SIDE + 10, TOP + map.rows * ROW + 34];
  const text = (x, y, content, attributes = {}) =>
    shape("text", { x, y, "text-anchor": "middle", ...attributes }, content);
  const title = `Attention weights, head ${map.head + 1}, step ${stepText(frame.step)}: ${map.words.join(" ")}`;
  const columns = map.words.map((word, k) =>
    text(LEFT + (k + 0.5) * SIDE, TOP - 10, shortened(word), { "font-size": 13 }),
  );
  const rows = map.masked.map((k, row) =>
    text(LEFT - 8, TOP + (row + 0.5) * ROW + 5, shortened(map.words[k], 14), { "text-anchor": "end", "font-size": 13 }),
  );
  const cells = [...frame.weights].flatMap((x, i) => {
    const [left, top] = [LEFT + (i % map.columns) * SIDE, TOP + map.rowAt(i) * ROW];
    const [ground, ink] = weightColour(x);
    const frameOf = map.relevant[i]
      ? { stroke: "#c1121f", "stroke-width": 3 }
      : { stroke: "#808a96", "stroke-width": 0.5 };
    const box = shape("rect", {
      x: left + 2,
      y: top + 2,
      width: SIDE - 4,
      height: ROW - 4,
      rx: 3,
      fill: ground,
      ...frameOf,
    });
    return [box, text(left + SIDE / 2, top + ROW / 2 + 5, weightText(x), { fill: ink, "font-size": 13 })];
  });
  const head = `head ${map.head + 1}, step ${stepText(frame.step)}`;
  const legend = "Rows: masked words. Columns: words they look at. Red: relevant words, by the rules of the world.";
  return shape(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      "font-family": FONT,
      fill: "#1a1f26",
    },
    shape("title", {}, title),
    shape("rect", { width, height, fill: "#ffffff" }),
    text(10, 24, `Attention weights, ${head}`, { "text-anchor": "start", "font-size": 15 }),
    ...columns,
    ...rows,
    ...cells,
    text(10, height - 10, legend, { "text-anchor": "start", "font-size": 11, fill: "#55606d" }),
  );
}

const shortened = (word, most = 8) =>
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

const quoted = (text) => `"${text.replaceAll('"', '""')}"`;

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
