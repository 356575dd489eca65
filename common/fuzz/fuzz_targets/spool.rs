//! Fuzzes the reader of the spool's files. See `common_fuzz::spool`.
#![cfg_attr(fuzzing, no_main)]

common_fuzz::fuzz_target!(spool);
