// What the file brings: a model's parameters at some steps, the words of a world and, if the world is small, its exact
// answers.

import { decoded } from "./arrays.js";
import { readWorld } from "./exact_answer.js";
import { MASK } from "./file_forms.js";

/** The JSON in the page, ready to be asked. */
export function readData(text) {
  const data = decoded(JSON.parse(text));
  const steps = data.steps.map(({ step, params }) => ({
    step,
    model: { config: data.config, params, scale: data.scale },
  }));
  return { ...data, steps, world: data.world && readWorld(data.world) };
}

/** What the page shows first: the finished model, unchanged. */
export function firstChoice(data) {
  return {
    tokens: data.tokens,
    place: data.masked,
    t: data.steps.length - 1,
    factor: null,
    cuts: new Set(),
    refused: false,
    head: 0,
    word: null,
    colour: "",
  };
}

/** Words in groups for the lists: [[slot, with its form, numbers]], those without a slot last; blanks are no words. */
export function wordGroups({ slots, words, blank = [] }) {
  const grouped = new Set([...slots.flatMap(([, numbers]) => numbers), ...blank]);
  const others = words.map((_, word) => word).filter((word) => word > MASK && !grouped.has(word));
  return [...slots, ...(others.length ? [["other words", others]] : [])];
}
