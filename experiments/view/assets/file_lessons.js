// The lessons: each an expectation, a question to predict, what this model answers, and why. One is done when the
// reader has predicted.

import { element, setText } from "./element.js";

export class FileLessons {
  /** `lessons`: [{title, expect, question, options, right, answer, explain, try_it}]; `texts`: what is said of any. */
  constructor(lessons, texts) {
    this.texts = texts;
    this.done = new Set();
    this.count = lessons.length;
    this.summary = element("summary", {});
    const attributes = { class: "lessons", "data-part": "lessons", hidden: !lessons.length };
    const list = lessons.map((lesson, i) => this.lesson(lesson, i));
    this.node = element("details", attributes, this.summary, ...list);
    this.tell();
    this.open(location.hash, list);
    addEventListener("hashchange", () => this.open(location.hash, list));
  }

  /** A teacher's link, page.html#lesson=3, opens that lesson. */
  open(hash, list) {
    const lesson = list[Number(/^#lesson=(\d+)$/.exec(hash)?.[1]) - 1];
    if (!lesson) return;
    this.node.open = lesson.open = true;
    requestAnimationFrame(() => lesson.scrollIntoView({ block: "start" }));
  }

  tell() {
    const done = this.done.size ? ` (${this.done.size} of ${this.count} done)` : "";
    setText(this.summary, `${this.texts.lessons}${done}`);
  }

  lesson(lesson, i) {
    const mark = element("span", { class: "done", "aria-hidden": "true" });
    const answer = element("div", { "aria-live": "polite" });
    const choose = (option) => {
      answer.replaceChildren(...this.answerTo(lesson, option).map((nodes) => element("p", {}, ...nodes)));
      options.forEach((button, n) => {
        button.setAttribute("aria-pressed", n === option);
        button.classList.toggle("right-option", lesson.right.includes(n));
      });
      this.done.add(i);
      setText(mark, " \u2713");
      this.tell();
    };
    const names = lesson.options.length ? lesson.options : [this.texts.show];
    const options = names.map((name, n) => element("button", { type: "button", onclick: () => choose(n) }, name));
    const title = element("summary", {}, `${i + 1}  ${lesson.title}`, mark);
    return element(
      "details",
      { class: "lesson" },
      title,
      element("p", {}, lesson.expect),
      element("p", { class: "question" }, lesson.question),
      element("div", { class: "options", role: "group", "aria-label": this.texts.your_turn }, ...options),
      answer,
    );
  }

  /** Paragraphs, as lists of nodes. */
  answerTo({ options, right, answer, explain, try_it: task }, option) {
    const rightOnes = right.map((n) => options[n]).join(" / ");
    const given = right.includes(option)
      ? [this.texts.right]
      : [...withWord(this.texts.wrong, options[option]), " ", ...withWord(this.texts.was_right, rightOnes)];
    return [...(right.length && options.length ? [given] : []), [answer], [explain], ...(task ? [[task]] : [])];
  }
}

/** A text with what stands for its {name}: words of users are not read again. */
function withWord(text, value) {
  const [before, after = ""] = text.split(/\{\w+\}/u);
  return [before, element("bdi", {}, value), after];
}
