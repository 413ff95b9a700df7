// What the person has to know: errors, remarks, what happens next. Told to screen readers, too.

import { element } from "./element.js";

export class Notices {
  constructor() {
    this.node = element("div", { class: "notices", role: "status", "aria-live": "polite" });
    this.lines = new Map();
    this.texts = new Map();
    this.counts = {};
  }

  /** Shows a line under a name, for some seconds only if they are given; another or an empty one replaces it. */
  tell(name, text, seconds) {
    if (seconds) setTimeout(() => this.texts.get(name) === text && this.tell(name, ""), 1000 * seconds);
    if ((this.texts.get(name) ?? "") === (text ?? "")) return;
    this.texts.set(name, text ?? "");
    this.lines.get(name)?.remove();
    this.lines.delete(name);
    if (!text) return;
    // What stands behind two blanks is a command.
    const nodes = text.split(/ {2,}/).map((part, i) => (i ? element("code", {}, ` ${part}`) : part));
    const line = element("p", { class: "notice" }, ...nodes);
    this.lines.set(name, line);
    this.node.append(line);
  }

  /** Several lines under one name. */
  tellAll(name, texts) {
    const count = Math.max(texts.length, this.counts[name] ?? 0);
    for (let i = 0; i < count; i++) this.tell(`${name} ${i}`, texts[i]);
    this.counts[name] = texts.length;
  }
}
