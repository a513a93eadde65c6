"use strict";

// The data of the page. The overview is in it as JSON; the rest are chunks of gzipped JSON, either inert
// blocks of this file or scripts beside it, each a call of `sightbench`. `fetch` does not work from disk.

const KEPT_BYTES = 40e6;
const PLACE = 1000;

const overview = JSON.parse(document.getElementById("data-overview").textContent);
const runs = overview.runs;
const ballot = overview.ballot || null;

const arrivals = new Map();
const kept = new Map();
let keptBytes = 0;
let index = null;

function sightbench(build, name, text) {
  const arrival = arrivals.get(name);
  if (!arrival) return;
  if (build === overview.build) arrival.resolve(text);
  else arrival.reject(new Error("The report was built again while this page was open: reload it."));
}

// The items of a chunk. The most recently used ones stay in memory.
function chunk(name) {
  const entry = kept.get(name) || {promise: read(name), bytes: 0};
  kept.delete(name);
  kept.set(name, entry);
  entry.promise.catch(() => kept.delete(name));
  return entry.promise;
}

async function read(name) {
  const text = await inflated(await arrived(name));
  const entry = kept.get(name);
  if (entry) {
    entry.bytes = 2 * text.length;
    keptBytes += entry.bytes;
    for (const [oldest, {bytes}] of kept) {
      if (keptBytes <= KEPT_BYTES || oldest === name) break;
      kept.delete(oldest);
      keptBytes -= bytes;
    }
  }
  return JSON.parse(text);
}

function arrived(name) {
  const inside = document.getElementById(`data-${name}`);
  if (inside) return Promise.resolve(inside.textContent);
  return new Promise((resolve, reject) => {
    const script = el("script", {src: `${encodeURIComponent(overview.data)}/${name}.js`});
    const done = (settle) => (value) => { arrivals.delete(name); script.remove(); settle(value); };
    arrivals.set(name, {resolve: done(resolve), reject: done(reject)});
    script.addEventListener("error", () => arrivals.get(name)?.reject(
      new Error(`${overview.data}/${name}.js cannot be read: the folder ${overview.data} belongs beside this page.`)));
    document.head.append(script);
  });
}

async function inflated(base64) {
  const bytes = Uint8Array.fromBase64 ? Uint8Array.fromBase64(base64)
    : Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

async function loadIndex() {
  index = await chunk("index");
  kept.delete("index");
  index.count = index.shared.id.length;
  index.places = null;
  for (const run of index.runs) run.outcome = run.outcome.map((outcome) => index.outcomes[outcome]);
  return index;
}

// Position of a sample by its id, -1 where there is none.
function placeOf(id) {
  index.places ||= new Map(index.shared.id.map((name, i) => [name, i]));
  return index.places.get(id) ?? -1;
}

async function item(series, place) {
  if (place === null || place === undefined) return null;
  return (await chunk(`${series}-${Math.floor(place / PLACE)}`))[place % PLACE];
}

function recordOf(run, i) {
  return item(`samples-${run}`, index.runs[run].at[i]);
}

function masksOf(run, i) {
  return item(`masks-${run}`, index.runs[run].masks[i]);
}

// The ground truth is kept once, with the first run that has the sample.
async function truthOf(i) {
  for (let run = 0; run < runs.length; run++) {
    const record = await masksOf(run, i);
    if (record?.truth) return record.truth;
  }
  return [];
}

function nameOf(column, i) {
  return index.names[index.shared[column][i]];
}

function has(run, i) {
  return index.runs[run].outcome[i] !== "absent";
}
