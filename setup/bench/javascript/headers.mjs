// Measure what the official JavaScript SDK takes to write a trace's headers and to read them.
//
// The context is that of `../src/headers.rs`. One line of JSON, as its `Cost`.

import { createRequire } from "node:module";

const require = createRequire(`${process.env.BENCH_MODULES}/`);
const { Client, RunTree } = require("langsmith");

const CHUNKS = 15;
const OPERATIONS = 300;

const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
};

/** Returns the CPU of one operation: the median over chunks. */
const cost = (work) => {
  const chunk = () => {
    const before = cpu();
    for (let at = 0; at < OPERATIONS; at += 1) work();
    return (cpu() - before) / OPERATIONS;
  };
  chunk();
  const chunks = Array.from({ length: CHUNKS }, chunk).sort((one, other) => one - other);
  return chunks[Math.floor(CHUNKS / 2)];
};

// Nothing is ever posted, so nobody need listen.
const client = new Client({ apiUrl: "http://127.0.0.1:9", apiKey: "not-a-real-key" });
const root = new RunTree({
  name: "answer", client, project_name: "docs-assistant", tags: ["production", "eu-west"],
  metadata: { customer: "example-corp", experiment: "b" },
});
const leaf = root.createChild({ name: "retrieve" }).createChild({ name: "embed" });
const headers = leaf.toHeaders();
if (!headers.baggage) throw new Error("the SDK wrote no baggage");
const encode = cost(() => leaf.toHeaders());
const decode = cost(() => RunTree.fromHeaders(headers, { client }));
console.log(JSON.stringify({ encode_ns: encode, decode_ns: decode }));
