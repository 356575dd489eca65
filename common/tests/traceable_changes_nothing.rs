//! A function with `#[traceable]` drops, borrows and returns as it does without.
#![cfg(all(feature = "macros", feature = "client"))]
// Owned arguments are what is tested.
#![allow(clippy::needless_pass_by_value)]

mod recorded_runs;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::traceable;
use recorded_runs::{record, wait};
use serde_json::{Value, json};

thread_local! {
    static DROPPED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

struct Noted(&'static str);

impl Drop for Noted {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| dropped.push(self.0));
    }
}

fn dropped() -> Vec<&'static str> {
    DROPPED.take()
}

struct Owner {
    field: Noted,
    rest: Noted,
}

/// The same functions without the attribute and with it.
macro_rules! twice {
    ($($item:item)*) => {
        mod plain {
            use super::*;
            $($item)*
        }
        mod traced {
            use super::*;
            $(#[traceable(skip_all, skip_output)] $item)*
        }
    };
}

twice! {
    pub(super) fn order(a: Noted, _: Noted, (b, _): (Noted, Noted), mut c: Noted, _unused: Noted) -> usize {
        let _local = Noted("local");
        c.0 = "changed";
        if a.0.is_empty() {
            return 0;
        }
        [&b, &c].len()
    }
    pub(super) async fn order_later(a: Noted, _: Noted, (b, _): (Noted, Noted), mut c: Noted, _unused: Noted) -> usize {
        let _local = Noted("local");
        c.0 = "changed";
        crate::recorded_runs::pause().await;
        if a.0.is_empty() {
            return 0;
        }
        [&b, &c].len()
    }
    pub(super) fn partly(a: Noted, owner: Owner) -> Noted {
        let _local = Noted("local");
        drop(a);
        owner.field
    }
    pub(super) fn tail(lock: std::sync::Mutex<Vec<u8>>) -> usize {
        lock.lock().expect("not poisoned").len()
    }
    pub(super) fn dynamic(even: bool) -> Box<dyn Fn(u8) -> u8> {
        if even { Box::new(|n| n * 2) } else { Box::new(|n| n * 2 + 1) }
    }
    pub(super) async fn dynamic_later(even: bool) -> Box<dyn Fn(u8) -> u8> {
        if even {
            return Box::new(|n| n * 2);
        }
        Box::new(|n| n * 2 + 1)
    }
}

#[test]
fn everything_is_dropped_in_the_order_of_a_function_without_the_attribute() {
    let noted = || {
        (
            Noted("a"),
            Noted("wild"),
            (Noted("b"), Noted("rest of b")),
            Noted("c"),
            Noted("unused"),
        )
    };
    let (a, w, b, c, u) = noted();
    plain::order(a, w, b, c, u);
    let expected = dropped();
    assert_eq!(expected.len(), 7);
    let ((), runs) = record(|| {
        let (a, w, b, c, u) = noted();
        traced::order(a, w, b, c, u);
    });
    assert_eq!(dropped(), expected);
    assert_eq!(runs.len(), 1);

    let (a, w, b, c, u) = noted();
    wait(plain::order_later(a, w, b, c, u));
    let expected = dropped();
    record(|| {
        let (a, w, b, c, u) = noted();
        wait(traced::order_later(a, w, b, c, u));
    });
    assert_eq!(dropped(), expected);

    let owner = || Owner {
        field: Noted("field"),
        rest: Noted("rest"),
    };
    let given = plain::partly(Noted("a"), owner());
    let expected = dropped();
    drop(given);
    dropped();
    let (given, _) = record(|| traced::partly(Noted("a"), owner()));
    assert_eq!(dropped(), expected);
    drop(given);
    assert_eq!(dropped(), ["field"]);
    assert_eq!(owner().rest.0, "rest");
}

#[test]
fn types_and_borrows_are_those_of_a_function_without_the_attribute() {
    let lock = || std::sync::Mutex::new(vec![1, 2]);
    assert_eq!(plain::tail(lock()), traced::tail(lock()));
    assert_eq!(plain::dynamic(true)(4), traced::dynamic(true)(4));
    let later = (
        wait(plain::dynamic_later(false)),
        wait(traced::dynamic_later(false)),
    );
    assert_eq!(later.0(4), later.1(4));
}

#[traceable]
fn exits(code: i32) -> ! {
    panic!("code {code}");
}

#[traceable(skip_all)]
unsafe fn reads(number: &u8) -> u8 {
    *number
}

#[test]
fn functions_that_never_return_and_unsafe_ones_are_traced() {
    let (caught, runs) = record(|| catch_unwind(AssertUnwindSafe(|| exits(3))));
    assert!(
        caught.is_err()
            && runs[0]
                .error
                .as_deref()
                .is_some_and(|error| error.starts_with("Panicked"))
    );
    let inputs = runs[0].inputs.clone().map(Value::Object);
    assert_eq!(inputs, Some(json!({"code": 3})));
    let pointer: unsafe fn(&u8) -> u8 = reads;
    let _ = pointer;
}
