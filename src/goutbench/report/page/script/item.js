"use strict";
// One item: what happened, its code with coverage and mutants, and tests beside it.
const loaded = new Map(); // pair → item, the last ones
const waiting = new Map(); // pair → the promise of its item
const UNDETECTED = ["survived", "no_coverage", "timed_out"];
let requested = null; // the address of the item that is open
let verdictsShown = null; // the verdicts of the mutants that are shown; null: those that no test detected
let source = "items"; // the screen from which the item was opened

window.goutbenchItem = packed => { document.currentScript.packed = packed; };

async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed), letter => letter.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const item = JSON.parse(await new Response(plain).text());
  // a text may consist of parts, of which numbers stand for texts that it repeats
  const expand = parts => typeof parts === "string" ? parts : parts.map(part => typeof part === "number" ? expand(item.texts[part]) : part).join("");
  item.texts = item.texts.map(expand);
  return item;
}

function load(pair) {
  if (loaded.has(pair)) return Promise.resolve(loaded.get(pair));
  if (!waiting.has(pair)) waiting.set(pair, fetchItem(pair).finally(() => waiting.delete(pair)));
  return waiting.get(pair);
}

async function fetchItem(pair) {
  const address = data.files + "/items/" + encodeURIComponent(pair) + ".js", packed = await packedItem(address);
  if (!window.DecompressionStream) throw new Error("this browser is too old to show an item: it has no DecompressionStream");
  const item = await unpack(packed).catch(() => null);
  if (item?.id !== pair) throw new Error(address + " is damaged: copy the folder " + data.files + " again");
  loaded.set(pair, item);
  if (loaded.size > 30) loaded.delete(loaded.keys().next().value);
  return item;
}

// a page on disk may not read other files, but it may load scripts. One that is cut off calls nothing
function packedItem(address) {
  return new Promise((resolve, reject) => {
    const script = make("script");
    script.src = address;
    script.onload = () => { script.remove(); resolve(script.packed ?? ""); };
    script.onerror = () => {
      script.remove();
      reject(new Error("cannot load " + address + ": the folder " + data.files + " must be beside the page"));
    };
    document.head.append(script);
  });
}

const sameAnswer = (row, query) => row.pair === query.pair && row.focal === (query.focal || "") && row.model === query.model &&
  String(row.sample) === String(query.sample || 0) && String(row.round) === String(query.round || 0);

async function open(query) {
  requested = query;
  if (!rows.some(row => row.pair === query.pair)) return;
  if (!$("item").open) $("item").showModal();
  if (!loaded.has(query.pair)) { $("where").textContent = "loading …"; $("body").replaceChildren(); }
  try {
    const item = await load(query.pair);
    if (requested === query && $("item").open) showItem(item, query);
  } catch (error) {
    if (requested === query) $("where").textContent = error.message;
  }
}

function showItem(item, query) {
  const chosen = answerOf(item, query), next = neighbour(1);
  $("where").textContent = item.repository + " · " + item.path + (query.focal ? " · " + query.focal : "");
  $("body").replaceChildren(...itemParts(item, chosen, query));
  $("body").scrollTop = 0;
  $("item").scrollTop = 0;
  scrollPanes($("body"), item, query);
  const sequence = rowsBeside(), at = placeIn(sequence, query);
  $("position").textContent = at < 0 ? "" : count(at + 1) + " of " + count(sequence.length);
  $("previous").disabled = !neighbour(-1);
  $("next").disabled = !next;
  showPrintBox(query);
  if (next) (window.requestIdleCallback ?? setTimeout)(() => load(next.pair).catch(() => undefined));
}

const answersOf = (item, query) => item.answers.filter(answer => answer.focal.join(", ") === (query.focal || "") || !answer.focal.length);

function answerOf(item, query) {
  const answers = answersOf(item, query);
  return answers.find(answer => answer.model === query.model && String(answer.round) === String(query.round || 0) &&
    String(answer.sample) === String(query.sample || 0)) || answers[0] || item.answers[0];
}

const rowsBeside = () => source === "compare" ? matrixRows(requested.model) : listed;

// where an answer is among those beside it; for one that a menu has chosen, where another answer to its item is
function placeIn(sequence, query) {
  const at = sequence.findIndex(row => sameAnswer(row, query));
  return at >= 0 ? at : sequence.findIndex(row => row.pair === query.pair && row.focal === (query.focal || ""));
}

// the item before (-1) or after (1) in the list or matrix from which this one was opened
function neighbour(step) {
  const sequence = rowsBeside(), at = placeIn(sequence, requested);
  return at < 0 ? sequence.at(step > 0 ? 0 : -1) : sequence[at + step];
}

function go(step) {
  const row = neighbour(step);
  if (row) location.hash = itemHash(row);
}

function itemParts(item, chosen, query) {
  const body = document.createDocumentFragment(), line = make("p"), shown = { item, query };
  line.append(answerMenu(item, answersOf(item, query), chosen, query), " ");
  line.append(make("span", label("class", chosen.class), "tag " + (chosen.class === "passed" ? "good" : "bad")));
  if (chosen.replies.some(reply => reply.error === "truncated")) line.append(make("span", "reply cut off at the token limit", "tag bad"));
  if (chosen.statements) line.append(make("span", statements(chosen), "tag"));
  if (chosen.branches) line.append(make("span", branches(chosen), "tag"));
  if (chosen.mutation) line.append(make("span", "mutants: " + chosen.mutation, "tag"));
  const call = callFacts(chosen.replies);
  if (call) line.append(make("span", "reply: " + call, "tag"));
  body.append(make("p", chosen.summary, "summary"), line);
  const panes = make("div", undefined, "panes");
  panes.append(testPane(shown, chosen, nameOf(chosen), "own"), codePane(item, chosen, query), besidePane(shown, chosen));
  body.append(panes);
  if (chosen.evidence) body.append(make("h3", "Output of the compiler or the test"), make("pre", chosen.evidence, "plain"));
  section(body, "Surviving mutants (bugs no test noticed)", chosen.survivors);
  section(body, "Branch outcomes that no test reached", chosen.uncoveredBranches);
  section(body, "Changes made while assembling the test file", chosen.notes);
  const own = answer => answer.focal.join(", ") === (query.focal || "");
  verdicts(body, item.verdicts.filter(match => own(match) && (match.sample === chosen.sample || chosen.model === "reference")));
  replies(body, item, chosen.replies);
  for (const pre of body.querySelectorAll("pre.plain")) pre.tabIndex = 0;
  return [body];
}

// what the leaderboard counts comes first: the focal functions where there are some
const share = (focal, focalOf, covered, of, what) => (focalOf ? focal + " of " + focalOf + " " + what + " of the focal code covered, " : "") +
  covered + " of " + of + " " + what + (focalOf ? " of the file" : " covered");
const statements = answer => share(answer.focalCovered, answer.focalStatements, answer.covered, answer.statements, "statements");
const branches = answer => share(answer.focalBranchesCovered, answer.focalBranches, answer.branchesCovered, answer.branches, "branch outcomes");

function nameOf(answer) {
  const many = rows.some(row => row.model === answer.model && row.sample);
  return answer.model + (many ? ", " + attempt(answer) : answer.round ? " (round " + (answer.round + 1) + ")" : "");
}

function answerMenu(item, answers, chosen, query) {
  const menu = openMenu("candidate", "candidate", answers.map((answer, at) => [String(at), nameOf(answer)]), String(answers.indexOf(chosen)));
  menu.onchange = () => {
    const { model, sample, round } = answers[menu.value];
    location.hash = hashOf("item", { pair: item.id, model, focal: query.focal || "", sample, round, ...(query.beside ? { beside: query.beside } : {}) });
  };
  return menu;
}

// ── the panes: the candidate, the focal code, and another test of the item ──

function pane(heading, node, cls) {
  const box = make("section", undefined, "pane " + cls);
  box.append(heading, node);
  return box;
}

// the test of an answer, or the reference test where there is no answer, with the messages at its lines
function testView(item, answer) {
  const text = answer && (item.texts[answer.code] || (answer.model === "reference" ? item.texts[item.test] : ""));
  if (answer && !text) return make("pre", "no code", "plain");
  const messages = new Map();
  for (const [line, , message] of answer?.messages ?? []) messages.set(line, [...(messages.get(line) ?? []), message]);
  return codeView(text ?? item.texts[item.test], answer ? nameOf(answer) : "Reference test", { messages });
}

function testPane({ item }, answer, name, cls) {
  return pane(make("h3", answer.model === "reference" ? "Reference test · " + item.testPath : "Candidate · " + name), testView(item, answer), cls);
}

function besidePane({ item, query }, chosen) {
  const peers = answersOf(item, query).filter(answer => answer !== chosen && answer.model !== "reference");
  const tests = [...(chosen.model === "reference" ? [] : [["reference", "Reference test · " + item.testPath, null]]),
    ...peers.map(answer => [[answer.model, answer.sample, answer.round].join("/"), nameOf(answer), answer])];
  if (!tests.length) return "";
  const [value, , answer] = tests.find(([key]) => key === query.beside) ?? tests[0];
  const menu = openMenu("beside", "test beside it", tests.map(([key, text]) => [key, text]), value);
  const reference = item.answers.find(peer => peer.model === "reference");
  const view = test => testView(item, test ?? reference);
  const box = pane(make("h3"), view(answer), "beside");
  box.firstChild.append(menu);
  menu.onchange = () => {
    query.beside = menu.value;
    history.replaceState(null, "", hashOf("item", query));
    box.lastChild.replaceWith(view(tests.find(([key]) => key === menu.value)[2]));
  };
  return box;
}

function codePane(item, chosen, query) {
  const text = item.texts[item.code], gutter = coverageOf(text, chosen), dots = mutantDots(text, chosen.mutants, item.mutants);
  const view = codeView(text, "Focal file " + item.path, { gutter, dots }), box = pane(make("h3", "Focal file · " + item.path), view, "focal");
  const bar = make("p", undefined, "note legend");
  if (gutter) for (const [state, name] of [["hit", "ran"], ["part", "ran in part"], ["miss", "did not run"]]) bar.append(make("span", name, "key " + state));
  if (dots.size) bar.append(mutantFilter(view, chosen.mutants, dots));
  if (bar.childNodes.length) view.before(bar);
  return box;
}

function mutantFilter(view, mutants, dots) {
  const counts = new Map();
  for (const [, verdict] of mutants) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const present = Object.keys(VERDICTS).filter(verdict => counts.has(verdict)), bar = labelled(make("span", undefined, "choice"), "mutants shown");
  const shown = new Set(verdictsShown ?? (present.some(verdict => UNDETECTED.includes(verdict)) ? UNDETECTED : present));
  const show = () => { for (const verdict of present) view.classList.toggle("show-" + verdict, shown.has(verdict)); };
  bar.setAttribute("role", "group");
  for (const verdict of present) {
    const chip = button(SIGNS[verdict] + " " + VERDICTS[verdict] + " " + counts.get(verdict), () => {
      shown[shown.has(verdict) ? "delete" : "add"](verdict);
      chip.setAttribute("aria-pressed", String(shown.has(verdict)));
      verdictsShown = [...shown];
      show();
    });
    chip.setAttribute("aria-pressed", String(shown.has(verdict)));
    bar.append(chip);
  }
  const all = button("Show changes", () => {
    const closed = [...dots.values()].flat().filter(([, dot]) => getComputedStyle(dot).display !== "none" && !dot.changeBox);
    const opened = [...dots.values()].flat().filter(([, dot]) => dot.changeBox);
    for (const [, dot, change] of closed.length ? closed : opened) toggleChange(dot, change);
  });
  bar.append(all);
  show();
  return bar;
}

// the candidate at its first message, the focal file at the focal function or the first mutant
function scrollPanes(body, item, query) {
  const to = (pre, row) => { if (pre && row) pre.scrollTop += row.getBoundingClientRect().top - pre.getBoundingClientRect().top - 40; };
  const name = (query.focal || "").split(", ")[0].split(".").pop(), focal = body.querySelector(".focal pre");
  const at = item.texts[item.code].split("\n").findIndex(line => name && line.startsWith("func ") && line.slice(0, -1).split(/[ ([]/).includes(name));
  to(focal, at >= 0 ? focal.querySelectorAll(".line")[at] : focal.querySelector(".dot")?.closest(".line"));
  for (const pre of body.querySelectorAll(".own pre, .beside pre")) to(pre, pre.querySelector(".message")?.previousSibling);
}

// ── what is below the panes ──

function section(body, title, lines) {
  if (!lines.length) return;
  body.append(make("h3", title), make("pre", lines.join("\n"), "plain"));
}

function verdicts(body, judged) {
  for (const match of judged) {
    body.append(make("h3", match.judge + ": " + match.b + " against " + match.a + ": " + match.outcome));
    for (const verdict of match.verdicts) body.append(make("p", (verdict.order === "ab" ? match.a : match.b) + " was shown first", "note"), make("pre", verdict.text, "plain"));
  }
}

// tokens, seconds, cost and stop reason, as far as the provider gave them
function callFacts(calls) {
  const sum = name => calls.reduce((total, call) => total + (call[name] ?? 0), 0), facts = [];
  if (sum("input") || sum("output")) facts.push(count(sum("input")) + " tokens in, " + count(sum("output")) + " out");
  if (sum("seconds")) facts.push(sum("seconds").toFixed(1) + " s");
  if (calls.some(call => call.cost !== undefined)) facts.push("cost " + sum("cost").toPrecision(3));
  const stops = [...new Set(calls.map(call => call.error || call.stop).filter(Boolean))];
  if (stops.length) facts.push("stop reason: " + stops.join(", "));
  return facts.join(" · ");
}

function replies(body, item, calls) {
  calls.forEach((call, at) => {
    const box = make("details"), facts = callFacts([call]);
    box.append(make("summary", "Prompt and raw reply" + (calls.length > 1 ? " " + (at + 1) : "") + (facts ? " · " + facts : "")));
    // the texts are long: they are made when somebody asks for them
    box.addEventListener("toggle", () => {
      if (box.childNodes.length > 1) return;
      for (const [role, text] of call.messages) box.append(make("h3", role), make("pre", item.texts[text], "plain"));
      box.append(make("h3", "reply"), make("pre", item.texts[call.reply], "plain"));
      if (call.detail) box.append(make("h3", "error"), make("pre", call.detail, "plain"));
      for (const pre of box.querySelectorAll("pre")) pre.tabIndex = 0;
    });
    body.append(box);
  });
}
