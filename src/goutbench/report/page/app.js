"use strict";
(() => {
  const data = JSON.parse(document.getElementById("rows").textContent);
  const files = data.files, PAGE = 150;
  const rows = data.rows.map(values => Object.fromEntries(data.columns.map((name, at) => [name, values[at]])));
  const filters = ["model", "repository", "class", "at", "fate", "verdict", "group", "round"];
  const $ = id => document.getElementById(id);
  const make = (tag, text, cls) => {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (cls) node.className = cls;
    return node;
  };
  const percent = share => share === null ? "–" : (100 * share).toFixed(0) + "%";
  const steps = data.steps.map(step => step[0]);

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

  function words(name, value) {
    if (name === "class") return data.classes[value] || value;
    if (name === "at") return "at least: " + data.steps[steps.indexOf(value)][1];
    if (name === "round") return value === "0" ? "first answers" : "repair " + value;
    return value;
  }

  function choices(name) {
    if (name === "at") return steps.filter(step => step !== "items");
    return [...new Set(rows.flatMap(row => row[name] ?? []).map(String))].filter(value => value !== "").sort();
  }

  function buildForm() {
    const form = $("filter");
    for (const name of filters) {
      const values = choices(name);
      if (values.length < 2 && name !== "model") continue;
      const select = make("select");
      select.name = name;
      select.setAttribute("aria-label", name);
      select.append(new Option("any " + (name === "class" ? "outcome" : name === "at" ? "step" : name), ""));
      for (const value of values) select.append(new Option(words(name, value), value));
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
    const found = rows.filter(row => matches(row, query));
    $("count").textContent = found.length.toLocaleString("en") + " of " + rows.length.toLocaleString("en") + " candidates";
    const head = $("list").tHead, body = $("list").tBodies[0];
    head.replaceChildren(); body.replaceChildren();
    const top = head.insertRow();
    for (const name of ["file", "model", "outcome", "coverage", "mutants killed", "repository"]) top.append(make("th", name));
    let shown = 0;
    const more = () => {
      for (const row of found.slice(shown, shown + PAGE)) body.append(line(row));
      shown += PAGE;
      $("more").hidden = shown >= found.length;
    };
    $("more").onclick = more;
    more();
  }

  function line(row) {
    const tr = make("tr"), head = make("th"), link = make("a", row.path);
    link.href = hashOf("item", { pair: row.pair, model: row.model, focal: row.focal, sample: row.sample, round: row.round });
    head.append(link);
    if (row.focal) head.append(make("small", row.focal));
    const repair = row.round ? " (repair " + row.round + ")" : "";
    tr.append(head, make("td", row.model + repair),
      make("td", words("class", row.class), row.class === "passed" ? "good" : ""),
      make("td", percent(row.coverage)), make("td", percent(row.mutation)), make("td", row.repository));
    return tr;
  }

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
    for (const found of source.matchAll(TOKEN)) {
      put(source.slice(last, found.index), "");
      put(found[0], found[1] !== undefined ? "c" : found[2] !== undefined ? "s" :
        found[3] !== undefined ? (KEYS.has(found[3]) ? "k" : "") : "d");
      last = found.index + found[0].length;
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

  let wanted = null;
  window.goutbenchItem = async packed => {
    const bytes = Uint8Array.from(atob(packed), letter => letter.charCodeAt(0));
    const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const item = JSON.parse(await new Response(plain).text());
    if (wanted && item.id === wanted.pair) showItem(item, wanted);
  };

  function open(query) {
    wanted = query;
    if (!rows.some(row => row.pair === query.pair)) return;
    $("where").textContent = "loading …";
    $("body").replaceChildren();
    if (!$("item").open) $("item").showModal();
    const script = make("script");
    script.src = files + "/items/" + encodeURIComponent(query.pair) + ".js";
    script.onload = () => script.remove();
    script.onerror = () => { $("where").textContent = "cannot read " + script.src; };
    document.head.append(script);
  }

  function showItem(item, query) {
    const own = answer => answer.focal.join(", ") === (query.focal || "");
    const answers = item.answers.filter(answer => own(answer) || answer.focal.length === 0);
    const chosen = answers.find(answer => answer.model === query.model && String(answer.round) === String(query.round || 0) &&
      String(answer.sample) === String(query.sample || 0)) || answers[0] || item.answers[0];
    $("where").textContent = item.repository + " · " + item.path + (query.focal ? " · " + query.focal : "");
    const body = $("body"), pick = make("select");
    body.replaceChildren();
    pick.setAttribute("aria-label", "model");
    answers.forEach(answer => {
      const name = answer.model + (answer.round ? " (repair " + answer.round + ")" : "") + (answer.sample ? " #" + answer.sample : "");
      pick.append(new Option(name, answers.indexOf(answer), false, answer === chosen));
    });
    pick.onchange = () => {
      const answer = answers[pick.value];
      location.hash = hashOf("item", { pair: item.id, model: answer.model, focal: query.focal || "", sample: answer.sample, round: answer.round });
    };
    const line = make("p");
    line.append(pick, " ");
    line.append(make("span", words("class", chosen.class), "tag " + (chosen.class === "passed" ? "good" : "bad")));
    if (chosen.statements) line.append(make("span", chosen.covered + " of " + chosen.statements + " statements covered", "tag"));
    if (chosen.mutants) line.append(make("span", "mutants: " + chosen.mutants, "tag"));
    body.append(line);
    if (chosen.evidence) body.append(make("h3", "What went wrong"), make("pre", chosen.evidence, "plain"));
    const columns = make("div", undefined, "columns");
    const column = (title, node) => { const box = make("div"); box.append(make("h3", title), node); columns.append(box); };
    if (chosen.model !== "reference") {
      column("Candidate", chosen.code ? code(chosen.code) : make("pre", "no code", "plain"));
    }
    column("Reference test · " + item.testPath, code(item.test));
    body.append(columns);
    const seen = coverage(chosen);
    body.append(make("h3", "Code under test" + (seen ? " · lines that " + chosen.model + " did not reach are marked" : "")), code(item.code, seen));
    section(body, "Mutants that lived", chosen.survivors);
    section(body, "What assembling changed", chosen.notes);
    verdicts(body, item.verdicts.filter(each => own(each)));
    replies(body, chosen.replies);
  }

  function section(body, title, lines) {
    if (!lines.length) return;
    body.append(make("h3", title), make("pre", lines.join("\n"), "plain"));
  }

  function verdicts(body, found) {
    for (const each of found) {
      body.append(make("h3", each.judge + " on " + each.a + " against " + each.b + ": " + each.outcome));
      for (const verdict of each.verdicts) body.append(make("p", verdict.order, "note"), make("pre", verdict.words, "plain"));
    }
  }

  function replies(body, found) {
    found.forEach((reply, at) => {
      const box = make("details");
      box.append(make("summary", "Prompt and raw reply" + (found.length > 1 ? " " + (at + 1) : "")));
      for (const [role, text] of reply.messages) box.append(make("h3", role), make("pre", text, "plain"));
      box.append(make("h3", "reply"), make("pre", reply.reply, "plain"));
      body.append(box);
    });
  }

  function route() {
    const [name, text] = location.hash.slice(1).split("?");
    const query = Object.fromEntries(new URLSearchParams(text || ""));
    if (name === "item") return open(query);
    if ($("item").open) $("item").close();
    if (name === "items") { list(query); $("items").scrollIntoView(); }
  }

  let before = "#items";
  $("item").addEventListener("close", () => { if (location.hash.startsWith("#item?")) history.replaceState(null, "", before); });
  $("back").addEventListener("click", () => $("item").close());
  window.addEventListener("hashchange", event => {
    const old = new URL(event.oldURL).hash;
    if (old && !old.startsWith("#item?")) before = old;
    route();
  });
  buildForm();
  list({});
  route();
})();
