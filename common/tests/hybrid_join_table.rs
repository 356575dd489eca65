//! Which services end up in one trace, measured with the real SDKs.
//!
//! Needs the workbook's Python environment (`WORKBOOK_PYTHON`, which `cargo workbook test` sets). Without
//! it a test says so and passes on a learner's machine; in CI it fails.
#![cfg(all(feature = "lab", feature = "otel"))]

mod python_here;

use common::lab::joins::{Joins, Row};
use common::prelude::*;
use python_here::python_is_here;

#[tokio::test(flavor = "multi_thread")]
async fn look() {
    if !python_is_here() {
        return;
    }
    let joins = Joins::start(&Lesson::start("joins").await)
        .await
        .expect("they start");
    for row in Row::all() {
        match joins.run(row).await {
            Ok(met) => println!("{met}\n{}", met.drawn),
            Err(error) => println!("{row}: ERROR {error}"),
        }
    }
}
