// Words that may have forms: what is guessed of a word (`base`), and what stands for it where it is masked (`blank`).
// A world without forms brings neither: every word is guessed as it is, and [MASK] stands for all.

export const MASK = 1;

export const baseOf = ({ base }, token) => (base ? base[token] : token);

export const blankOf = ({ blank }, token) => (blank ? blank[token] : MASK);

/** How a masked place is shown: by its blank where that says something of the word, else as `plain`. */
export const blankShown = (data, token, plain = "[ ? ]") => (data.blank ? data.words[data.blank[token]] : plain);

/** The sentence as the model gets it: a blank stands for the masked word. */
export const asRead = (data, tokens, place) =>
  tokens.map((token, k) => (k === place ? blankOf(data, token) : token));
