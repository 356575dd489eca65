//! Fuzzes the `baggage` header. See `common_fuzz::baggage`.
#![cfg_attr(fuzzing, no_main)]

common_fuzz::fuzz_target!(baggage);
