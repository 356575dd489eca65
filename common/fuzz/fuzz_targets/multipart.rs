//! Fuzzes the stand-in's multipart decoder. See `common_fuzz::multipart`.
#![cfg_attr(fuzzing, no_main)]

common_fuzz::fuzz_target!(multipart);
