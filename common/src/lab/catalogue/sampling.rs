//! Rows 35 and 36: who decides what is kept.

use serde_json::json;

use super::naive::{Dice, Naive};
use super::stage::{Played, Stage, Way};
use crate::analysis::doctor::Process;
use crate::client::Config;
use crate::model::RunContext;
use crate::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy};

const TRACES: usize = 8;
const RATE: f64 = 0.5;

/// Row 35: gateway and retriever keep half of all traces, each the half that its dice say.
pub(super) async fn own_dice(stage: &Stage, way: Way) -> Played {
    for process in ["gateway", "retriever"] {
        stage.process(&Process {
            process: process.to_owned(),
            tracing: Some(true),
            has_key: Some(true),
            sampling_rate: Some(RATE),
            ..Process::default()
        });
    }
    match way {
        Way::Broken => rolled(stage),
        Way::Repaired => carried(stage)?,
    }
    Ok(())
}

fn rolled(stage: &Stage) {
    let (gateway, retriever) = (Naive::new(stage, "gateway"), Naive::new(stage, "retriever"));
    let dice = Dice::new(7);
    for _ in 0..TRACES {
        let mut root = gateway.begin("answer", None);
        let child = retriever.whole("search", Some(&root));
        gateway.end(&mut root);
        for (service, run) in [(&gateway, &root), (&retriever, &child)] {
            if dice.below(2) == 0 {
                service.post(&[run]);
            }
        }
    }
}

fn carried(stage: &Stage) -> Played {
    let config = || Config {
        sampling_rate: Some(RATE),
        ..Config::default()
    };
    let gateway = stage.client_with("gateway", config(), |builder| builder)?;
    let retriever = stage.client_with("retriever", config(), |builder| builder)?;
    let reads = LangSmithPropagator::new().policy(TrustPolicy::Continue);
    for _ in 0..TRACES {
        let root = gateway.run("answer").start();
        let header = |context: RunContext| reads.headers(&context);
        let headers = root.context().map(header).unwrap_or_default();
        let context = reads.extract(&headers).context;
        // Who is called without a header is asked by somebody else, and not here.
        if context.is_some() {
            retriever.run("search").parent(context).start().end();
        }
        root.end();
    }
    Ok(())
}

/// Row 36: a thumb up for a run that was not kept.
pub(super) async fn feedback_for_nothing(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "gateway");
    let dice = Dice::new(7);
    for _ in 0..TRACES {
        let run = naive.whole("answer", None);
        let kept = dice.below(2) == 0;
        if kept {
            naive.post(&[&run]);
        }
        if kept || way.is_broken() {
            let feedback = json!({ "run_id": run["id"], "key": "thumb", "score": 1 });
            stage.post("/feedback", feedback.to_string());
        }
    }
    Ok(())
}
