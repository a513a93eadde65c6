"use strict";

// The mask viewer: a frame, on it a transparent canvas with prediction against truth (or one run against
// another), above that the outline of the ground truth. A canvas that an image from disk was drawn into
// cannot be read, so the frame stays an <img> below.

const FIRST = 1;
const SECOND = 2;
const COLOURS = {
  both: [0, 158, 115], first: [213, 94, 0], second: [86, 180, 233], onlyA: [230, 159, 0], onlyB: [0, 114, 178], edge: [240, 228, 66],
};
const ALPHA = 150;
const STRIPE_ALPHA = 70;
const FRAMES_A_SECOND = 6;

// Without the last character some systems draw a coloured picture.
const PLAY = "\u25b6\ufe0e";
const PAUSE = "❚❚";

let viewer = null;

// sets: per run {label, masks} (masks null where the run has none); truth and images: one per frame.
function maskViewer({sets, truth, images}) {
  const shownRuns = sets.filter(({masks}) => masks);
  const length = Math.max(truth.length, images.length, ...shownRuns.map(({masks}) => masks.predicted.length));
  const modes = [...shownRuns.map((set) => ({label: runs.length > 1 ? set.label : "Prediction", a: set, b: null})),
    ...shownRuns.slice(1).map((set) => ({label: `${shownRuns[0].label} against ${set.label}`, a: shownRuns[0], b: set}))];
  const view = {frame: 0, mode: 0, playing: 0, scale: 1, fills: true, edge: true, length};

  const fillLayer = el("canvas", {class: "layer fill"});
  const edgeLayer = el("canvas", {class: "layer edge"});
  const stage = el("div", {class: "stage"});
  const image = images.length ? picture(stage, images[0]) : null;
  stage.append(...[image, fillLayer, edgeLayer].filter(Boolean));
  const window_ = el("div", {class: "stage-window", tabindex: "0", role: "region", "aria-label": "Frame with masks", dblclick: () => zoom(view.scale > 1 ? 1 : 3)}, stage);
  const slider = el("input", {type: "range", min: 0, max: length - 1, value: 0, "aria-label": "Frame", input: () => show(Number(slider.value))});
  const told = el("output", {class: "told"});
  const note = el("p", {class: "note", hidden: true});
  const legend = el("p", {class: "legend"});
  const play = el("button", {type: "button", class: "play", click: toggle, "aria-label": "Play"}, PLAY);
  const button = (label, title, act) => el("button", {type: "button", title, "aria-label": title, click: act}, label);
  const check = (label, name) => el("label", {class: "check"}, el("input", {type: "checkbox", checked: true, change: (event) => { view[name] = event.target.checked; show(view.frame); }}), label);
  const chooser = modes.length > 1 ? el("select", {"aria-label": "Which masks", change: (event) => { view.mode = Number(event.target.value); show(view.frame); }},
    modes.map(({label}, at) => el("option", {value: at}, label))) : null;
  const charts = ["j", "f"].map((name) => curves(shownRuns.map(({masks, position}) => ({tone: position, values: perFrame(masks, name)})),
    {length, at: 0, jump: show, label: `${name.toUpperCase()} over the frames`}));
  const zoomTold = el("output", {class: "quiet"}, "1×");

  // The masks of a frame: FIRST where the chosen run has foreground, SECOND where the truth or the other run has.
  function compose(frame) {
    const {a, b} = modes[view.mode] || {};
    const gold = truth[frame];
    const one = a?.masks.predicted[frame];
    const other = b ? b.masks.predicted[frame] : gold;
    const [h, w] = gold || one || other || [0, 0];
    const both = paint(paint(blank(h, w), one, FIRST), other, SECOND);
    return {both, gold: b ? paint(blank(h, w), gold, SECOND) : gold && both, against: Boolean(b)};
  }

  function show(frame) {
    view.frame = frame = Math.max(0, Math.min(length - 1, frame || 0));
    if (image && images[frame] && image.frame !== frame) {
      image.frame = frame;
      image.show(images[frame]);
    }
    for (const next of [frame + 1, frame + 2]) if (images[next]?.src) new Image().src = images[next].src;
    const {both, gold, against} = compose(frame);
    if (both.h) {
      stage.style.aspectRatio = `${both.w} / ${both.h}`;
      // So that what is told about the frame stays in sight below it.
      const fitting = `${(54 * both.w / both.h).toFixed(1)}vh`;
      window_.style.maxWidth = `max(280px, ${fitting})`;
      view.root.style.maxWidth = `max(600px, ${fitting})`;
      if (view.fills) drawFill(fillLayer, both, against);
      if (view.edge) drawEdge(edgeLayer, both, gold);
    }
    fillLayer.hidden = !both.h || !view.fills;
    edgeLayer.hidden = !both.h || !view.edge;
    slider.value = frame;
    charts.forEach((chart) => chart.moveTo(frame));
    fill(told, el("span", {}, el("strong", {}, `Frame ${frame}`), ` of 0–${length - 1}`), shownRuns.map(({label, masks, position}) => {
      const [j, f] = ["j", "f"].map((name) => perFrame(masks, name)[frame]);
      return el("span", {class: runs.length > 1 ? `key tone${position}` : null}, `${runs.length > 1 ? `${label}: ` : ""}J ${number(j === undefined ? null : 100 * j)}  F ${number(f === undefined ? null : 100 * f)}`);
    }));
    const missing = shownRuns.filter(({masks}) => !masks.predicted[frame]).map(({label, masks}) =>
      `${runs.length > 1 ? `${label}: ` : ""}${masks.broken[frame] ? `the mask cannot be read (${masks.broken[frame]})` : "no mask for this frame"}`);
    note.hidden = !missing.length;
    fill(note, missing.join("; "));
    fill(legend, legendOf(modes[view.mode], truth.length > 0));
    settle();
  }

  // The URL follows once the frame stands still: browsers allow only so many changes a second.
  function settle() {
    clearTimeout(view.settling);
    if (!view.playing) view.settling = setTimeout(() => viewer === view && go({f: String(view.frame)}), 200);
  }

  function toggle() {
    if (view.playing) {
      clearInterval(view.playing);
      view.playing = 0;
      settle();
    } else view.playing = setInterval(() => show(view.frame + 1 < length ? view.frame + 1 : 0), 1000 / FRAMES_A_SECOND);
    fill(play, view.playing ? PAUSE : PLAY);
    play.setAttribute("aria-label", view.playing ? "Pause" : "Play");
  }

  function zoom(factor) {
    const middle = [window_.scrollLeft + window_.clientWidth / 2, window_.scrollTop + window_.clientHeight / 2];
    const before = view.scale;
    view.scale = Math.max(1, Math.min(8, factor));
    if (view.scale > 1) window_.style.maxHeight = `${window_.clientHeight}px`;
    stage.style.width = `${100 * view.scale}%`;
    stage.classList.toggle("near", view.scale > 2);
    window_.scrollLeft = middle[0] * view.scale / before - window_.clientWidth / 2;
    window_.scrollTop = middle[1] * view.scale / before - window_.clientHeight / 2;
    fill(zoomTold, `${view.scale}×`);
  }

  Object.assign(view, {show, toggle, zoom, step: (by) => show(view.frame + by), stop: () => { clearInterval(view.playing); clearTimeout(view.settling); }});
  view.root = el("div", {class: "viewer"}, chooser, window_, note,
    el("div", {class: "controls"}, button("‹", "Previous frame", () => view.step(-1)), play, button("›", "Next frame", () => view.step(1)), slider,
      button("−", "Smaller", () => zoom(view.scale / 2)), zoomTold, button("+", "Larger", () => zoom(view.scale * 2))),
    told, legend,
    el("p", {class: "checks"}, check("masks", "fills"), truth.length ? check("outline of the truth", "edge") : null),
    shownRuns.some(({masks}) => masks.j.length) ? el("div", {class: "curve-pair"}, charts.map((chart, at) => el("figure", {},
      el("figcaption", {}, `${"JF"[at]} over the frames, 0 to 100`), chart))) : null);
  return view;
}

function perFrame(masks, name) {
  return [...new Array(masks.first).fill(null), ...masks[name]];
}

function legendOf(mode, withTruth) {
  const entry = (kind, label) => el("span", {class: `swatch ${kind}`}, label);
  const edge = withTruth ? entry("edge", "outline of the ground truth") : null;
  if (!mode) return [edge];
  if (mode.b) return [entry("onlyA", `only ${mode.a.label}`), entry("onlyB", `only ${mode.b.label}, striped`), entry("both", "both"), edge];
  return [entry("both", "right (true positive)"), entry("first", "too much (false positive)"), entry("second", "missed (false negative), striped"), edge];
}

function drawFill(canvas, frame, against) {
  const {codes, w, box} = frame;
  const [one, other] = against ? [COLOURS.onlyA, COLOURS.onlyB] : [COLOURS.first, COLOURS.second];
  const colours = new Uint32Array([0, rgba(one, ALPHA), rgba(other, ALPHA), rgba(COLOURS.both, ALPHA)]);
  const faint = rgba(other, STRIPE_ALPHA);
  const stripe = Math.max(3, Math.round(w / 120));
  drawBox(canvas, frame, (pixels) => {
    for (let y = box.top, to = 0; y < box.bottom; y++) {
      for (let x = box.left, at = y * w + x; x < box.right; x++, at++, to++) {
        const code = codes[at];
        if (code) pixels[to] = code === SECOND && ((x + y) / stripe & 1) ? faint : colours[code];
      }
    }
  });
}

function drawEdge(canvas, frame, gold) {
  const colour = rgba(COLOURS.edge, 255);
  const {left, right, top} = (gold || frame).box;
  drawBox(canvas, gold || frame, (pixels) => {
    if (gold) outline(gold, SECOND, Math.max(1, Math.round(gold.w / 500)), (x, y) => { pixels[(y - top) * (right - left) + x - left] = colour; });
  });
}

// Only the box that masks touch is drawn: a canvas of two million pixels takes its time.
function drawBox(canvas, {h, w, box}, draw) {
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, {width: w, height: h});
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, w, h);
  if (box.right <= box.left || box.bottom <= box.top) return;
  const data = context.createImageData(box.right - box.left, box.bottom - box.top);
  draw(new Uint32Array(data.data.buffer));
  context.putImageData(data, box.left, box.top);
}

function rgba([r, g, b], alpha) {
  return new Uint32Array(new Uint8Array([r, g, b, alpha]).buffer)[0];
}
