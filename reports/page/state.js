"use strict";

// What is shown, as the URL's hash has it: a link opens the very sample and frame.
//   view overview | samples, s sample id, f frame, q search, b benchmark, t task, c category, o outcome,
//   flag refused | truncated | empty, d disagreement, sort column (with - in front: descending), run position

const DEFAULTS = {view: "overview", s: "", f: "0", q: "", b: "", t: "", c: "", o: "", flag: "", d: "", sort: "", run: "0"};
const FILTERS = ["q", "b", "t", "c", "o", "flag", "d"];

let state = readState();

function readState() {
  const told = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const next = {...DEFAULTS};
  for (const name of Object.keys(DEFAULTS)) if (told[name] !== undefined) next[name] = told[name];
  if (next.s) next.view = "samples";
  return next;
}

function hashOf(values) {
  const changed = Object.entries(values).filter(([name, value]) => String(value) !== DEFAULTS[name]);
  return "#" + new URLSearchParams(changed).toString();
}

// A link to the samples with these filters and no others.
function samplesLink(filters) {
  return hashOf({...DEFAULTS, view: "samples", ...filters});
}

// Changes the state; a step that somebody would want to go back from becomes one in the browser's history.
function go(changes, {step = false} = {}) {
  const hash = hashOf({...state, ...changes});
  if (hash === location.hash || (hash === "#" && !location.hash)) return;
  if (step) history.pushState(null, "", hash);
  else history.replaceState(null, "", hash);
  arrive();
}

function arrive() {
  const before = state;
  state = readState();
  draw(before);
}
