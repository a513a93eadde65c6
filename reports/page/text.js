"use strict";

// Text of others on the page: control and bidirectional characters are shown, not obeyed.

const SPECIAL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|[\ud800-\udfff]/gu;
const LONG = 20000;

// A fragment of text nodes in which each special character is a small box with its code.
function shown(text) {
  const fragment = document.createDocumentFragment();
  let from = 0;
  for (const found of text.matchAll(SPECIAL)) {
    if (found.index > from) fragment.append(text.slice(from, found.index));
    fragment.append(el("span", {class: "control"}, code(found[0])));
    from = found.index + found[0].length;
  }
  fragment.append(text.slice(from));
  return fragment;
}

function code(character) {
  return "U+" + character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
}

// The same as one plain string, for one-line places.
function flat(text) {
  return String(text).replace(SPECIAL, code).replace(/\s+/g, " ").trim();
}

// A block of somebody's text. Of a very long one the beginning is shown, with a button for the rest, which
// comes in pieces: the browser lays out only those in sight.
function block(text, attributes = {}) {
  const piece = (from, to) => el("pre", {class: "piece", dir: "auto"}, shown(text.slice(from, to)));
  const box = el("div", {class: "text", ...attributes}, piece(0, LONG));
  if (text.length <= LONG) return box;
  const rest = () => {
    more.remove();
    for (let from = LONG, to; from < text.length; from = to) {
      to = from + LONG;
      const space = text.lastIndexOf(text.lastIndexOf("\n", to) > from ? "\n" : " ", to);
      if (space > from) to = space + 1;
      box.append(piece(from, to));
    }
  };
  const more = el("button", {type: "button", click: rest}, `Show all ${count(text.length)} characters`);
  return el("div", {}, box, more);
}

// A path that may be broken after each of its parts.
function broken(path) {
  return flat(path).split(/(?<=[/_-])/).flatMap((piece) => [piece, el("wbr")]);
}

function number(value, digits = 1) {
  return value === null || value === undefined || Number.isNaN(value) ? "–" : value.toFixed(digits);
}

function count(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString("en-US");
}

function digitsOf(unit) {
  return unit === "%" ? 1 : 2;
}

function interval(range, digits) {
  return range ? `${number(range[0], digits)}–${number(range[1], digits)}` : "";
}

function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 120) return `${value.toFixed(1)} s`;
  return value < 7200 ? `${Math.round(value / 60)} min` : `${(value / 3600).toFixed(1)} h`;
}

function plural(n, word) {
  return `${count(n)} ${word}${n === 1 ? "" : "s"}`;
}

// Any value as somebody would write it down.
function written(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
