// Keeps a page as new as what has arrived. All that is shown comes from the server as HTML, which
// escapes it; nothing here makes markup of text. Without this script the pages read the same.
"use strict";

const main = document.getElementById("main");
const live = document.getElementById("live");
// What the server last sent for each part: a part that is the same stays untouched.
const sent = new Map();
const parts = () => [...document.querySelectorAll("[data-live][id]")];
for (const part of parts()) sent.set(part.id, part.innerHTML);

// Replaces the parts that differ, and keeps what the reader opened, focused and selected.
function show(fresh) {
  for (const part of parts()) {
    const next = fresh.getElementById(part.id);
    const html = next ? next.innerHTML : "";
    if (sent.get(part.id) === html || isInUse(part)) continue;
    const open = new Map([...part.querySelectorAll("details[id]")].map((d) => [d.id, d.open]));
    const focus = part.contains(document.activeElement) ? path(document.activeElement) : null;
    part.replaceChildren(...(next ? next.childNodes : []));
    for (const details of part.querySelectorAll("details[id]")) {
      if (open.has(details.id)) details.open = open.get(details.id);
    }
    if (focus) document.querySelector(focus)?.focus({ preventScroll: true });
    sent.set(part.id, html);
  }
  main.dataset.version = fresh.getElementById("main").dataset.version;
  document.title = fresh.title;
}

// A form that is being filled in, or text that is being marked, is left alone until next time.
function isInUse(part) {
  const selection = document.getSelection();
  const marked = selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  return marked || (part.contains(document.activeElement) && document.activeElement.matches("input, select"));
}

function path(element) {
  if (element.id) return "#" + CSS.escape(element.id);
  const details = element.matches("summary") && element.closest("details[id]");
  return details ? "#" + CSS.escape(details.id) + " > summary" : null;
}

async function load(address) {
  const answer = await fetch(address, { headers: { accept: "text/html" }, redirect: "error" });
  const type = answer.headers.get("content-type") ?? "";
  if (!type.startsWith("text/html")) throw new Error("no page");
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

let news = document.querySelector("[data-news]")?.dataset.news;
let announced = 0;
let state = "";

function say(words) {
  if (words !== state) live.textContent = state = words;
}

// Tells in words what is new, but not at every arrival: a screen reader reads it aloud.
function announce() {
  const now = document.querySelector("[data-news]")?.dataset.news;
  if (now === news || Date.now() - announced < 5000) return;
  news = now;
  announced = Date.now();
  say("Live: " + now);
}

let busy = false;
let again = false;
let paused = false;

// One page is under way at a time, and a slow server gets time to breathe.
async function renew() {
  if (paused) return;
  if (busy) { again = true; return; }
  busy = true;
  again = false;
  const begun = performance.now();
  const address = location.href;
  try {
    const fresh = await load(address);
    if (address === location.href && !paused) { show(fresh); announce(); }
  } catch {
    say("Not renewed; is the stand-in still running?");
  }
  const rest = Math.min(Math.max(150, 2 * (performance.now() - begun)), 10000);
  setTimeout(() => { busy = false; if (again) renew(); }, rest);
}

// A server that cannot stream ends each answer; the browser then asks again after a second.
let source = null;
let lost = 0;

function listen() {
  source?.close();
  source = new EventSource("/viewer/events");
  source.addEventListener("change", (event) => {
    clearTimeout(lost);
    lost = 0;
    if (!paused && !state.startsWith("Live")) say("Live");
    if (event.data !== main.dataset.version) renew();
  });
  source.addEventListener("error", () => {
    lost ||= setTimeout(() => say("Not connected; is the stand-in still running?"), 4000);
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 4000);
  });
}

// Choosing a run keeps the place in the tree; a failure leads there the ordinary way.
async function go(address, target) {
  try {
    show(await load(address));
    const run = document.getElementById("run");
    if (target && matchMedia("(max-width: 62rem)").matches) run?.scrollIntoView();
    else if (run) run.scrollTop = 0;
  } catch {
    location.assign(address);
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain) return;
  event.preventDefault();
  if (link.href !== location.href) history.pushState(null, "", link.href);
  go(link.href, true);
});
addEventListener("popstate", () => go(location.href, false));

// In the tree, the arrow keys lead from run to run.
document.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!event.target.matches(".tree a[data-swap]")) return;
  const links = [...document.querySelectorAll(".tree a[data-swap]")].filter((a) => a.checkVisibility());
  const next = links[links.indexOf(event.target) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
});

if (main && live && "EventSource" in window) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Pause";
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Resume" : "Pause";
    say(paused ? "Paused" : "Live");
    renew();
  });
  live.after(button);
  // A page out of sight needs no connection: browsers allow only six to one server.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) source?.close();
    else { listen(); renew(); }
  });
  if (!document.hidden) listen();
}
