//! What credentials look like.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::glance::may_hold_credentials;
use super::path::TextPath;
use super::rules::{Hooks, Rule, Rules};

/// What stands in place of a credential, as in the official SDKs.
pub const SECRET_PLACEHOLDER: &str = "[SECRET_DETECTED]";

/// Credentials that their form gives away.
pub(super) const TOKENS: [&str; 38] = [
    // What has several parts comes first, before one of them is taken for something else. Private keys,
    // also one cut off before its end; JSON Web Tokens, signed or encrypted; SendGrid; Slack's addresses.
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?su:.)*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
    r"eyJ[\w-]+(?:\.[\w-]*){2,4}",
    r"SG\.[\w-]{16,}\.[\w-]{16,}",
    r"(?:https://)?hooks\.slack\.com/(?:services|workflows|triggers)/[\w/-]+",
    // Language models: Anthropic, OpenAI (of a project or an account, and plain), OpenRouter, Groq, xAI,
    // Perplexity, Hugging Face, Replicate.
    r"sk-ant-[\w-]{16,}",
    r"sk-(?:proj|svcacct|admin|None)-[\w-]{16,}",
    r"\bsk-[A-Za-z0-9]{20,}",
    r"sk-[A-Za-z0-9]{32,}",
    r"\bsk-or-[\w-]{16,}",
    r"\bgsk_[A-Za-z0-9]{20,}",
    r"\bxai-[A-Za-z0-9]{20,}",
    r"\bpplx-[A-Za-z0-9]{20,}",
    r"\bhf_[A-Za-z0-9]{20,}",
    r"\br8_[A-Za-z0-9]{20,}",
    // Langfuse, NVIDIA, Tavily, Pinecone.
    r"\bsk-lf-[\w-]{20,}",
    r"\bnvapi-[\w-]{20,}",
    r"\btvly-[\w-]{20,}",
    r"\bpcsk_\w{20,}",
    // LangSmith, with all parts of its tail, and its older form.
    r"lsv2_[a-z]{2}_[\w-]{20,}",
    r"ls__[A-Za-z0-9]{16,}",
    // GitHub, GitLab.
    r"gh[pousr]_[A-Za-z0-9]{20,}",
    r"github_pat_\w{20,}",
    r"gl(?:pat|rt|cbt|dt|ptt|ft|soat|agent|imt|oas)-[\w-]{20,}",
    // AWS, Google.
    r"\b(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA|A3T[A-Z0-9])[0-9A-Z]{16}",
    r"AIza[\w-]{35,}",
    r"ya29\.[\w-]+",
    r"GOCSPX-[\w-]{20,}",
    // Slack, Stripe, npm, PyPI.
    r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}",
    r"xapp-\d-[A-Za-z0-9-]{10,}",
    r"[sr]k_(?:live|test)_[A-Za-z0-9]{20,}",
    r"\bwhsec_[A-Za-z0-9+/=]{20,}",
    r"npm_[A-Za-z0-9]{36,}",
    r"pypi-AgE[\w-]{50,}",
    // DigitalOcean, Shopify, Linear; Vault; bots of Telegram.
    r"\b(?:do[opr]_v1|shp(?:at|ca|pa|ss)|lin_api)_[A-Za-z0-9]{20,}",
    r"\bhv[sbr]\.[\w-]{20,}",
    r"[0-9]{8,10}:AA[\w-]{32,}",
    // The signature of a link that is good for whoever holds it.
    r"(?i)X-(?:Amz|Goog)-Signature=[0-9a-f]{16,}",
    r"(?i)[?&]sig=[a-z0-9%+/_-]{16,}=*",
];

/// Names of credentials, as they stand before `=` or `:`.
pub(super) const NAMES: &str = "api[ _-]?key(?:[_-]?salt)?|(?:license|private|access|secret|account|shared|encryption|signing|\
     master)[_-]?key|secret|token|password|passwd|passphrase|credential";

/// What may stand between the name and the value: quotes, escaped where JSON stands within JSON.
const JOINT: &str = r#"\\*["']?\s*(?::=|=>|[:=]|%3[ad])\s*"#;

/// Credentials that what stands before them gives away; that stays. A quoted value ends at its quote,
/// another one at a blank.
pub(super) fn named() -> [String; 10] {
    let name = format!("(?:{NAMES})(?:[_.-][a-z0-9]+)*{JOINT}");
    // A backslash belongs to the value, unless it is what escapes the quote behind it.
    let bare = r#"(?:[^\s"'&;\\]|\\[^"'\s])"#;
    let header = format!("(?:(?:proxy-)?authorization|x-api-key|x-auth-token|api-key){JOINT}");
    [
        format!(
            r#"(?i)(?:(?<before>{name}")(?:[^"\\\r\n]|\\.){{6,}}|(?<before_>{name}')(?:[^'\\\r\n]|\\.){{6,}}|(?<before__>{name}\\*["']?)(?:(?:bearer|token|basic)\s+)?(?:{bare}{{6,}}|{bare}{{5}}\\))"#
        ),
        format!(
            r#"(?i)(?-u:\b)(?<before>{header}\\*["']?(?:(?:bearer|token|basic|digest)\s+)?)[a-z0-9._~+/-]{{8,}}=*"#
        ),
        format!(
            r#"(?i)(?-u:\b)(?<before>(?:set-)?cookie{JOINT}\\*["']?)[^\s"'\\][^"'\\\r\n]{{5,}}"#
        ),
        r"(?i)(?-u:\b)(?<before>bearer\s+)[a-z0-9._~+/-]{10,}=*".to_owned(),
        r#"(?i)(?-u:\b)(?<before>[a-z][a-z0-9+.-]*://[^:@/\s]*:)[^/\s]+(?<after>@)"#.to_owned(),
        r#"(?i)(?-u:\b)(?<before>https?://)[^:@/\s"'<>]{16,}(?<after>@)"#.to_owned(),
        // `PWD=/home/app` is a folder.
        r#"(?i)(?<before>(?-u:\b|_)(?:pwd|pass)=["']?)[^\s"'&;/$\\][^\s"'&;]{5,}"#.to_owned(),
        // On a command line the value stands behind a blank.
        format!(
            r#"(?i)(?<before>\s--(?:[a-z0-9]+-)*(?:{NAMES})\s+["']?)[^\s"'-][^\s"']{{5,}}"#
        ),
        r#"(?i)(?<before>(?-u:\b)curl\s(?:[^\n|;]*?\s)?(?:-u|--user)[\s=]*["']?[^\s:"']+:)[^\s"']+"#.to_owned(),
        format!("(?i)(?<before><(?:{})>)[^<\\s][^<]*", NAMES.replace("token|", "")),
    ]
}

/// Keeps what stands around a named credential. A group that took no part is empty.
const KEEPING: &str = "${before}${before_}${before__}[SECRET_DETECTED]${after}";

/// Addresses of e-mail.
pub(super) const EMAIL: &str = r"[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+";

// The patterns are constants; a test compiles each of them.
static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let tokens = TOKENS.iter().map(|form| {
        let regex = Regex::new(&format!("(?-u){form}"));
        regex.map(|regex| Rule::Pattern(regex, Cow::Borrowed(SECRET_PLACEHOLDER)))
    });
    let named = named().into_iter().map(|form| {
        let regex = Regex::new(&form);
        regex.map(|regex| Rule::Pattern(regex, Cow::Borrowed(KEEPING)))
    });
    Rules::new(tokens.chain(named).filter_map(Result::ok).collect())
});

/// Masks the credentials in a text; returns none if there are none. The patterns are compiled once in a
/// process, when the first text is looked at.
pub(super) fn mask(text: &str, path: &TextPath<'_>) -> Option<String> {
    may_hold_credentials(text)
        .then(|| RULES.mask(text, path, Hooks::Skip))
        .flatten()
}

/// Returns where in a text the credentials are that their form gives away, in order and apart.
pub(super) fn tokens_in(text: &str) -> Vec<Range<usize>> {
    if !may_hold_credentials(text) {
        return Vec::new();
    }
    let mut found: Vec<Range<usize>> = RULES
        .matching(text)
        .take_while(|(at, _)| *at < TOKENS.len())
        .flat_map(|(_, regex)| regex.find_iter(text).map(|token| token.range()))
        .collect();
    found.sort_by_key(|range| range.start);
    found.dedup_by(|next, before| {
        let overlaps = next.start < before.end;
        if overlaps {
            before.end = before.end.max(next.end);
        }
        overlaps
    });
    found
}

/// Returns true if any pattern matches.
#[cfg(test)]
pub(super) fn finds(text: &str) -> bool {
    RULES.find_any(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_the_preset_compiles() {
        for form in TOKENS
            .map(|form| format!("(?-u){form}"))
            .into_iter()
            .chain(named())
        {
            assert!(Regex::new(&form).is_ok(), "{form}");
        }
        assert!(RULES.have_a_prefilter());
        assert!(Regex::new(EMAIL).is_ok());
        assert!(Regex::new(super::super::cards::SHAPE).is_ok());
    }
}
