// The page's numbers as a table, and its map and evidence as a picture; both are handed over as files.

import { differenceColour, weightColour } from "./colours.js";
import { shape } from "./element.js";
import { asRead } from "./file_forms.js";
import { edge } from "./file_result.js";
import { signedText, stepText, weightText } from "./numbers.js";
import { FONT, label, PAPER, quoted, shortened } from "./save.js";

const [COLUMN, LINE, BESIDE, ABOVE] = [64, 30, 130, 84];
const STRONGEST = 4; // nats, as in the table of evidence
const PALE = { stroke: "#808a96", "stroke-width": 0.5 };

/** A line for each head and word. Candidates' columns begin with "evidence", so that no cell is taken for a formula. */
export function tableCsv(data, choice, result) {
  const columns = result.evidenceOf(result.rivals);
  const read = asRead(data, choice.tokens, choice.place);
  const names = ["step", "scale", "head", "word", "cut", "dot_product", "score", "weight"];
  const heads = [...names, ...columns.map(({ word }) => quoted(`evidence for ${data.words[word]}`))];
  const lines = result.out.weights.flatMap((row, h) =>
    row.map((weight, k) => [
      result.step,
      result.scale,
      h + 1,
      quoted(`${k + 1} ${data.words[read[k]]}`),
      choice.cuts.has(edge(h, k)) ? 1 : 0,
      result.out.dot_products[h][k],
      result.out.scores[h][k],
      weight,
      ...columns.map(({ words }) => words[h][k]),
    ]),
  );
  return [heads, ...lines].map((cells) => cells.join(",")).join("\r\n") + "\r\n";
}

/** The weights of each head and the evidence of each word, on white in either theme. */
export function picture(data, choice, result, said) {
  const { out, rivals } = result;
  const names = choice.tokens.map((token, k) => (k === choice.place ? result.blank : data.words[token]));
  const lines = [
    ...out.weights.map((row, h) => [
      `head ${h + 1}`,
      row,
      (x) => weightColour(x, "light"),
      (x, k) => (choice.cuts.has(edge(h, k)) ? "cut" : weightText(x)),
    ]),
    ...result
      .evidenceOf(rivals)
      .map(({ word, words }) => [
        `for ${shortened(data.words[word], 12)}`,
        names.map((_, k) => words.reduce((sum, row) => sum + row[k], 0)),
        (x) => differenceColour(x / STRONGEST, "light"),
        (x) => signedText(x),
      ]),
  ];
  const top = (i) => ABOVE + i * LINE + (i >= out.weights.length ? LINE : 0);
  const [width, height] = [BESIDE + names.length * COLUMN + 12, top(lines.length) + 36];
  const title = `Attention weights and evidence, step ${stepText(result.step)}`;
  const left = { "text-anchor": "start" };
  const evidence = label(10, top(out.weights.length) - 10, "Evidence in nats, all heads together", {
    ...left,
    "font-size": 12,
  });
  return shape(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, width, height, "font-family": FONT, fill: "#1a1f26" },
    shape("title", {}, `${title}: ${names.join(" ")}`),
    shape("rect", { width, height, ...PAPER }),
    label(10, 26, title, { ...left, "font-size": 15 }),
    label(10, 46, said, { ...left, "font-size": 11, fill: "#55606d" }),
    ...names.map((name, k) => label(centreOf(choice, k, names.length), ABOVE - 10, shortened(name))),
    evidence,
    ...lines.flatMap((line, i) => lineShapes(choice, line, top(i))),
  );
}

function lineShapes(choice, [name, values, colour, text], top) {
  const cells = values.flatMap((x, k) => {
    const centre = centreOf(choice, k, values.length);
    const [fill, ink] = colour(x);
    const place = { x: centre - COLUMN / 2 + 2, y: top + 2, width: COLUMN - 4, height: LINE - 4, rx: 3 };
    return [shape("rect", { ...place, fill, ...PALE }), label(centre, top + LINE / 2 + 5, text(x, k), { fill: ink })];
  });
  return [label(BESIDE - 10, top + LINE / 2 + 5, name, { "text-anchor": "end" }), ...cells];
}

/** Of a language that is written from right to left the first word is the last column. */
function centreOf({ direction }, k, count) {
  return BESIDE + ((direction === "rtl" ? count - 1 - k : k) + 0.5) * COLUMN;
}
