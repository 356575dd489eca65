//! A waterfall of a graph: its supersteps lie within the band of their service, and waiting is no failure.
#![cfg(feature = "analysis")]

mod captured;
mod walked;

use captured::{Change as _, tree};
use common::analysis::{Waterfall, waterfall};
use walked::team;

const ASKS: &str = "GraphInterrupt((Interrupt(value='approve?', id='1', response_schema=None),))";

#[test]
fn a_graph_that_waits_for_a_human_has_not_failed() {
    let mut runs = team();
    let asks = runs.len() - 1;
    runs[asks] = runs[asks].clone().failed(ASKS);
    let name = runs[asks].name.clone();
    let words = waterfall(&tree(runs.clone())).to_string();
    assert!(
        words.starts_with(&format!("{name} waits for an answer")),
        "{words}"
    );
    // What really failed is told first.
    runs[1] = runs[1].clone().failed("no such shelf");
    let words = waterfall(&tree(runs)).to_string();
    assert!(words.starts_with("router failed: no such shelf"), "{words}");
}

#[test]
fn the_band_of_a_service_holds_all_of_its_lanes_also_below_the_numbers_of_supersteps() {
    let runs: Vec<_> = team().into_iter().map(|run| run.service("team")).collect();
    let svg = Waterfall::of(&tree(runs)).supersteps().svg();
    let number = |element: &str, name: &str| -> f64 {
        let (_, rest) = element
            .split_once(&format!(" {name}=\""))
            .expect("an attribute");
        let (value, _) = rest.split_once('"').expect("its end");
        value.parse().expect("a number")
    };
    let strips = svg.split("<rect").skip(1);
    let strip = strips.filter(|rect| number(rect, "width") == 2.0);
    let ends = strip.map(|rect| number(rect, "y") + number(rect, "height"));
    let end = ends.fold(0.0, f64::max);
    let lanes = svg.split("<rect").skip(1).filter(|rect| {
        let (height, width) = (number(rect, "height"), number(rect, "width"));
        (7.0..=14.0).contains(&height) && width > 2.0
    });
    // The keys of the legend are squares below all lanes.
    let lanes = lanes.filter(|rect| number(rect, "height") != number(rect, "width"));
    let axis = svg
        .split("<line")
        .skip(1)
        .map(|line| number(line, "y2"))
        .fold(0.0, f64::max);
    let last = lanes
        .map(|rect| number(rect, "y"))
        .filter(|y| *y < axis - 20.0)
        .fold(0.0, f64::max);
    assert!(
        last > 0.0 && end > last,
        "the strip ends at {end}, the last bar begins at {last}"
    );
}
