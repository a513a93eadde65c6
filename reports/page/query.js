"use strict";

// Which samples the list shows, and in which order.

const SORTS = {
  "": "file order", id: "sample", category: "category", outcome: "outcome", value: "score", parsed: "what was read",
  tokens: "answer tokens", prompt_tokens: "prompt tokens", latency: "latency", frames: "frames", finish: "finish reason", change: "change between runs",
};

// Samples whose question or answer holds the search text; null while nothing is searched for.
const search = {text: "", found: null, done: 0, of: 0};

function disagree(i) {
  return runs.length > 1 && runs.some((_, run) => run && index.runs[run].value[i] !== index.runs[0].value[i]);
}

function changed(i, run) {
  const [a, b] = [index.runs[0].value[i], index.runs[run].value[i]];
  return a === null || b === null ? null : b - a;
}

// The positions that pass all filters, in the order wanted.
function selected() {
  const {b, t, c, o, flag, d, sort} = state;
  const run = runNumber();
  const own = index.runs[run];
  const wanted = (column, name) => name && index.names.indexOf(name);
  const [benchmark, task, category] = [wanted("benchmark", b), wanted("task", t), wanted("category", c)];
  const bit = flag && 1 << index.flags.indexOf(flag);
  const tested = /^(rose|fell)(\d)$/.exec(d);
  const found = [];
  for (let i = 0; i < index.count; i++) {
    if (b && index.shared.benchmark[i] !== benchmark) continue;
    if (t && index.shared.task[i] !== task) continue;
    if (c && index.shared.category[i] !== category) continue;
    if (o && own.outcome[i] !== o && !(o === "error" && own.outcome[i] === "unasked")) continue;
    if (flag && !(own.flags[i] & bit)) continue;
    if (d === "any" && !disagree(i)) continue;
    if (tested) {
      const change = changed(i, Math.min(Number(tested[2]), runs.length - 1));
      if (change === null || (tested[1] === "rose" ? change <= 0 : change >= 0)) continue;
    }
    if (search.found && !search.found.has(i)) continue;
    found.push(i);
  }
  return sorted(found, sort, run);
}

function runNumber() {
  return Math.max(0, Math.min(runs.length - 1, Number(state.run) || 0));
}

function sorted(places, sort, run) {
  if (!sort) return places;
  const down = sort.startsWith("-");
  const key = keyOf(down ? sort.slice(1) : sort, run);
  if (!key) return places;
  const keys = new Map(places.map((i) => [i, key(i)]));
  // What has no value comes last either way.
  return places.sort((i, j) => {
    const [a, b] = [keys.get(i), keys.get(j)];
    if (a === b) return i - j;
    if (a === null || a === undefined) return 1;
    if (b === null || b === undefined) return -1;
    const order = typeof a === "number" ? a - b : a < b ? -1 : 1;
    return down ? -order : order;
  });
}

function keyOf(name, run) {
  const own = index.runs[run];
  if (name === "id") return (i) => index.shared.id[i];
  if (name === "category") return (i) => nameOf("category", i);
  if (name === "finish") return (i) => index.names[own.finish[i]];
  if (name === "change") return (i) => runs.length > 1 ? changed(i, run || 1) : null;
  return own[name] && ((i) => own[name][i]);
}

// Goes through all texts, a chunk after the other; `progress` is called after each.
async function runSearch(text, progress) {
  search.text = text;
  if (!text) {
    search.found = null;
    return progress();
  }
  const needle = text.toLowerCase();
  const found = new Set();
  search.found = found;
  search.done = 0;
  search.of = runs.length * index.count;
  for (let run = 0; run < runs.length; run++) {
    const at = index.runs[run].at;
    for (let i = 0; i < index.count; i++) {
      search.done++;
      if (at[i] === null || at[i] === undefined) continue;
      const record = await recordOf(run, i);
      if (search.text !== text) return;
      if (index.shared.id[i].toLowerCase().includes(needle) || textOf(record).toLowerCase().includes(needle)) found.add(i);
      if (at[i] % PLACE === 0) progress();
    }
  }
  search.done = search.of;
  progress();
}

function textOf(record) {
  const question = record.turns.flatMap(({parts}) => parts.map((one) => one.text || "")).join("\n");
  return `${question}\n${record.reply?.text || ""}\n${record.reply?.reasoning || ""}`;
}
