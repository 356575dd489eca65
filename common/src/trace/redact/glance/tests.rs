use proptest::prelude::*;
use proptest::sample::select;

use super::may_hold_credentials;
use crate::trace::redact::secrets;

/// What the patterns are made of, and what nearly is.
#[rustfmt::skip]
const PIECES: [&str; 133] = [
    "-----BEGIN ", "RSA PRIVATE KEY-----", "-----END", "eyJ", "eyJhbGci", ".e30.", ".", "SG.",
    "hooks.slack.com/", "services/", "https://", "http://", "sk-ant-", "sk-proj-", "sk-svcacct-",
    "sk-None-", "sk-or-", "sk-lf-", "sk-", "gsk_", "xai-", "pplx-", "hf_", "r8_", "nvapi-",
    "tvly-", "pcsk_", "lsv2_pt_", "lsv2_", "ls__", "ghp_", "ghs_", "github_pat_", "glpat-",
    "glsoat-", "gloas-", "glrt-", "AKIA", "ASIA", "A3TX", "AIza", "ya29.", "GOCSPX-", "xoxb-",
    "xoxe.xoxp-", "xapp-1-", "sk_live_", "rk_test_", "whsec_", "npm_", "pypi-AgE", "dop_v1_",
    "dor_v1_", "shpat_", "shpss_", "lin_api_", "hvs.", "hvr.", "1234567890", "12345678:AA", ":AA",
    "X-Amz-Signature=", "x-goog-signature=", "?sig=", "&SIG=", "abcdef0123456789",
    "ABCDEFGHIJKLMNOP", "0123456789ABCDEF", "Zz9", "a/b+c=", "-", "_", "api_key", "API KEY",
    "api-key", "api", " key", "-salt", "private_key", "secret", "Secret", "token", "password",
    "PASSWD", "passphrase", "credential", "pwd", "pass", "x-api-key", "authorization",
    "Proxy-Authorization", "set-cookie", "cookie", "bearer", "BeArEr ", "basic", "\u{17f}ecret",
    "to\u{212a}en", "pa\u{17f}\u{17f}word", "bearer\u{a0}", ":", ":=", "=>", "=", "%3A", "%3d",
    "\"", "'", "\\\"", "\\", " ", "\u{a0}", "\u{2003}", "\n", "\t", "hunter22", "--", " --",
    "curl ", "-u", " --user ", "--u\u{17f}er", "root:", "@", "/", "postgres://", "<", ">",
    "<api_key>", "<PASSWORD>", "é", "дом", "the answer is ",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_a_pattern_finds_a_glance_notices(
        before in "[a-z ]{0,80}",
        pieces in prop::collection::vec(select(&PIECES[..]), 1..7),
        behind in "[a-z ]{0,80}",
    ) {
        let text = format!("{before}{}{behind}", pieces.concat());
        if secrets::finds(&text) {
            prop_assert!(may_hold_credentials(&text), "{text:?}");
        }
    }
}

#[test]
fn prose_is_known_at_a_glance() {
    let prose = "It is half past two: the gateway asks (politely) for the state-of-the-art passages, \
        e.g. those of https://docs.example.com/a-long-path_with.parts; nobody bears a token-based grudge. ";
    assert!(!may_hold_credentials(&prose.repeat(20)));
}
