"use strict";

// Frames and images of a sample. What is not on this machine is said, with the place it was looked for.

// All images of a record's prompt in order: {src, small, name}.
function imagesOf(record) {
  return record.turns.flatMap(({parts}) => parts.flatMap((one) => (one.frames || []).map((src, at) => ({
    src, small: one.small?.[at], name: src ? decodeURIComponent(src) : `inside ${one.inside}`,
  }))));
}

// An <img> that falls back on the small copy inside the page, then on a line of text in `box`.
function picture(box, {src, small, name}, attributes = {}) {
  const image = el("img", {alt: "", decoding: "async", ...attributes});
  let tried = false;
  const fallBack = async () => {
    const copy = tried ? null : await item("small", small).catch(() => null);
    tried = true;
    if (copy) image.src = copy;
    else {
      image.hidden = true;
      if (!box.querySelector(".gone")) box.append(el("p", {class: "gone"}, src ? `Not found: ${flat(name)}` : `The image is ${flat(name)}; a page built with --embed-frames or --pack shows it.`));
    }
  };
  image.addEventListener("error", fallBack);
  image.addEventListener("load", () => { image.hidden = false; box.querySelector(".gone")?.remove(); });
  image.show = (next) => {
    ({src, small, name} = next);
    tried = false;
    if (src) image.src = src;
    else fallBack();
  };
  image.show({src, small, name});
  return image;
}

// What a turn shows: a container to play, a strip of frames, or single images with boxes on them. `sent` is
// what the reply tells of the media that went out; frames that did not are marked.
function mediaOfTurn(turn, boxes, sent) {
  return turn.parts.filter((one) => one.frames).map((one, position) => {
    const taken = sent?.[position]?.indices && new Set(sent[position].indices);
    if (one.file) {
      const at = one.span ? `#t=${one.span[0]},${one.span[1]}` : "";
      return el("video", {class: "clip", controls: true, preload: "metadata", src: one.file + at, "aria-label": flat(one.video)});
    }
    const images = imagesOf({turns: [{parts: [one]}]});
    if (images.length === 1) return single(images[0], boxes);
    return el("div", {class: "strip", tabindex: "0", role: "region", "aria-label": `${images.length} frames`}, images.map((image, at) => {
      const left = taken && !taken.has(at);
      const box = el("figure", {class: left ? "left-out" : null});
      box.append(picture(box, image, {loading: "lazy"}), el("figcaption", {}, left ? `${at}, not sent` : String(at)));
      return box;
    }));
  });
}

// One image; boxes: {label, class, box: [x1, y1, x2, y2] in its pixels}.
function single(image, boxes = []) {
  const frame = el("div", {class: "single"});
  const shownImage = picture(frame, image);
  frame.append(shownImage);
  if (boxes.length) {
    const layer = svg("svg", {class: "boxes", preserveAspectRatio: "none", role: "img", "aria-label": boxes.map(({label, box}) => `${label} ${box.join(", ")}`).join("; ")});
    shownImage.addEventListener("load", () => layer.setAttribute("viewBox", `0 0 ${shownImage.naturalWidth} ${shownImage.naturalHeight}`));
    layer.append(...boxes.map(({class: kind, box: [x1, y1, x2, y2]}) => svg("rect", {
      class: `box ${kind}`, x: Math.min(x1, x2), y: Math.min(y1, y2), width: Math.abs(x2 - x1), height: Math.abs(y2 - y1)})));
    frame.append(layer);
  }
  return el("div", {}, frame, boxes.length ? el("p", {class: "legend"}, boxes.map(({label, class: kind, box}) =>
    el("span", {class: `swatch ${kind}`}, `${label} [${box.map((value) => Math.round(value)).join(", ")}]`))) : null);
}
