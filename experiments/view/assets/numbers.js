// How numbers are written. A minus is the typographic one, as wide as a plus.

const LARGE = 1e5; // from here on 5e+24: a run that diverges has numbers of 25 digits

const signs = (text) => text.replace("-", "\u2212");

/** A weight: .07, 1.0. */
export function weightText(x) {
  if (Number.isNaN(x)) return "nan";
  const text = x.toFixed(2);
  return text.startsWith("0") ? text.slice(1) : "1.0";
}

/** 3.1, or 5e+24. */
export function numberText(x, digits = 1) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : signs(String(x)).replace("Infinity", "inf");
  const text = Math.abs(x) < LARGE ? x.toFixed(digits) : x.toExponential(0);
  return signs(/[1-9]/.test(text) ? text : text.replace("-", "")); // never -0.0
}

/** +0.31, with its sign. */
export function signedText(x, digits = 2) {
  const text = numberText(x, digits);
  return x > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** Small numbers, such as gradients, with two digits that tell. */
export function smallText(x) {
  if (!Number.isFinite(x) || x === 0 || Math.abs(x) >= 0.01) return signedText(x, 3);
  return signs(`${x > 0 ? "+" : ""}${x.toExponential(1)}`);
}

/** What is done to the dot products at recorded step number t: "/ sqrt(16)", or "x 0.312, learned". */
export function scaleText({ scale, learned_scale: learned }, t) {
  return learned ? scale.replace("x learned scale", `x ${numberText(learned.data[t], 3)}, learned`) : scale;
}

export function stepText(step) {
  return step.toLocaleString("en");
}
