//! Fuzzes our multipart encoder against the stand-in's decoder. See `common_fuzz::writer`.
#![cfg_attr(fuzzing, no_main)]

common_fuzz::fuzz_target!(writer);
