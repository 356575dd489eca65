//! Fuzzes `Retry-After`. See `common_fuzz::retry_after`.
#![cfg_attr(fuzzing, no_main)]

common_fuzz::fuzz_target!(retry_after);
