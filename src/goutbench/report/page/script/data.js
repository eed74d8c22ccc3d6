"use strict";
// The data of the page, and what all screens use. Every text of the data is inserted as text, never as markup.
const data = JSON.parse(document.getElementById("report-data").textContent);
const PAGE = 150; // rows of a table that are made at once
const rows = data.rows.map(values => Object.fromEntries(data.columns.map((name, at) => [name, values[at]])));
const sampled = rows.some(row => row.sample > 0);
const steps = Object.fromEntries(data.steps);
// what no candidate has a number for is not shown
const measured = { coverage: rows.some(row => row.coverage !== null), mutation: rows.some(row => row.mutation !== null) };
const models = [...new Set(rows.map(row => row.model))].sort((a, b) => (a === "reference") - (b === "reference") || (a < b ? -1 : 1));

const $ = id => document.getElementById(id);
const make = (tag, text, cls) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (cls) node.className = cls;
  return node;
};
const labelled = (node, name) => { node.setAttribute("aria-label", name); return node; };
const button = (text, click, cls) => {
  const node = make("button", text, cls);
  node.type = "button";
  node.addEventListener("click", click);
  return node;
};
// a cell that names its column, where a phone shows the row as a card
const cell = (name, text, cls) => { const node = make("td", text, cls); node.dataset.label = name; return node; };
const percent = share => share === null ? "–" : (100 * share).toFixed(0) + "%";
const count = number => number.toLocaleString("en");
const plural = (number, noun) => count(number) + " " + noun + (number === 1 ? "" : "s");

// as in the leaderboard: a sample that was not measured counts as 0, unless none was
const mean = shares => shares.every(share => share === null) ? null :
  shares.reduce((sum, share) => sum + (share ?? 0), 0) / shares.length;

const hashOf = (name, query) => {
  const text = new URLSearchParams(query).toString();
  return "#" + name + (text ? "?" + text : "");
};
const itemHash = row => hashOf("item", { pair: row.pair, model: row.model, focal: row.focal, sample: row.sample, round: row.round });
const attempt = row => "sample " + (row.sample + 1) + (row.round ? ", round " + (row.round + 1) : "");

function openMenu(name, title, choices, value) {
  const menu = labelled(make("select"), title);
  menu.name = name;
  for (const [choice, text] of choices) menu.append(new Option(text, choice, false, choice === value));
  return menu;
}
