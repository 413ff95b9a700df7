// Labels beside points, where they touch nothing: of four places the first that is free; else the label waits for the
// pointer.

import { setAttribute } from "./element.js";

const [LETTER_WIDTH, LINE_HEIGHT, AWAY] = [6.6, 12, 10]; // pixels, about
const AROUND = [
  [AWAY, 4, "start"],
  [-AWAY, 4, "end"],
  [0, -AWAY - 2, "middle"],
  [0, AWAY + LINE_HEIGHT, "middle"],
];

/** `points`: [[group with a text, [x, y]]], in a square of this side; those that are chosen come first. */
export function placeLabels(points, side) {
  const taken = points.map(([, [x, y]]) => [x - 6, y - 6, x + 6, y + 6]);
  const chosen = ([node]) => node.classList.contains("chosen");
  for (const [node, at] of [...points].sort((a, b) => chosen(b) - chosen(a))) {
    const text = node.querySelector("text");
    const width = LETTER_WIDTH * [...text.textContent].length;
    const fits = (box) => Math.min(...box) >= 0 && Math.max(...box) <= side;
    const free = AROUND.find((place) => {
      const box = labelBox(at, place, width);
      return fits(box) && !taken.some((other) => overlap(box, other));
    });
    node.classList.toggle("crowded", !free && !chosen([node]));
    const [x, y, anchor] = free ?? AROUND[at[0] > side / 2 ? 1 : 0];
    Object.entries({ x, y, "text-anchor": anchor }).forEach(([name, value]) => setAttribute(text, name, value));
    if (free || chosen([node])) taken.push(labelBox(at, [x, y, anchor], width));
  }
}

function labelBox([x, y], [dx, dy, anchor], width) {
  const left = x + dx - { start: 0, middle: width / 2, end: width }[anchor];
  return [left, y + dy - LINE_HEIGHT + 2, left + width, y + dy + 2];
}

const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
