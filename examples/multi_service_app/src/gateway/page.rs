//! The page: three files, nothing from elsewhere. Start at [`page`].

use axum::http::header;
use axum::response::IntoResponse;
use maud::{DOCTYPE, Markup, html};

/// What the browser lets the page do: its own script, its own style, and questions to its own gateway.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Writes the page.
pub(super) async fn page() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, markup())
}

/// The script of the page.
pub(super) async fn script() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")],
        include_str!("page.js"),
    )
}

/// The style of the page.
pub(super) async fn style() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8")],
        include_str!("page.css"),
    )
}

fn markup() -> impl IntoResponse {
    let page: Markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Docs assistant" }
                link rel="stylesheet" href="/page.css";
                script src="/page.js" defer {}
            }
            body {
                main {
                    h1 { "Docs assistant" }
                    p .lead { "Six services answer from this repository's documentation. Each question is one trace." }
                    form #ask {
                        label for="question" { "Your question" }
                        div .row {
                            input #question name="question" maxlength="2000" autocomplete="off" required
                                value=(crate::demo::QUESTION);
                            button #send type="submit" { "Ask" }
                            button #leave type="button" hidden { "Stop" }
                        }
                    }
                    section #reply hidden aria-live="polite" {
                        ul #steps {}
                        p #answer {}
                        ol #sources {}
                        p #problem role="alert" hidden {}
                        p #trace hidden {}
                    }
                    noscript { p { "The page needs its script; " code { "curl -N" } " does without." } }
                }
            }
        }
    };
    (
        [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
        page.into_string(),
    )
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn the_script_finds_all_that_it_asks_for_and_nothing_is_in_line() {
        let page = page().await.into_response();
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY].clone();
        assert!(!policy.to_str().expect("ASCII").contains("unsafe"));
        let markup = to_bytes(page.into_body(), 1 << 20).await.expect("a body");
        let markup = String::from_utf8(markup.to_vec()).expect("text");
        let script = include_str!("page.js");
        let asked = script.split("at(\"").skip(1);
        let asked: Vec<_> = asked.filter_map(|rest| rest.split('"').next()).collect();
        assert!(asked.len() > 10, "{asked:?}");
        for id in asked {
            assert!(markup.contains(&format!("id=\"{id}\"")), "{id}");
        }
        assert!(
            !markup.contains("<style") && !markup.contains("onclick"),
            "{markup}"
        );
        // What services say is text: none of it becomes markup.
        assert!(!script.contains("innerHTML"));
    }
}
