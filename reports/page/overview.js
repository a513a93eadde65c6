"use strict";

// The overview: the table first, then what stands behind it.

function drawHeader(top) {
  const first = runs[0];
  fill(top,
    el("div", {class: "bar-top"},
      el("h1", {}, runs.map((run, position) => [position ? el("span", {class: "versus"}, " vs ") : null,
        el("bdi", {class: runs.length > 1 ? `key tone${position}` : null}, flat(run.label))])),
      runs.some((run) => run.state !== "complete")
        ? el("span", {class: "badge"}, first.state === "running" ? "still running" : "incomplete") : null,
      el("nav", {"aria-label": "Views"},
        el("a", {href: "#", id: "to-overview"}, "Overview"),
        el("a", {href: samplesLink({}), id: "to-samples"}, "Samples"))));
}

// Drawn in two steps: what is in the page itself, then what needs the index.
function drawOverview(root) {
  fill(root,
    runs.map(stateNote),
    allBenchmarks().map(headline),
    el("div", {id: "later"}, el("p", {class: "quiet"}, "Reading the samples …")));
}

// Once, when the overview is first looked at: a link to a sample need not wait for it.
function drawRest() {
  const later = document.getElementById("later");
  if (!index || later.dataset.drawn) return;
  later.dataset.drawn = "yes";
  const bars = categoryBars();
  const charts = distributions();
  fill(later,
    runs.length > 1 ? comparisonPart() : null,
    part("How the answers came out", coverageTable(), examples()),
    bars.length ? part("By category", el("div", {class: "cards wide"}, bars)) : null,
    charts.length ? part("Distributions", el("div", {class: "cards"}, charts)) : null,
    part("What it took", effortTable()),
    part("What was sent", el("p", {class: "quiet"}, "Frames and pixels alone move published scores by several points: compare these before comparing numbers."), ledgerTable()),
    part("All numbers", allBenchmarks().map(metricTable)),
    part("How to repeat it", runs.map(repeat)));
}

function stateNote(run) {
  if (run.state === "complete") return null;
  const asked = run.summary.benchmarks.reduce((sum, {coverage}) => sum + coverage.asked, 0);
  const answered = run.summary.benchmarks.reduce((sum, {coverage}) => sum + coverage.answered, 0);
  const told = run.state === "running"
    ? "was still going when this page was built; build it again for newer numbers"
    : "has samples without an answer; they are in no number. Starting the same run again asks them";
  return el("p", {class: "alarm"}, el("strong", {}, `${count(answered)} of ${count(asked)} samples answered. `), `${run.label} ${told}.`);
}

function benchmarkOf(run, name) {
  return run.summary.benchmarks.find((benchmark) => benchmark.name === name);
}

// Each benchmark as the first run that has it tells of it: also what only later runs were asked.
function allBenchmarks() {
  const all = runs.flatMap((run) => run.summary.benchmarks);
  return all.filter(({name}, place) => all.findIndex((one) => one.name === name) === place);
}

function headline(benchmark) {
  const found = runs.map((run) => benchmarkOf(run, benchmark.name));
  const shape = paperShape(benchmark);
  return part(benchmark.title,
    shape ? paperTable(benchmark, found, shape) : plainTable(benchmark, found),
    el("p", {class: "caption"}, `${benchmark.metric}. Profile ${benchmark.profile}. Small print: 95 % interval and n. Reference: ${benchmark.reference}.`),
    found.map((benchmark, run) => judgeOf(benchmark?.judged, run)),
    notesOf(found));
}

// The judge's card: who judged, how much of it, and what became of the items whose verdict is known.
function judgeOf(judged, run) {
  if (!judged) return null;
  const without = Object.entries(judged.without).map(([why, n]) => `${count(n)} ${why}`).join(", ");
  const facts = [["judge", judged.judge], ["form", judged.form], ["decided by the judge", count(judged.by_judge)],
    ["decided by rule", count(judged.by_rule)], without ? ["without a verdict", without] : null].filter(Boolean);
  return el("div", {class: "judged"}, el("h4", {}, runs.length > 1 ? `Judge card, ${flat(runs[run].label)}` : "Judge card"),
    el("dl", {class: "facts"}, facts.map(([label, value]) => [el("dt", {}, label), el("dd", {}, shown(value))])),
    [...judged.card, ...judged.notes].map((line) => el("p", {class: "quiet"}, shown(line))));
}

// What a reader must know; a note that all runs share stands once.
function notesOf(found) {
  const notes = new Map();
  found.forEach((benchmark, run) => (benchmark?.notes || []).forEach((note) => notes.set(note, [...(notes.get(note) || []), runs[run].label])));
  return [...notes].map(([note, labels]) => el("p", {class: "note"}, labels.length < runs.length ? `${labels.join(", ")}: ` : "", shown(note)));
}

// Categories and kinds where every part is called `<category> <kind>`, as in the paper's table.
function paperShape(benchmark) {
  const kinds = ["QA accuracy", "J&F"];
  const parts = benchmark.headline.parts || [];
  const split = parts.map(({name}) => kinds.map((kind) => name.endsWith(` ${kind}`) && name.slice(0, -kind.length - 1)).find(Boolean));
  return parts.length && split.every(Boolean) ? {categories: [...new Set(split)], kinds} : null;
}

function paperTable({title, baselines}, found, {categories, kinds}) {
  const rows = found.flatMap((benchmark, run) => {
    if (!benchmark) return [];
    const metric = (name) => benchmark.headline.parts.find((one) => one.name === name);
    const own = kinds.filter((kind) => categories.some((category) => metric(`${category} ${kind}`)));
    return own.map((kind, position) => ({
      class: position === 0 && run ? "first" : null,
      heading: runs.length > 1 ? [el("span", {class: `key tone${run}`}, flat(runs[run].label)), el("small", {}, kind)] : kind,
      values: [...categories.map((category) => cell(metric(`${category} ${kind}`))),
        position === 0 ? cell(benchmark.headline, true) : ""],
    }));
  });
  const chance = Object.entries(baselines || {}).filter(([, values]) => values && Object.keys(values).length);
  for (const [name, values] of chance) {
    rows.push({class: "baseline", heading: name, values: [...categories.map((category) => number(values[category])), ""]});
  }
  return table(["", ...categories, "Overall"], rows, {class: "headline", "aria-label": title});
}

function cell(metric, strong = false) {
  if (!metric) return el("span", {class: "quiet"}, "–");
  if (metric.value === null) return [el("span", {}, "n/a"), metric.note ? el("small", {}, metric.note) : null];
  const digits = digitsOf(metric.unit);
  return [el(strong ? "strong" : "span", {class: "figure"}, number(metric.value, digits)),
    el("small", {}, metric.interval ? [el("span", {class: "interval"}, interval(metric.interval, digits)), el("br")] : null, `n ${count(metric.n)}`)];
}

function plainTable({title, headline: {name, unit, parts}}, found) {
  const names = parts?.length <= 6 ? parts.map((one) => one.name) : [];
  return table(["", name + (unit ? ` (${unit})` : ""), ...names],
    found.flatMap((benchmark, run) => benchmark ? [{
      heading: el("span", {class: runs.length > 1 ? `key tone${run}` : null}, flat(runs[run].label)),
      values: [cell(benchmark.headline, true), ...names.map((name) => cell(benchmark.headline.parts?.find((one) => one.name === name)))],
    }] : []), {class: "headline", "aria-label": title});
}

// Every metric of the summary with what stands behind it.
function metricTable({name, title}) {
  const rows = [];
  const add = (metric, depth, benchmark, run) => {
    const digits = digitsOf(metric.unit);
    rows.push({
      heading: el("span", {style: null, class: `depth${Math.min(depth, 4)}`}, runs.length > 1 && !depth ? `${runs[run].label}: ` : "", metric.name),
      values: [number(metric.value, digits) + (metric.unit === "%" ? " %" : metric.unit ? ` ${metric.unit}` : ""),
        number(metric.stderr, digits), interval(metric.interval, digits), count(metric.n),
        depth ? "" : `${count(benchmark.coverage.answered)} of ${count(benchmark.coverage.asked)}`],
    });
    for (const inner of metric.parts || []) add(inner, depth + 1, benchmark, run);
  };
  runs.forEach((run, position) => {
    const benchmark = benchmarkOf(run, name);
    if (!benchmark) return;
    add(benchmark.headline, 0, benchmark, position);
    for (const extra of benchmark.extras) add(extra, 1, benchmark, position);
  });
  return el("details", {}, el("summary", {}, `${title}: ${plural(rows.length, "number")}`),
    table(["metric", "value", "standard error", "95 % interval", "n", "answered"], rows, {class: "all-numbers", "aria-label": title}));
}

function coverageTable() {
  const heads = ["", "asked", "answered", "readable", "unparsed", "refused", "truncated", "empty", "no gold", "failed"];
  const rows = runs.flatMap((run, position) => run.summary.benchmarks.map((benchmark) => {
    const cover = benchmark.coverage;
    const link = (n, filters) => n ? el("a", {href: samplesLink({b: benchmark.name, run: position, ...filters})}, count(n)) : "0";
    const graded = cover.answered - cover.ungraded;
    return {
      heading: [el("span", {class: runs.length > 1 ? `key tone${position}` : null}, benchmark.title), runs.length > 1 ? el("small", {}, flat(run.label)) : null],
      values: [count(cover.asked), count(cover.answered), graded ? `${number(100 * (graded - cover.unparsed) / graded)} %` : "–",
        link(cover.unparsed, {o: "unparsed"}), link(cover.refused, {flag: "refused"}), link(cover.truncated, {flag: "truncated"}),
        link(cover.empty, {flag: "empty"}), link(cover.ungraded, {o: "ungraded"}), link(cover.asked - cover.answered, {o: "error"})],
    };
  }));
  return table(heads, rows, {class: "stack", "aria-label": "How the answers came out"});
}

// One real example of each kind of failure.
function examples() {
  const found = runs.flatMap((run, position) => Object.entries(run.tally.errors).map(([kind, error]) => el("li", {},
    runs.length > 1 ? `${run.label}: ` : "", el("strong", {}, `${kind === "unasked" ? "not asked yet" : kind} × ${count(error.n)}`), ", for example ",
    el("a", {href: samplesLink({s: error.sample, run: position})}, flat(error.sample)), error.message ? [": ", el("q", {}, shown(error.message))] : null)));
  return found.length ? el("ul", {class: "examples"}, found) : null;
}

function effortTable() {
  if (!runs.some((run) => run.tally.requests)) return el("p", {class: "quiet"}, "Nothing was asked: the answers were read from files.");
  const rows = runs.map((run, position) => {
    const {requests, answered, prompt_tokens, tokens, cost, first, last} = run.tally;
    const [middle, slow] = quantiles(column(position, "latency"), [0.5, 0.95]);
    // A batch's answers are all taken at once, which says nothing about how long they took.
    const took = first === null || middle === null ? null : last - first;
    const {spent} = run.summary;
    const price = spent ? spent.dollars : cost;
    return {
      heading: el("span", {class: runs.length > 1 ? `key tone${position}` : null}, flat(run.label)),
      values: [count(requests), count(prompt_tokens), count(tokens), seconds(took),
        took ? number(answered / took, 2) : "–", took ? count(Math.round((prompt_tokens + tokens) / took)) : "–",
        middle === null ? "–" : `${seconds(middle)} / ${seconds(slow)}`,
        price === null || price === undefined ? "not known" : spent
          ? [`$${price >= 1 || price === 0 ? price.toFixed(2) : price.toPrecision(3)}`, spent.unpriced ? el("small", {}, `${count(spent.unpriced)} answers without a price`) : null] : number(price, 4)],
    };
  });
  const told = [...new Set(runs.flatMap((run) => run.summary.spent?.lines || []))];
  return [table(["", "requests", "prompt tokens", "answer tokens", "first to last", "answers/s", "tokens/s", "latency median / 95 %", "cost"], rows, {class: "stack", "aria-label": "What it took"}),
    told.map((line) => el("p", {class: "quiet"}, shown(line)))];
}

// What each benchmark's questions took along: frames, their size, prompt tokens.
function ledgerTable() {
  const rows = runs.flatMap((run, position) => run.summary.benchmarks.map((benchmark) => {
    const own = (i) => nameOf("benchmark", i) === benchmark.name && index.runs[position].outcome[i] !== "unasked";
    const places = members(position, own);
    const columns = index.runs[position];
    const sizes = new Map();
    for (const i of places) {
      const size = index.names[columns.pixels[i]];
      if (size) sizes.set(size, (sizes.get(size) || 0) + 1);
    }
    const common = [...sizes].sort((a, b) => b[1] - a[1]);
    return {
      heading: [el("span", {class: runs.length > 1 ? `key tone${position}` : null}, benchmark.title), runs.length > 1 ? el("small", {}, flat(run.label)) : null],
      values: [count(places.length), range(column(position, "frames", own)),
        common.length ? common.slice(0, 2).map(([size]) => size.replace("x", " × ")).join(", ") + (common.length > 2 ? ` and ${common.length - 2} more` : "") : "–",
        range(column(position, "prompt_tokens", own))],
    };
  }));
  return table(["", "questions", "images or frames each", "their size", "prompt tokens each"], rows, {class: "stack", "aria-label": "What was sent"});
}

function range(values) {
  if (!values.length) return "–";
  const [low, middle, high] = quantiles(values, [0, 0.5, 1]);
  return low === high ? count(low) : `${count(low)} – ${count(high)}, median ${count(middle)}`;
}

function repeat(run) {
  return el("div", {class: "repeat"},
    runs.length > 1 ? el("h3", {}, flat(run.label)) : null,
    run.command ? el("pre", {class: "text command"}, shown(run.command)) : null,
    el("dl", {}, run.facts.map(({name, value}) => [el("dt", {}, name), el("dd", {}, shown(value))])),
    el("p", {class: "quiet"}, `Page built by sightbench ${overview.version}, build ${overview.build}.`));
}
