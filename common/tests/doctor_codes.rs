//! The table of the doctor's codes.
#![cfg(feature = "analysis")]

use std::collections::BTreeSet;

use common::analysis::doctor::{fault, faults};

#[test]
fn codes_are_numbered_without_a_gap_and_names_are_each_of_one_code() {
    let codes: Vec<&str> = faults().map(|fault| fault.code).collect();
    let wanted: Vec<String> = (1..=codes.len()).map(|at| format!("LT{at:03}")).collect();
    assert_eq!(codes, wanted);
    let names: BTreeSet<&str> = faults().map(|fault| fault.name).collect();
    assert_eq!(names.len(), codes.len());
}

#[test]
fn the_first_ten_codes_are_those_that_the_catalogue_names() {
    let names: Vec<&str> = faults().take(10).map(|fault| fault.name).collect();
    assert_eq!(
        names,
        [
            "orphan",
            "two-roots",
            "pending",
            "clock-skew",
            "duplicate",
            "context-leak",
            "baggage-lost",
            "double-counting",
            "wrong-project",
            "oversize"
        ]
    );
}

#[test]
fn each_of_the_sixty_rows_of_the_catalogue_has_a_code() {
    let rows: BTreeSet<u8> = faults()
        .flat_map(|fault| fault.causes)
        .map(|cause| cause.row)
        .filter(|row| *row > 0)
        .collect();
    assert_eq!(rows, (1..=60).collect());
}

#[test]
fn every_fault_says_what_shows_it_why_and_what_to_do() {
    for fault in faults() {
        assert!(!fault.shown_by.is_empty(), "{}", fault.code);
        assert!(!fault.causes.is_empty(), "{}", fault.code);
        for cause in fault.causes {
            for words in [cause.symptom, cause.cause, cause.fix] {
                assert!(words.len() > 15, "{}: {words}", fault.code);
                assert!(
                    !words.ends_with('.') && !words.contains(['|', '\n']),
                    "{words}"
                );
            }
        }
    }
}

#[test]
fn a_code_is_found_in_either_case_and_a_made_up_one_is_not() {
    assert_eq!(fault("lt004").map(|fault| fault.name), Some("clock-skew"));
    assert!(fault("LT000").is_none());
}
