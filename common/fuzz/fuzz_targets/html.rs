//! Fuzzes the stand-in's pages. See `common_fuzz::html`.
#![cfg_attr(fuzzing, no_main)]

common_fuzz::fuzz_target!(html);
