// Two scales of colour, each with the ink that reads best on it (at least 4.5 to 1 on every step).
// Weights: one hue, from the page's own ground to strong, so that 0 looks like nothing in light and in dark.
// Differences: blue below 0, orange above, which people with any common colour blindness tell apart.

const SCALES = {
  light: {
    weight: ["#ffffff", "#a9cdf0", "#3b82c8", "#08306b"],
    low: ["#ffffff", "#8cbce8", "#0b4f93"],
    high: ["#ffffff", "#f5b56b", "#8f3d00"],
  },
  dark: {
    weight: ["#14181d", "#123f6d", "#3d8fd6", "#d6ebff"],
    low: ["#14181d", "#1d5d9b", "#9fd0ff"],
    high: ["#14181d", "#a5560f", "#ffca8f"],
  },
};
const RELEVANCE = {
  light: ["#ffffff", "#cdb7e9", "#8559c2", "#3f1779"],
  dark: ["#14181d", "#452a70", "#9a70d8", "#ecdcff"],
};
const STEPS = 100;

let theme = "light";
let tables = {};

/** All pictures are drawn anew after it. */
export function setColours(name) {
  theme = name;
  tables = {};
}

/** [ground, ink, ground as three numbers] of a weight, 0 to 1. */
export function weightColour(x, of = theme) {
  return entry(`weight ${of}`, SCALES[of].weight, x);
}

/** [ground, ink] of a relevance in nats; 1 nat or more is strongest. */
export function relevanceColour(x) {
  return entry("relevance", RELEVANCE[theme], x);
}

/** [ground, ink] of a difference, -1 to 1. */
export function differenceColour(x, of = theme) {
  const [name, size] = x < 0 ? ["low", -x] : ["high", x];
  return entry(`${name} ${of}`, SCALES[of][name], size);
}

function entry(name, stops, x) {
  tables[name] ??= Array.from({ length: STEPS + 1 }, (_, i) => withInk(mixed(stops, i / STEPS)));
  return tables[name][Math.round(Math.min(1, Math.max(0, x || 0)) * STEPS)];
}

function mixed(stops, x) {
  const place = x * (stops.length - 1);
  const left = Math.min(stops.length - 2, Math.floor(place));
  const [a, b] = [rgb(stops[left]), rgb(stops[left + 1])];
  return a.map((value, i) => Math.round(value + (b[i] - value) * (place - left)));
}

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

function withInk(colour) {
  const [r, g, b] = colour.map((value) => {
    const x = value / 255;
    return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  });
  const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  const ink = light > 0.1791 ? "#000000" : "#ffffff"; // at .1791 black and white read equally well
  return [`rgb(${colour.join(" ")})`, ink, colour];
}
