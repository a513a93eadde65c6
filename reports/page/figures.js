"use strict";

// Charts of the overview, from the summary and from the index.

const TEXT_OUTCOMES = ["right", "partly", "wrong", "unparsed"];

// The positions of the samples a run has.
function members(run, wanted = () => true) {
  const found = [];
  for (let i = 0; i < index.count; i++) if (has(run, i) && wanted(i)) found.push(i);
  return found;
}

function column(run, name, wanted) {
  const values = index.runs[run][name];
  return members(run, wanted).map((i) => values[i]).filter((value) => value !== null);
}

function perRun(pick) {
  return runs.map((run, position) => ({label: run.label, values: pick(position)}));
}

// Per-category bars of each benchmark: the parts of the headline, as the summary has them.
function categoryBars() {
  return allBenchmarks().filter(({headline}) => headline.parts).map((benchmark) => {
    const first = runs.findIndex((run) => benchmarkOf(run, benchmark.name) === benchmark);
    const bars = benchmark.headline.parts.flatMap((metric) => runs.map((run, tone) => {
      const own = benchmarkOf(run, benchmark.name)?.headline.parts?.find(({name}) => name === metric.name);
      const link = samplesLink({b: benchmark.name, ...selection(metric.name)});
      const shared = own && {tone, value: own.value, interval: own.interval, note: `n ${count(own.n)}`};
      return own && (runs.length > 1 ? {...shared, label: el("span", {class: `key tone${tone}`}, flat(run.label)),
        group: tone === first ? el("a", {href: link}, metric.name) : null} : {...shared, label: metric.name, link});
    })).filter(Boolean);
    const scale = benchmark.headline.unit === "%" ? 100 : Math.max(...bars.map(({value, interval}) => Math.max(value, interval?.[1] ?? 0)));
    return el("div", {class: "card"}, el("h3", {}, `${benchmark.title}, by part`), barChart(bars, {scale, digits: digitsOf(benchmark.headline.unit)}));
  });
}

// The filters that come closest to a metric's name: `Camera-Object J&F` is the category and its masks.
function selection(name) {
  const categories = [...new Set(index.shared.category)].map((place) => index.names[place]);
  const tasks = [...new Set(index.shared.task)].map((place) => index.names[place]);
  const c = categories.find((category) => category && name.startsWith(category));
  if (c) return {c, t: tasks.filter((task) => taskFits(task, c, name))[0] || ""};
  const t = tasks.find((task) => task && name.startsWith(task));
  return t ? {t} : {};
}

function taskFits(task, category, name) {
  for (let i = 0; i < index.count; i++) {
    if (nameOf("task", i) === task && nameOf("category", i) === category) return Boolean(index.shared.masks[i]) === name.endsWith("J&F");
  }
  return false;
}

// Behind J and F: how many objects and frames reach a J, and F by tolerance.
function maskCurves() {
  return allBenchmarks().flatMap(({name, title}) => {
    const all = runs.map((run, tone) => ({label: flat(run.label), tone, ...run.tally.curves[name]})).filter(({n}) => n);
    const {levels, tolerances, definition} = all[0] || {};
    const found = all.filter((curve) => curve.definition === definition);
    const charts = [["objects", levels, "n"], ["frames", levels, "n_frames"], ["f", tolerances, "n"]];
    const what = (key) => `${title}: ${key === "f" ? `F of ${definition} by tolerance` : `${key} with at least this J`}, %`;
    return found.length ? charts.map(([key, places, n]) => el("figure", {class: "histogram"},
      el("figcaption", {}, what(key)),
      curves(found.map((curve) => ({...curve, values: curve[key]})), {length: places.length, at: 0, jump() {}, label: what(key)}),
      el("div", {class: "axis"}, [0, 0.5, 1].map((share) => el("span", {}, places[Math.floor(share * (places.length - 1))]))),
      el("p", {class: "quiet"}, found.map(({label, tone, [n]: told}) => el("span", {class: runs.length > 1 ? `key tone${tone}` : null}, `${label}: ${count(told)}`))))) : [];
  });
}

function distributions() {
  const charts = [];
  const add = (values, options) => { if (values.some(({values}) => values.length)) charts.push(histogram(values, {low: 0, ...options})); };
  const format = (value) => count(Math.round(value));
  add(perRun((run) => column(run, "value", (i) => index.shared.masks[i]).map((value) => 100 * value)), {high: 100, label: "J&F of the mask samples, %"});
  add(perRun((run) => column(run, "latency")), {format: seconds, label: "Latency of a request"});
  add(perRun((run) => column(run, "tokens")), {format, label: "Tokens of an answer"});
  add(perRun((run) => column(run, "prompt_tokens")), {format, label: "Tokens of a prompt"});
  return [...charts, ...maskCurves()].map((chart) => el("div", {class: "card"}, chart));
}
