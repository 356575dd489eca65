//! Fuzzes the headers of a request. See `common_fuzz::headers`.
#![cfg_attr(fuzzing, no_main)]

common_fuzz::fuzz_target!(headers);
