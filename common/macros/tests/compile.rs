//! What the compiler says of a program that is wrong.
//!
//! The programs are only checked, in a project of their own with as little of `common` as the attribute
//! needs; those that compile are tests like others. After a change of the messages:
//! `TRYBUILD=overwrite cargo test -p common-macros`.

#[test]
fn programs_in_err_are_refused_with_these_words() {
    trybuild::TestCases::new().compile_fail("tests/err/*.rs");
}
