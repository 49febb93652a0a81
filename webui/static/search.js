// Suggestions in the search box, and keys of the chart and of menus. Everything works without this file.
"use strict";

const box = document.getElementById("q");

// A combobox with a list (WAI-ARIA 1.2): the focus stays in the box, the list tells what is active.
function suggest(box) {
  const list = document.createElement("ul");
  const says = document.createElement("span");
  list.id = "suggestions";
  list.className = "suggestions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Suggestions");
  list.hidden = true;
  says.className = "hidden";
  says.setAttribute("role", "status");
  box.closest("form").append(list, says);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false", "aria-haspopup": "listbox" })) box.setAttribute(name, value);

  let items = [], active = -1, asking, later;

  const show = (open) => {
    list.hidden = !open;
    box.setAttribute("aria-expanded", String(open));
    if (!open) choose(-1);
  };
  const choose = (n) => {
    active = n;
    [...list.children].forEach((el, i) => el.setAttribute("aria-selected", String(i === n)));
    if (n < 0) return box.removeAttribute("aria-activedescendant");
    box.setAttribute("aria-activedescendant", list.children[n].id);
    list.children[n].scrollIntoView({ block: "nearest" });
  };
  const take = (n) => {
    const { query, at } = items[n];
    const end = [...query].slice(0, at).join("").length;
    box.value = query;
    box.setSelectionRange(end, end);
    show(false);
    if (items[n].kind === "operator") ask();
  };
  const part = (name, text) => {
    const el = document.createElement("span");
    el.className = name;
    el.textContent = text;
    return el;
  };
  const fill = (found) => {
    const was = items[active]?.query; // Stays chosen when more was written meanwhile.
    items = found;
    list.replaceChildren(...found.map((item, i) => {
      const el = document.createElement("li");
      el.id = "suggestion-" + i;
      el.setAttribute("role", "option");
      el.append(part("suggestion-text", item.text));
      if (item.help) el.append(part("suggestion-help", item.help));
      if (item.count) el.append(part("suggestion-n", new Intl.NumberFormat("en").format(item.count)));
      el.addEventListener("mousedown", (e) => { e.preventDefault(); take(i); });
      return el;
    }));
    show(found.length > 0 && document.activeElement === box);
    choose(list.hidden ? -1 : found.findIndex((item) => item.query === was));
    says.textContent = list.hidden ? "" : found.length === 1 ? "1 suggestion" : found.length + " suggestions";
  };
  const ask = async () => {
    clearTimeout(later);
    asking?.abort();
    asking = new AbortController();
    const at = [...box.value.slice(0, box.selectionStart ?? box.value.length)].length;
    try {
      const answer = await fetch("/api/v1/suggest?" + new URLSearchParams({ q: box.value, at }), { signal: asking.signal });
      fill(answer.ok ? (await answer.json()).items : []);
    } catch (e) {
      if (e.name !== "AbortError") fill([]); // Nobody is told: the search works all the same.
    }
  };

  box.addEventListener("input", () => {
    clearTimeout(later);
    asking?.abort();
    if (!box.value) return fill([]);
    later = setTimeout(ask, 120);
  });
  box.addEventListener("blur", () => { clearTimeout(later); asking?.abort(); show(false); });
  box.form.addEventListener("submit", () => { clearTimeout(later); asking?.abort(); show(false); });
  box.addEventListener("keydown", (e) => {
    if (e.isComposing || e.ctrlKey || e.metaKey || e.altKey) return;
    const last = items.length - 1;
    switch (e.key) {
      case "ArrowDown":
        if (list.hidden) ask(); else choose(active < last ? active + 1 : -1);
        break;
      case "ArrowUp":
        if (list.hidden) return;
        choose(active < 0 ? last : active - 1);
        break;
      case "Enter": case "Tab":
        if (list.hidden || active < 0 || e.shiftKey) return;
        take(active);
        break;
      case "Escape":
        if (list.hidden) return;
        show(false);
        e.stopPropagation();
        break;
      default: return;
    }
    e.preventDefault();
  });
}
if (box) suggest(box);

// The chart is one stop of the Tab key, and its bars are reached with the arrows.
for (const chart of document.querySelectorAll("[data-chart]")) {
  const bars = [...chart.querySelectorAll("a")];
  bars.slice(0, -1).forEach((a) => a.setAttribute("tabindex", "-1"));
  chart.addEventListener("keydown", (e) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -bars.length, End: bars.length }[e.key];
    const at = bars.indexOf(document.activeElement);
    if (!step || at < 0) return;
    const next = bars[Math.min(Math.max(at + step, 0), bars.length - 1)];
    bars[at].setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
    e.preventDefault();
  });
}

// Escape closes a menu and goes back to its button.
document.addEventListener("keydown", (e) => {
  const menu = e.key === "Escape" && document.activeElement.closest("details.facet[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
