"use strict";

// A page for people to compare answers on: names are hidden, 1, 2 and 3 rate, what is rated is kept in the
// browser and saved as a file.

const BALLOT_WORDS = {first: "The first is better", second: "The second is better", tie: "Neither is better"};
const BALLOT_KEYS = {1: "first", 2: "second", 3: "tie"};

let rated = keptRatings();

function ballotPlace() {
  return `sightbench-ballot-${ballot.id}`;
}

function keptRatings() {
  const none = {rater: "", ratings: {}};
  try {
    return {...none, ...JSON.parse(localStorage.getItem(ballotPlace()) || "{}")};
  } catch {
    return none;
  }
}

function keepRatings() {
  try {
    localStorage.setItem(ballotPlace(), JSON.stringify(rated));
  } catch {
    say("This browser keeps nothing for files: save the ratings before you close the page.");
  }
}

function rate(vote) {
  rated.ratings[state.s] = vote;
  keepRatings();
  fillBallot(document.getElementById("ballot"));
  const next = unratedAfter(state.s);
  if (next === null) say("All are rated: save the ratings.");
  else go({s: next, f: "0"}, {step: true});
}

// The next sample without a rating, from the beginning again after the last; null when all are rated.
function unratedAfter(id) {
  const ids = index.shared.id;
  const from = ids.indexOf(id);
  for (let step = 1; step <= ids.length; step++) {
    const next = ids[(from + step + ids.length) % ids.length];
    if (!rated.ratings[next]) return next;
  }
  return null;
}

function ballotBar() {
  const bar = el("section", {id: "ballot", class: "ballot-bar", "aria-label": "Your rating"});
  fillBallot(bar);
  return bar;
}

function fillBallot(bar) {
  const done = index.shared.id.filter((id) => rated.ratings[id]).length;
  const rater = el("input", {id: "rater", value: rated.rater, autocomplete: "off", input: (event) => { rated.rater = event.target.value; keepRatings(); }});
  fill(bar,
    el("p", {class: "step"}, Object.entries(BALLOT_KEYS).map(([key, vote]) => el("button", {
      type: "button", title: key, "aria-pressed": String(rated.ratings[state.s] === vote), click: () => rate(vote)}, `${key}  ${BALLOT_WORDS[vote]}`))),
    el("p", {class: "quiet"}, `${count(done)} of ${count(index.count)} rated. `, el("label", {}, "Your name ", rater), " ",
      el("button", {type: "button", id: "save-ratings", click: saveRatings}, "Save ratings")));
}

function saveRatings() {
  const text = JSON.stringify({ballot: ballot.id, rater: rated.rater, ratings: rated.ratings}, null, 1);
  const link = el("a", {href: URL.createObjectURL(new Blob([text], {type: "application/json"})),
    download: `ratings-${rated.rater.replace(/[^\p{L}\p{N}_-]+/gu, "-") || "nameless"}.json`});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
