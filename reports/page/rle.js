"use strict";

// COCO run-length masks in the browser. What comes here was checked when the page was built.
// Runs go down the columns, background first; `counts` holds them in digits of 5 bits from '0' on, bit 5 says
// that another digit follows, bit 4 of the last is the sign, and from the fourth run on a number is the
// difference to the run two before.

function runLengths(counts) {
  const lengths = [];
  for (let at = 0; at < counts.length;) {
    let value = 0;
    let shift = 0;
    let digit;
    do {
      digit = counts.charCodeAt(at++) - 48;
      value |= (digit & 31) << shift;
      shift += 5;
    } while (digit & 32);
    if (digit & 16 && shift < 32) value |= -1 << shift;
    if (lengths.length > 2) value += lengths[lengths.length - 2];
    lengths.push(value);
  }
  return lengths;
}

// One frame's masks as a byte a pixel, row by row, each mask a bit; `box` is what they touch.
function blank(h, w) {
  return {h, w, codes: new Uint8Array(h * w), box: {left: w, right: 0, top: h, bottom: 0}};
}

// Sets `bit` wherever the mask [height, width, counts] is foreground; one of another size is resized (nearest).
function paint(frame, mask, bit) {
  if (!mask) return frame;
  const {h, w, codes, box} = frame;
  const [maskH, maskW, counts] = mask;
  if (maskH !== h || maskW !== w) return paintResized(frame, paint(blank(maskH, maskW), mask, 1), bit);
  let pixel = 0;
  let inside = false;
  for (const length of runLengths(counts)) {
    if (inside && length) {
      let x = Math.floor(pixel / h);
      let y = pixel - x * h;
      if (x < box.left) box.left = x;
      for (let left = length; left > 0; x++, y = 0) {
        const here = Math.min(left, h - y);
        for (let at = y * w + x, end = at + here * w; at < end; at += w) codes[at] |= bit;
        if (y < box.top) box.top = y;
        if (y + here > box.bottom) box.bottom = y + here;
        left -= here;
      }
      if (x > box.right) box.right = x;
    }
    pixel += length;
    inside = !inside;
  }
  return frame;
}

function paintResized(frame, from, bit) {
  const {h, w, codes} = frame;
  for (let y = 0; y < h; y++) {
    const row = Math.floor((y + 0.5) * from.h / h) * from.w;
    for (let x = 0; x < w; x++) if (from.codes[row + Math.floor((x + 0.5) * from.w / w)]) codes[y * w + x] |= bit;
  }
  frame.box = {left: 0, right: w, top: 0, bottom: h};
  return frame;
}

// Calls `mark(x, y)` for each pixel of `bit` that lies within `width` of its edge.
function outline({h, w, codes, box}, bit, width, mark) {
  const reach = width * w;
  for (let y = box.top; y < box.bottom; y++) {
    for (let x = box.left, at = y * w + x; x < box.right; x++, at++) {
      if (!(codes[at] & bit)) continue;
      if (x < width || x >= w - width || y < width || y >= h - width
        || !(codes[at - width] & codes[at + width] & codes[at - reach] & codes[at + reach] & bit)) mark(x, y);
    }
  }
}
