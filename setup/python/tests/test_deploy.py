"""Hold the collector configurations of the example to what collectors know.

No collector that has all of these components can be installed here, so their names and options are compared
with the documentation of otelcol-contrib 0.154. A misspelt option would stop a collector at its start.
"""

from __future__ import annotations

import copy
import re
import unittest
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).resolve().parents[3] / "examples/production_monitoring/deploy"
FILES = ["otelcol-agent.yaml", "otelcol-gateway.yaml"]
SECTIONS = ["receivers", "processors", "exporters"]

# Options by component, those of their parts after a dot. `*` takes anything below.
QUEUE = """enabled num_consumers wait_for_result block_on_overflow sizer queue_size storage batch.flush_timeout
    batch.min_size batch.max_size batch.sizer batch.partition""".split()
RETRY = "enabled initial_interval max_interval max_elapsed_time multiplier".split()
TLS = "ca_file cert_file key_file client_ca_file insecure insecure_skip_verify min_version".split()
DELIVERY = [f"sending_queue.{name}" for name in QUEUE]
DELIVERY += [f"retry_on_failure.{name}" for name in RETRY]
TLS = [f"tls.{name}" for name in TLS]
KNOWN = {
    "health_check": "endpoint path response_body tls.*".split(),
    "file_storage": """directory timeout fsync create_directory directory_permissions compaction.on_start
        compaction.on_rebound compaction.directory compaction.max_transaction_size compaction.cleanup_on_start
        compaction.rebound_needed_threshold_mib compaction.rebound_trigger_threshold_mib
        compaction.check_interval""".split(),
    "otlp": """protocols.http.endpoint protocols.http.max_request_body_size protocols.http.include_metadata
        protocols.grpc.endpoint protocols.grpc.max_recv_msg_size_mib protocols.grpc.include_metadata""".split()
    + [f"protocols.{protocol}.{name}" for protocol in ("http", "grpc") for name in TLS],
    "memory_limiter": """check_interval limit_mib spike_limit_mib limit_percentage
        spike_limit_percentage""".split(),
    "tail_sampling": """decision_wait num_traces expected_new_traces_per_sec sample_on_first_match
        drop_pending_traces_on_shutdown decision_cache.sampled_cache_size decision_cache.non_sampled_cache_size
        policies.name policies.type policies.status_code.status_codes policies.latency.threshold_ms
        policies.latency.upper_threshold_ms policies.string_attribute.key policies.string_attribute.values
        policies.probabilistic.sampling_percentage policies.probabilistic.hash_salt""".split(),
    "transform": "error_mode trace_statements".split(),
    "redaction": """allow_all_keys allowed_keys ignored_keys redact_all_types blocked_key_patterns
        blocked_values allowed_values hash_function summary""".split(),
    "load_balancing": """routing_key timeout resolver.dns.hostname resolver.dns.port resolver.dns.interval
        resolver.dns.timeout protocol.otlp.timeout protocol.otlp.compression""".split()
    + [f"protocol.otlp.{name}" for name in TLS + DELIVERY]
    + DELIVERY,
    "otlp_http": "endpoint traces_endpoint compression timeout encoding headers.*".split() + TLS + DELIVERY,
}
POLICIES = {"status_code", "latency", "string_attribute", "probabilistic", "always_sample"}


def read(name: str) -> dict[str, Any]:
    """Return a configuration."""
    return yaml.safe_load((DEPLOY / name).read_text())


def options(value: Any, above: str = "") -> list[str]:
    """Return every option below, with the names that lead to it."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return [option for item in value for option in options(item, above)]
    if not isinstance(value, dict):
        return [above]
    below = [(f"{above}.{key}" if above else key, item) for key, item in value.items()]
    return [option for name, item in below for option in options(item, name)]


def unknown(config: dict[str, Any]) -> list[str]:
    """Return the options that no documentation has."""
    found = []
    for section in ["extensions", *SECTIONS]:
        for name, settings in config.get(section, {}).items():
            kind = name.split("/")[0]
            known = KNOWN.get(kind, [])
            wide = tuple(option[:-1] for option in known if option.endswith("*"))
            for option in options(settings or {}):
                if option and option not in known and not (wide and option.startswith(wide)):
                    found.append(f"{name}: {option}")
            if kind not in KNOWN:
                found.append(name)
    return found


def loose_ends(config: dict[str, Any]) -> list[str]:
    """Return what is used and not defined, and what is defined and not used."""
    used: dict[str, set[str]] = {section: set() for section in SECTIONS}
    for pipeline in config["service"]["pipelines"].values():
        for section in SECTIONS:
            used[section] |= set(pipeline.get(section, []))
    used["extensions"] = set(config["service"].get("extensions", []))
    ends = []
    for section, names in used.items():
        ends += [f"{section}: {name}" for name in names ^ set(config.get(section, {}))]
    for name, exporter in config["exporters"].items():
        storage = exporter.get("sending_queue", {}).get("storage")
        if storage and storage not in used["extensions"]:
            ends.append(f"{name}: {storage}")
    return ends


class ConfigurationTest(unittest.TestCase):
    """Read each file as a collector would."""

    def test_what_is_named_is_defined_and_what_is_defined_is_used(self) -> None:
        """Compare pipelines with components, both ways."""
        for name in FILES:
            self.assertEqual(loose_ends(read(name)), [], name)

    def test_every_option_is_one_that_the_component_has(self) -> None:
        """Compare with the documentation."""
        for name in FILES:
            config = read(name)
            self.assertEqual(unknown(config), [], name)
            for policy in config["processors"].get("tail_sampling", {}).get("policies", []):
                self.assertIn(policy["type"], POLICIES)
                self.assertEqual(set(policy), {"name", "type", policy["type"]})

    def test_a_mistake_would_be_found(self) -> None:
        """Make each kind of mistake."""
        config = read("otelcol-gateway.yaml")
        misspelt = copy.deepcopy(config)
        misspelt["exporters"]["otlp_http/langsmith"]["sending_queue"]["batch"]["maxsize"] = 1
        self.assertEqual(unknown(misspelt), ["otlp_http/langsmith: sending_queue.batch.maxsize"])
        unused = copy.deepcopy(config)
        unused["service"]["pipelines"]["traces"]["processors"].remove("redaction")
        self.assertEqual(loose_ends(unused), ["processors: redaction"])
        memory = copy.deepcopy(config)
        memory["service"]["extensions"].remove("file_storage/langsmith")
        self.assertEqual(len(loose_ends(memory)), 2)

    def test_each_trace_goes_to_one_gateway_that_limits_memory_first_and_then_samples(self) -> None:
        """Hold what the tiers are for."""
        agent, gateway = read("otelcol-agent.yaml"), read("otelcol-gateway.yaml")
        self.assertEqual(agent["exporters"]["load_balancing"]["routing_key"], "traceID")
        for config in (agent, gateway):
            order = config["service"]["pipelines"]["traces"]["processors"]
            self.assertEqual(order[0], "memory_limiter")
        self.assertNotIn("tail_sampling", agent["processors"])
        self.assertEqual(order[1], "tail_sampling")
        sent = gateway["exporters"]["otlp_http/langsmith"]
        self.assertEqual(sent["compression"], "gzip")
        self.assertTrue(sent["sending_queue"]["storage"].startswith("file_storage/"))
        batch = sent["sending_queue"]["batch"]
        self.assertLess(batch["min_size"], batch["max_size"])
        self.assertLess(batch["max_size"], 20_000_000)

    def test_identity_is_never_masked_and_usage_neither(self) -> None:
        """Try the patterns on what a tree needs, and on what must not leave."""
        redaction = read("otelcol-gateway.yaml")["processors"]["redaction"]
        keys = [re.compile(pattern) for pattern in redaction["blocked_key_patterns"]]
        values = [re.compile(pattern) for pattern in redaction["blocked_values"]]
        for kept in ["gen_ai.usage.input_tokens", "gen_ai.prompt", "langsmith.span.id"]:
            self.assertFalse(any(key.fullmatch(kept) for key in keys), kept)
        for masked in ["http.request.header.authorization", "langsmith.metadata.OPENAI_API_KEY"]:
            self.assertTrue(any(key.fullmatch(masked) for key in keys), masked)
        keys_of_others = ["lsv2_pt_" + "a1" * 16, "sk-" + "x" * 24, "Bearer " + "y" * 20]
        for said in [*keys_of_others, "ada@example.com"]:
            self.assertTrue(any(value.search(f'{{"content": "{said}"}}') for value in values), said)
        dotted = "20261122T100638934749Z01a202b8-db56-712d-a569-b5c0ba7c4644"
        self.assertFalse(any(value.search(dotted) for value in values))
        self.assertIn("langsmith.span.dotted_order", redaction["ignored_keys"])

    def test_the_key_is_in_no_file(self) -> None:
        """Look at the headers, and for anything that is shaped like a key."""
        headers = read("otelcol-gateway.yaml")["exporters"]["otlp_http/langsmith"]["headers"]
        self.assertEqual(headers["x-api-key"], "${env:LANGSMITH_API_KEY}")
        for file in DEPLOY.iterdir():
            key = re.search(r"lsv2_(pt|sk)_[0-9a-f]{8}|sk-[A-Za-z0-9]{20}", file.read_text())
            self.assertIsNone(key, file.name)


if __name__ == "__main__":
    unittest.main()
