// What the person has to know: errors, remarks, what happens next. Told to screen readers, too.

import { element } from "./element.js";

export class Notices {
  constructor() {
    this.node = element("div", { class: "notices", role: "status", "aria-live": "polite" });
    this.lines = new Map();
  }

  /** Shows a line under a name; another one under the same name replaces it, an empty one removes it. */
  tell(name, text) {
    if ((this.lines.get(name)?.textContent ?? "") === (text ?? "")) return;
    this.lines.get(name)?.remove();
    this.lines.delete(name);
    if (!text) return;
    const line = element("p", { class: "notice" }, text);
    this.lines.set(name, line);
    this.node.append(line);
  }
}
