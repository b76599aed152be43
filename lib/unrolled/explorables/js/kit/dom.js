// Small helpers for drawing.

const SVG = "http://www.w3.org/2000/svg";

function make(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const html = (tag, attributes, ...children) =>
  make(document.createElement(tag), attributes, children);

export const svg = (tag, attributes, ...children) =>
  make(document.createElementNS(SVG, tag), attributes, children);

// Touch the document only where something changed.
export function setAttribute(element, name, value) {
  const text = String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const px = (v) => String(Math.round(v * 100) / 100 + 0);

// Listeners that one call removes.
export function listeners() {
  const controller = new AbortController();
  return {
    on(target, type, listener, options) {
      target.addEventListener(type, listener, { ...options, signal: controller.signal });
    },
    remove: () => controller.abort(),
  };
}
