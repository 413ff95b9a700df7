// What the page says, one plain sentence a stage. Words stand in nodes of their own, see `wordElement`.

import { wordElement } from "./element.js";
import { percent } from "./file_evidence.js";
import { lookedAt } from "./naming.js";
import { numberText, signedText, stepText, weightText } from "./numbers.js";

export const HEADINGS = {
  map: "Where each head looks",
  evidence: "What each word says",
  guess: "The guess and the exact answer",
};

const MEANINGS = {
  map:
    "Click a cell to cut that edge: the head cannot look at that word then, and shares its " +
    "weight among the others. Click again to put it back.",
  evidence:
    "Evidence in nats: what each word's value, times its weight, adds to the logit of each candidate, all heads " +
    "together, above the average of all candidates. A column adds up to the logit, and softmax of the logits " +
    "is the guess.",
  mlp: " With an MLP this is the direct path alone.",
};

const NOT_NUMBERS = "The model's numbers are not finite at this step: its training diverged.";

/** Captions, for models of every kind. */
export function meanings({ d_mlp: mlp, sink }) {
  return {
    map: `${sink === "none" ? "Each row sums to 1." : "Each row and its sink sum to 1."} ${MEANINGS.map}`,
    evidence: MEANINGS.evidence + (mlp ? MEANINGS.mlp : ""),
  };
}

export function lead(data) {
  const { steps, recorded, config } = data;
  const heads = config.heads === 1 ? "one head" : `${config.heads} heads`;
  const kept =
    steps.length < recorded
      ? `${steps.length} of its ${recorded} recorded steps ${steps.length === 1 ? "is" : "are"} in this file`
      : "All its recorded steps are in this file";
  const left = data.left_out ? `; ${data.left_out} more did not fit` : "";
  return [
    `A transformer of one layer and ${heads} guesses a masked word. Change anything below: every number is computed `,
    `anew, in this page, from the trained model's own parameters. ${kept}${left}.`,
  ];
}

export function mapSaid({ head, refused }, { out }, map) {
  const weights = out.weights[head];
  if (weights.some(Number.isNaN)) return [NOT_NUMBERS];
  if (refused) return ["The last edge of a head stays: its weights sum to 1, so one word must get them."];
  const [first, second] = largest(weights);
  const more = second !== undefined && weights[second] >= 0.005;
  const total = weights.reduce((a, b) => a + b);
  return [
    `Head ${head + 1} looks most at `,
    ...lookedAt(map, 0, first),
    ` (${weightText(weights[first])})`,
    ...(more ? [", then at ", ...lookedAt(map, 0, second), ` (${weightText(weights[second])})`] : []),
    ...(map.run.sink ? [`; the sink takes ${weightText(1 - total)}`] : []),
    ". A weight says how much is taken, not what it means: that is in the evidence.",
  ];
}

export function scaleSentence({ head }, { out, scale, trained }) {
  const scores = out.scores[head];
  const spread = Math.max(...scores) - Math.min(...scores);
  const most = Math.max(...out.weights[head]);
  const than = scale === trained || !trained ? "" : `, with ${numberText(scale / trained, 2)} times the trained factor`;
  return [
    `The scores of head ${head + 1} span ${numberText(spread)}${than}; its largest weight is ${weightText(most)}. `,
    "The larger the scores, the more of the weight goes to one word.",
  ];
}

/** For the model's guess, the words that speak most for and against it. */
export function evidenceSaid({ place }, result, map, names) {
  if (result.best < 0) return [NOT_NUMBERS];
  const [column] = result.evidenceOf([result.best]);
  const ofWord = map.words.map((_, k) => column.words.reduce((sum, row) => sum + row[k], 0));
  const others = largest(ofWord).filter((k) => k !== place);
  const [best, worst] = [others[0], others[others.length - 1]];
  if (best === undefined) return ["No other word says anything."];
  return [
    "For the guess ",
    wordElement(names[result.best]),
    " speaks most ",
    ...lookedAt(map, 0, best),
    ` (${signedText(ofWord[best])} nats)`,
    ...(ofWord[worst] < -0.05 ? [", against it ", ...lookedAt(map, 0, worst), ` (${signedText(ofWord[worst])})`] : []),
    ".",
  ];
}

export function guessSaid({ tokens, place }, result, data) {
  const { best, guess, exact, excess, asTrained, target } = result;
  if (best < 0) return [NOT_NUMBERS];
  const says = ["The model guesses ", wordElement(data.words[best]), `, ${percent(guess[best])}`];
  if (!exact) return [...says, `. ${noAnswer(data)}`];
  const bare = target === tokens[place] ? [] : [wordElement(data.words[tokens[place]]), wordElement(data.words[target])];
  const right = exact.indexOf(Math.max(...exact));
  const changed = Math.abs(asTrained.excess - excess) > 5e-4;
  return [
    ...says,
    "; the exact answer is ",
    wordElement(data.words[right]),
    `, ${percent(exact[right])}`,
    ...(target === right || target === best
      ? []
      : [" (hidden: ", wordElement(data.words[tokens[place]]), ")"]),
    `. They are ${numberText(excess, 3)} nats apart (excess)`,
    changed ? `, ${numberText(asTrained.excess, 3)} without your changes to the attention.` : ".",
    ...(bare.length ? [" Guessed is the word without its form: ", bare[0], " as ", bare[1], "."] : []),
  ];
}

function noAnswer(data) {
  return data.world
    ? "There is no exact answer: the rules of the world make no sentence with these other words."
    : "There is no exact answer here: the table of this world is too large for one file.";
}

/** What is shown, for paper: "step 1,200; dot products x 0.25, as trained; nothing is cut". */
export function stateSaid({ cuts }, { step }, scale, map) {
  const edges = [...cuts].map((one) => one.split(" ").map(Number)).sort(([a, b], [c, d]) => a - c || b - d);
  const said = edges.flatMap(([head, k], i) => [i ? ", " : "; cut: ", `head ${head + 1} to `, ...lookedAt(map, 0, k)]);
  return [`Step ${stepText(step)}; dot products ${scale}`, ...(edges.length ? said : ["; nothing is cut"]), "."];
}

function largest(values) {
  return [...values.keys()].sort((a, b) => values[b] - values[a]);
}
