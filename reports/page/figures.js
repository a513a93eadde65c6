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
  return runs[0].summary.benchmarks.filter(({headline}) => headline.parts).map((benchmark) => {
    const of = (run) => run.summary.benchmarks.find(({name}) => name === benchmark.name);
    const bars = benchmark.headline.parts.flatMap((metric) => runs.map((run, tone) => {
      const own = of(run)?.headline.parts?.find(({name}) => name === metric.name);
      const link = samplesLink({b: benchmark.name, ...selection(metric.name)});
      const shared = own && {tone, value: own.value, interval: own.interval, note: `n ${count(own.n)}`};
      return own && (runs.length > 1 ? {...shared, label: el("span", {class: `key tone${tone}`}, flat(run.label)),
        group: tone ? null : el("a", {href: link}, metric.name)} : {...shared, label: metric.name, link});
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

function distributions() {
  const charts = [];
  const masks = perRun((run) => column(run, "value", (i) => index.shared.masks[i]).map((value) => 100 * value));
  if (masks.some(({values}) => values.length)) charts.push(histogram(masks, {low: 0, high: 100, label: "J&F of the mask samples, %"}));
  const latencies = perRun((run) => column(run, "latency"));
  if (latencies.some(({values}) => values.length)) charts.push(histogram(latencies, {low: 0, format: seconds, label: "Latency of a request"}));
  const tokens = perRun((run) => column(run, "tokens"));
  if (tokens.some(({values}) => values.length)) charts.push(histogram(tokens, {low: 0, format: (value) => count(Math.round(value)), label: "Tokens of an answer"}));
  const prompts = perRun((run) => column(run, "prompt_tokens"));
  if (prompts.some(({values}) => values.length)) charts.push(histogram(prompts, {low: 0, format: (value) => count(Math.round(value)), label: "Tokens of a prompt"}));
  return charts.map((chart) => el("div", {class: "card"}, chart));
}
