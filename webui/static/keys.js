// Keys, live figures and copy buttons. Everything works without this file.
"use strict";

const typing = () => /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName) || document.activeElement?.isContentEditable;
const rows = () => [...document.querySelectorAll(".row-link")];

function move(step) {
  const all = rows();
  if (!all.length) return;
  let at = all.indexOf(document.activeElement);
  if (at < 0) at = all.findIndex((a) => a.getAttribute("aria-current") === "true");
  const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

// cite opens the form of the message that the selected words stand in, as what they are.
function cite(as) {
  const selection = document.getSelection();
  const words = selection.toString().trim();
  const inside = selection.anchorNode?.parentElement?.closest(".message");
  const message = (words && inside) || document.querySelector(".message");
  const box = message?.querySelector("details.cite");
  if (!box) return;
  box.open = true;
  const quote = box.querySelector("[data-quote]");
  if (words && inside) quote.value = words;
  box.querySelector("[data-as]").value = as;
  box.querySelector("select").focus();
  box.scrollIntoView({ block: "nearest" });
}

// handOver opens the form that offers a case.
function handOver() {
  const box = document.getElementById("handover");
  if (!box) return;
  box.open = true;
  box.querySelector("select").focus();
  box.scrollIntoView({ block: "nearest" });
}

// select picks the case of the row that one is in, or lets go of it.
function select() {
  const box = document.activeElement.closest?.(".row")?.querySelector("[type=checkbox]");
  if (box) box.checked = !box.checked;
}

// act uses what a page has for a key: a button is pressed, a field is entered. What is for many cases is for the
// one of the row while none is selected.
function act(key) {
  const target = key.length === 1 && document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!target) return false;
  const form = target.closest(".work-form");
  if (form && !form.querySelector("[name=case]:checked")) select();
  if (target.matches("button, summary")) target.click();
  else { target.focus(); target.scrollIntoView({ block: "nearest" }); }
  return true;
}

// answer confirms, changes or rejects the proposal that has the focus, or the first one that is shown.
function answer(how) {
  const all = [...document.querySelectorAll("[data-proposal]")].filter((p) => p.offsetParent);
  const one = document.activeElement?.closest("[data-proposal]") ?? all[0];
  one?.querySelector(how)?.click();
}

let waiting = "";
document.addEventListener("keydown", (e) => {
  if (e.key === "Escape" && typing()) document.activeElement.blur();
  if (e.ctrlKey || e.metaKey || e.altKey || typing()) return;
  const key = waiting + e.key;
  waiting = "";
  switch (key) {
    case "/": document.getElementById("q")?.focus(); document.getElementById("q")?.select(); break;
    case "?": document.getElementById("keys").showModal(); break;
    case "j": move(1); return;
    case "k": move(-1); return;
    case "ArrowDown": case "ArrowUp":
      if (!document.activeElement.matches(".row-link")) return;
      move(key === "ArrowDown" ? 1 : -1);
      break;
    case "o": document.activeElement.closest?.(".row-link")?.click(); return;
    case "u": { const back = document.querySelector("[data-back]"); back ? back.click() : history.back(); return; }
    case "c": cite(""); break;
    case "f": cite("fact"); break;
    case "m": cite("ours"); break;
    case "d": cite("date"); break;
    case "h": handOver(); break;
    case "y": answer("[data-yes]"); break;
    case "e": answer("[data-edit]"); break;
    case "n": answer("[data-no]"); break;
    case "g": waiting = "g"; return;
    case "gh": location = "/"; return;
    case "gw": location = "/work"; return;
    case "gc": location = "/cases"; return;
    case "gp": location = "/promises"; return;
    case "ge": location = "/escalations"; return;
    case "ga": location = "/accounts"; return;
    case "gs": location = "/status"; return;
    case "x": select(); break;
    default: if (!act(key)) return;
  }
  e.preventDefault();
});

// A test of a queue: the server answers when there is more to show.
async function watchTest() {
  const box = document.querySelector("[data-test]");
  while (box?.dataset.test) {
    let answer;
    try {
      answer = await fetch(box.dataset.test + "&wait=25");
    } catch {
      await new Promise((later) => setTimeout(later, 3000)); // The server is being started again.
      continue;
    }
    if (answer.status === 204) continue;
    if (!answer.ok || answer.redirected) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("test");
    for (const part of ["[data-says]", "[data-shows]"]) box.querySelector(part).replaceChildren(...next.querySelector(part).childNodes);
    box.dataset.test = next.dataset.test ?? "";
  }
}
watchTest();

document.addEventListener("click", async (e) => {
  const button = e.target.closest("[data-copy]");
  if (button) {
    await navigator.clipboard.writeText(button.dataset.copy);
    const text = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = text; }, 1500);
  }
  // One menu at a time.
  for (const open of document.querySelectorAll("details.menu[open], details.pop[open], details.facet[open]")) {
    if (!open.contains(e.target)) open.open = false;
  }
});

for (const field of document.querySelectorAll("[data-secret]")) field.addEventListener("focus", () => field.select());

// On a phone the bar is wider than the screen: where one is stands in its middle.
const here = document.querySelector(".rail [aria-current]"), bar = here && here.closest("ul");
if (bar) bar.scrollLeft = here.parentElement.offsetLeft - (bar.clientWidth - here.offsetWidth) / 2;

// The zone of the browser is a better guess than none.
for (const field of document.querySelectorAll("[data-zone]")) if (field.value === "UTC") field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

// A source opens at the words.
const words = document.getElementById("quote");
if (words && (location.hash === "#source" || location.hash === "#quote")) words.scrollIntoView({ block: "center" });

// Live figures: the server says when they change.
const live = document.querySelectorAll("[data-live]");
if (live.length && window.EventSource) {
  const grouped = new Intl.NumberFormat("en");
  const stream = new EventSource("/api/v1/events");
  stream.addEventListener("status", (e) => {
    const now = JSON.parse(e.data);
    for (const el of document.querySelectorAll("[data-live]")) {
      const value = now[el.dataset.live];
      if (typeof value === "number") el.textContent = grouped.format(value);
    }
    const text = document.querySelector("[data-live=coverage-text]");
    if (text && now.state) {
      text.textContent = now.text;
      document.querySelector("[data-live=dot]").className = "dot " + now.state;
    }
  });
  window.addEventListener("pagehide", () => stream.close());
}

// Who else is at this case: said and asked every 20 seconds while the page is seen, and when somebody begins to write.
const presence = document.querySelector("[data-presence]");
async function bePresent() {
  if (document.hidden) return;
  const form = document.activeElement?.closest?.("form");
  const action = typing() && form?.method === "post" ? new URL(form.action).pathname.split("/")[3] ?? "" : "";
  const what = { notes: "note", facts: "fact", decisions: "decision", promises: "promise", handoffs: "handoff", questions: "ask", reviews: "review" }[action] ?? "";
  try {
    const answer = await fetch(presence.dataset.presence, { method: "POST", body: new URLSearchParams({ writing: what }) });
    if (!answer.ok || answer.redirected) return;
    const text = await answer.text();
    const next = new DOMParser().parseFromString(text, "text/html").body;
    if (next.textContent !== presence.textContent) presence.replaceChildren(...next.childNodes);
  } catch {
    // The server is being started again.
  }
}
if (presence) {
  bePresent();
  setInterval(bePresent, 20000);
  document.addEventListener("focusin", (e) => { if (e.target.matches("textarea")) bePresent(); });
}
