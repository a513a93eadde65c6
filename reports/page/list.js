"use strict";

// The samples as a list of which only the visible rows exist.

const ROW = 58;
const MARKS = {right: "✓", partly: "◐", wrong: "✗", unparsed: "?", ungraded: "·", error: "!", unasked: "…", absent: " "};

let rows = [];
let questions = null;

function listPane() {
  const pick = (name, title, options) => el("label", {}, el("span", {}, title),
    el("select", {id: `by-${name}`, change: (event) => go({[name]: event.target.value}, {step: true})},
      options.map(([value, label]) => el("option", {value}, label))));
  const some = (column) => [...new Set(index.shared[column])].map((place) => index.names[place]).filter(Boolean).sort();
  const all = (title, names) => [["", title], ...names.map((name) => [name, name])];
  const disagreement = [["", "any"], ["any", "values differ"],
    ...runs.slice(1).flatMap((run, k) => [[`rose${k + 1}`, `${run.label} higher`], [`fell${k + 1}`, `${run.label} lower`]])];
  return el("div", {class: "list-pane"},
    el("div", {class: "filters"},
      el("label", {class: "search"}, el("span", {}, "Search question and answer"),
        el("input", {type: "search", id: "search", placeholder: "press / to search", input: (event) => searchSoon(event.target.value)})),
      el("details", {class: "more", id: "more-filters"}, el("summary", {}, "Filter and sort"), el("div", {class: "picks"},
        some("benchmark").length > 1 ? pick("b", "benchmark", all("all", some("benchmark"))) : null,
        some("task").length > 1 ? pick("t", "task", all("all", some("task"))) : null,
        some("category").length > 1 ? pick("c", "category", all("all", some("category"))) : null,
        pick("o", "outcome", all("all", index.outcomes.filter((name) => name !== "absent" && name !== "unasked"))),
        pick("flag", "answer was", all("any", index.flags)),
        runs.length > 1 ? pick("d", "between runs", disagreement) : null,
        runs.length > 1 ? pick("run", "filters read", runs.map((run, position) => [String(position), run.label])) : null,
        pick("sort", "sort by", Object.entries(SORTS).filter(([name]) => name !== "change" || runs.length > 1)
          .flatMap(([name, title]) => name ? [[name, `${title} ↑`], [`-${name}`, `${title} ↓`]] : [[name, title]])))),
      el("p", {class: "told"}, el("span", {id: "told"}), el("button", {type: "button", id: "clear", hidden: true, click: clearFilters}, "Clear"))),
    el("div", {class: "list", id: "list", tabindex: "0", role: "listbox", "aria-label": "Samples", scroll: drawRows},
      el("div", {id: "spacer", role: "presentation"})));
}

let waiting = 0;

function searchSoon(text) {
  clearTimeout(waiting);
  waiting = setTimeout(() => go({q: text}), 150);
}

function clearFilters() {
  go(Object.fromEntries(FILTERS.map((name) => [name, ""])), {step: true});
}

function drawList() {
  for (const name of ["b", "t", "c", "o", "flag", "d", "sort", "run"]) {
    const box = document.getElementById(`by-${name}`);
    if (box) box.value = state[name];
  }
  const box = document.getElementById("search");
  if (document.activeElement !== box) box.value = state.q;
  rows = selected();
  const filtered = FILTERS.some((name) => state[name]);
  const reading = search.found && search.done < search.of;
  fill(document.getElementById("told"),
    filtered ? `${count(rows.length)} of ${plural(index.count, "sample")}` : plural(index.count, "sample"),
    reading ? `, searching ${Math.floor(100 * search.done / search.of)} %` : "");
  document.getElementById("clear").hidden = !filtered;
  document.getElementById("spacer").style.height = `${rows.length * ROW}px`;
  drawRows();
}

function drawRows() {
  const list = document.getElementById("list");
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 6);
  const last = Math.min(rows.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 6);
  const drawn = [];
  for (let at = first; at < last; at++) drawn.push(listRow(at));
  fill(document.getElementById("spacer"), drawn);
  const open = rows.indexOf(openPlace());
  if (open >= first && open < last) list.setAttribute("aria-activedescendant", `row-${rows[open]}`);
  else list.removeAttribute("aria-activedescendant");
}

function listRow(at) {
  const i = rows[at];
  const open = i === openPlace();
  const line = el("div", {
    class: `sample-row${open ? " open" : ""}`, id: `row-${i}`, role: "option", "aria-selected": open ? "true" : "false",
    "aria-posinset": at + 1, "aria-setsize": rows.length, click: () => go({s: index.shared.id[i], f: "0"}, {step: true}),
  },
    el("div", {class: "row-top"}, el("span", {class: "id"}, flat(index.shared.id[i])),
      el("span", {class: "marks"}, runs.map((_, run) => has(run, i) ? mark(run, i) : el("span", {class: "quiet"}, "–")))),
    el("div", {class: "row-below"}, el("span", {class: "question"}, questions ? flat(questions[i]) : nameOf("category", i))));
  line.style.top = `${at * ROW}px`;
  return line;
}

// A run's outcome on a sample: a sign, and the value where it is neither 0 nor 1.
function mark(run, i) {
  const {outcome, value} = index.runs[run];
  const name = outcome[i];
  const told = name === "partly" ? number(100 * value[i]) : "";
  return el("span", {class: `mark ${name}`, title: name}, el("span", {"aria-hidden": "true"}, MARKS[name]), told || el("span", {class: "spoken"}, name));
}

function openPlace() {
  return state.s ? placeOf(state.s) : -1;
}

// Opens the sample `step` rows on from the open one.
function stepSample(step) {
  if (!rows.length) return;
  const at = rows.indexOf(openPlace());
  const next = at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + step));
  go({s: index.shared.id[rows[next]], f: "0"});
  revealRow(next);
}

// Scrolls no further than needed; a row that is far away comes to rest in the middle.
function revealRow(at) {
  const list = document.getElementById("list");
  const [above, below] = [at * ROW - list.scrollTop, (at + 1) * ROW - list.scrollTop - list.clientHeight];
  if (above < -ROW || below > ROW) list.scrollTop = at * ROW - list.clientHeight / 2;
  else if (above < 0) list.scrollTop += above;
  else if (below > 0) list.scrollTop += below;
}
