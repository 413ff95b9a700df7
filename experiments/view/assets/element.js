// The one way in which this page makes elements. Words of users only ever become text nodes or attributes' values.

const SVG = "http://www.w3.org/2000/svg";

/**
 * element("td", {class: "cell", onclick: f, hidden: false}, "text", child): on... are listeners, true and false are
 * flags.
 */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for the parts of a picture. */
export function shape(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** A word of a sentence: isolated, so that one written from right to left moves nothing beside it. */
export function wordElement(word, attributes = {}) {
  return element("bdi", { dir: "auto", title: word, ...attributes }, word);
}

/** Sets a node's text, if it is another one: what stays the same costs no layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
