// Drive the official JavaScript SDK: read one order, do it, report. See `../src/protocol.rs`.
//
//     driver.mjs traceable|runtree

import fs from "node:fs";
import { createRequire } from "node:module";

// The SDK lies outside of the sources, where `cargo workbook` installs it.
const require = createRequire(`${process.env.BENCH_MODULES}/`);
const { Client, RunTree, __version__ } = require("langsmith");
const { traceable } = require("langsmith/traceable");

const KEY = "not-a-real-key";

const order = JSON.parse(fs.readFileSync(0, "utf8").split("\n")[0]);
const prose = fs.readFileSync(order.prose, "ascii");
const { traces, spans, bytes } = order.workload;
const half = Math.floor(bytes / 2);
let at = 0;
const piece = () => {
  if (at + half > prose.length) at = 0;
  at += half;
  return prose.slice(at - half, at);
};

const client = new Client({ apiUrl: order.url, apiKey: KEY });

const step = traceable(async ({ answer }) => ({ content: answer }), {
  name: "step", client, processInputs: ({ content }) => ({ content }),
});
const answer = traceable(
  async ({ texts }) => {
    for (const [content, said] of texts.slice(1)) await step({ content, answer: said });
    return { content: texts[0][1] };
  },
  { name: "answer", client, project_name: "bench", processInputs: ({ content }) => ({ content }) },
);

const kinds = {
  traceable: (texts) => answer({ content: texts[0][0], texts }),
  async runtree(texts) {
    const root = new RunTree({
      name: "answer", inputs: { content: texts[0][0] }, client, project_name: "bench",
    });
    await root.postRun();
    for (const [content, said] of texts.slice(1)) {
      const child = root.createChild({ name: "step", run_type: "chain", inputs: { content } });
      await child.postRun();
      await child.end({ content: said });
      await child.patchRun();
    }
    await root.end({ content: texts[0][1] });
    await root.patchRun();
  },
};

const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
};
const memory = (field) => {
  try {
    const line = fs.readFileSync("/proc/self/status", "ascii").split("\n").find((it) => it.startsWith(field));
    return Number(line.split(/\s+/)[1]);
  } catch {
    return 0;
  }
};

const trace = kinds[process.argv[2]];
const texts = () => Array.from({ length: spans }, () => [piece(), piece()]);
// What happens once in a process is over before the measurement begins.
for (let done = 0; done < (order.warm_up ?? 0); done += 1) await trace(texts());
if (order.warm_up) await client.awaitPendingTraceBatches();
try {
  fs.writeFileSync("/proc/self/clear_refs", "5");
} catch {
  // The peak then counts from the start.
}
const before = memory("VmRSS");
const traceNs = [];
let caller = 0;
const cpuBefore = cpu();
const began = process.hrtime.bigint();
for (let done = 0; done < traces; done += 1) {
  const carried = texts();
  const cpuThen = cpu();
  const clock = process.hrtime.bigint();
  await trace(carried);
  traceNs.push(Number(process.hrtime.bigint() - clock));
  caller += cpu() - cpuThen;
}
await client.awaitPendingTraceBatches();
const report = {
  version: `langsmith ${__version__}`,
  trace_ns: traceNs,
  caller_cpu_ns: Math.round(caller),
  cpu_ns: Math.round(cpu() - cpuBefore),
  wall_ns: Number(process.hrtime.bigint() - began),
  before_kb: before,
  peak_kb: memory("VmHWM"),
};
fs.writeSync(1, `${JSON.stringify(report)}\n`);
