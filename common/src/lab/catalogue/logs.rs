//! What the logs of the services say of it: each its own lines, and nothing that joins them.

use serde_json::Value;

use crate::model::Timestamp;

/// Writes the logs of a capture: what begins, ends and fails, and what the endpoint answered, by time.
///
/// No id of a run, trace or parent is in it: services without tracing have none.
pub(super) fn of(capture: &str) -> String {
    let mut lines: Vec<(Option<Timestamp>, String)> = Vec::new();
    for line in capture.lines() {
        let Ok(value) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        // A line may be a run itself.
        for run in [&value, &value["run"]] {
            if run["start_time"].is_string() {
                of_run(run, &mut lines);
            }
        }
        let request = &value["request"];
        if request["status"]
            .as_u64()
            .is_some_and(|status| status >= 400)
        {
            let (method, path) = (word(&request["method"]), word(&request["path"]));
            let words = format!(
                "WARN  exporter: {method} {path} answered {}",
                request["status"]
            );
            lines.push((time(&request["at"]), words));
        }
        let hop = &value["headers"];
        if hop["direction"] == "out" {
            let words = format!(
                "INFO  {}: {} {} answered {}",
                word(&hop["service"]),
                word(&hop["method"]),
                word(&hop["peer"]),
                hop["status"]
            );
            lines.push((None, words));
        }
    }
    // What has no time comes last; it was written down so.
    lines.sort_by_key(|(time, _)| (time.is_none(), *time));
    let write = |(time, words): (Option<Timestamp>, String)| match time {
        Some(time) => format!("{} {words}\n", time.format("%H:%M:%S%.3f")),
        None => format!("{:12} {words}\n", ""),
    };
    lines.into_iter().map(write).collect()
}

fn of_run(run: &Value, lines: &mut Vec<(Option<Timestamp>, String)>) {
    let service = match word(&run["extra"]["metadata"]["service"]) {
        "" => "service",
        service => service,
    };
    let name = word(&run["name"]);
    lines.push((
        time(&run["start_time"]),
        format!("INFO  {service}: {name} begins"),
    ));
    let end = time(&run["end_time"]);
    match run["error"].as_str().filter(|error| !error.is_empty()) {
        Some(error) => lines.push((end, format!("ERROR {service}: {name}: {error}"))),
        None if end.is_some() => lines.push((end, format!("INFO  {service}: {name} done"))),
        None => {}
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}
