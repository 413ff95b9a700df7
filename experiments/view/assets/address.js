// What the address says, checked: every value is text that a person may have typed.

import { colourings } from "./point_colours.js";
import { nearestStep } from "./steps.js";

const count = (text, most) =>
  /^\d{1,6}$/.test(text ?? "") && Number(text) >= 1 && Number(text) <= most ? Number(text) - 1 : null;

/**
 * The state that `wish` asks for in a run, and a line for each wish that cannot be met. Numbers in the address begin
 * at 1.
 */
export function stateOf(wish, run) {
  const notes = [];
  const chosen = (name, most) => {
    const number = count(wish[name], most);
    if (number === null && wish[name] !== undefined)
      notes.push(`The address asks for ${name} ${wish[name]}; there are ${most}, numbered from 1.`);
    return number;
  };
  const sentence = chosen("sentence", run.sentences.length) ?? 0;
  const { words, masked } = run.sentences[sentence];
  const row = chosen("row", masked.length) ?? 0;
  const state = { sentence, head: chosen("head", run.heads) ?? 0, row, word: chosen("word", words.length) };
  const known = colourings(run).map(([name]) => name);
  state.colour = known.includes(wish.colour) ? wish.colour : "";
  if (wish.colour !== undefined && !state.colour)
    notes.push(`The address asks for colour ${wish.colour}; there are ${known.join(", ")}.`);
  const last = run.recorded.length - 1;
  if (/^\d{1,9}$/.test(wish.step ?? "")) state.t = nearestStep(run.recorded, Number(wish.step));
  else if (wish.step !== undefined) notes.push(`The address asks for step ${wish.step}, which is no number.`);
  state.t ??= last;
  state.follow = state.t === last;
  return { state, notes };
}

/**
 * What the address says of a state. The step is left out while the end is followed, as a link to a run that still
 * trains.
 */
export function wishOf(state, run) {
  const wish = {
    run: state.run,
    sentence: state.sentence + 1,
    head: state.head + 1,
    row: state.row + 1,
    word: state.word + 1,
  };
  if (!state.follow) wish.step = run.recorded[state.t];
  if (state.colour) wish.colour = state.colour;
  if (state.compare) wish.compare = state.compare;
  if (state.hide) wish.hide = state.hide;
  return wish;
}
