//! The dev container, which nobody can build here, agrees with the workspace in what can be compared.

use super::markdown::root;

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect("a file of the repository")
}

#[test]
fn the_dev_container_has_the_toolchain_that_the_workspace_asks_for() {
    let manifest = read("Cargo.toml");
    let toolchain = manifest
        .lines()
        .find_map(|line| line.strip_prefix("toolchain = "));
    let toolchain = toolchain.expect("a toolchain").trim_matches('"');
    let dockerfile = read(".devcontainer/Dockerfile");
    let from = dockerfile
        .lines()
        .find(|line| line.starts_with("FROM "))
        .expect("an image");
    assert!(
        from.starts_with(&format!("FROM rust:{toolchain}-")),
        "{from}: {toolchain}"
    );
}

#[test]
fn the_dev_container_is_json_and_names_what_is_there() {
    let container: serde_json::Value =
        serde_json::from_str(&read(".devcontainer/devcontainer.json")).expect("JSON");
    let dockerfile = container["build"]["dockerfile"].as_str().expect("a name");
    let dockerfile = read(&format!(".devcontainer/{dockerfile}"));
    let user = container["remoteUser"].as_str().expect("a user");
    assert!(dockerfile.contains(&format!("USER {user}")), "{user}");
    for package in [
        "python3-venv",
        "g++",
        "nodejs",
        "redis-server",
        "nats-server",
    ] {
        assert!(dockerfile.contains(package), "{package}");
    }
}
