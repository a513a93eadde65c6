"use strict";

// Runs beside the first one, on the samples both answered. Intervals and verdicts come with the page
// (`overview.comparisons`, as `bench.py compare` makes them); without them only what was counted is shown.

function comparisonPart() {
  return part("Comparison", runs.slice(1).map((run, k) => {
    const tested = overview.comparisons.filter((one) => one.run === k + 1);
    return el("div", {class: "pair"},
      el("h3", {}, el("span", {class: `key tone${k + 1}`}, flat(run.label)), " against ", el("span", {class: "key tone0"}, flat(runs[0].label))),
      tested.map(testedTable), pairedTable(k + 1));
  }), whyTable());
}

function testedTable(tested) {
  const rows = tested.differences.map((one) => {
    const digits = digitsOf(one.unit);
    const needed = one.needed ? `about ${count(one.needed)} videos would settle it` : null;
    return {
      heading: el("span", {class: `depth${Math.min(one.depth, 4)}`}, one.name),
      values: [number(one.baseline, digits), number(one.candidate, digits),
        [el("span", {class: "figure"}, signed(one.value, digits)), el("small", {class: "interval"}, signedInterval(one.interval, digits))],
        number(one.adjusted_p, 3), [el("span", {class: `verdict ${one.verdict}`}, one.verdict), needed ? el("small", {}, needed) : null],
        one.wins === null ? "–" : `${count(one.wins)} / ${count(one.losses)}`, [count(one.n), el("small", {}, plural(one.clusters, "video"))]],
    };
  });
  const alone = tested.only_baseline + tested.only_candidate;
  return [
    tested.warnings.map((line) => el("p", {class: "note"}, shown(line))),
    table([tested.title, flat(runs[0].label), flat(runs[tested.run].label), "difference", "adjusted p", "verdict", "rose / fell", "n"], rows, {class: "tested stack", "aria-label": `${tested.title}: differences`}),
    el("p", {class: "quiet"}, `Over the ${plural(tested.shared, "sample")} both answered${alone ? `; ${plural(alone, "sample")} that one answered left out` : ""}. `
      + `95 % intervals clustered by video, p adjusted for all numbers together; equivalent: within ${number(tested.margin, 1)} either way.`),
  ];
}

function signedInterval(range, digits) {
  return range ? `${signed(range[0], digits)} to ${signed(range[1], digits)}` : "";
}

// Samples both runs have a value for, grouped by benchmark, category and kind.
function pairs(other) {
  const groups = new Map();
  const a = index.runs[0].value;
  const b = index.runs[other].value;
  let alone = 0;
  for (let i = 0; i < index.count; i++) {
    if (a[i] === null || b[i] === null) {
      if (a[i] !== null || b[i] !== null) alone++;
      continue;
    }
    const key = `${index.shared.benchmark[i]} ${index.shared.category[i]} ${index.shared.masks[i]}`;
    if (!groups.has(key)) groups.set(key, {first: i, n: 0, a: 0, b: 0, rose: 0, fell: 0});
    const group = groups.get(key);
    group.n++;
    group.a += a[i];
    group.b += b[i];
    group.rose += b[i] > a[i];
    group.fell += b[i] < a[i];
  }
  return {groups: [...groups.values()], alone};
}

function pairedTable(other) {
  const {groups, alone} = pairs(other);
  const several = new Set(index.shared.benchmark).size > 1;
  const rows = groups.map((group) => {
    const [benchmark, category] = ["benchmark", "category"].map((name) => nameOf(name, group.first));
    const filters = {b: benchmark, c: category, t: "", run: other};
    const flips = (n, d) => n ? el("a", {href: samplesLink({...filters, d})}, count(n)) : "0";
    return {
      heading: `${several ? `${benchmark}: ` : ""}${category || benchmark}${index.shared.masks[group.first] ? ", masks" : ""}`,
      values: [number(100 * group.a / group.n), number(100 * group.b / group.n), signed(100 * (group.b - group.a) / group.n, 1),
        flips(group.rose, `rose${other}`), flips(group.fell, `fell${other}`), count(group.n - group.rose - group.fell), count(group.n)],
    };
  });
  return [
    table(["mean value, paired samples", flat(runs[0].label), flat(runs[other].label), "difference", "rose", "fell", "same", "n"], rows, {class: "stack", "aria-label": "Paired samples"}),
    el("p", {class: "quiet"}, "Values × 100, on the samples both answered. ",
      alone ? `${plural(alone, "sample")} with a value in only one of the two left out. ` : "",
      overview.comparisons.length ? "" : "A difference without an interval is no finding: see how many samples changed each way."),
  ];
}

// What tells why two runs differ, beside each other.
function whyTable() {
  const columns = runs.map((run, position) => ({
    prompts: range(column(position, "prompt_tokens")), frames: range(column(position, "frames")), answers: range(column(position, "tokens")),
    finish: shares(position, (i) => index.names[index.runs[position].finish[i]] || "not told"),
    outcome: shares(position, (i) => index.runs[position].outcome[i]),
  }));
  const lines = [["prompt tokens", "prompts"], ["images or frames", "frames"], ["answer tokens", "answers"], ["finish reason", "finish"], ["outcome", "outcome"]];
  return [el("h3", {}, "What may explain it"),
    table(["", ...runs.map((run, position) => el("span", {class: `key tone${position}`}, flat(run.label)))],
      lines.map(([name, key]) => [name, ...columns.map((values) => values[key])]), {class: "why", "aria-label": "What may explain it"})];
}

function shares(run, of) {
  const counts = new Map();
  for (const i of members(run)) counts.set(of(i), (counts.get(of(i)) || 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([name, n]) => `${name} ${count(n)}`).join(", ");
}

function signed(value, digits) {
  return value === null ? "–" : `${value > 0 ? "+" : value < 0 ? "−" : "±"}${number(Math.abs(value), digits)}`;
}
