"use strict";

// Start: the table at once, the rest when the index is there; then keys and the URL.

function draw(before) {
  const samples = Boolean(ballot) || state.view === "samples";
  document.getElementById("overview").hidden = samples;
  document.getElementById("samples").hidden = !samples;
  document.body.classList.toggle("with-sample", samples && Boolean(state.s));
  for (const [id, here] of [["to-overview", !samples], ["to-samples", samples]]) {
    const link = document.getElementById(id);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!samples) drawRest();
  if (!index || !samples) return;
  if (state.q !== search.text) {
    runSearch(state.q, drawList).catch((error) => say(error.message));
  }
  if (!before || [...FILTERS, "sort", "run", "view"].some((name) => before[name] !== state[name])) drawList();
  else drawRows();
  drawSample(document.getElementById("pane"));
}

function say(text) {
  fill(document.getElementById("status"), text);
}

function pressed(event) {
  const field = event.target.closest("input:not([type=range]):not([type=checkbox]), select, textarea");
  if (event.key === "Escape") {
    if (field) field.blur();
    else if (state.s) go({s: "", f: "0"}, {step: true});
    return;
  }
  if (field || event.ctrlKey || event.metaKey || event.altKey || !index) return;
  const onButton = event.target.closest("button, summary, a, [type=checkbox]");
  const acts = {
    j: () => stepSample(1), k: () => stepSample(-1),
    ArrowRight: () => viewer?.step(1), ArrowLeft: () => viewer?.step(-1),
    " ": () => viewer && !onButton && viewer.toggle(),
    "+": () => viewer?.zoom(viewer.scale * 2), "-": () => viewer?.zoom(viewer.scale / 2),
    ...(ballot && state.s ? Object.fromEntries(Object.entries(BALLOT_KEYS).map(([key, vote]) => [key, () => rate(vote)])) : {}),
    "/": () => { go({view: "samples"}); document.getElementById("search").focus(); },
  };
  if (!acts[event.key]) return;
  if (event.key === " " && (onButton || !viewer)) return;
  if (event.target.type === "range" && event.key.startsWith("Arrow")) return;
  if (event.key === "j" || event.key === "k") go({view: "samples"});
  event.preventDefault();
  acts[event.key]();
}

async function start() {
  document.body.classList.toggle("with-ballot", Boolean(ballot));
  drawHeader(document.getElementById("top"));
  drawOverview(document.getElementById("overview"));
  performance.mark("table");
  draw(null);
  document.addEventListener("keydown", pressed);
  addEventListener("hashchange", arrive);
  addEventListener("popstate", arrive);
  addEventListener("resize", () => index && state.view === "samples" && drawRows());
  try {
    await loadIndex();
    fill(document.getElementById("samples"), listPane(), el("div", {class: "pane", id: "pane", tabindex: "-1"}));
    if (ballot && !state.s) go({view: "samples", s: unratedAfter("") ?? index.shared.id[0]});
    draw(null);
    const open = rows.indexOf(openPlace());
    if (open > 0 && state.view === "samples") revealRow(open);
    questions = await chunk("questions");
    if (state.view === "samples") drawRows();
    performance.mark("ready");
    document.body.dataset.ready = "yes";
  } catch (error) {
    fill(document.getElementById("later"), el("p", {class: "alarm"}, error.message));
  }
}

start();
