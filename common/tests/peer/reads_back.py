"""The official SDK's own calls against a stand-in: what it wrote, it reads back.

Environment: LANGSMITH_ENDPOINT, LANGSMITH_API_KEY. Ends with "ok", or with a failed assertion.
"""

import datetime
import uuid
import warnings

warnings.simplefilter("ignore")

from langsmith import Client  # noqa: E402
from langsmith.run_trees import RunTree  # noqa: E402

client = Client(auto_batch_tracing=True)
project = f"read-back-{uuid.uuid4().hex[:8]}"
now = datetime.datetime.now(datetime.timezone.utc)


def later(seconds: float) -> datetime.datetime:
    return now + datetime.timedelta(seconds=seconds)


# create and update: a tree of three, the model call streamed
root = RunTree(
    name="assistant",
    run_type="chain",
    inputs={"question": "why?"},
    project_name=project,
    start_time=now,
    tags=["beta"],
    extra={"metadata": {"thread_id": "t-1", "user": "ada"}},
    client=client,
)
root.post()
call = root.create_child(
    name="model", run_type="llm", inputs={"messages": []}, start_time=later(0.5)
)
call.post()
call.add_event({"name": "new_token", "time": later(1).isoformat()})
call.end(
    outputs={
        "role": "assistant",
        "content": "because",
        "usage_metadata": {
            "input_tokens": 3,
            "output_tokens": 4,
            "total_tokens": 7,
            "input_cost": 0.25,
            "output_cost": 0.5,
            "total_cost": 0.75,
        },
    },
    end_time=later(2),
)
call.patch()
tool = root.create_child(
    name="search",
    run_type="tool",
    inputs={"query": "x"},
    start_time=later(2),
    attachments={"page": ("text/plain", b"found")},
)
tool.post()
tool.end(error="no network", end_time=later(3))
tool.patch()
root.end(outputs={"answer": "because"}, end_time=later(4))
root.patch()
client.flush()

# unbatched
plain = uuid.uuid4()
plain_client = Client(auto_batch_tracing=False)
plain_client.create_run(
    "plain", {"a": 1}, "chain", id=plain, project_name=project, start_time=now
)
plain_client.update_run(plain, outputs={"b": 2}, end_time=later(1))

# read
run = client.read_run(root.id, load_child_runs=True)
assert run.name == "assistant" and run.status == "success", run
assert [child.name for child in run.child_runs] == ["model", "search"], run.child_runs
assert run.inputs == {"question": "why?"} and run.outputs == {"answer": "because"}
assert (run.prompt_tokens, run.completion_tokens, run.total_tokens) == (3, 4, 7), run
assert float(run.total_cost) == 0.75, run.total_cost
assert run.first_token_time is not None and run.metadata["user"] == "ada"
assert str(run.id) in run.url
assert client.read_run(plain).outputs == {"b": 2}
found = client.read_run(tool.id)
assert found.status == "error" and found.error == "no network"
assert found.attachments["page"]["reader"].read() == b"found"

# list, with its arguments
names = lambda **how: [run.name for run in client.list_runs(project_name=project, **how)]  # noqa: E731
assert sorted(names()) == ["assistant", "model", "plain", "search"], names()
assert names(run_type="llm") == ["model"]
assert names(error=True) == ["search"]
assert sorted(names(is_root=True)) == ["assistant", "plain"]
assert sorted(names(trace_id=root.id)) == ["assistant", "model", "search"]
assert sorted(names(parent_run_id=root.id)) == ["model", "search"]
assert names(run_ids=[call.id]) == ["model"]
assert len(names(limit=2)) == 2
assert names(start_time=later(2)) == ["search"]
assert names(query="because", run_type="llm") == ["model"]
assert names(filter='and(eq(run_type, "llm"), gt(latency, "1s"))') == ["model"]
assert names(filter='and(eq(metadata_key, "user"), eq(metadata_value, "ada"))', is_root=True) == [
    "assistant"
]
assert names(trace_filter='has(tags, "beta")', run_type="tool") == ["search"]
assert names(tree_filter='eq(status, "error")', is_root=True) == ["assistant"]
assert names(filter='search("network")') == ["search"]
assert [r.id for r in client.list_runs(project_name=project, select=["id"], run_type="llm")] == [
    call.id
]
try:
    names(filter="eq(no_such_field, 1)")
except Exception as error:
    assert "no_such_field" in str(error), error
else:
    raise AssertionError("a bad filter was taken")
assert [run.name for run in client.read_thread(thread_id="t-1", project_name=project)] == [
    "assistant"
]
assert client.list_threads(project_name=project)[0]["thread_id"] == "t-1"

# feedback
given = client.create_feedback(
    root.id, "correct", score=0.5, comment="fine", trace_id=root.id, stop_after_attempt=1
)
client.flush()
direct = client.create_feedback(call.id, "tone", score=True, extend_trace_retention=False)
listed = {feedback.key: feedback for feedback in client.list_feedback(run_ids=[root.id, call.id])}
assert listed["correct"].score == 0.5 and listed["correct"].comment == "fine", listed
assert listed["tone"].score in (1, True)
client.update_feedback(given.id, score=0.75, comment=None)
changed = client.read_feedback(given.id)
assert changed.score == 0.75 and changed.comment is None, changed
assert client.read_run(root.id).feedback_stats["correct"]["avg"] == 0.75
assert names(filter='and(eq(feedback_key, "correct"), gte(feedback_score, 0.7))') == ["assistant"]
assert [one.key for one in client.list_feedback(run_ids=[root.id], feedback_key=["correct"])] == [
    "correct"
]
client.delete_feedback(direct.id)
assert list(client.list_feedback(run_ids=[call.id])) == []

# share
assert not client.run_is_shared(root.id)
link = client.share_run(root.id)
assert client.read_run_shared_link(root.id) == link and client.run_is_shared(root.id)
assert client.read_shared_run(link).name == "assistant"
assert client.read_shared_run(link, call.id).name == "model"
assert len(list(client.list_shared_runs(link))) == 3
client.unshare_run(root.id)
assert client.read_run_shared_link(root.id) is None

# figures and links
stats = client.get_run_stats(project_names=[project], run_type="llm")
assert stats["run_count"] == 1 and stats["total_tokens"] == 7, stats
url = client.get_run_url(run=run)
assert f"/r/{root.id}" in url, url

# projects
read = client.read_project(project_name=project, include_stats=True)
assert read.run_count == 4 and read.total_tokens == 7, read
assert abs(float(read.total_cost) - 0.75) < 1e-9 and read.error_rate == 0.25, read
assert read.latency_p50 is not None and read.feedback_stats["correct"]["n"] == 1
assert client.read_project(project_id=read.id).name == project
assert project in [one.name for one in client.list_projects(name_contains="read-back")]
made = client.create_project(f"{project}-made", metadata={"k": "v"}, description="first")
assert client.create_project(made.name, upsert=True).id == made.id
updated = client.update_project(made.id, description="second", end_time=later(9))
assert updated.description == "second" and updated.metadata == {"k": "v"}
assert [one.name for one in client.list_projects(metadata={"k": "v"}, name=made.name)] == [made.name]
client.delete_project(project_name=made.name)
assert not client.has_project(made.name)

# the second version of the API, by the generated client
api = client._get_langsmith_api_sync()
v2 = api.runs.query_v2(
    project_ids=[str(read.id)],
    selects=["NAME", "STATUS", "TOTAL_TOKENS", "LATENCY_SECONDS", "RUN_TYPE", "ATTACHMENTS"],
    min_start_time=later(-60),
    max_start_time=later(60),
    page_size=2,
)
by_name = {run.name: run for run in v2}
assert sorted(by_name) == ["assistant", "model", "plain", "search"], by_name
assert by_name["model"].status == "SUCCESS" and by_name["model"].run_type == "LLM"
assert by_name["assistant"].latency_seconds == 4 and by_name["assistant"].total_tokens == 7
one = api.runs.retrieve_v2(str(root.id), project_id=str(read.id), selects=["NAME", "THREAD_ID"])
assert one.name == "assistant" and one.thread_id == "t-1" and one.status is None
place = {"project_id": str(read.id), "trace_id": str(root.id)}
assert str(root.id) in api.runs.get_url(str(root.id), **place).url
traces = list(
    api.traces.query(
        project_id=str(read.id), selects=["NAME", "TOTAL_TOKENS"], max_start_time=later(60)
    )
)
assert {t.root_run.name: t.trace_aggregates.total_tokens for t in traces}["assistant"] == 7
of_trace = api.traces.list_runs(str(root.id), project_id=str(read.id), selects=["NAME"])
assert len(of_trace.items) == 3, of_trace
threads = list(api.threads.query(project_id=str(read.id), max_start_time=later(60)))
assert [(t.thread_id, t.count) for t in threads] == [("t-1", 1)], threads
turns = list(api.threads.list_traces("t-1", project_id=str(read.id), selects=["NAME", "LATENCY"]))
assert [turn.name for turn in turns] == ["assistant"] and turns[0].latency == 4, turns
figures = api.threads.stats("t-1", session_id=str(read.id), selects=["TURNS", "TOTAL_TOKENS"])
assert (figures.turns, figures.total_tokens) == (1, 7), figures
made = api.runs.share.create(str(call.id), session_id=str(read.id), trace_id=str(root.id))
seen = api.public.runs.query(made.share_token, selects=["NAME"])
assert len(seen.items) == 3, seen
api.runs.share.delete(str(root.id), session_id=str(read.id))

print("ok")
