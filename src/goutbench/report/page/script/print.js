"use strict";
// Items that a reader chooses are printed, each with its result, its test and its code.
const chosenRows = new Map(); // address of an item → its row

function choose(row, chosen) {
  const key = itemHash(row);
  if (chosen) chosenRows.set(key, row); else chosenRows.delete(key);
  $("tray").hidden = !chosenRows.size;
  $("tray-problem").textContent = "";
  $("tray-count").textContent = plural(chosenRows.size, "item") + " chosen";
  for (const box of document.querySelectorAll("#list input.print")) if (box.value === key) box.checked = chosen;
}

function printBox(row) {
  const box = labelled(make("input"), "choose for printing: " + row.path + ", " + row.model);
  Object.assign(box, { type: "checkbox", className: "print", value: itemHash(row), checked: chosenRows.has(itemHash(row)) });
  box.addEventListener("change", () => choose(row, box.checked));
  return box;
}

function showPrintBox(query) {
  const row = rows.find(one => sameAnswer(one, query)), box = $("choose");
  $("print-problem").textContent = "";
  box.disabled = !row;
  box.checked = Boolean(row) && chosenRows.has(itemHash(row));
  box.onchange = () => choose(row, box.checked);
}

// `problem` is the node that says why nothing was printed
async function printItems(list, problem) {
  problem.textContent = "";
  try {
    const articles = [];
    for (const row of list) articles.push(printed(await load(row.pair), row));
    $("printout").replaceChildren(...articles);
  } catch (error) {
    problem.textContent = "Not printed: " + error.message;
    return;
  }
  document.body.classList.add("printing");
  window.print();
}

function printed(item, row) {
  const answer = answerOf(item, row), article = make("article"), text = item.texts[item.code];
  const dots = mutantDots(text, answer.mutants, item.mutants), facts = callFacts(answer.replies);
  article.append(make("h2", row.path + (row.focal ? " · " + row.focal : "")), make("p", item.repository + " · " + nameOf(answer) + (facts ? " · " + facts : ""), "note"),
    make("p", answer.summary, "summary"), make("h3", "Test"), testView(item, answer));
  const code = codeView(text, "Focal file", { gutter: coverageOf(text, answer), dots });
  for (const [, dot, change] of [...dots.values()].flat()) {
    if (UNDETECTED.includes(change.verdict)) toggleChange(dot, change); else dot.remove();
  }
  for (const verdict of UNDETECTED) code.classList.add("show-" + verdict);
  article.append(make("h3", "Focal file · " + item.path), code);
  if (answer.evidence) article.append(make("h3", "Output of the compiler or the test"), make("pre", answer.evidence, "plain"));
  return article;
}

window.addEventListener("afterprint", () => {
  document.body.classList.remove("printing");
  $("printout").replaceChildren();
});
