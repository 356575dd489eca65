//! A load that is stored: runs in a stand-in, and the ledger that goes with them. Start at [`store`].
#![allow(dead_code, reason = "each test file uses a part")]

use std::time::Duration;

use common::analysis::REQUEST_ID;
use common::client::Client;
use common::langsmith_mock::LangSmithMock;
use common::model::{Clock as _, RunType, SystemClock, Usage};
use production_monitoring::keeping::Keeping;
use production_monitoring::load::{Asked, Call, CallOutcome, Entry, Ledger, Scenario};
use production_monitoring::services::Role;

/// The project that they are filed under.
pub(crate) const PROJECT: &str = "stored-load";

/// Runs of each request.
pub(crate) const RUNS: usize = 7;

/// The client of a service.
pub(crate) fn client(mock: &LangSmithMock, service: &str) -> Client {
    let client = Client::builder()
        .endpoint(mock.url())
        .api_key("stand-in-key")
        .enabled(true)
        .project(PROJECT)
        .service(service);
    client.build().expect("a client")
}

/// Stores so many requests as the three services leave them, and returns the book of it.
pub(crate) async fn store(mock: &LangSmithMock, requests: usize) -> Ledger {
    let clients = Role::ALL.map(|role| client(mock, role.as_str()));
    let [gateway, retriever, generator] = &clients;
    let began = SystemClock.now();
    let mut entries = Vec::new();
    for number in 0..requests {
        let id = format!("r-{number}");
        let root = gateway.run("POST /ask").metadata(REQUEST_ID, &*id).start();
        for (client, role) in [(retriever, Role::Retriever), (generator, Role::Generator)] {
            let call = root.child(format!("call {role}")).start();
            let served = client.run("POST /").parent(call.context()).start();
            let work = served.child("work").run_type(match role {
                Role::Generator => RunType::Llm,
                _ => RunType::Retriever,
            });
            let work = work.start();
            if role == Role::Generator {
                work.set_usage(Usage::tokens(100, 10).cost(0.001, 0.002));
            }
            work.end();
            served.end();
            call.end();
        }
        root.end();
        let call = |service| Call {
            service,
            outcome: CallOutcome::Answered,
        };
        entries.push(Entry {
            id,
            scenario: Scenario::Plain,
            due_seconds: number as f64 / 10.0,
            took_seconds: 0.1 + number as f64 / 1_000.0,
            status: 200,
            recorded: true,
            calls: vec![call(Role::Retriever), call(Role::Generator)],
        });
    }
    for client in &clients {
        let flushed = client.flush_async(Duration::from_secs(20)).await;
        flushed.expect("the stand-in answers");
    }
    Ledger {
        asked: Asked {
            project: PROJECT.to_owned(),
            began: began.to_rfc3339(),
            ended: SystemClock.now().to_rfc3339(),
            seconds: requests as f64 / 10.0,
            rate: 10.0,
            seed: 1,
            keeping: Keeping::default(),
            chaos: false,
            durable: false,
        },
        entries,
    }
}
