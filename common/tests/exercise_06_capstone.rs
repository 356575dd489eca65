//! The capstone, `06.capstone`: as shipped, solved, and with one fault left of five.
#![cfg(feature = "lab")]

use common::analysis::doctor::examine;
use common::lab::check::Check;
use common::prelude::*;

/// Which of the five faults are mended.
#[derive(Clone, Copy)]
struct Mended {
    header: bool,
    place: bool,
    end: bool,
    tokens: bool,
    times: bool,
}

const NONE: Mended = Mended {
    header: false,
    place: false,
    end: false,
    tokens: false,
    times: false,
};
const ALL: Mended = Mended {
    header: true,
    place: true,
    end: true,
    tokens: true,
    times: true,
};

fn layer(client: &Client, name: &'static str) -> TracingLayer {
    let layer = TracingLayer::new(client.tracer()).policy(TrustPolicy::Continue);
    layer.name(move |_| name.into())
}

async fn ask(run: &RunTree, url: String) {
    let request = http_client().post(url).trace(run);
    let body = json!({"question": story::QUESTION, "documents": []});
    request.json(&body).send().await.expect("an answer");
}

async fn read_pages(find: &RunTree, at_once: bool) {
    let mut reading = JoinSet::new();
    for page in ["headers", "baggage", "spawn"] {
        let read = find.child("read page").run_type(RunType::Tool);
        let read = read.inputs(json!({"page": page})).start();
        let work = async move {
            pause(60).await;
            read.end_with(json!({"bytes": page.len()}));
        };
        match at_once {
            true => drop(reading.spawn(work)),
            false => work.await,
        }
    }
    while reading.join_next().await.is_some() {}
}

/// Does the work of the capstone.
async fn work(mended: Mended) -> (Check, Vec<&'static str>) {
    let lesson = Lesson::start("06-exercises").await;
    let [gateway, retriever, generator] = DAY_SERVICES.map(|name| lesson.client(name));
    let retriever = story::retriever(layer(&retriever, "retriever"));
    let retriever = lesson.serve("retriever", retriever);
    let generator = story::generator(layer(&generator, "generator"));
    let generator = lesson.serve("generator", generator);
    let edge = HeaderProxy::before(&retriever);
    let edge = match mended.header {
        true => edge.start(),
        false => edge.strip("langsmith-trace").start(),
    };
    let root = gateway.run("gateway").metadata("request_id", "q-007");
    let root = root.start();
    let find = root.child("find").start();
    ask(&find, edge.url("/retrieve")).await;
    read_pages(&find, mended.times).await;
    find.end();
    let write = root.child("write").start();
    let open = vec![write.clone()];
    let on_behalf_of = if mended.place { &write } else { &find };
    ask(on_behalf_of, generator.url("/write")).await;
    let used = json!({"usage_metadata":
        {"input_tokens": 300, "output_tokens": 50, "total_tokens": 350}});
    let chat = write.child("chat").run_type(match mended.tokens {
        true => RunType::Chain,
        false => RunType::Llm,
    });
    let chat = chat.start();
    let call = chat.child("call model").run_type(RunType::Llm).start();
    call.end_with(used.clone());
    chat.end_with(used);
    if mended.end {
        write.end();
    }
    root.end();
    drop(write);
    let check = lesson.check("06.capstone").await;
    let report = examine(&lesson.mock().evidence());
    drop(open);
    (check, report.counts.keys().copied().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_the_first_fault_is_told_and_the_doctor_names_others() {
    let (check, codes) = work(NONE).await;
    assert_eq!(
        check.first_wrong(),
        Some("run `retriever` has no parent: no `langsmith-trace` arrived at the retriever")
    );
    for code in ["LT003", "LT008", "LT051"] {
        assert!(codes.contains(&code), "{codes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_solution_passes_says_why_and_is_clean_for_the_doctor() {
    let (check, codes) = work(ALL).await;
    assert_eq!(check.first_wrong(), None);
    assert!(check.to_string().contains("had its own witness"));
    assert_eq!(codes, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_that_is_left_is_told_with_another_first_wrong_fact() {
    let left = [
        (
            Mended {
                header: false,
                ..ALL
            },
            "run `retriever` has no parent: no `langsmith-trace` arrived at the retriever",
        ),
        (
            Mended {
                times: false,
                ..ALL
            },
            "run `read page` did not run at the same time as `read page`: one waited for the other",
        ),
        (
            Mended { end: false, ..ALL },
            "run `write` never ended: call `end` on it, on every way out",
        ),
        (
            Mended {
                place: false,
                ..ALL
            },
            "run `generator` is below `find`, not below `write`: the `langsmith-trace` it was sent names `find`",
        ),
        (
            Mended {
                tokens: false,
                ..ALL
            },
            "run `chat` is of type `llm`, not `chain`",
        ),
    ];
    for (mended, sentence) in left {
        let (check, _) = work(mended).await;
        assert_eq!(check.first_wrong(), Some(sentence));
    }
}
