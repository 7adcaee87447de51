// Elements from data. Text only ever becomes text: nothing in this page parses a name as HTML.

// h("td", {class: "number"}, "1", child): attributes, functions as listeners ("onclick"), children as nodes or text.
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  set(element, attributes);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  set(element, attributes);
  element.append(...children);
  return element;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.replace(/^on/, ''), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
}

export const button = (text, label, onclick) =>
    h('button', {type: 'button', 'aria-label': label ?? text, title: label ?? text, onclick}, text);

export function list(pairs) {
  const dl = h('dl');
  for (const [name, value] of pairs)
    if (value !== undefined && value !== null && value !== '') dl.append(h('dt', {}, name), h('dd', {}, value));
  return dl;
}

// What the search box asks for, and who wants to know.
const listeners = new Set();
let wanted = '';
export const search = {
  get text() { return wanted;},
  set(text) {
    wanted = text.trim().toLowerCase();
    for (const listener of listeners) listener(wanted);
  },
  listen(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
