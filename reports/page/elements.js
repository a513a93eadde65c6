"use strict";

// Elements are made here and nowhere else. A string is always a text node: nothing is ever read as markup.

function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

// Puts `children` in place of what `element` holds.
function fill(element, ...children) {
  element.replaceChildren();
  return filled(element, {}, children);
}

// A table; cells are nodes or texts, the first of each row is its heading.
// On a narrow screen a table of class "stack" becomes a list of heading and value.
function table(heads, rows, attributes = {}) {
  return el("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": attributes["aria-label"] || "table"},
    el("table", attributes,
      el("thead", {}, el("tr", {}, heads.map((head) => el("th", {scope: "col"}, head)))),
      el("tbody", {}, rows.map((cells) => row(cells, heads)))));
}

function row(cells, heads) {
  const {heading, values, ...attributes} = Array.isArray(cells) ? {heading: cells[0], values: cells.slice(1)} : cells;
  return el("tr", attributes, el("th", {scope: "row"}, heading), values.map((value, at) => el("td", {"data-head": typeof heads[at + 1] === "string" ? heads[at + 1] : null}, value)));
}

function part(title, ...children) {
  return el("section", {class: "part"}, el("h2", {}, title), children);
}
