//! `cargo workbook`.
fn main() {}
