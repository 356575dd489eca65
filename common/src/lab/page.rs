//! A page with pictures in one file that needs nothing else. Start at [`page`].

/// No script and nothing from elsewhere, and the browser is told to hold the page to it: what it shows was written by
/// the services that were traced, by a model, and by whoever asked it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #20262e; --muted: #5b636e; --ground: #ffffff; --edge: #dfdfd8; --code: #f6f6f2 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e6e8; --muted: #a3abb5; --ground: #16191d; --edge: #343a41; --code: #1f2429 }
  /* The pictures bring light paper of their own; a little less of it at night. */
  figure svg { filter: brightness(.88) }
}
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 44rem; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem }
h2 { font-size: 1.25rem; margin: 3rem 0 .25rem }
h3 { font-size: 1.05rem; margin: 2rem 0 .25rem; font-weight: 600 }
p { margin: .25rem 0 1rem; color: var(--muted) }
figure { margin: 0 0 1rem }
figure svg { display: block; width: 100%; height: auto; border-radius: 8px }
details { margin: .6rem 0 }
summary { cursor: pointer; color: var(--muted); font-size: .9rem }
pre { overflow-x: auto; padding: .75rem 1rem; background: var(--code); border: 1px solid var(--edge);
  border-radius: 8px; font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
";

/// Writes a page: its title, and what stands in its body as HTML, whose texts are escaped by then.
///
/// Pictures ([`Figure::to_html`](crate::analysis::Figure::to_html)), headings, `details` and `pre` have a style here,
/// by day and by night.
///
/// ```
/// let page = common::lab::page("a < b", "<h1>Two</h1>");
/// assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<title>a &lt; b</title>"));
/// assert!(page.contains("default-src 'none'") && page.ends_with("<h1>Two</h1></body></html>"));
/// ```
pub fn page(title: &str, body: &str) -> String {
    use maud::{DOCTYPE, PreEscaped, html};
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (PreEscaped(body)) }
        }
    };
    page.into_string()
}
