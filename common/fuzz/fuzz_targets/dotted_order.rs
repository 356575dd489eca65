//! Fuzzes the dotted order. See `common_fuzz::dotted_order`.
#![cfg_attr(fuzzing, no_main)]

common_fuzz::fuzz_target!(dotted_order);
