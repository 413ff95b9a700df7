// How a word of the sentence is named in a text: one that occurs twice with its place.

import { wordElement } from "./element.js";

/** Nodes for the k-th word: "mat", or "the (word 5)". */
export function named(map, k) {
  const word = map.words[k];
  const alone = map.words.indexOf(word) === map.words.lastIndexOf(word);
  return [wordElement(word), ...(alone ? [] : [` (word ${k + 1})`])];
}

/** The same of a word that is looked at for a row; the row's own word is not seen: its place is masked. */
export function lookedAt(map, row, k) {
  return map.masked[row] === k ? ["the masked place"] : named(map, k);
}
