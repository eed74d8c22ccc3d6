"use strict";
// Go source as lines with a gutter for coverage, messages below their lines, and mutants in the code.
const KEYS = new Set(("break case chan const continue default defer else fallthrough for func go goto if import " +
  "interface map package range return select struct switch type var nil true false iota").split(" "));
const TOKEN = /(\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|("(?:\\.|[^"\\\n])*"?|`[^`]*`?|'(?:\\.|[^'\\\n])*'?)|([A-Za-z_][A-Za-z_0-9]*)|(\d[\w.]*)/g;

const highlighted = new Map(); // the last texts: an item shows the same code for all its candidates

function highlight(source) {
  if (!highlighted.has(source)) highlighted.set(source, tokenLines(source));
  if (highlighted.size > 12) highlighted.delete(highlighted.keys().next().value);
  return highlighted.get(source);
}

function tokenLines(source) {
  const lines = [[]];
  const put = (text, cls) => text.split("\n").forEach((part, at) => {
    if (at) lines.push([]);
    if (part) lines[lines.length - 1].push([part, cls]);
  });
  let last = 0;
  for (const token of source.matchAll(TOKEN)) {
    put(source.slice(last, token.index), "");
    put(token[0], token[1] !== undefined ? "c" : token[2] !== undefined ? "s" :
      token[3] !== undefined ? (KEYS.has(token[3]) ? "k" : "") : "d");
    last = token.index + token[0].length;
  }
  put(source.slice(last), "");
  return lines;
}

const VERDICTS = { survived: "survived", no_coverage: "no coverage", timed_out: "timed out", killed: "killed", equivalent: "equivalent",
  not_viable: "not viable" };
const SIGNS = { survived: "✗", no_coverage: "○", timed_out: "◷", killed: "✓", equivalent: "=", not_viable: "–" };
const encoder = new TextEncoder();

// positions in Go count bytes from 1
function columnOf(text, byte) {
  if (/^[\x00-\x7f]*$/.test(text)) return Math.min(byte - 1, text.length);
  let at = 0, bytes = 0;
  for (const character of text) {
    if (bytes >= byte - 1) break;
    bytes += encoder.encode(character).length;
    at += character.length;
  }
  return at;
}

const spanOf = text => text.split("-").map(part => part.split(".").map(Number));

// source as a block of lines. `gutter` is [class, title] by line, `messages` are texts by line, `dots` are [column, node] by line
function codeView(source, title, { gutter, messages, dots } = {}) {
  const pre = labelled(make("pre"), title), text = source.replace(/\n$/, "");
  pre.tabIndex = 0;
  pre.setAttribute("role", "region");
  let block;
  highlight(text).forEach((parts, at) => {
    if (at % 100 === 0) pre.append(block = make("div", undefined, "block"));
    const [state, why] = gutter?.get(at + 1) ?? [""], row = make("div", undefined, "line " + state), number = make("i", String(at + 1));
    if (why) number.title = why;
    row.append(number);
    fillLine(row, parts, dots?.get(at + 1) ?? []);
    block.append(row);
    for (const message of messages?.get(at + 1) ?? []) block.append(make("div", message, "message"));
  });
  return pre;
}

function fillLine(row, parts, dots) {
  const put = (text, cls) => { if (text) row.append(cls ? make("span", text, cls) : document.createTextNode(text)); };
  let at = 0, next = 0;
  for (const [text, cls] of parts) {
    let from = 0;
    while (next < dots.length && dots[next][0] < at + text.length) {
      const cut = Math.max(dots[next][0] - at, from);
      put(text.slice(from, cut), cls);
      row.append(dots[next++][1]);
      from = cut;
    }
    put(text.slice(from), cls);
    at += text.length;
  }
  row.append(...dots.slice(next).map(([, node]) => node));
}

// by line, whether it ran: all of it, a part, or nothing; only of lines with statements. Null where nothing was measured
function coverageOf(source, answer) {
  if (!answer.uncovered) return null;
  const branches = new Map(), gutter = new Map();
  for (const branch of answer.uncoveredBranches) {
    const at = parseInt(branch, 10);
    branches.set(at, [...(branches.get(at) ?? []), branch.slice(branch.indexOf(" ") + 1)]);
  }
  for (const [at, ran, missed] of statementsOf(source, missedColumns(source, answer.uncovered))) {
    const never = branches.get(at);
    if (/\w/.test(missed)) gutter.set(at, /\w/.test(ran) ? ["part", "a part did not run"] : ["miss", "did not run"]);
    else if (never) gutter.set(at, ["part", "never: " + never.join(", ")]);
    else if (/\w/.test(ran)) gutter.set(at, ["hit", "ran"]);
  }
  return gutter;
}

// the blocks that did not run, by line: from which column to which
function missedColumns(source, spans) {
  const lines = source.split("\n"), missed = new Map();
  for (const span of spans) {
    const [[first, from], [last, to]] = spanOf(span);
    for (let at = first; at <= Math.min(last, lines.length); at++) {
      if (!missed.has(at)) missed.set(at, []);
      const text = lines[at - 1];
      missed.get(at).push([at === first ? columnOf(text, from) : 0, at === last ? columnOf(text, to) : text.length]);
    }
  }
  return missed;
}

// by line, the code in bodies of functions that ran, and that did not. Blocks have gaps, such as "case x:" and what follows
// a function in a call: in a body whose first code did not run, nothing ran
function* statementsOf(source, missed) {
  const frames = [{ body: false, dead: false, signature: false }]; // the brackets that are open
  let number = 0, opened = null;
  for (const parts of highlight(source.replace(/\n$/, ""))) {
    let ran = "", unrun = "", at = 0, before = "", missedBefore = false;
    number += 1;
    for (const [part, cls] of parts) {
      for (const token of cls === "" ? part.match(/\w+|\W/gu) : [part]) {
        const column = at;
        at += token.length;
        if (cls === "c" || !token.trim()) continue;
        const isMissed = missed.get(number)?.some(([from, to]) => from <= column && column < to) ?? false;
        if (opened) opened.dead ||= isMissed;
        opened = nextToken(frames, cls === "s" ? "" : token, before, missedBefore);
        const { body, dead } = frames[frames.length - 1];
        if (body && (dead || isMissed)) unrun += token + " ";
        else if (body && token !== "else") ran += token + " ";
        [before, missedBefore] = [token, isMissed];
      }
    }
    frames[frames.length - 1].signature = false;
    yield [number, ran, unrun];
  }
}

// the frame of a brace that the token opens. "{" starts a body after a signature, else a type, a block or a value
function nextToken(frames, token, before, missedBefore) {
  const top = frames[frames.length - 1];
  if (token === "func" && !["]", "*", "-", "chan"].includes(before)) top.signature = true;
  else if ([",", ";", ":", "="].includes(token)) top.signature = false;
  else if ([")", "]", "}"].includes(token)) { if (frames.length > 1) frames.pop(); }
  else if (["(", "[", "{"].includes(token)) {
    const starts = token === "{" && top.signature && !["struct", "interface"].includes(before);
    if (starts) top.signature = false;
    frames.push({ body: top.body || starts, dead: top.dead || (token === "{" && missedBefore), signature: false });
    if (token === "{") return frames[frames.length - 1];
  }
  return null;
}

// a sign in the code for each mutant, which shows the change below its line
function mutantDots(source, mutants, rowsOfMutants) {
  const lines = source.split("\n"), dots = new Map();
  for (const [number, verdict, killer] of mutants) {
    const [position, , operator, before, after, proof] = rowsOfMutants[number];
    const [[line, byte], [lastLine, lastByte]] = spanOf(position), text = lines[line - 1] ?? "";
    const column = columnOf(text, byte), single = line === lastLine;
    const change = { verdict, operator, killer, proof, before, after, text, column, end: single ? columnOf(text, lastByte) : text.length };
    const name = "line " + line + ", " + VERDICTS[verdict] + ": " + (before || "nothing") + " becomes " + (after || "nothing");
    const dot = button(SIGNS[verdict], () => toggleChange(dot, change), "dot " + verdict);
    dot.title = name;
    labelled(dot, name).setAttribute("aria-expanded", "false");
    if (!dots.has(line)) dots.set(line, []);
    dots.get(line).push([column, dot, change]);
  }
  for (const own of dots.values()) own.sort((a, b) => a[0] - b[0]);
  return dots;
}

function toggleChange(dot, change) {
  if (dot.changeBox) { dot.changeBox.remove(); dot.changeBox = null; }
  else dot.closest(".line").after(dot.changeBox = changeBox(change));
  dot.setAttribute("aria-expanded", String(Boolean(dot.changeBox)));
}

function changeBox({ verdict, operator, killer, proof, before, after, text, column, end }) {
  const box = make("div", undefined, "change " + verdict), line = make("div", undefined, "changed");
  const removed = make("del", before), added = make("ins", after || "");
  line.append(text.slice(0, column), removed, added, text.slice(end));
  const why = verdict === "killed" ? "killed" + (killer ? " by " + killer : "") : verdict === "survived" ? "survived: no test fails with this change" :
    verdict === "no_coverage" ? "no coverage: no test runs this code" : verdict === "timed_out" ? "timed out: counts as survived" :
    verdict === "equivalent" ? "equivalent, in no count" + (proof ? ": " + proof : "") : "not viable: does not compile, in no count";
  box.append(line, make("small", operator + " · " + why));
  return box;
}
