//! The expansion brings no warning that the function would not have.
#![deny(warnings, unused, rust_2018_idioms, unreachable_pub)]

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

use common::traceable;

#[traceable]
fn unused(number: u8) {}

#[traceable]
async fn unused_later(_number: u8, mut other: u8) -> u8 {
    other += 1;
    other
}

#[traceable]
fn never() -> u8 {
    panic!("always")
}

#[traceable]
async fn never_later(flag: bool) -> Result<u8, String> {
    if flag {
        return Err("so".to_owned());
    }
    panic!("always")
}

#[traceable(skip_all)]
fn maps<K: std::hash::Hash + Eq + serde::Serialize, V: serde::Serialize>(
    pairs: impl IntoIterator<Item = (K, V)>,
) -> HashMap<K, V> {
    pairs.into_iter().collect()
}

#[traceable]
fn factorial(n: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move { if n < 2 { 1 } else { n * factorial(n - 1).await } })
}

#[traceable(skip_output)]
pub(crate) fn adder(n: u64) -> impl Fn(u64) -> u64 {
    move |m| n + m
}

#[traceable]
fn parse(text: &str) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
    Ok(text.trim().parse()?)
}

struct Counter(u64);

impl Counter {
    #[traceable]
    fn next(&mut self) -> &mut u64 {
        self.0 += 1;
        &mut self.0
    }

    #[traceable]
    fn value(self: Box<Self>) -> u64 {
        self.0
    }
}

macro_rules! traced {
    ($name:ident, $value:expr) => {
        #[traceable]
        fn $name() -> u64 {
            let __traced = $value;
            __traced
        }
    };
}

traced!(from_a_macro, 7);

#[test]
fn a_file_that_denies_all_warnings_compiles_with_the_attribute_everywhere_in_it() {
    unused(1);
    drop(unused_later(1, 2));
    let _: (fn() -> u8, _) = (never, never_later(true));
    assert_eq!(maps([(1, 2)])[&1], 2);
    drop(factorial(5));
    assert_eq!(adder(1)(2), 3);
    assert!(parse("x").is_err() && parse(" 7 ").is_ok());
    let mut counter = Box::new(Counter(1));
    *counter.next() += 1;
    assert_eq!(counter.value() + from_a_macro(), 10);
}
