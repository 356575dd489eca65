//! How the page looks, by day and by night. Start at [`style`].

/// What the pictures are drawn with, and what takes its place on a dark ground, with the same contrast.
const NIGHT: [(&str, &str); 10] = [
    ("#fcfcfa", "#1b2026"),
    ("#dfdfd8", "#39414a"),
    ("#20262e", "#e6e8ea"),
    ("#5b636e", "#a9b1bb"),
    ("#e4e5e1", "#2f363e"),
    ("#8a929c", "#77808b"),
    ("#2f5d8c", "#7fb0e6"),
    ("#4c8f78", "#7cc7aa"),
    ("#c2401c", "#ff8f6b"),
    ("#fbeee9", "#3b2822"),
];

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #20262e; --muted: #5b636e; --ground: #ffffff; --card: #f6f6f2;
  --edge: #dfdfd8; --bad: #b3391a; --good: #2b6b54 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8ea; --muted: #a9b1bb; --ground: #14171b; --card: #1b2026; --edge: #39414a; --bad: #ff8f6b;
    --good: #7cc7aa }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 46rem; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem }
h2 { font-size: 1.2rem; margin: 3rem 0 .75rem }
p { margin: .25rem 0 1rem }
.muted { color: var(--muted) }
.verdict { font-size: 1.1rem; padding-left: .8rem; border-left: 4px solid var(--good) }
.verdict.bad { border-color: var(--bad) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 1.5rem 0;
  padding: 0; list-style: none }
.tiles li { padding: .7rem .9rem; background: var(--card); border: 1px solid var(--edge); border-radius: 8px }
.tiles b { display: block; font-size: 1.35rem; line-height: 1.3; font-variant-numeric: tabular-nums }
.tiles span { color: var(--muted); font-size: .85rem }
figure { margin: 0 0 .5rem }
figure svg { width: 100%; height: auto }
details { margin: 0 0 1.5rem }
summary { cursor: pointer; color: var(--muted); font-size: .9rem }
pre { overflow-x: auto; padding: .75rem 1rem; background: var(--card); border: 1px solid var(--edge);
  border-radius: 8px; font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
code { font: .9em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
.table { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--edge); text-align: right; vertical-align: top;
     white-space: nowrap }
th:first-child, td:first-child { text-align: left }
/* Nine columns have no more room than four. */
.wide table { font-size: .8rem }
.wide th, .wide td { padding: .35rem .3rem; white-space: normal }
.command { white-space: pre-wrap; overflow-wrap: anywhere }
td.words { text-align: left; white-space: normal }
th { color: var(--muted); font-weight: 600 }
td.bad { color: var(--bad); font-weight: 600 }
@media print { details { display: none } h2 { break-after: avoid } figure { break-inside: avoid } }
";

/// Returns the style sheet. The pictures are SVG within the page, so that their colors can follow its theme.
pub(super) fn style() -> String {
    let mut night = String::new();
    for (day, dark) in NIGHT {
        for paint in ["fill", "stroke"] {
            night.push_str(&format!(
                "  figure svg [{paint}='{day}' i] {{ {paint}: {dark} }}\n"
            ));
        }
    }
    format!("{STYLE}@media (prefers-color-scheme: dark) {{\n{night}}}\n")
}
