//! Fuzzes the stand-in's filter language. See `common_fuzz::filter`.
#![cfg_attr(fuzzing, no_main)]

common_fuzz::fuzz_target!(filter);
