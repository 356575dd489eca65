//! Rows 13 to 19: what a run says of its place and time contradicts itself, or what was said before.

use chrono::TimeDelta;
use serde_json::json;

use super::naive::{Naive, segment, written};
use super::stage::{Played, Stage, Way};
use crate::client::Config;
use crate::model::{Clock as _, RunContext};

/// Row 13: a call that nobody waits for knows its parent's id, and no more of it.
pub(super) async fn child_without_ancestors(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "gateway");
    let mut root = naive.begin("answer", None);
    let mut late = naive.begin("write log", Some(&root));
    if way.is_broken() {
        // The parent's record is gone; its id was kept.
        late["dotted_order"] = json!(last_of(&late));
    }
    naive.end(&mut late);
    naive.end(&mut root);
    naive.post(&[&root, &late]);
    Ok(())
}

/// Row 14: a child is made, and its parent's id left out.
pub(super) async fn root_with_ancestors(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "gateway");
    let mut root = naive.begin("answer", None);
    let mut child = naive.whole("search", Some(&root));
    naive.end(&mut root);
    if let (true, Some(fields)) = (way.is_broken(), child.as_object_mut()) {
        fields.remove("parent_run_id");
    }
    naive.post(&[&root, &child]);
    Ok(())
}

/// Row 15: the id of somebody else's trace is used for ours.
pub(super) async fn foreign_trace_id(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "gateway");
    let mut root = naive.begin("answer", None);
    let foreign = json!("4bf92f35-77b3-4da6-a3ce-929d0e0e4736");
    match way {
        Way::Broken => root["trace_id"] = foreign,
        Way::Repaired => root["extra"]["metadata"]["order_id"] = foreign,
    }
    naive.end(&mut root);
    naive.post(&[&root]);
    Ok(())
}

/// Row 16: the callee's clock is three milliseconds behind its caller's.
pub(super) async fn clock_behind(stage: &Stage, way: Way) -> Played {
    let gateway = Naive::new(stage, "gateway");
    let mut root = gateway.begin("answer", None);
    match way {
        Way::Broken => {
            let mut retriever = Naive::new(stage, "retriever");
            retriever.clock = stage.clock.behind(3);
            let child = retriever.whole("search", Some(&root));
            retriever.post(&[&child]);
        }
        Way::Repaired => {
            let clock = std::sync::Arc::new(stage.clock.behind(3));
            let ours = stage.client_with("retriever", Config::default(), |b| b.clock(clock))?;
            let header = root["dotted_order"].as_str().unwrap_or_default();
            let parent = header.parse().ok().map(RunContext::new);
            ours.run("search").parent(parent).start().end();
        }
    }
    gateway.end(&mut root);
    gateway.post(&[&root]);
    Ok(())
}

/// Row 17: a run that is dated back, with an id that was made now.
pub(super) async fn dated_back(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "importer");
    stage.clock.pass(10_000);
    let now = naive.clock.now();
    let began = now - TimeDelta::seconds(5);
    let id = naive.id(way.pick(now, began));
    let mut run = naive.begin_with("imported call", None, id, began);
    naive.end(&mut run);
    naive.post(&[&run]);
    Ok(())
}

/// Row 18: a run is created, ended, and then told its tags.
pub(super) async fn updated_twice(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "gateway");
    let mut run = naive.begin("answer", None);
    naive.post(&[&run]);
    naive.end(&mut run);
    match way {
        Way::Broken => {
            naive.patch(&[&run]);
            run["tags"] = json!(["reviewed"]);
        }
        Way::Repaired => run["tags"] = json!(["reviewed"]),
    }
    naive.patch(&[&run]);
    Ok(())
}

/// Row 19: the answer is 202, and what was sent contradicts itself; that is found later, without a word.
pub(super) async fn accepted_only(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "gateway");
    let mut root = naive.begin("answer", None);
    let mut child = naive.whole("search", Some(&root));
    naive.end(&mut root);
    if way.is_broken() {
        // The id was made twice: once for the run, once for its place.
        let start = naive.clock.now();
        child["dotted_order"] = json!(format!(
            "{}.{}",
            root["dotted_order"].as_str().unwrap_or_default(),
            segment(naive.id(start), start)
        ));
        child["start_time"] = json!(written(start));
        naive.end(&mut child);
    }
    naive.post(&[&root, &child]);
    Ok(())
}

fn last_of(run: &serde_json::Value) -> String {
    let order = run["dotted_order"].as_str().unwrap_or_default();
    order.rsplit('.').next().unwrap_or_default().to_owned()
}
