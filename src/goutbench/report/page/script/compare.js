"use strict";
// Models side by side, item by item: all, those that differ, or those that one model does worse or better than another.
const MEASURES = { result: "result", builds: "builds", passes: "passes", ...(measured.coverage ? { coverage: "coverage" } : {}),
  ...(measured.mutation ? { mutation: "mutants killed" } : {}) };
const SHOWN = { all: "all", different: "different", regressions: "regressions", wins: "wins" };
const contestants = models.filter(model => model !== "reference");
let compared = null; // the items of the matrix, made when it is first shown
let matrix = []; // those of them that the filters show, which j and k step through

function compareItems() {
  const items = new Map();
  for (const row of rows) {
    if (row.round) continue;
    const key = row.pair + " " + row.focal;
    if (!items.has(key)) items.set(key, { path: row.path, focal: row.focal, rows: new Map() });
    const own = items.get(key).rows;
    if (!own.has(row.model)) own.set(row.model, []);
    own.get(row.model).push(row);
  }
  const list = [...items.values()];
  for (const item of list) item.values = valuesByModel(item.rows);
  return list.sort((a, b) => a.path === b.path ? (a.focal < b.focal ? -1 : 1) : a.path < b.path ? -1 : 1);
}

// as in the table, an infrastructure error counts as a failure, unless the model has nothing else: then it has no values.
// What failed covers and kills nothing, where another model's test was measured; what passed unmeasured has no value
function valuesByModel(byModel) {
  const all = [...byModel.values()].flat();
  const values = new Map();
  for (const [model, own] of byModel) {
    const executed = data.notMeasured.includes(model) ? [] : own.filter(row => row.class !== "not-run");
    const share = holds => executed.length ? executed.filter(holds).length / executed.length : null;
    const value = { passes: share(row => row.class === "passed"), builds: share(row => row.steps.includes("build")) };
    for (const name of ["coverage", "mutation"]) {
      const measuredAnywhere = all.some(row => row[name] !== null);
      value[name] = mean(executed.map(row => row[name])) ?? (measuredAnywhere && executed.length && !value.passes ? 0 : null);
    }
    values.set(model, value);
  }
  return values;
}

// how a model's result compares with another's: below 0 is worse. A result is a pass first, then mutants, then coverage
function order(own, peer, by) {
  for (const name of by === "result" ? ["passes", "mutation", "coverage"] : [by]) {
    const a = own?.[name] ?? null, b = peer?.[name] ?? null;
    if (a !== null && b !== null && Math.abs(a - b) > 1e-9) return a - b;
  }
  return 0;
}

function compareQuery(query) {
  const base = models.includes(query.against) ? query.against : data.base;
  return { show: Object.hasOwn(SHOWN, query.show ?? "") ? query.show : "all", against: base, text: query.text ?? "",
    by: Object.hasOwn(MEASURES, query.by ?? "") ? query.by : "result",
    model: models.includes(query.model) && query.model !== base ? query.model : "" };
}

function selects(item, show, query) {
  const peers = query.model ? [query.model] : contestants.filter(model => model !== query.against);
  const orders = peers.map(model => order(item.values.get(model), item.values.get(query.against), query.by));
  if (show === "regressions") return orders.some(value => value < 0);
  if (show === "wins") return orders.some(value => value > 0);
  if (show === "all") return true;
  return orders.some(value => value) ||
    peers.some(model => order(item.values.get(model), item.values.get(peers[0]), query.by) !== 0);
}

function buildCompare() {
  const form = $("compared"), shown = labelled(make("span", undefined, "choice"), "items shown");
  shown.setAttribute("role", "group");
  for (const name of Object.keys(SHOWN)) {
    const box = make("label"), radio = make("input");
    Object.assign(radio, { type: "radio", name: "show", value: name });
    box.append(radio, make("span"));
    shown.append(box);
  }
  form.append(shown, openMenu("against", "against", models.map(model => [model, "against " + model]), ""));
  if (contestants.length > 2) form.append(openMenu("model", "model", [["", "any model"], ...contestants.map(model => [model, model])], ""));
  form.append(openMenu("by", "by", Object.entries(MEASURES).map(([name, text]) => [name, "by " + text]), ""), searchField());
  form.addEventListener("input", () => {
    const query = valuesOf(form);
    history.replaceState(null, "", hashOf("compare", query));
    compare(query);
  });
  form.addEventListener("submit", event => event.preventDefault());
}

function compare(raw) {
  const query = compareQuery(raw), form = $("compared");
  compared ??= compareItems();
  for (const name of ["against", "model", "by", "text"]) if (form.elements[name]) form.elements[name].value = query[name];
  const searched = compared.filter(item => (item.path + " " + item.focal).toLowerCase().includes(query.text.toLowerCase()));
  for (const radio of form.elements.show) {
    radio.checked = radio.value === query.show;
    const items = searched.filter(item => selects(item, radio.value, query));
    radio.nextSibling.textContent = SHOWN[radio.value] + " " + count(items.length);
    if (radio.checked) matrix = items;
  }
  $("compared-count").textContent = plural(matrix.length, "item") + " of " + count(compared.length);
  const columns = [query.against, ...models.filter(model => model !== query.against)];
  fillTable($("matrix"), ["item", ...columns], matrix, item => [matrixLine(item, columns, query)], $("compared-more"));
}

function matrixLine(item, columns, query) {
  const tr = make("tr"), head = make("th", item.path);
  head.scope = "row";
  if (item.focal) head.append(make("small", item.focal));
  tr.append(head, ...columns.map(model => matrixCell(item, model, query)));
  return tr;
}

function matrixCell(item, model, query) {
  const own = item.rows.get(model), td = cell(model);
  if (!own) { td.textContent = "–"; return td; }
  const value = item.values.get(model), passing = own.filter(row => row.class === "passed").length;
  const link = make("a", own.length > 1 ? passing + " of " + own.length + " pass" : label("class", own[0].class));
  link.href = itemHash(own[0]);
  const direction = model === query.against ? 0 : order(value, item.values.get(query.against), query.by);
  if (direction) td.append(make("span", direction > 0 ? "▲ better" : "▼ worse", "change-mark " + (direction > 0 ? "good" : "bad")));
  td.append(link);
  const numbers = [["mutants", value.mutation], ["covered", value.coverage]].filter(([, share]) => share !== null);
  if (numbers.length) td.append(make("small", numbers.map(([name, share]) => name + " " + percent(share)).join(" · ")));
  return td;
}

// the cells of the model that is open, or of whatever model the item has
const matrixRows = model => matrix.map(item => (item.rows.get(model) ?? [...item.rows.values()][0])[0]);
