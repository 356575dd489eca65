//! Tenants in one process: no byte of one travels with the key of another, whatever happens.
#![cfg(feature = "lab")]

use std::time::Duration;

use common::client::{Client, ConfigError, TenantError, Tenants, TenantsStats};
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
