"use strict";
// Addresses, keys and the start. The part of the address after # is the screen with its filters, so the back button works.
const unfold = node => { for (const box of node?.querySelectorAll("details") ?? []) box.open = true; };
let before = "#items"; // the address to which an item returns

function route() {
  const [name, text] = location.hash.slice(1).split("?"), returning = $("item").open;
  const query = Object.fromEntries(new URLSearchParams(text || ""));
  if (name === "item") return open(query);
  if (returning) $("item").close();
  if (name === "items") list(query);
  else if (name === "compare" && $("compare")) compare(query);
  else if (text === undefined && name) unfold($(name)?.closest("section"));
  if ((name === "items" || text !== undefined) && !returning) $(name)?.scrollIntoView();
}

$("item").addEventListener("close", () => { if (location.hash.startsWith("#item?")) history.replaceState(null, "", before); });
$("back").addEventListener("click", () => $("item").close());
$("previous").addEventListener("click", () => go(-1));
$("next").addEventListener("click", () => go(1));
$("print").addEventListener("click", () => printItems(rows.filter(row => sameAnswer(row, requested)), $("print-problem")));
$("tray-print").addEventListener("click", () => printItems([...chosenRows.values()], $("tray-problem")));
$("tray-clear").addEventListener("click", () => { for (const row of [...chosenRows.values()]) choose(row, false); });
for (const name of ["items", "compare"]) $(name)?.addEventListener("click", event => { if (event.target.closest("a")) source = name; });
document.addEventListener("keydown", event => {
  const typing = event.target.matches("input:not([type=checkbox], [type=radio]), select, textarea");
  if (!$("item").open || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "j") go(1);
  if (event.key === "k") go(-1);
});
window.addEventListener("hashchange", event => {
  const old = new URL(event.oldURL).hash;
  if (old && !old.startsWith("#item?")) before = old;
  route();
});
window.addEventListener("beforeprint", () => { if (!document.body.classList.contains("printing")) unfold(document.querySelector("main")); });
buildFilters();
list({});
if ($("compare")) { buildCompare(); compare({}); }
route();
