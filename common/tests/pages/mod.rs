//! What the tests of the viewer share: a page asked for as a browser does, read by a real parser, and
//! held to what may stand in it.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its own share, and a broken fixture may panic"
)]

use std::collections::HashSet;

use common::langsmith_mock::{LangSmithMock, MockRequest, MockResponse};
use html5ever::tendril::TendrilSink as _;
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{ParseOpts, parse_document};
use http::{HeaderValue, Method};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

/// Elements that a page may have.
const ELEMENTS: &[&str] = &[
    "a", "body", "br", "button", "code", "dd", "details", "div", "dl", "dt", "footer", "form",
    "h1", "h2", "h3", "head", "header", "html", "img", "input", "label", "li", "link", "main",
    "meta", "nav", "noscript", "ol", "option", "p", "pre", "rect", "script", "section", "select",
    "small", "span", "strong", "summary", "svg", "table", "tbody", "td", "text", "textarea", "th",
    "thead", "time", "title", "tr", "ul",
];

/// Attributes that any of them may have. No `style`, nothing that begins with `on`.
const ATTRIBUTES: &[&str] = &[
    "action",
    "alt",
    "aria-current",
    "aria-hidden",
    "aria-label",
    "aria-labelledby",
    "cols",
    "for",
    "rows",
    "spellcheck",
    "aria-live",
    "charset",
    "class",
    "content",
    "data-label",
    "data-live",
    "data-news",
    "data-swap",
    "data-version",
    "datetime",
    "defer",
    "dx",
    "height",
    "href",
    "id",
    "lang",
    "loading",
    "method",
    "name",
    "open",
    "placeholder",
    "rel",
    "role",
    "rx",
    "scope",
    "selected",
    "src",
    "tabindex",
    "text-anchor",
    "type",
    "value",
    "width",
    "x",
    "y",
];

/// Asks for a page as a browser does.
pub(crate) fn get(mock: &LangSmithMock, target: &str) -> MockResponse {
    let mut request = MockRequest::new(Method::GET, target, "");
    let html = HeaderValue::from_static("text/html,application/xhtml+xml,*/*;q=0.8");
    request.headers.insert("accept", html);
    let host = HeaderValue::from_static("127.0.0.1:1984");
    request.headers.insert("host", host);
    mock.handle(request)
}

/// A page, read.
pub(crate) struct Page {
    pub(crate) elements: Vec<Element>,
    /// All text in order.
    pub(crate) text: String,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    /// The text in it and below it.
    pub(crate) text: String,
}

impl Element {
    pub(crate) fn get(&self, attribute: &str) -> Option<&str> {
        let mut all = self.attributes.iter();
        all.find(|(name, _)| name == attribute)
            .map(|(_, value)| value.as_str())
    }
}

/// Asks for a page and reads it; fails if anything stands in it that may not.
pub(crate) fn page(mock: &LangSmithMock, target: &str) -> Page {
    let answer = get(mock, target);
    assert_eq!(answer.content_type, "text/html; charset=utf-8", "{target}");
    let html = std::str::from_utf8(&answer.body).expect("UTF-8");
    let page = Page::read(html);
    page.check(target);
    page
}

impl Page {
    pub(crate) fn read(html: &str) -> Self {
        let tree_builder = TreeBuilderOpts {
            scripting_enabled: false,
            exact_errors: true,
            ..TreeBuilderOpts::default()
        };
        let options = ParseOpts {
            tree_builder,
            ..ParseOpts::default()
        };
        let dom = parse_document(RcDom::default(), options).one(html);
        assert_eq!(
            *dom.errors.borrow(),
            Vec::<String>::new(),
            "errors of the parser"
        );
        let mut page = Self {
            elements: Vec::new(),
            text: String::new(),
            bytes: html.len(),
        };
        page.text = page.walk(&dom.document);
        page
    }

    fn walk(&mut self, node: &Handle) -> String {
        let at = self.elements.len();
        match &node.data {
            NodeData::Text { contents } => return contents.borrow().to_string(),
            NodeData::Comment { contents } => panic!("a comment: {contents}"),
            NodeData::Element { name, attrs, .. } => {
                let attributes = attrs.borrow();
                let attributes = attributes.iter();
                self.elements.push(Element {
                    name: name.local.to_string(),
                    attributes: attributes
                        .map(|attribute| {
                            (
                                attribute.name.local.to_string(),
                                attribute.value.to_string(),
                            )
                        })
                        .collect(),
                    text: String::new(),
                });
            }
            _ => {}
        }
        let children = node.children.borrow();
        let text: String = children.iter().map(|child| self.walk(child)).collect();
        if let NodeData::Element { .. } = node.data {
            self.elements[at].text.clone_from(&text);
        }
        text
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.elements
            .iter()
            .filter(move |element| element.name == name)
    }

    pub(crate) fn by_id(&self, id: &str) -> &Element {
        let mut all = self.elements.iter();
        let found = all.find(|element| element.get("id") == Some(id));
        found.unwrap_or_else(|| panic!("no element {id:?}"))
    }

    /// Returns the links whose text is exactly this.
    pub(crate) fn links(&self, text: &str) -> Vec<&str> {
        let links = self.all("a").filter(|link| link.text == text);
        links.filter_map(|link| link.get("href")).collect()
    }

    /// Fails unless the page has nothing but known elements and attributes, leads nowhere but to this
    /// server, runs no script but its own, and can be found one's way in.
    pub(crate) fn check(&self, target: &str) {
        let styles = include_str!("../../src/langsmith_mock/viewer/assets/viewer.css");
        let mut ids = HashSet::new();
        let mut level = 0;
        for element in &self.elements {
            let name = element.name.as_str();
            assert!(ELEMENTS.contains(&name), "{target}: <{name}>");
            for (attribute, value) in &element.attributes {
                assert!(
                    ATTRIBUTES.contains(&attribute.as_str()),
                    "{target}: {name} {attribute}"
                );
                if matches!(attribute.as_str(), "href" | "src" | "action") {
                    let is_here = value.starts_with('/') && !value.starts_with("//");
                    assert!(
                        is_here || value.is_empty() || value == "#main",
                        "{target}: {value}"
                    );
                }
                if attribute == "class" {
                    for class in value.split_whitespace() {
                        assert!(
                            styles.contains(&format!(".{class}")),
                            "{target}: class {class}"
                        );
                    }
                }
                if attribute == "id" {
                    assert!(
                        ids.insert(value.as_str()),
                        "{target}: two elements {value:?}"
                    );
                }
            }
            if name == "script" {
                assert_eq!(element.get("src"), Some("/viewer/viewer.js"), "{target}");
                assert_eq!(element.text, "", "{target}: a script in the page");
            }
            if element.get("data-live").is_some() {
                assert!(
                    element.get("id").is_some(),
                    "{target}: the script finds parts by id"
                );
            }
            if let Some(next) = name.strip_prefix('h').and_then(|h| h.parse::<u32>().ok()) {
                assert!(next <= level + 1, "{target}: h{next} after h{level}");
                level = next;
            }
        }
        for element in &self.elements {
            if let Some(label) = element
                .get("aria-labelledby")
                .filter(|_| !element.text.is_empty())
            {
                assert!(ids.contains(label), "{target}: nothing is called {label}");
            }
        }
        assert_eq!(self.all("h1").count(), 1, "{target}");
        assert_eq!(self.all("script").count(), 1, "{target}");
        assert_eq!(self.all("html").next().unwrap().get("lang"), Some("en"));
    }
}
