// Sentences in languages that are written from right to left stand so, word by word.

const LETTER = /\p{L}/u;
const RIGHT_TO_LEFT =
  /\p{Script=Hebrew}|\p{Script=Arabic}|\p{Script=Syriac}|\p{Script=Thaana}|\p{Script=Nko}|\p{Script=Adlam}/u;

/** "rtl" or "ltr", by the first letter of the words: the rule of dir="auto", for words that stand in boxes. */
export function directionOf(words) {
  const letter = [...words.join("")].find((character) => LETTER.test(character));
  return letter && RIGHT_TO_LEFT.test(letter) ? "rtl" : "ltr";
}
