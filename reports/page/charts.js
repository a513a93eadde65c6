"use strict";

// Small charts: HTML for words, SVG in percentages for marks, so that text keeps its size at any width.

// Horizontal bars with intervals. rows: {label, value, interval, note, link, group: a heading before it}; scale: the largest value.
function barChart(rows, {scale = 100, digits = 1, unit = ""} = {}) {
  return el("div", {class: "bars"}, rows.map((bar) => {
    const at = (value) => `${Math.max(0, Math.min(100, 100 * value / scale))}%`;
    const marks = [svg("rect", {class: "track", x: 0, y: 0, width: "100%", height: "100%"})];
    if (bar.value !== null) marks.push(svg("rect", {class: `bar tone${bar.tone || 0}`, x: 0, y: 3, width: at(bar.value), height: 12}));
    if (bar.interval) {
      const [low, high] = bar.interval.map(at);
      marks.push(svg("line", {class: "whisker", x1: low, x2: high, y1: 9, y2: 9}),
        svg("line", {class: "whisker", x1: low, x2: low, y1: 5, y2: 13}),
        svg("line", {class: "whisker", x1: high, x2: high, y1: 5, y2: 13}));
    }
    return [
      bar.group ? el("span", {class: "group"}, bar.group) : null,
      el("span", {class: "label"}, bar.link ? el("a", {href: bar.link}, bar.label) : bar.label),
      svg("svg", {class: "bar-line", height: 18, "aria-hidden": "true"}, marks),
      el("span", {class: "value"}, `${number(bar.value, digits)}${unit}`,
        bar.note ? el("small", {}, ` ${bar.note}`) : null),
    ];
  }));
}

// A histogram of each series over shared bins. series: {label, values}; edges from the data unless given.
function histogram(series, {low, high, bins = 20, format = (value) => number(value, 0), label}) {
  const all = series.flatMap(({values}) => values);
  if (!all.length) return el("p", {class: "quiet"}, "No values.");
  low ??= all.reduce((a, b) => Math.min(a, b));
  high ??= all.reduce((a, b) => Math.max(a, b));
  if (high <= low) high = low + 1;
  const counts = series.map(({values}) => {
    const found = new Array(bins).fill(0);
    for (const value of values) found[Math.max(0, Math.min(bins - 1, Math.floor(bins * (value - low) / (high - low))))]++;
    return found;
  });
  const top = Math.max(...counts.flat());
  const step = 100 / bins;
  const width = step * 0.86 / series.length;
  const marks = counts.flatMap((found, run) => found.map((n, bin) => n && svg("rect", {
    class: `bar tone${run}`, x: `${bin * step + run * width + step * 0.07}%`, width: `${width}%`,
    y: `${100 - 100 * n / top}%`, height: `${100 * n / top}%`,
  }, svg("title", {}, `${format(low + bin * (high - low) / bins)} to ${format(low + (bin + 1) * (high - low) / bins)}: ${count(n)}`))));
  const told = series.map(({label: name, values}) => `${name}: median ${format(median(values))} of ${count(values.length)}`);
  return el("figure", {class: "histogram"},
    el("figcaption", {}, label),
    svg("svg", {height: 96, role: "img", "aria-label": `${label}. ${told.join("; ")}`}, marks),
    el("div", {class: "axis"}, el("span", {}, format(low)), el("span", {}, format((low + high) / 2)), el("span", {}, format(high))),
    el("p", {class: "quiet"}, told.map((line, run) => el("span", {class: series.length > 1 ? `key tone${run}` : null}, line))));
}

// Curves over positions 0..n-1, values 0..1. series: {label, values, tone, dashed}. `jump(position)` on click.
function curves(series, {length, at, jump, label}) {
  const x = (position) => length > 1 ? 100 * position / (length - 1) : 50;
  const lines = series.map(({values, tone, dashed}) => {
    const pieces = [];
    values.forEach((value, position) => {
      if (value !== null && value !== undefined) pieces.push(`${pieces.length ? "L" : "M"}${x(position)},${100 - 100 * value}`);
    });
    return svg("path", {class: `curve tone${tone}${dashed ? " dashed" : ""}`, d: pieces.join("")});
  });
  const cursor = svg("line", {class: "cursor", x1: x(at), x2: x(at), y1: 0, y2: 100});
  const drawing = svg("svg", {class: "curves", viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img", "aria-label": label,
    click: (event) => {
      const box = drawing.getBoundingClientRect();
      jump(Math.max(0, Math.min(length - 1, Math.round((event.clientX - box.left) / box.width * (length - 1)))));
    }},
    [0, 50, 100].map((y) => svg("line", {class: "grid", x1: 0, x2: 100, y1: y, y2: y})), lines, cursor);
  drawing.moveTo = (position) => { cursor.setAttribute("x1", x(position)); cursor.setAttribute("x2", x(position)); };
  return drawing;
}

function median(values) {
  return quantiles(values, [0.5])[0];
}

// The values below which these shares of all lie; null without values.
function quantiles(values, shares) {
  if (!values.length) return shares.map(() => null);
  const sorted = Float64Array.from(values).sort();
  return shares.map((share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
}
