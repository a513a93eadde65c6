"use strict";

// One sample: its frames or masks, the prompt as sent, and per run the answer, what was read in it, its score.

let drawn = "";

async function drawSample(pane) {
  const key = state.s;
  if (drawn === key && viewer && viewer.frame !== Number(state.f)) viewer.show(Number(state.f));
  if (drawn === key) return;
  drawn = key;
  viewer?.stop();
  viewer = null;
  if (!key) return void fill(pane, emptyPane());
  const i = placeOf(key);
  if (i < 0) return void fill(pane, backLink(), el("p", {class: "alarm"}, `No sample of this report is called ${flat(key)}.`));
  try {
    const content = await sampleContent(i);
    if (drawn !== key) return;
    fill(pane, content);
    pane.scrollTop = 0;
    viewer?.show(Number(state.f));
  } catch (error) {
    if (drawn === key) fill(pane, backLink(), el("p", {class: "alarm"}, error.message));
  }
}

function emptyPane() {
  return el("div", {class: "empty"}, el("p", {}, "Choose a sample."), el("dl", {class: "keys"},
    [["j k", "next, previous sample"], ["← →", "frame by frame"], ["space", "play, pause"], ["+ −", "zoom"], ["/", "search"], ["esc", "back to the list"]]
      .map(([key, meaning]) => [el("dt", {}, key), el("dd", {}, meaning)])));
}

function backLink() {
  return el("a", {class: "back", href: hashOf({...state, s: "", f: "0", view: "samples"})}, "← all samples");
}

async function sampleContent(i) {
  const own = runs.map((_, run) => run).filter((run) => has(run, i));
  const records = await Promise.all(own.map((run) => recordOf(run, i)));
  const first = records[0];
  const masks = index.shared.masks[i];
  const content = [backLink(), sampleHead(i), ballot ? ballotBar() : null];
  if (masks) {
    const [truth, ...sets] = await Promise.all([truthOf(i), ...own.map((run) => masksOf(run, i))]);
    viewer = maskViewer({truth, images: imagesOf(first), sets: own.map((run, at) => ({label: runs[run].label, position: run, masks: sets[at]}))});
    content.push(viewer.root);
  }
  content.push(await earlierTurns(first, own[0]), prompt(first, masks, boxesOf(records, own)), otherPrompts(records, own), gold(first),
    el("div", {class: "answers"}, own.map((run, at) => answer(run, i, records[at]))));
  if (own.length > 1 && !ballot) content.push(differing(own, i));
  return content;
}

function sampleHead(i) {
  const names = ["benchmark", "task", "category"].map((name) => nameOf(name, i)).filter(Boolean);
  return el("header", {class: "sample-head"},
    el("h2", {}, broken(index.shared.id[i])),
    el("p", {class: "quiet"}, [...new Set(names)].join(" · ")),
    el("p", {class: "step"},
      el("button", {type: "button", click: () => stepSample(-1), title: "k"}, "Previous"),
      el("button", {type: "button", click: () => stepSample(1), title: "j"}, "Next")));
}

// The turns of the conversation before this sample, with the answers that were given.
async function earlierTurns(record, run) {
  const before = [];
  for (let id = record.follows; id && before.length < 50;) {
    const i = placeOf(id);
    const earlier = i < 0 ? null : await recordOf(run, i);
    if (!earlier) break;
    before.unshift(el("div", {class: "earlier"}, el("a", {href: hashOf({...state, s: id, f: "0"})}, flat(id)),
      earlier.turns.map(turnOf), el("div", {class: "turn assistant"}, el("span", {class: "role"}, "answer"), block(earlier.reply?.text ?? "(no answer)"))));
    id = earlier.follows;
  }
  return before.length ? el("details", {open: true}, el("summary", {}, `Conversation so far: ${plural(before.length, "turn")}`), before) : null;
}

function prompt(record, masks, boxes) {
  return el("section", {}, el("h3", {}, "Prompt as sent"), record.turns.map((turn) => [masks ? null : mediaOfTurn(turn, boxes, record.reply?.sent?.media), turnOf(turn)]));
}

// The prompts of the other runs, where theirs is not the first one's to the letter.
function otherPrompts(records, own) {
  const words = (record) => JSON.stringify(record.turns.map(({role, parts}) => [role, parts.map(({text}) => text)]));
  return records.map((record, at) => at && words(record) !== words(records[0])
    ? el("details", {}, el("summary", {}, `${runs[own[at]].label} was asked in other words`), record.turns.map(turnOf)) : null);
}

function turnOf(turn) {
  const texts = turn.parts.map((one) => one.text !== undefined ? one.text : one.file || one.frames.length > 1
    ? `[video ${one.video}: ${one.file ? "file" : plural(one.frames.length, "frame")}]` : "[image]");
  return el("div", {class: `turn ${turn.role}`}, el("span", {class: "role"}, turn.role), block(texts.join("\n")));
}

function gold(record) {
  if (record.gold === null || record.gold === undefined) return null;
  const told = written(record.gold);
  const option = record.choices && !Array.isArray(record.choices) ? record.choices[told] : null;
  return el("p", {class: "gold"}, el("strong", {}, "Gold "), el("bdi", {}, shown(told)), option ? [": ", el("bdi", {}, shown(written(option)))] : null);
}

function boxesOf(records, own) {
  const found = [];
  const target = records[0].gold;
  if (!records.some(({score}) => "iou" in score.detail) || !isBox(target)) return found;
  found.push({label: "gold", class: "edge", box: target});
  records.forEach(({score}, at) => {
    if (isBox(score.detail.box)) found.push({label: own.length > 1 ? runs[own[at]].label : "predicted", class: `tone${own[at]}`, box: score.detail.box});
  });
  return found;
}

function isBox(value) {
  return Array.isArray(value) && value.length === 4 && value.every((side) => typeof side === "number");
}

// What a judge said of the answer, and what it was shown.
function verdictOf(verdict) {
  if (!verdict) return null;
  const {judge, form, outcome, tries, text, prompt} = verdict;
  return el("section", {class: "judged"},
    el("h4", {}, outcome === "verdict" ? "Verdict" : `No verdict: ${outcome}`),
    el("p", {class: "quiet"}, shown(`${judge}, ${form}${tries > 1 ? `, ${tries} tries` : ""}`)),
    text ? block(text, {class: "text reply"}) : null,
    el("details", {}, el("summary", {}, "What the judge was shown"),
      prompt.map(({role, text: words}) => el("div", {class: `turn ${role}`}, el("span", {class: "role"}, role), block(words)))));
}

function answer(run, i, {reply, score, verdict}) {
  const name = index.runs[run].outcome[i];
  const {rule, ...detail} = score.detail;
  const read = score.parsed === null ? "nothing" : written(score.parsed);
  const facts = [
    ["score", score.value === null ? "none" : score.of === 1 ? `${number(100 * score.value, 1)} %` : `${number(score.value, 2)} of ${score.of}`],
    masksFact(detail), ["read as", read], rule ? ["by the rule", rule] : null,
    reply?.finish ? ["finish reason", reply.finish] : null,
    reply?.usage?.prompt_tokens !== undefined ? ["prompt tokens", count(reply.usage.prompt_tokens)] : null,
    reply?.usage?.completion_tokens !== undefined ? ["answer tokens", count(reply.usage.completion_tokens)] : null,
    reply?.latency ? ["latency", seconds(reply.latency)] : null,
    reply?.attempts > 1 ? ["attempts", count(reply.attempts)] : null,
    reply?.reused ? ["taken from", reply.reused] : null,
  ].filter(Boolean);
  return el("section", {class: `answer of${run}`},
    el("h3", {}, runs.length > 1 ? el("span", {class: `key tone${run}`}, flat(runs[run].label)) : "Answer", " ", outcomeChip(name)),
    index.flags.filter((_, bit) => index.runs[run].flags[i] & 1 << bit).map((flag) => el("p", {class: "note"}, `This answer was ${flag}.`)),
    reply?.error ? el("p", {class: "alarm"}, el("strong", {}, reply.error.kind), reply.error.http_status ? ` (HTTP ${reply.error.http_status})` : "", ": ", shown(reply.error.message)) : null,
    reply ? null : el("p", {class: "quiet"}, "Not asked yet."),
    reply?.reasoning ? el("details", {}, el("summary", {}, `Reasoning, ${count(reply.reasoning.length)} characters`), block(reply.reasoning)) : null,
    answerText(reply), reply?.refusal ? block(reply.refusal) : null,
    verdictOf(verdict),
    detail.notes?.length ? detail.notes.map((line) => el("p", {class: "note"}, shown(line))) : null,
    el("dl", {class: "facts"}, facts.map(([label, value]) => [el("dt", {}, label), el("dd", {}, shown(value))])),
    el("details", {}, el("summary", {}, "Everything"), block(JSON.stringify({score, reply: reply && {...reply, text: undefined, reasoning: undefined}}, null, 1))));
}

// Reasons a model wrote into its answer between <think> and </think> are folded like its own field of them.
function answerText(reply) {
  const text = reply?.text;
  if (text === null || text === undefined) return null;
  const end = text.indexOf("</think>");
  if (end < 0) return text ? block(text, {class: "text reply"}) : el("p", {class: "quiet"}, "(no text)");
  return [el("details", {}, el("summary", {}, `Reasoning in the answer, ${count(end)} characters`), block(text.slice(0, end + 8))),
    block(text.slice(end + 8).trimStart(), {class: "text reply"})];
}

function masksFact(detail) {
  return typeof detail.J === "number" ? ["J and F", `${number(100 * detail.J)} and ${number(100 * detail.F)} over ${plural(detail.frames_scored ?? detail.frames_sent, "frame")}`] : null;
}

function outcomeChip(name) {
  return el("span", {class: `chip ${name}`}, el("span", {"aria-hidden": "true"}, MARKS[name]), ` ${name === "unasked" ? "not asked" : name}`);
}

// The columns that tell why two runs differ on this sample.
function differing(own, i) {
  const lines = [["score", (run) => number(100 * index.runs[run].value[i], 1)], ["outcome", (run) => index.runs[run].outcome[i]],
    ["read", (run) => index.runs[run].parsed[i] ?? "–"], ["finish", (run) => index.names[index.runs[run].finish[i]] || "–"],
    ["prompt tokens", (run) => count(index.runs[run].prompt_tokens[i])], ["answer tokens", (run) => count(index.runs[run].tokens[i])],
    ["images or frames", (run) => count(index.runs[run].frames[i])]];
  return el("section", {}, el("h3", {}, "Side by side"), table(["", ...own.map((run) => el("span", {class: `key tone${run}`}, flat(runs[run].label)))],
    lines.map(([label, of]) => {
      const values = own.map(of);
      return {heading: label, values, class: new Set(values).size > 1 ? "differs" : null};
    }), {"aria-label": "Side by side"}));
}
