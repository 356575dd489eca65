//! What every picture must be.
// Each test file uses its own part of it.
#![allow(dead_code, unreachable_pub)]

use common::analysis::Figure;
use roxmltree::{Document, Node};

/// Parses a picture and checks what every picture must be.
pub fn check(figure: &Figure) -> String {
    let svg = figure.svg();
    let document = Document::parse(&svg).unwrap_or_else(|error| panic!("{error}\n{svg}"));
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    let number = |node: &Node<'_, '_>, name: &str| -> f64 {
        node.attribute(name)
            .map_or(0.0, |value| value.parse().expect("a number"))
    };
    let (width, height) = (number(&root, "width"), number(&root, "height"));
    assert!(width >= 640.0 && height <= 960.0, "{width} x {height}");
    let names: Vec<&str> = root
        .children()
        .filter(Node::is_element)
        .map(|node| node.tag_name().name())
        .take(3)
        .collect();
    assert_eq!(names, ["title", "desc", "rect"], "words first, then paper");
    let is_text = |node: &Node<'_, '_>| node.tag_name().name() == "text";
    for node in document.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        assert!(
            matches!(
                name,
                "svg"
                    | "title"
                    | "desc"
                    | "g"
                    | "rect"
                    | "line"
                    | "path"
                    | "circle"
                    | "text"
                    | "polyline"
                    | "polygon"
            ),
            "foreign element {name}"
        );
        assert_eq!(
            node.tag_name().namespace(),
            Some("http://www.w3.org/2000/svg")
        );
        for attribute in node.attributes() {
            let name = attribute.name();
            assert!(
                !name.starts_with("on") && name != "href" && name != "style",
                "{name}"
            );
            assert!(!attribute.value().contains("NaN") && !attribute.value().contains("inf"));
        }
        if name == "rect" || is_text(&node) {
            let (x, w) = (number(&node, "x"), number(&node, "width"));
            assert!(
                x >= 0.0 && w >= 0.0 && x + w <= width + 0.1,
                "{name} leaves the frame"
            );
        }
    }
    assert!(figure.is_light(), "{} bytes", svg.len());
    let text = svg.chars().all(|c| c == '\n' || !c.is_control());
    assert!(text, "control characters are illegal in XML 1.0");
    assert!(figure.to_html().contains(&svg));
    svg
}

/// Returns the words in the picture, without its title and description.
pub fn drawn_words(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).expect("checked");
    let texts = document
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")));
    texts
        .filter_map(|node| node.text().map(str::to_owned))
        .collect()
}
