//! The page: whole, self-contained, escaped, and legible by day and by night.

mod stored;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use common::langsmith_mock::LangSmithMock;
use html5ever::tendril::TendrilSink as _;
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use production_monitoring::metrics::{Books, Observation, Watched};
use production_monitoring::report::{Facts, Report, Source, page};
use production_monitoring::services::Role;
use production_monitoring::sink::{Fault, Injected};
use stored::store;

async fn report(project: &str) -> Report {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let mock = LangSmithMock::serve(address).await.expect("a port");
    let ledger = store(&mock, 12).await;
    let seen = |at: u32| Observation {
        at: f64::from(at),
        role: Role::Retriever,
        generation: 0,
        books: Some(Books {
            accepted: u64::from(at),
            queued: u64::from(at),
            dropped: [("<b>".to_owned(), 3)].into(),
            ..Books::default()
        }),
    };
    let injected = Injected {
        fault: Fault::Outage,
        from: 0.2,
        planned: 0.2,
        to: Some(0.8),
    };
    Report::of(Facts {
        project: project.to_owned(),
        began: ledger.asked.began.clone(),
        runs: mock.runs(),
        ledger: Some(ledger),
        watched: Watched {
            observations: (0..9).map(seen).collect(),
        },
        injected: vec![injected],
        source: Source::StandIn,
        unsent: vec!["gateway: <script>alert(1)</script>".to_owned()],
    })
}

/// Visits all elements: name, attributes, and the text right below.
fn elements(node: &Handle, visit: &mut impl FnMut(&str, &[(String, String)], &str)) {
    if let NodeData::Element { name, attrs, .. } = &node.data {
        let attrs: Vec<(String, String)> = attrs
            .borrow()
            .iter()
            .map(|attr| (attr.name.local.to_string(), attr.value.to_string()))
            .collect();
        let children = node.children.borrow();
        let texts = children.iter().filter_map(|child| match &child.data {
            NodeData::Text { contents } => Some(contents.borrow().to_string()),
            _ => None,
        });
        visit(&name.local, &attrs, &texts.collect::<String>());
    }
    for child in node.children.borrow().iter() {
        elements(child, visit);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_one_file_that_asks_for_nothing_and_escapes_what_it_is_given() {
    let text = page(&report("<img src=x onerror=alert(1)>").await);
    let dom = html5ever::parse_document(RcDom::default(), Default::default()).one(&*text);
    let errors = dom.errors.borrow();
    assert!(errors.is_empty(), "{errors:?}");
    let (mut names, mut figures) = (BTreeSet::new(), 0);
    elements(&dom.document, &mut |name, attrs, text| {
        names.insert(name.to_owned());
        figures += usize::from(name == "figure");
        for (attr, value) in attrs {
            assert!(!attr.starts_with("on"), "{name} {attr}");
            let points_away = ["src", "href", "action", "data", "xlink:href", "srcset"];
            assert!(
                !points_away.contains(&attr.as_str()),
                "{name} {attr}={value}"
            );
        }
        if name == "style" {
            assert!(
                !text.contains("url(") && !text.contains("@import"),
                "{text}"
            );
        }
        if matches!(name, "title" | "desc") {
            assert!(!text.trim().is_empty(), "a picture without words");
        }
    });
    for unwanted in ["script", "img", "link", "iframe", "object", "b2"] {
        assert!(!names.contains(unwanted), "{unwanted}");
    }
    assert!(figures >= 7, "{figures}");
    assert!(text.contains("default-src 'none'"));
    // Each picture has its words beside it as well.
    assert_eq!(text.matches("The same in words").count(), figures);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_color_of_the_pictures_has_another_one_at_night() {
    let text = page(&report("any").await).to_lowercase();
    let mut used = BTreeSet::new();
    for paint in ["fill=\"#", "stroke=\"#"] {
        for (at, _) in text.match_indices(paint) {
            used.insert(text[at + paint.len()..][..6].to_owned());
        }
    }
    assert!(used.len() >= 6, "{used:?}");
    let day_only: Vec<_> = used
        .iter()
        .filter(|color| !text.contains(&format!("[fill='#{color}' i]")))
        .collect();
    assert!(day_only.is_empty(), "{day_only:?}");
}
