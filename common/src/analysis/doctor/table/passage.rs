//! LT011 to LT017: what happens to the context between two services.

use super::{cause, fault};
use crate::analysis::doctor::code::Chapter::{
    AsyncStreaming, CrossService, MultiAgent, Troubleshooting,
};
use crate::analysis::doctor::code::EvidenceKind::{Headers, Trace};
use crate::analysis::doctor::code::Fault;
use crate::analysis::doctor::code::Level::{Error, Warning};

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "LT011",
        "headers-stripped",
        Error,
        &[Headers],
        &[cause(
            48,
            CrossService,
            "the trace stops at the gateway",
            "a proxy between the two strips or rewrites headers",
            "allow `langsmith-trace`, `baggage`, `traceparent` through; test through the proxy",
        )],
    ),
    fault(
        "LT012",
        "preflight-refused",
        Error,
        &[Headers],
        &[cause(
            47,
            CrossService,
            "a browser's call is blocked",
            "`langsmith-trace` or `baggage` is not in `Access-Control-Allow-Headers`",
            "allow both for your own origins; send neither to third parties",
        )],
    ),
    fault(
        "LT013",
        "stranger-believed",
        Error,
        &[Headers],
        &[cause(
            49,
            CrossService,
            "an attacker chooses where your traces go",
            "a public edge believes what the headers of strangers say",
            "trust policy `Restart` at the edge; take no project, replica or address from outside",
        )],
    ),
    fault(
        "LT014",
        "header-malformed",
        Error,
        &[Headers],
        &[cause(
            50,
            Troubleshooting,
            "a bad header gives users a 500, or begins a broken trace",
            "the middleware's parser raises, or takes what is no dotted order",
            "treat a bad header as none, count it, log once",
        )],
    ),
    fault(
        "LT015",
        "header-oversize",
        Warning,
        &[Headers],
        &[cause(
            51,
            CrossService,
            "a proxy may refuse the request: 431 or 400",
            "kilobytes of metadata in `baggage`; W3C promises 8192 bytes",
            "send keys, not payloads; give baggage a budget",
        )],
    ),
    fault(
        "LT016",
        "context-ignored",
        Error,
        &[Headers, Trace],
        &[
            cause(
                52,
                AsyncStreaming,
                "WebSocket sessions are never linked",
                "the middleware reads the headers of HTTP requests only",
                "read them of the upgrade, or carry the context in the first message",
            ),
            cause(
                53,
                MultiAgent,
                "a remote graph opens a trace of its own",
                "both sides have to opt in, and one has not",
                "switch tracing across on at the caller, and read the config at the server",
            ),
            cause(
                0,
                CrossService,
                "a call arrives with its header, and begins a trace of its own",
                "no layer extracts the context, or its trust policy restarts every trace",
                "add the layer; say whom to trust",
            ),
        ],
    ),
    fault(
        "LT017",
        "context-not-sent",
        Error,
        &[Headers],
        &[
            cause(
                54,
                MultiAgent,
                "calls of MCP tools are a black box",
                "the protocol's messages carry no context by themselves",
                "put it into `_meta` of the call, and read it there",
            ),
            cause(
                0,
                CrossService,
                "the callee cannot know whom it serves",
                "the client that makes the call does not inject",
                "wrap the client, or set the headers of `to_headers` by hand",
            ),
        ],
    ),
];
