"use strict";
// Asks the gateway, and shows events as they come. All that is shown is set as text, never as markup.
const at = (id) => document.getElementById(id);
const add = (list, text) => {
  const item = document.createElement("li");
  item.textContent = text;
  at(list).append(item);
  return item;
};
let answered = null;

const shows = {
  trace({ id, url }) {
    const place = at("trace");
    place.textContent = "Trace ";
    const link = document.createElement(url ? "a" : "code");
    link.textContent = id;
    if (url && /^https?:/.test(url)) link.href = url;
    place.append(link);
    place.hidden = false;
  },
  step({ text }) { add("steps", text); },
  token({ text }) { at("answer").textContent += text; },
  again() {
    at("answer").textContent = "";
    add("steps", "the generator went away: once more from the start");
  },
  done({ citations }) {
    for (const [number, place] of citations) add("sources", place).value = number;
    answered = true;
  },
  problem({ message }) {
    at("problem").textContent = message;
    at("problem").hidden = false;
    answered = true;
  },
};

const read = async (body) => {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    waiting += value;
    const frames = waiting.split("\n\n");
    waiting = frames.pop();
    for (const frame of frames) {
      const event = JSON.parse(frame.replace(/^data: /, ""));
      shows[event.kind]?.(event);
    }
  }
};

at("ask").addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  for (const id of ["steps", "answer", "sources", "problem"]) at(id).textContent = "";
  at("problem").hidden = at("trace").hidden = true;
  at("reply").hidden = at("leave").hidden = false;
  at("reply").setAttribute("aria-busy", "true");
  at("send").disabled = true;
  answered = false;
  const leaving = new AbortController();
  at("leave").onclick = () => leaving.abort();
  try {
    const answer = await fetch("/ask", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ question: at("question").value }),
      signal: leaving.signal,
    });
    if (!answer.ok) throw new Error(await answer.text());
    await read(answer.body);
    if (!answered) throw new Error("The gateway went away.");
  } catch (error) {
    shows.problem({ message: leaving.signal.aborted ? "Stopped." : error.message });
  }
  at("reply").setAttribute("aria-busy", "false");
  at("send").disabled = false;
  at("leave").hidden = true;
});
// `/?ask` asks at once: for a link, and for a browser without hands.
if (new URLSearchParams(location.search).has("ask")) at("ask").requestSubmit();
