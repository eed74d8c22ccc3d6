"use strict";
// The list of candidates with its filters.
const FILTERS = { model: "model", repository: "repository", class: "outcome", at: "step", below: "step not reached", fate: "result",
  verdict: "verdict", group: "kind of code", round: "round" };
const STEPS = ["at", "below"];
let listed = rows; // the candidates of the list, which j and k step through

function matches(row, query) {
  for (const [name, value] of Object.entries(query)) {
    if (!value || !(name === "text" || name in FILTERS)) continue;
    if (name === "text") {
      if (!(row.path + " " + row.focal).toLowerCase().includes(value.toLowerCase())) return false;
    } else if (STEPS.includes(name)) {
      if (row.steps.includes(value) !== (name === "at")) return false;
    } else if (Array.isArray(row[name])) {
      if (!row[name].includes(value)) return false;
    } else if (String(row[name]) !== value) return false;
  }
  return true;
}

function label(name, value) {
  if (name === "class") return data.classes[value] || value;
  if (name === "at") return "at least: " + steps[value];
  if (name === "below") return "not: " + steps[value];
  if (name === "round") return value === "0" ? "first answers" : "round " + (Number(value) + 1);
  return value;
}

function choices(name) {
  if (STEPS.includes(name)) return Object.keys(steps).filter(step => step !== "items");
  const order = data.order[name] ?? [];
  const rank = value => { const at = order.indexOf(value); return at < 0 ? order.length : at; };
  return [...new Set(rows.flatMap(row => row[name] ?? []).map(String))].filter(value => value !== "")
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0));
}

function searchField() {
  const text = labelled(make("input"), "file or function");
  text.name = "text"; text.type = "search"; text.placeholder = "file or function";
  return text;
}

const valuesOf = form => Object.fromEntries([...new FormData(form)].filter(([, value]) => value));

function buildFilters() {
  const form = $("filter");
  for (const [name, title] of Object.entries(FILTERS)) {
    const values = choices(name);
    if (values.length < 2 && name !== "model") continue;
    form.append(openMenu(name, title, [["", "any " + title], ...values.map(value => [value, label(name, value)])], ""));
  }
  form.append(searchField(), button("Clear", () => { location.hash = "#items"; }));
  form.addEventListener("input", () => {
    const query = valuesOf(form);
    history.replaceState(null, "", hashOf("items", query));
    list(query);
  });
  form.addEventListener("submit", event => event.preventDefault());
}

function list(query) {
  for (const field of $("filter").elements) if (field.name) field.value = query[field.name] || "";
  listed = rows.filter(row => matches(row, query));
  const items = groups(listed);
  const distinct = new Set(listed.map(row => row.pair + " " + row.focal)).size;
  $("count").textContent = count(listed.length) + " of " + count(rows.length) + " candidates" +
    (sampled ? ", of " + plural(distinct, "item") : "");
  const columns = ["file", "model", "outcome", "coverage", "mutants killed", "repository"]
    .filter(name => (name !== "coverage" || measured.coverage) && (name !== "mutants killed" || measured.mutation));
  fillTable($("list"), columns, items, group => group.length === 1 ? [candidateLine(group[0])] : itemLines(group), $("more"));
}

function fillTable(table, columns, entries, linesOf, more) {
  const top = make("tr"), body = table.tBodies[0];
  for (const name of columns) { const head = make("th", name); head.scope = "col"; top.append(head); }
  table.tHead.replaceChildren(top);
  body.replaceChildren();
  let shown = 0;
  more.onclick = () => {
    body.append(...entries.slice(shown, shown + PAGE).flatMap(linesOf));
    shown += PAGE;
    more.hidden = shown >= entries.length;
  };
  more.onclick();
}

function groups(candidates) {
  const byItem = new Map();
  for (const row of candidates) {
    const key = JSON.stringify([row.model, row.pair, row.focal]);
    if (!byItem.has(key)) byItem.set(key, []);
    byItem.get(key).push(row);
  }
  return [...byItem.values()];
}

function candidateLine(row) {
  const model = row.model + (sampled && row.model !== "reference" ? ", sample " + (row.sample + 1) : "");
  const tr = make("tr");
  tr.append(fileCell(row), cell("model", model + (row.round ? " (round " + (row.round + 1) + ")" : "")), ...results(row),
    cell("repository", row.repository));
  return tr;
}

function itemLines(group) {
  const first = group[0], passing = group.filter(row => row.class === "passed").length;
  const samples = group.map(row => sampleLine(row)), tr = make("tr", undefined, "item");
  const toggle = button(group.length + (group.some(row => row.round) ? " candidates" : " samples"), () => {
    for (const line of samples) line.hidden = !line.hidden;
    toggle.setAttribute("aria-expanded", String(!samples[0].hidden));
  });
  toggle.setAttribute("aria-expanded", "false");
  const head = fileCell(first);
  head.append(toggle);
  tr.append(head, cell("model", first.model),
    cell("outcome", passing + " of " + group.length + " pass", passing ? "good" : ""),
    ...shares(mean(group.map(row => row.coverage)), mean(group.map(row => row.mutation))), cell("repository", first.repository));
  return [tr, ...samples];
}

function sampleLine(row) {
  const tr = make("tr", undefined, "sample"), head = make("th"), link = make("a", attempt(row));
  head.scope = "row";
  tr.hidden = true;
  link.href = itemHash(row);
  head.append(printBox(row), link);
  tr.append(head, cell("model", ""), ...results(row), cell("repository", ""));
  return tr;
}

function fileCell(row) {
  const head = make("th"), link = make("a", row.path);
  head.scope = "row";
  link.href = itemHash(row);
  head.append(printBox(row), link);
  if (row.focal) head.append(make("small", row.focal));
  return head;
}

const shares = (coverage, mutation) => [...(measured.coverage ? [cell("coverage", percent(coverage))] : []),
  ...(measured.mutation ? [cell("mutants killed", percent(mutation))] : [])];
const results = row => [cell("outcome", label("class", row.class), row.class === "passed" ? "good" : ""),
  ...shares(row.coverage, row.mutation)];
