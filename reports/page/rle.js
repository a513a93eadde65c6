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

// Sets `bit` in `codes` (h * w bytes, row by row) wherever the mask [height, width, counts] is foreground.
function paint(codes, h, w, mask, bit) {
  if (!mask) return;
  const [maskH, maskW, counts] = mask;
  if (maskH !== h || maskW !== w) {
    const own = new Uint8Array(maskH * maskW);
    paint(own, maskH, maskW, mask, 1);
    for (let y = 0; y < h; y++) {
      const from = Math.floor((y + 0.5) * maskH / h) * maskW;
      for (let x = 0; x < w; x++) if (own[from + Math.floor((x + 0.5) * maskW / w)]) codes[y * w + x] |= bit;
    }
    return;
  }
  let pixel = 0;
  let inside = false;
  for (const length of runLengths(counts)) {
    if (inside) {
      let x = Math.floor(pixel / h);
      let y = pixel - x * h;
      for (let left = length; left > 0;) {
        const here = Math.min(left, h - y);
        for (let at = y * w + x, end = at + here * w; at < end; at += w) codes[at] |= bit;
        left -= here;
        x++;
        y = 0;
      }
    }
    pixel += length;
    inside = !inside;
  }
}

// The pixels of `bit` within `width` of its edge, as 0 and 1.
function outline(codes, h, w, bit, width) {
  const edge = new Uint8Array(h * w);
  const reach = width * w;
  for (let y = 0, at = 0; y < h; y++) {
    for (let x = 0; x < w; x++, at++) {
      if (!(codes[at] & bit)) continue;
      if (x < width || x >= w - width || y < width || y >= h - width
        || !(codes[at - width] & codes[at + width] & codes[at - reach] & codes[at + reach] & bit)) edge[at] = 1;
    }
  }
  return edge;
}
