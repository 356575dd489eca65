// Serve what `../src/service.rs` serves, in JavaScript: Express and the official LangSmith SDK.
//
//   GET  /                                    one run
//   POST /ask   {"question": …, "hops": 0}    {"documents": …, "served_by": […]}
//   POST /flush                               waits until all runs so far have been sent
//
// The SDK has no middleware, so the receiving side is written here: `continued`. The first line on the
// standard output tells the address; the service ends when its standard input closes.

import { createRequire } from "node:module";

// The packages lie outside of the sources, where `cargo workbook` installs them.
const require = createRequire(`${process.env.PEER_MODULES}/`);
const express = require("express");
const { Client, RunTree, __version__ } = require("langsmith");
const { getCurrentRunTree, traceable, withRunTree } = require("langsmith/traceable");

const NAME = "express";
// Each costs a call, and the one who asks pays for none of them.
const MOST_HOPS = 8;
// Each run says which service it is of; without it, it would say what came with the caller's baggage.
const metadata = { service: NAME };
const client = new Client();

const PAGES = [
  "The caller sends its dotted order in the header langsmith-trace.",
  "The service makes the caller's run the parent of what the handler starts.",
];

const traced = (run_type, name, work) => traceable(work, { name, run_type, metadata, client });

const retrieve = traced("retriever", "retrieve", async ({ question }) => ({
  documents: PAGES.filter((page) => page.split(" ").some((word) => word.length > 3 && question.includes(word))),
}));

const callNext = traced("tool", "call axum", async ({ question, hops }) => {
  // The sending side: the headers tell the place of this very run.
  const headers = { "content-type": "application/json", ...getCurrentRunTree().toHeaders() };
  const body = JSON.stringify({ question, hops });
  const reply = await fetch(`${process.env.NEXT_URL}/ask`, { method: "POST", headers, body });
  if (!reply.ok) throw new Error(`the next service answered ${reply.status}`);
  return reply.json();
});

const ask = traced("chain", "ask", async ({ question, hops }) => {
  const { documents } = await retrieve({ question });
  const answer = { documents: documents.length, served_by: [NAME] };
  if (hops > 0) {
    const further = await callNext({ question, hops: hops - 1 });
    answer.documents += further.documents;
    answer.served_by.push(...further.served_by);
  }
  return answer;
});

const hello = traced("chain", "hello", async () => ({ text: `${NAME} answers` }));

/** Runs the rest of a request below the caller's run. */
function continued(request, _response, next) {
  let parent;
  try {
    parent = RunTree.fromHeaders(request.headers, { client });
  } catch {
    // The SDK throws on some broken headers; a header is no reason to lose a request.
  }
  parent ? withRunTree(parent, async () => next()) : next();
}

const app = express();
app.use(express.json());
app.use(continued);
app.get("/", async (_request, response) => response.send((await hello({})).text));
app.post("/ask", async (request, response) => {
  const { question = "", hops = 0 } = request.body ?? {};
  response.json(await ask({ question: String(question), hops: Math.min(Number(hops) || 0, MOST_HOPS) }));
});
app.post("/flush", async (_request, response) => {
  await client.awaitPendingTraceBatches();
  response.json({ flushed: true });
});

const server = app.listen(0, "127.0.0.1", () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  console.log(JSON.stringify({ event: "ready", url, sdk: `langsmith ${__version__}` }));
});
process.stdin.resume();
process.stdin.on("end", async () => {
  await client.awaitPendingTraceBatches();
  process.exit(0);
});
