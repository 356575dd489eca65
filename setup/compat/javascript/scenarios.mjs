// Do every scenario with the official JavaScript SDK, against the stand-in that each request names.
//
// One line of JSON in, one out, until the input closes; see `../python/scenarios.py`. A function here,
// one there, and one in `../src/scenarios/` of the same name do the same thing.

import http from "node:http";
import { createRequire } from "node:module";
import readline from "node:readline";

// The SDK lies outside of the sources, where `cargo workbook` installs it.
const require = createRequire(`${process.env.COMPAT_MODULES}/`);
const { Client, RunTree, __version__ } = require("langsmith");
const { getCurrentRunTree, traceable, withRunTree } = require("langsmith/traceable");
const { createAnonymizer } = require("langsmith/anonymizer");

const KEY = "not-a-real-key";
const ROOT = "01990000-0000-7000-8000-00000000000a";
const LEAF = "01990000-0000-7000-8000-00000000000b";
const BEGIN = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const MIDDLE = Date.UTC(2026, 0, 2, 3, 4, 6, 789);
const END = Date.UTC(2026, 0, 2, 3, 4, 7, 890);

/** What a scenario is given: where to send, and its input. */
class Setup {
  constructor(url, given) {
    this.url = url;
    this.given = given;
    this.clients = [];
  }

  /** Makes a client that is flushed when the scenario is over. */
  client(options = {}) {
    const client = new Client({ apiUrl: this.url, apiKey: KEY, ...options });
    this.clients.push(client);
    return client;
  }

  async finish() {
    for (const client of this.clients) await client.awaitPendingTraceBatches();
    this.clients = [];
  }
}

const run = async (config, end = {}) => {
  const tree = new RunTree(config);
  await tree.postRun();
  await tree.end(end.outputs ?? {}, end.error, end.endTime);
  await tree.patchRun();
  return tree;
};

const below = async (parent, config, end = {}) => {
  const child = parent.createChild(config);
  await child.postRun();
  await child.end(end.outputs ?? {}, end.error, end.endTime);
  await child.patchRun();
};

const scenarios = {
  async simple(setup) {
    const add = traceable(async ({ x, y }) => ({ sum: x + y }), {
      name: "simple", metadata: { k: "v" }, tags: ["t1"], client: setup.client(),
    });
    await add({ x: 40, y: 2 });
  },

  async nested_error(setup) {
    const leaf = traceable(async ({ x }) => { throw new Error(`boom ${x}`); }, { name: "leaf", run_type: "tool" });
    const middle = traceable(async (given) => leaf(given), { name: "middle" });
    const root = traceable(async (given) => middle(given), { name: "root", client: setup.client() });
    await root({ x: "é" }).catch(() => {});
  },

  async inheritance(setup) {
    const grandchild = traceable(async () => ({ done: true }), { name: "grandchild", run_type: "tool" });
    const child = traceable(async () => grandchild({}), {
      name: "child", metadata: { level: "child", own: 1 }, tags: ["b", "a"],
    });
    const root = traceable(async () => child({}), {
      name: "root", metadata: { team: "docs", level: "root" }, tags: ["a"], client: setup.client(),
    });
    await root({});
  },

  async project(setup) {
    const client = setup.client();
    const named = new RunTree({ name: "named", inputs: {}, project_name: "compat-project", client });
    await named.postRun();
    await below(named, { name: "child", run_type: "chain", inputs: {} });
    await named.end({});
    await named.patchRun();
    await run({ name: "unnamed", inputs: {}, client });
  },

  async events(setup) {
    const tree = new RunTree({ name: "eventful", inputs: {}, client: setup.client() });
    await tree.postRun();
    tree.addEvent("first");
    tree.addEvent("second");
    await tree.end({ ok: true });
    await tree.patchRun();
  },

  async new_token(setup) {
    async function* stream() { yield* ["He", "llo", "!"]; }
    const traced = traceable(stream, {
      name: "stream", run_type: "llm", client: setup.client(),
      aggregator: (chunks) => ({ text: chunks.join("") }),
    });
    for await (const _ of await traced({ prompt: "hi" }));
  },

  async usage(setup) {
    const tree = new RunTree({
      name: "chat", run_type: "llm",
      inputs: { messages: [{ role: "user", content: "Hello" }] },
      metadata: { ls_provider: "openai", ls_model_name: "gpt-4o-mini" },
      client: setup.client(),
    });
    await tree.postRun();
    tree.metadata.usage_metadata = {
      input_tokens: 11, output_tokens: 3, total_tokens: 14,
      input_token_details: { cache_read: 5 }, output_token_details: { reasoning: 1 },
      input_cost: 0.25, output_cost: 0.5, total_cost: 0.75,
    };
    await tree.end({ role: "assistant", content: "Hi" });
    await tree.patchRun();
  },

  async attachments(setup) {
    const bytes = (...values) => Uint8Array.from(values.flat());
    const text = (value) => [...Buffer.from(value)];
    const tree = new RunTree({
      name: "with files", run_type: "tool", inputs: { a: 1 }, client: setup.client(),
      attachments: {
        one: ["text/plain", bytes(text("first"))],
        image: ["image/png", bytes(0x89, text("PNG"), 0, 1)],
      },
    });
    await tree.postRun();
    tree.attachments.two = ["application/octet-stream", bytes(text("second"))];
    await tree.end({ b: 2 });
    await tree.patchRun();
  },

  async feedback(setup) {
    const client = setup.client();
    await run({ name: "judged", inputs: {}, id: ROOT, client });
    await client.awaitPendingTraceBatches();
    await client.createFeedback(ROOT, "user_rating", {
      score: 0.123456, comment: "nice é", feedbackId: "01990000-0000-7000-8000-0000000000f1",
    });
    await client.createFeedback(ROOT, "correct", {
      value: "yes", correction: { a: 1 }, feedbackId: "01990000-0000-7000-8000-0000000000f2",
    });
  },

  async sampling(setup) {
    const client = setup.client({ tracingSamplingRate: 0.5 });
    for (const [name, id] of setup.given) {
      const tree = new RunTree({ name, inputs: {}, id, client });
      await tree.postRun();
      await below(tree, { name: `child of ${name}`, run_type: "tool", inputs: {} });
      await tree.end({});
      await tree.patchRun();
    }
  },

  async hide(setup) {
    const client = setup.client({ hideInputs: true, hideOutputs: true });
    await run({ name: "hidden", inputs: { secret: 1 }, metadata: { k: "v" }, client }, { outputs: { secret: 2 } });
  },

  async hide_metadata(setup) {
    const client = setup.client({ hideMetadata: true });
    await run({ name: "hidden", inputs: { x: 1 }, metadata: { k: "v" }, client }, { outputs: { y: 2 } });
  },

  async anonymizer(setup) {
    const rules = [
      { pattern: /[\w.]+@[\w.]+/g, replace: "<email>" },
      { pattern: /\d{3}-\d{4}/g },
    ];
    await run(
      {
        name: "masked",
        inputs: { to: "alice@x.org call 555-9999", list: [{ to: "z@z.zz", n: 3 }], "k@k.kk": 1 },
        metadata: { owner: "bob@corp.com" },
        client: setup.client({ anonymizer: createAnonymizer(rules) }),
      },
      { outputs: { call: "555-1234" }, error: "mail a@b.co failed" },
    );
  },

  async replicas(setup) {
    const tree = new RunTree({
      name: "copied", inputs: { x: 1 }, id: ROOT, start_time: BEGIN, project_name: "replica-a",
      replicas: [{ projectName: "replica-a" }, { projectName: "replica-b" }], client: setup.client(),
    });
    await tree.postRun();
    await below(
      tree,
      { name: "child of copied", run_type: "tool", inputs: {}, id: LEAF, start_time: MIDDLE },
      { endTime: END },
    );
    await tree.end({ y: 2 }, undefined, END);
    await tree.patchRun();
  },

  async unbatched(setup) {
    const client = setup.client({ autoBatchTracing: false });
    await run({ name: "alone", inputs: { x: 1 }, client }, { outputs: { y: 2 } });
  },

  async explicit(setup) {
    const tree = new RunTree({ name: "given", inputs: { x: 1 }, id: ROOT, start_time: BEGIN, client: setup.client() });
    await tree.postRun();
    await below(
      tree,
      { name: "below", run_type: "tool", inputs: {}, id: LEAF, start_time: MIDDLE },
      { outputs: { z: 3 }, endTime: END },
    );
    await tree.end({ y: 2 }, undefined, END);
    await tree.patchRun();
  },

  async early_child(setup) {
    const tree = new RunTree({ name: "parent", inputs: {}, id: ROOT, start_time: MIDDLE, client: setup.client() });
    await tree.postRun();
    await below(
      tree,
      { name: "early", run_type: "tool", inputs: {}, id: LEAF, start_time: BEGIN },
      { endTime: END },
    );
    await tree.end({}, undefined, END);
    await tree.patchRun();
  },

  async baggage_out(setup) {
    const { metadata, tags, project } = setup.given;
    const tree = await run({
      name: "caller", inputs: {}, metadata, tags, project_name: project, client: setup.client(),
    });
    return { headers: tree.toHeaders() };
  },

  async baggage_in(setup) {
    const parent = RunTree.fromHeaders(setup.given, { client: setup.client() });
    await below(parent, { name: "callee", run_type: "chain", inputs: {} });
  },

  async headers(setup) {
    const client = setup.client();
    const answer = traceable(async () => seen(getCurrentRunTree()), { name: "answer", client });
    const found = [];
    for (const lines of setup.given) {
      // A `Headers` joins lines of one name by a comma, as it does in any JavaScript server.
      const headers = new Headers();
      try {
        for (const [name, value] of lines) headers.append(name, value);
        const parent = RunTree.fromHeaders(headers, { client });
        found.push(parent ? await withRunTree(parent, () => answer({})) : await answer({}));
      } catch (error) {
        found.push({ raises: error.name });
      }
    }
    return found;
  },

  async call(setup) {
    const ask = traceable(
      async () => {
        const answer = await fetch(`${setup.given.service}/work`, { headers: getCurrentRunTree().toHeaders() });
        return { answer: await answer.text() };
      },
      { name: "call", run_type: "tool" },
    );
    const root = traceable(async (given) => ask(given), {
      name: "client-root", metadata: { user: "ünï" }, tags: ["cli-tag"],
      project_name: "compat-crossing", client: setup.client(),
    });
    await root({ question: "why?" });
  },
};

const seen = (tree) => ({
  parent: tree.parent_run_id ?? tree.parent_run?.id ?? null,
  trace: tree.trace_id,
  dotted_order: tree.dotted_order,
  project: tree.project_name,
  tags: tree.tags ?? [],
  metadata: tree.metadata ?? {},
});

const inner = traceable(async () => ({ text: "because" }), { name: "server-inner", run_type: "tool" });
const work = traceable(async () => inner({}), { name: "server-child", metadata: { svc: "B" }, tags: ["srv-tag"] });

let serving;
const service = http.createServer(async (request, response) => {
  const parent = RunTree.fromHeaders(request.headers, { client: serving.clients[0] });
  const { text } = await withRunTree(parent, () => work({}));
  response.end(text);
});

async function answer({ scenario, url, input }) {
  const setup = new Setup(url, input);
  if (scenario === "serve") {
    setup.client();
    serving = setup;
    return undefined;
  }
  if (scenario === "served") return serving.finish();
  try {
    return await scenarios[scenario](setup);
  } finally {
    await setup.finish();
  }
}

const tell = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

service.listen(0, "127.0.0.1", async () => {
  tell({ sdk: `langsmith ${__version__}`, service: `http://127.0.0.1:${service.address().port}` });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
      tell({ ok: true, said: (await answer(JSON.parse(line))) ?? null });
    } catch (error) {
      console.error(error);
      tell({ ok: false, error: `${error.name}: ${error.message}` });
    }
  }
  process.exit(0);
});
