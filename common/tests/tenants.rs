//! Tenants in one process: no byte of one travels with the key of another, whatever happens.
#![cfg(feature = "lab")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::client::{Client, ConfigError, Replica, TenantError, Tenants, TenantsStats};
use common::export::{BatchConfig, SpoolConfig};
use common::lab::Tap;
use common::lab::tenancy::{Sharing, Trouble, share, tenants_table};

const NAMES: [&str; 3] = ["acme", "bravo", "coast"];
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn in_any_trouble_each_run_arrives_under_its_own_tenants_key_and_under_no_other() {
    for trouble in Trouble::ALL {
        let books = share(Sharing::ByTenant, trouble, NAMES, 5)
            .await
            .expect("sent");
        for one in &books {
            assert_eq!(
                (one.recorded, one.own, one.astray),
                (5, 5, 0),
                "{trouble:?}: {books:?}"
            );
            assert!(one.with.is_empty(), "{trouble:?}: {books:?}");
        }
    }
}

#[tokio::test]
async fn one_batch_for_all_gives_the_runs_of_all_others_to_the_first() {
    let books = share(Sharing::OneBatch, Trouble::None, NAMES, 5)
        .await
        .expect("sent");
    let counts: Vec<_> = books.iter().map(|one| (one.own, one.astray)).collect();
    assert_eq!(counts, [(5, 0), (0, 5), (0, 5)]);
    assert_eq!(books[2].with, ["acme".to_owned()].into());
    let table = tenants_table(&books).to_string();
    assert!(
        table.contains("coast          5        0              5  acme"),
        "{table}"
    );
}

#[tokio::test]
async fn a_tenant_whose_name_is_how_anothers_begins_is_told_apart_from_it() {
    let books = share(Sharing::OneBatch, Trouble::None, ["acme-eu", "acme"], 2).await;
    let books = books.expect("sent");
    let counts: Vec<_> = books.iter().map(|one| (one.own, one.astray)).collect();
    assert_eq!(counts, [(2, 0), (0, 2)], "the batch has the key of acme-eu");
    assert_eq!(books[1].with, ["acme-eu".to_owned()].into());
}

fn tenants(tap: &Tap) -> Tenants {
    let endpoint = tap.url("");
    Tenants::new(move |tenant| {
        let builder = Client::builder().endpoint(&endpoint).compress(false);
        Ok(builder.api_key(format!("key of {tenant}")).project(tenant))
    })
}

#[test]
fn a_tenant_has_one_client_as_long_as_it_is_open() {
    let tap = Tap::start();
    let tenants = tenants(&tap);
    for _ in 0..3 {
        tenants.client("acme").expect("room").run("r").start().end();
    }
    assert_eq!(tenants.open(), ["acme"]);
    tenants.flush(PATIENCE).expect("delivered");
    assert_eq!(
        tenants.stats(),
        TenantsStats {
            open: 1,
            opened: 1,
            ..TenantsStats::default()
        }
    );
    tenants.shutdown(PATIENCE).expect("nothing left");
    assert_eq!(
        tenants.stats(),
        TenantsStats {
            opened: 1,
            closed: 1,
            ..TenantsStats::default()
        }
    );
}

#[test]
fn beyond_the_bound_the_one_that_was_asked_for_longest_ago_leaves_with_all_it_holds() {
    let tap = Tap::start();
    let tenants = tenants(&tap).most(2);
    for name in ["acme", "bravo", "acme"] {
        let client = tenants.client(name).expect("room");
        client.run("r").start().end();
        // What is not sent yet is in use.
        client.flush(PATIENCE).expect("delivered");
    }
    tenants
        .client("coast")
        .expect("room")
        .run("r")
        .start()
        .end();
    assert_eq!(tenants.open(), ["acme", "coast"]);
    tenants.shutdown(PATIENCE).expect("nothing left");
    let sent: String = tap.ingested().iter().map(|one| one.text()).collect();
    assert_eq!(sent.matches("\"name\":\"r\"").count(), 4, "{sent}");
}

#[test]
fn a_client_that_is_in_use_is_never_closed_and_who_finds_no_room_is_counted() {
    let tap = Tap::start();
    let tenants = tenants(&tap).most(1).idle(Duration::ZERO);
    let held = tenants.client("acme").expect("room");
    let refused = tenants.client("bravo").map(drop);
    assert_eq!(refused, Err(TenantError::Full { most: 1 }));
    assert_eq!((tenants.close_idle(), tenants.stats().refused), (0, 1));
    // An open run holds it as well.
    let run = held.run("r").start();
    drop(held);
    assert_eq!(tenants.close_idle(), 0);
    run.end();
    drop(run);
    tenants.flush(PATIENCE).expect("delivered");
    // The exporter lets go of what it delivered a moment after it says so.
    let begun = std::time::Instant::now();
    while tenants.close_idle() == 0 {
        assert!(begun.elapsed() < PATIENCE, "{tenants:?}");
        std::thread::yield_now();
    }
    assert!(tenants.client("bravo").is_ok());
}

#[test]
fn a_tenant_that_is_gone_is_closed_although_somebody_holds_its_client() {
    let tap = Tap::start();
    let tenants = tenants(&tap);
    let held = tenants.client("acme").expect("room");
    tenants.close("acme");
    tenants.close("nobody");
    assert_eq!(tenants.open(), Vec::<String>::new());
    let begun = std::time::Instant::now();
    while tenants.stats().leaving > 0 {
        assert!(begun.elapsed() < PATIENCE, "{tenants:?}");
        std::thread::yield_now();
    }
    held.run("late").start().end();
    assert_eq!(held.stats().total_refused(), 2);
}

#[test]
fn in_an_outage_nobody_leaves_who_has_runs_that_are_not_sent() {
    let tap = Tap::start();
    tap.answers(503);
    let tenants = tenants(&tap).most(1).idle(Duration::ZERO);
    tenants.client("acme").expect("room").run("r").start().end();
    assert_eq!(tenants.close_idle(), 0);
    let refused = tenants.client("bravo").map(drop);
    assert_eq!(refused, Err(TenantError::Full { most: 1 }));
    assert_eq!(tenants.open(), ["acme"]);
    tap.answers(202);
    tenants.flush(PATIENCE).expect("delivered");
    tenants
        .client("bravo")
        .expect("room")
        .run("r")
        .start()
        .end();
    tenants.shutdown(PATIENCE).expect("nothing left");
    let ledger = tenants.ledger();
    assert!(ledger.balances(), "{ledger}");
    assert_eq!((ledger.accepted, ledger.delivered), (4, 4));
    assert_eq!((tenants.stats().closed, tenants.stats().refused), (2, 1));
}

#[test]
fn a_run_of_a_handle_with_other_replicas_holds_the_client() {
    let tap = Tap::start();
    let tenants = tenants(&tap).idle(Duration::ZERO);
    let copied = tenants.client("acme").expect("room");
    let copied = copied.only_replicas([Replica::in_project("audit")]);
    let run = copied.expect("a handle").run("r").start();
    tenants.flush(PATIENCE).expect("delivered");
    assert_eq!(tenants.close_idle(), 0);
    run.end();
    drop(run);
    tenants.shutdown(PATIENCE).expect("nothing left");
    assert_eq!(tenants.ledger().delivered, 2);
}

#[test]
fn a_shutdown_waits_for_clients_that_are_leaving_already() {
    let tap = Tap::start();
    tap.answers(503);
    let tenants = tenants(&tap).close_within(PATIENCE);
    let held = tenants.client("acme").expect("room");
    held.run("r").start().end();
    // It cannot deliver what it has.
    tenants.close("acme");
    assert_eq!((tenants.stats().open, tenants.stats().leaving), (0, 1));
    tap.answers(202);
    tenants.shutdown(PATIENCE).expect("nothing left");
    let stats = tenants.stats();
    assert_eq!((stats.leaving, stats.closed, stats.lost), (0, 1, 0));
    assert_eq!(held.stats().delivered, 2);
    assert!(tenants.ledger().balances());
}

#[test]
fn whoever_waits_for_a_client_that_is_being_made_holds_up_nobody_else() {
    let (tap, made) = (Tap::start(), Arc::new(AtomicUsize::new(0)));
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let (endpoint, may_go_on) = (tap.url(""), std::sync::Mutex::new(may_go_on));
    let count = made.clone();
    let tenants = Tenants::new(move |tenant| {
        if tenant == "slow" {
            count.fetch_add(1, Ordering::Relaxed);
            may_go_on.lock().expect("no panic").recv().expect("told");
        }
        Ok::<_, ConfigError>(Client::builder().endpoint(&endpoint).api_key("k"))
    })
    .most(2);
    std::thread::scope(|threads| {
        let asking = [(); 2].map(|()| threads.spawn(|| tenants.client("slow").map(drop)));
        while made.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        // Its place is taken, and it holds up nobody.
        tenants.client("acme").expect("room");
        assert_eq!(tenants.open(), ["acme"]);
        go_on.send(()).expect("heard");
        for asking in asking {
            assert_eq!(asking.join().expect("no panic"), Ok(()));
        }
    });
    assert_eq!(
        (made.load(Ordering::Relaxed), tenants.stats().opened),
        (1, 2)
    );
}

#[test]
fn a_function_that_asks_for_the_client_it_makes_or_panics_hangs_nobody() {
    let tenants = Arc::new_cyclic(|tenants: &std::sync::Weak<Tenants>| {
        let tenants = tenants.clone();
        let first = AtomicUsize::new(0);
        Tenants::new(move |tenant| {
            let tenants = tenants.upgrade().expect("in use");
            assert_eq!(tenants.client(tenant).map(drop), Err(TenantError::Making));
            assert!(
                first.fetch_add(1, Ordering::Relaxed) > 0,
                "as a program's own may"
            );
            Ok::<_, ConfigError>(Client::builder().endpoint("http://127.0.0.1:9"))
        })
    });
    let asked = std::panic::AssertUnwindSafe(|| tenants.client("acme").map(drop));
    assert!(std::panic::catch_unwind(asked).is_err());
    assert_eq!(tenants.open(), Vec::<String>::new());
    assert_eq!(tenants.client("acme").map(drop), Ok(()));
}

#[test]
fn dropped_it_closes_what_nobody_has_and_leaves_the_rest_to_its_holders() {
    let tap = Tap::start();
    let tenants = tenants(&tap);
    let held = tenants.client("acme").expect("room");
    tenants
        .client("bravo")
        .expect("room")
        .run("r")
        .start()
        .end();
    drop(tenants);
    assert_eq!(tap.ingested().len(), 1);
    held.run("late").start().end();
    held.flush(PATIENCE).expect("delivered");
    assert_eq!(held.stats().delivered, 2);
}

#[test]
fn each_tenant_has_a_folder_of_its_own_below_the_one_that_is_configured() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = folder.path().join("spool");
    let (tap, configured) = (Tap::start(), spool.clone());
    tap.answers(503);
    let endpoint = tap.url("");
    let tenants = Tenants::new(move |_| {
        let batch = BatchConfig {
            spool: Some(SpoolConfig::new(&configured).durable()),
            ..BatchConfig::default()
        };
        Ok::<_, ConfigError>(
            Client::builder()
                .endpoint(&endpoint)
                .api_key("k")
                .batch(batch),
        )
    });
    for name in ["acme", "../bravo"] {
        tenants.client(name).expect("room").run("r").start().end();
    }
    let mut found: Vec<_> = std::fs::read_dir(&spool)
        .expect("made")
        .map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    found.sort_unstable();
    assert_eq!(found, ["%2E%2E%2Fbravo", "acme"]);
    assert_eq!(tenants.client("").map(drop), Err(TenantError::Name));
    assert!(
        !format!("{tenants:?}").contains("acme"),
        "a name may be a customer's"
    );
    let _ = tenants.shutdown(Duration::ZERO);
}

#[test]
fn a_tenant_whose_client_cannot_be_made_is_told_why_and_costs_the_others_nothing() {
    let tenants = Tenants::new(|tenant| match tenant {
        "broken" => Ok(Client::builder().endpoint("no address")),
        _ => Ok(Client::builder().endpoint("http://127.0.0.1:9")),
    });
    assert!(matches!(
        tenants.client("broken"),
        Err(TenantError::Config(_))
    ));
    assert!(tenants.client("acme").is_ok());
    assert_eq!(tenants.stats().opened, 1);
    let _ = tenants.shutdown(Duration::ZERO);
}

#[tokio::test]
async fn a_server_flushes_and_closes_without_blocking_and_hears_whose_runs_did_not_leave() {
    let tap = Tap::start();
    let tenants = tenants(&tap);
    for name in ["bravo", "acme"] {
        tenants.client(name).expect("room").run("r").start().end();
    }
    tenants.flush_async(PATIENCE).await.expect("delivered");
    tap.answers(503);
    for name in ["bravo", "acme"] {
        tenants.client(name).expect("room").run("r").start().end();
    }
    let ended = tenants.shutdown_async(Duration::ZERO).await;
    let error = ended.expect_err("nobody takes it").to_string();
    assert!(error.starts_with("acme: "), "{error}");
    let stats = tenants.stats();
    assert_eq!(
        (stats.open, stats.closed, stats.lost),
        (0, 2, 4),
        "{stats:?}"
    );
}
