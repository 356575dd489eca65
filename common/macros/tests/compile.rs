//! What the compiler takes and what it says of the rest.
//!
//! The programs are built in a project of their own, with as little of `common` as the attribute needs.
//! After a change of the messages: `TRYBUILD=overwrite cargo test -p common-macros`.

#[test]
fn programs_in_ok_run_and_programs_in_err_are_refused_with_these_words() {
    let programs = trybuild::TestCases::new();
    programs.pass("tests/ok/*.rs");
    programs.compile_fail("tests/err/*.rs");
}
