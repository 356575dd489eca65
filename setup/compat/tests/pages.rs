//! What is rendered from sources is what the sources say.

use compat::pages;

#[test]
fn the_page_of_differences_is_rendered_from_its_sources() {
    assert!(
        pages::is_current().expect("sources and page"),
        "{} is out of date\n  → cargo workbook compat --write",
        pages::PAGE
    );
}
