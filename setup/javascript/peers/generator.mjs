// Write answers over HTTP, traced by the official LangSmith SDK: Express, and no Rust.
//
//   GET  /health                                  {"status": "ok"}
//   POST /write  {"question": …, "documents": []} {"text": …}
//   POST /flush                                   waits until all runs so far have been sent
//
// The SDK has no middleware, so the receiving side is written here: `continued`. Where runs go is read from
// the environment, as the SDK does. The first line on the standard output tells the address; the service
// ends when its standard input closes, so it never outlives the process that started it.

import { createRequire } from "node:module";

// The packages lie outside of the sources, where `cargo workbook` installs them.
const require = createRequire(`${process.env.PEER_MODULES}/`);
const express = require("express");
const { Client, RunTree, __version__ } = require("langsmith");
const { traceable, withRunTree } = require("langsmith/traceable");

// Each run says which service it is of; without it, it would say what came with the caller's baggage.
const metadata = { service: "express generator" };
const client = new Client();

const traced = (run_type, name, work) => traceable(work, { name, run_type, metadata, client });

const writeAnswer = traced("llm", "write answer", async ({ documents }) => {
  const [first] = documents;
  return { text: first ? `${first.page_content} (${documents.length} sources)` : "I found nothing." };
});

const generator = traced("chain", "generator", async (asked) => writeAnswer(asked));

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
app.get("/health", (_request, response) => response.json({ status: "ok" }));
app.post("/write", async (request, response) => {
  const { question = "", documents = [] } = request.body ?? {};
  response.json(await generator({ question: String(question), documents: Array.from(documents) }));
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
