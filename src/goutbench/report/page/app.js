"use strict";
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const files = data.files, PAGE = 150;
  const rows = data.rows.map(values => Object.fromEntries(data.columns.map((name, at) => [name, values[at]])));
  const sampled = rows.some(row => row.sample > 0);
  const filters = { model: "model", repository: "repository", class: "outcome", at: "step", fate: "result", verdict: "verdict",
    group: "kind of code", round: "round" };
  const $ = id => document.getElementById(id);
  const make = (tag, text, cls) => {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (cls) node.className = cls;
    return node;
  };
  const percent = share => share === null ? "–" : (100 * share).toFixed(0) + "%";
  const count = number => number.toLocaleString("en");
  const steps = Object.fromEntries(data.steps);

  function matches(row, query) {
    for (const [name, value] of Object.entries(query)) {
      if (!value) continue;
      if (name === "text") {
        if (!(row.path + " " + row.focal).toLowerCase().includes(value.toLowerCase())) return false;
      } else if (name === "at") {
        if (!row.steps.includes(value)) return false;
      } else if (Array.isArray(row[name])) {
        if (!row[name].includes(value)) return false;
      } else if (String(row[name]) !== value) return false;
    }
    return true;
  }

  function label(name, value) {
    if (name === "class") return data.classes[value] || value;
    if (name === "at") return "at least: " + steps[value];
    if (name === "round") return value === "0" ? "first answers" : "round " + (Number(value) + 1);
    return value;
  }

  function choices(name) {
    if (name === "at") return Object.keys(steps).filter(step => step !== "items");
    const order = data.order[name] ?? [];
    const rank = value => { const at = order.indexOf(value); return at < 0 ? order.length : at; };
    return [...new Set(rows.flatMap(row => row[name] ?? []).map(String))].filter(value => value !== "")
      .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0));
  }

  function buildForm() {
    const form = $("filter");
    for (const [name, title] of Object.entries(filters)) {
      const values = choices(name);
      if (values.length < 2 && name !== "model") continue;
      const select = make("select");
      select.name = name;
      select.setAttribute("aria-label", title);
      select.append(new Option("any " + title, ""));
      for (const value of values) select.append(new Option(label(name, value), value));
      form.append(select);
    }
    const text = make("input");
    text.name = "text"; text.type = "search"; text.placeholder = "file or function";
    text.setAttribute("aria-label", "file or function");
    form.append(text);
    const clear = make("button", "Clear");
    clear.type = "button";
    clear.addEventListener("click", () => { location.hash = "#items"; });
    form.append(clear);
    form.addEventListener("input", () => {
      const query = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
      history.replaceState(null, "", hashOf("items", query));
      list(query);
    });
    form.addEventListener("submit", event => event.preventDefault());
  }

  const hashOf = (name, query) => {
    const text = new URLSearchParams(query).toString();
    return "#" + name + (text ? "?" + text : "");
  };

  function list(query) {
    for (const field of $("filter").elements) if (field.name) field.value = query[field.name] || "";
    const selected = rows.filter(row => matches(row, query));
    const items = groups(selected);
    const distinct = new Set(selected.map(row => row.pair + " " + row.focal)).size;
    $("count").textContent = count(selected.length) + " of " + count(rows.length) + " candidates" +
      (sampled ? ", of " + count(distinct) + " items" : "");
    const head = $("list").tHead, body = $("list").tBodies[0];
    head.replaceChildren(); body.replaceChildren();
    const top = head.insertRow();
    for (const name of ["file", "model", "outcome", "coverage", "mutants killed", "repository"]) top.append(make("th", name));
    let listed = 0;
    const more = () => {
      for (const group of items.slice(listed, listed + PAGE)) {
        if (group.length === 1) body.append(candidateLine(group[0]));
        else appendItem(body, group);
      }
      listed += PAGE;
      $("more").hidden = listed >= items.length;
    };
    $("more").onclick = more;
    more();
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
    tr.append(fileCell(row), make("td", model + (row.round ? " (round " + (row.round + 1) + ")" : "")), ...results(row),
      make("td", row.repository));
    return tr;
  }

  function appendItem(body, group) {
    const first = group[0], passing = group.filter(row => row.class === "passed").length;
    const samples = group.map(row => sampleLine(row)), tr = make("tr", undefined, "item");
    const toggle = make("button", group.length + (group.some(row => row.round) ? " candidates" : " samples"));
    toggle.type = "button";
    toggle.setAttribute("aria-expanded", "false");
    toggle.addEventListener("click", () => {
      for (const line of samples) line.hidden = !line.hidden;
      toggle.setAttribute("aria-expanded", String(!samples[0].hidden));
    });
    const head = fileCell(first);
    head.append(toggle);
    tr.append(head, make("td", first.model), make("td", passing + " of " + group.length + " pass", passing ? "good" : ""),
      make("td", percent(mean(group.map(row => row.coverage)))), make("td", percent(mean(group.map(row => row.mutation)))),
      make("td", first.repository));
    body.append(tr, ...samples);
  }

  function sampleLine(row) {
    const tr = make("tr", undefined, "sample"), head = make("th"), link = make("a", attempt(row));
    tr.hidden = true;
    link.href = itemHash(row);
    head.append(link);
    tr.append(head, make("td", ""), ...results(row), make("td", ""));
    return tr;
  }

  const attempt = row => "sample " + (row.sample + 1) + (row.round ? ", round " + (row.round + 1) : "");

  const itemHash = row => hashOf("item", { pair: row.pair, model: row.model, focal: row.focal, sample: row.sample, round: row.round });

  function fileCell(row) {
    const head = make("th"), link = make("a", row.path);
    link.href = itemHash(row);
    head.append(link);
    if (row.focal) head.append(make("small", row.focal));
    return head;
  }

  const results = row => [make("td", label("class", row.class), row.class === "passed" ? "good" : ""),
    make("td", percent(row.coverage)), make("td", percent(row.mutation))];

  // as in the leaderboard: a sample that was not measured counts as 0, unless none was
  const mean = shares => shares.every(share => share === null) ? null :
    shares.reduce((sum, share) => sum + (share ?? 0), 0) / shares.length;

  const KEYS = new Set(("break case chan const continue default defer else fallthrough for func go goto if import " +
    "interface map package range return select struct switch type var nil true false iota").split(" "));
  const TOKEN = /(\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|("(?:\\.|[^"\\\n])*"?|`[^`]*`?|'(?:\\.|[^'\\\n])*'?)|([A-Za-z_][A-Za-z_0-9]*)|(\d[\w.]*)/g;

  function highlight(source) {
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

  function code(source, marks) {
    const pre = make("pre");
    highlight(source.replace(/\n$/, "")).forEach((parts, at) => {
      const row = make("div", undefined, marks ? marks(at + 1) : "");
      row.append(make("i", String(at + 1)));
      for (const [text, cls] of parts) row.append(cls ? make("span", text, cls) : document.createTextNode(text));
      pre.append(row);
    });
    return pre;
  }

  function coverage(answer) {
    if (!answer.uncovered) return null;
    const missed = new Set();
    for (const span of answer.uncovered) {
      const [from, to] = span.split("-").map(part => part.split(".").map(Number));
      for (let at = from[0]; at <= to[0]; at++) missed.add(at);
    }
    return at => missed.has(at) ? "miss" : "";
  }

  let requested = null;
  window.goutbenchItem = async packed => {
    const bytes = Uint8Array.from(atob(packed), letter => letter.charCodeAt(0));
    const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const item = JSON.parse(await new Response(plain).text());
    if (requested && item.id === requested.pair) showItem(item, requested);
  };

  function open(query) {
    requested = query;
    if (!rows.some(row => row.pair === query.pair)) return;
    $("where").textContent = "loading …";
    $("body").replaceChildren();
    if (!$("item").open) $("item").showModal();
    const script = make("script");
    script.src = files + "/items/" + encodeURIComponent(query.pair) + ".js";
    script.onload = () => script.remove();
    script.onerror = () => { $("where").textContent = "cannot load " + script.src; };
    document.head.append(script);
  }

  function showItem(item, query) {
    const own = answer => answer.focal.join(", ") === (query.focal || "");
    const answers = item.answers.filter(answer => own(answer) || answer.focal.length === 0);
    const chosen = answers.find(answer => answer.model === query.model && String(answer.round) === String(query.round || 0) &&
      String(answer.sample) === String(query.sample || 0)) || answers[0] || item.answers[0];
    $("where").textContent = item.repository + " · " + item.path + (query.focal ? " · " + query.focal : "");
    const body = $("body"), line = make("p");
    line.append(answerMenu(item, answers, chosen, query), " ");
    line.append(make("span", label("class", chosen.class), "tag " + (chosen.class === "passed" ? "good" : "bad")));
    if (chosen.replies.some(reply => reply.error === "truncated")) line.append(make("span", "reply cut off at the token limit", "tag bad"));
    if (chosen.statements) line.append(make("span", statements(chosen), "tag"));
    if (chosen.branches) line.append(make("span", branches(chosen), "tag"));
    if (chosen.mutants) line.append(make("span", "mutants: " + chosen.mutants, "tag"));
    body.replaceChildren(line);
    if (chosen.evidence) body.append(make("h3", "Output of the compiler or the test"), make("pre", chosen.evidence, "plain"));
    const columns = make("div", undefined, "columns");
    const column = (title, node) => { const box = make("div"); box.append(make("h3", title), node); columns.append(box); };
    if (chosen.model !== "reference") {
      column("Candidate", chosen.code ? code(chosen.code) : make("pre", "no code", "plain"));
    }
    column("Reference test · " + item.testPath, code(item.test));
    body.append(columns);
    const marks = coverage(chosen);
    body.append(make("h3", "Focal file" + (marks ? " · lines that " + chosen.model + " did not cover are marked" : "")), code(item.code, marks));
    section(body, "Branch outcomes that no test reached", chosen.uncoveredBranches);
    section(body, "Surviving mutants (bugs no test noticed)", chosen.survivors);
    section(body, "Changes made while assembling the test file", chosen.notes);
    verdicts(body, item.verdicts.filter(match => own(match) && (match.sample === chosen.sample || chosen.model === "reference")));
    replies(body, chosen.replies);
  }

  // what the leaderboard counts comes first: the focal functions where there are some
  const share = (focal, focalOf, covered, of, what) => (focalOf ? focal + " of " + focalOf + " " + what + " of the focal code covered, " : "") +
    covered + " of " + of + " " + what + (focalOf ? " of the file" : " covered");
  const statements = answer => share(answer.focalCovered, answer.focalStatements, answer.covered, answer.statements, "statements");
  const branches = answer => share(answer.focalBranchesCovered, answer.focalBranches, answer.branchesCovered, answer.branches, "branch outcomes");

  function answerMenu(item, answers, chosen, query) {
    const menu = make("select");
    menu.setAttribute("aria-label", "candidate");
    answers.forEach((answer, at) => {
      const many = answers.some(peer => peer.model === answer.model && peer.sample !== answer.sample);
      const name = answer.model + (many ? ", " + attempt(answer) : answer.round ? " (round " + (answer.round + 1) + ")" : "");
      menu.append(new Option(name, at, false, answer === chosen));
    });
    menu.onchange = () => {
      const { model, sample, round } = answers[menu.value];
      location.hash = hashOf("item", { pair: item.id, model, focal: query.focal || "", sample, round });
    };
    return menu;
  }

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

  function replies(body, transcripts) {
    transcripts.forEach((reply, at) => {
      const box = make("details");
      box.append(make("summary", "Prompt and raw reply" + (transcripts.length > 1 ? " " + (at + 1) : "")));
      for (const [role, text] of reply.messages) box.append(make("h3", role), make("pre", text, "plain"));
      box.append(make("h3", "reply"), make("pre", reply.reply, "plain"));
      body.append(box);
    });
  }

  // what a column is sorted by: its share, its number, or its text; a dash is no value
  function sortKey(row, at) {
    const cell = row.cells[at], text = (cell.querySelector("a") ?? cell).firstChild?.textContent.trim() ?? "";
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    if (text === "–" || text === "") return null;
    return /^[\d.,]+$/.test(text) ? Number(text.replaceAll(",", "")) : text;
  }

  function sortBy(table, at, descending) {
    const body = table.tBodies[0], order = descending ? -1 : 1;
    const keyed = [...body.rows].map(row => [sortKey(row, at), row]);
    keyed.sort(([a], [b]) => a === b ? 0 : a === null ? 1 : b === null ? -1 : order * (a < b ? -1 : 1));
    body.append(...keyed.map(([, row]) => row));
    for (const th of table.tHead.rows[0].cells) th.removeAttribute("aria-sort");
    table.tHead.rows[0].cells[at].setAttribute("aria-sort", descending ? "descending" : "ascending");
  }

  function makeSortable(table) {
    [...table.tHead.rows[0].cells].forEach((th, at) => {
      const button = make("button", th.textContent, "sort");
      button.type = "button";
      button.addEventListener("click", () => {
        const sorted = th.getAttribute("aria-sort");
        sortBy(table, at, sorted ? sorted === "ascending" : at > 0);
      });
      th.replaceChildren(button);
    });
    const keys = [...table.tBodies[0].rows].map(row => sortKey(row, 1) ?? -1);
    if (keys.every((key, at) => !at || keys[at - 1] >= key)) table.tHead.rows[0].cells[1].setAttribute("aria-sort", "descending");
  }

  const unfold = node => { for (const box of node?.querySelectorAll("details") ?? []) box.open = true; };

  function route() {
    const [name, text] = location.hash.slice(1).split("?");
    const query = Object.fromEntries(new URLSearchParams(text || ""));
    if (name === "item") return open(query);
    if ($("item").open) $("item").close();
    if (name === "items") { list(query); $("items").scrollIntoView(); }
    else if (text === undefined && name) unfold($(name)?.closest("section"));
  }

  let before = "#items";
  $("item").addEventListener("close", () => { if (location.hash.startsWith("#item?")) history.replaceState(null, "", before); });
  $("back").addEventListener("click", () => $("item").close());
  window.addEventListener("hashchange", event => {
    const old = new URL(event.oldURL).hash;
    if (old && !old.startsWith("#item?")) before = old;
    route();
  });
  window.addEventListener("beforeprint", () => unfold(document.querySelector("main")));
  document.querySelectorAll("table.leaderboard").forEach(makeSortable);
  buildForm();
  list({});
  route();
})();
