//! Fuzzes the stand-in's intake of spans. See `common_fuzz::otlp`.
#![cfg_attr(fuzzing, no_main)]

common_fuzz::fuzz_target!(otlp);
