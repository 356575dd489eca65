//! Which credentials the preset finds. All of them are made up, and put together only when a test runs.

use common::trace::{Anonymizer, SECRET_MASK, SECRET_PLACEHOLDER, Secret};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// As many characters as a token may need.
fn tail(length: usize) -> String {
    "a1B2c3D4e5".chars().cycle().take(length).collect()
}

fn upper(length: usize) -> String {
    tail(length).to_uppercase()
}

fn mask(text: impl Into<String>) -> String {
    Anonymizer::secrets().mask_text(text)
}

/// Credentials by their form: each alone is replaced whole.
fn tokens() -> Vec<(&'static str, String)> {
    let t = tail;
    vec![
        ("Anthropic", ["sk-", "ant-api03-", &t(40), "-_x"].concat()),
        (
            "OpenAI, project",
            ["sk-", "proj-", &t(30), "_-", &t(9)].concat(),
        ),
        ("OpenAI, service", ["sk-", "svcacct-", &t(30)].concat()),
        ("OpenAI, admin", ["sk-", "admin-", &t(30)].concat()),
        ("OpenAI", ["sk-", &t(48)].concat()),
        ("OpenRouter", ["sk-", "or-v1-", &t(40)].concat()),
        ("Groq", ["gsk", "_", &t(52)].concat()),
        ("Hugging Face", ["hf", "_", &t(34)].concat()),
        ("LangSmith", ["lsv2", "_pt_", &t(32), "_", &t(10)].concat()),
        (
            "LangSmith, service",
            ["lsv2", "_sk_", &t(32), "_", &t(10), "_", &t(4)].concat(),
        ),
        ("LangSmith, old", ["ls", "__", &t(32)].concat()),
        ("GitHub", ["gh", "p_", &t(36)].concat()),
        ("GitHub, server", ["gh", "s_", &t(36)].concat()),
        ("GitHub, fine-grained", ["github", "_pat_", &t(82)].concat()),
        ("GitLab", ["gl", "pat-", &t(20)].concat()),
        ("AWS", ["AK", "IA", &upper(16)].concat()),
        ("AWS, session", ["AS", "IA", &upper(16)].concat()),
        ("Google", ["AI", "za", &t(35)].concat()),
        ("Google, OAuth", ["ya", "29.", &t(30)].concat()),
        ("Slack", ["xo", "xb-", &t(12), "-", &t(24)].concat()),
        ("Slack, app", ["xa", "pp-1-", &t(30)].concat()),
        ("Stripe", ["sk", "_live_", &t(24)].concat()),
        ("Stripe, restricted", ["rk", "_test_", &t(24)].concat()),
        ("npm", ["npm", "_", &t(36)].concat()),
        ("PyPI", ["pypi-", "AgEIcHlwaS", &t(60)].concat()),
        ("SendGrid", ["SG", ".", &t(22), ".", &t(43)].concat()),
        (
            "JWT",
            ["ey", "J", &t(12), ".ey", "J", &t(12), ".", &t(20)].concat(),
        ),
        (
            "JWE",
            ["ey", "J", &t(12), "..", &t(9), ".", &t(9), ".", &t(9)].concat(),
        ),
        (
            "Langfuse",
            ["sk-", "lf-", &t(8), "-", &t(4), "-", &t(20)].concat(),
        ),
        ("NVIDIA", ["nv", "api-", &t(60)].concat()),
        ("Tavily", ["tv", "ly-", &t(32)].concat()),
        ("Pinecone", ["pc", "sk_", &t(6), "_", &t(60)].concat()),
        ("DigitalOcean", ["dop", "_v1_", &t(64)].concat()),
        ("Shopify", ["shp", "at_", &t(32)].concat()),
        ("Linear", ["lin", "_api_", &t(40)].concat()),
        ("Vault", ["hv", "s.", &t(90)].concat()),
        ("Telegram", ["123456789", ":AA", &t(33)].concat()),
        ("PEM", pem("RSA ", true)),
        ("PEM, plain", pem("", true)),
        ("PEM, cut off", pem("EC ", false)),
    ]
}

fn pem(kind: &str, whole: bool) -> String {
    let line = |word| ["-----", word, " ", kind, "PRIVATE", " KEY-----"].concat();
    let end = if whole { line("END") } else { String::new() };
    [line("BEGIN"), tail(64), tail(64), end]
        .join("\n")
        .trim_end()
        .to_owned()
}

#[test]
fn a_token_is_found_by_its_form_wherever_it_stands() {
    for (what, token) in tokens() {
        assert_eq!(mask(&token), SECRET_PLACEHOLDER, "{what}");
        let within = mask(format!("before ({token}) after"));
        assert!(within.starts_with("before ("), "{what}: {within}");
        let core = &token[token.len() / 2..];
        assert!(!within.contains(core), "{what}: {within}");
        if what != "PEM, cut off" {
            assert_eq!(
                within,
                format!("before ({SECRET_PLACEHOLDER}) after"),
                "{what}"
            );
        }
        let masked =
            Anonymizer::secrets().mask(json!({"é": [{token.clone(): format!("→{token}←")}]}));
        assert!(!masked.to_string().contains(core), "{what}: {masked}");
    }
    let hook = ["https://hooks.slack", ".com/services/T0/B0/", &tail(24)].concat();
    assert_eq!(mask(hook), SECRET_PLACEHOLDER);
}

#[test]
fn a_value_is_found_by_the_name_before_it_which_stays() {
    for (text, masked) in [
        ("OPENAI_API_KEY=abcdefgh", "OPENAI_API_KEY=*"),
        (
            "export DB_PASSWORD='correct horse battery'",
            "export DB_PASSWORD='*'",
        ),
        (
            r#"{"client_secret": "a b c d \" e", "x": 1}"#,
            r#"{"client_secret": "*", "x": 1}"#,
        ),
        (
            r#"{\"password\": \"hunter2222\"}"#,
            r#"{\"password\": \"*\"}"#,
        ),
        ("apiKey: abcdefgh, next: 1", "apiKey: * next: 1"),
        ("token := abcdefgh", "token := *"),
        (
            "https://h/?access_token=abcdefgh&page=2",
            "https://h/?access_token=*&page=2",
        ),
        (
            "aws_secret_access_key = abc/def+ghi",
            "aws_secret_access_key = *",
        ),
        (r"password=abc\defghi", "password=*"),
        ("my.auth-token=Bearer abcdefgh", "my.auth-token=*"),
        ("Authorization: Bearer abcdefgh", "Authorization: Bearer *"),
        (
            "authorization: Basic dXNlcjpwYXNz==",
            "authorization: Basic *",
        ),
        (r#""x-api-key": "abcdefgh""#, r#""x-api-key": "*""#),
        ("Cookie: session=abc; other=def", "Cookie: *"),
        ("a bearer   abcdefghijkl.", "a bearer   *"),
        (
            "postgres://app:hunter22@db/docs",
            "postgres://app:*@db/docs",
        ),
        (
            "Server=db;Uid=app;Pwd=hunter22;",
            "Server=db;Uid=app;Pwd=*;",
        ),
        ("export DB_PASS=hunter22", "export DB_PASS=*"),
        ("AccountKey=abcd/efgh==;End", "AccountKey=*;End"),
        (
            "deploy --db-password hunter22 --to x",
            "deploy --db-password * --to x",
        ),
        (
            "curl -s -u app:hunter22 https://h",
            "curl -s -u app:* https://h",
        ),
        ("a=1&password%3Dhunter22", "a=1&password%3D*"),
        ("<password>hunter22</password>", "<password>*</password>"),
        ("api key: abcdefgh", "api key: *"),
        ("redis://:p@ss@cache:6379", "redis://:*@cache:6379"),
        ("https://abcdefghijklmnopqrst@host/", "https://*@host/"),
    ] {
        assert_eq!(
            mask(text),
            masked.replace('*', SECRET_PLACEHOLDER),
            "{text}"
        );
    }
}

#[test]
fn what_only_looks_a_little_like_a_credential_stays() {
    for text in [
        "the tokenizer splits tokens: 12345678 of them",
        "token: the",
        "max_tokens=4096",
        "a password is needed",
        "password: null",
        "task-oriented and disk-based",
        "glass-half-full-and-other-long-words",
        "bearer of bad news",
        "PWD=/srv/app/src",
        "--max-tokens 400000 --token-limit 500000",
        "<token>hello there</token>",
        "the way to pass: straight on",
        "https://host:8443/path?page=2",
        "git@github.com:owner/name.git",
        "mail@example.org",
        "secret",
        "01990000-0000-7000-8000-000000000000",
        "d41d8cd98f00b204e9800998ecf8427e",
        "übermäßig lange Wörter – und 漢字",
    ] {
        assert_eq!(mask(text), text);
    }
    let usage = json!({"usage_metadata": {"input_tokens": 1, "output_token_details": {"audio": 2}},
                       "logprobs": [{"token": "hello there", "logprob": -0.1}]});
    assert_eq!(Anonymizer::secrets().mask(usage.clone()), usage);
}

#[test]
fn a_text_under_the_key_of_a_credential_is_masked_whatever_it_looks_like() {
    let masked = Anonymizer::secrets().mask(json!({
        "password": "abc", "apiKey": "x", "client_secret": "y z", "Authorization": "t",
        "refresh-token": "r", "empty": {"password": ""}, "secret_is_set": true,
        "deep": [{"db": {"DB_PASSWORD": "p"}}], "password_rules": "long",
    }));
    let p = SECRET_PLACEHOLDER;
    let expected = json!({
        "password": p, "apiKey": p, "client_secret": p, "Authorization": p,
        "refresh-token": p, "empty": {"password": ""}, "secret_is_set": true,
        "deep": [{"db": {"DB_PASSWORD": p}}], "password_rules": "long",
    });
    assert_eq!(masked, expected);
}

#[test]
fn a_number_a_list_and_a_pair_are_masked_for_the_name_they_go_by() {
    let p = SECRET_PLACEHOLDER;
    let given = json!({
        "password": 84_736_251, "api_keys": ["a", "b", 3], "DB_PASS": "x", "pwd": "x", "secretKey": "x",
        "headers": {"authorization": ["Basic eDp5"], "cookie": ["a=b"], "accept": ["*/*"]},
        "pairs": [["Authorization", "Basic eDp5"], ["accept", "*/*"]],
        "env": [{"name": "DB_PASSWORD", "value": "x"}, {"name": "HOME", "value": "/srv"}],
        "cookies": {"sid": "abc"},
        "schema": {"required": ["password", "email"], "properties": {"password": {"type": "string"}}},
    });
    let expected = json!({
        "password": p, "api_keys": [p, p, p], "DB_PASS": p, "pwd": p, "secretKey": p,
        "headers": {"authorization": [p], "cookie": [p], "accept": ["*/*"]},
        "pairs": [["Authorization", p], ["accept", "*/*"]],
        "env": [{"name": "DB_PASSWORD", "value": p}, {"name": "HOME", "value": "/srv"}],
        "cookies": {"sid": p},
        "schema": {"required": ["password", "email"], "properties": {"password": {"type": "string"}}},
    });
    assert_eq!(Anonymizer::secrets().mask(given), expected);
}

#[test]
fn masking_what_is_masked_changes_nothing() {
    let named = [
        "API_KEY=abcdefgh",
        "Authorization: Bearer abcdefgh",
        "ftp://u:hunter22@h",
    ];
    let named = named.into_iter().map(str::to_owned);
    for text in tokens().into_iter().map(|(_, token)| token).chain(named) {
        let once = mask(text);
        assert_eq!(mask(once.clone()), once);
    }
}

#[test]
fn a_text_in_chunks_is_masked_once_it_is_put_together() {
    let token = ["lsv2", "_pt_", &tail(32), "_", &tail(10)].concat();
    let chunks: Vec<String> = token
        .as_bytes()
        .chunks(5)
        .map(|chunk| String::from_utf8_lossy(chunk).into_owned())
        .collect();
    let whole = format!("the key is {}.", chunks.concat());
    assert_eq!(mask(whole), format!("the key is {SECRET_PLACEHOLDER}."));
    // A stream that nobody puts together is a list: of texts, or of what a model's API sends.
    let before = ["the key ", "is "].map(str::to_owned);
    let chunks = [
        &before[..],
        &chunks,
        &[". So".to_owned(), " long".to_owned()],
    ]
    .concat();
    let delta = |text: &String| json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    let deltas: Vec<Value> = chunks.iter().map(delta).collect();
    let masked = Anonymizer::secrets().mask(json!({"output": chunks, "deltas": deltas}));
    let texts: Vec<&str> = masked["output"]
        .as_array()
        .expect("texts")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(texts.len(), chunks.len());
    assert_eq!(
        texts.concat(),
        format!("the key is {SECRET_PLACEHOLDER}. So long")
    );
    assert_eq!(
        (texts[1], texts[2], texts[3]),
        ("is ", SECRET_PLACEHOLDER, "")
    );
    assert_eq!(masked["deltas"][2], delta(&SECRET_PLACEHOLDER.to_owned()));
    assert_eq!(masked["deltas"][3], delta(&String::new()));
    assert_eq!(masked["deltas"][0], delta(&chunks[0]));
}

#[test]
fn addresses_of_mail_and_card_numbers_are_masked_on_request() {
    let anonymizer = Anonymizer::builder().secrets().emails().card_numbers();
    let anonymizer = anonymizer.build().expect("valid");
    let card: String = ["4111", "1111", "1111", "1111"].join(" ");
    let number: u64 = card.replace(' ', "").parse().expect("a number");
    let masked = anonymizer.mask(json!({
        "ask": format!("I am zoë.o'k+x@mail.example.org, card {card}"),
        "number": number, "order": number + 1, "count": 12, "share": 0.5,
    }));
    assert_eq!(
        masked,
        json!({
            "ask": "I am zoë.o'[redacted], card [redacted]",
            "number": "[redacted]", "order": number + 1, "count": 12, "share": 0.5,
        })
    );
    assert_eq!(
        mask(format!("a@b.example {card}")),
        format!("a@b.example {card}")
    );
}

#[derive(Serialize, Deserialize)]
struct Settings {
    user: String,
    password: Secret,
}

#[test]
fn a_secret_shows_nowhere_and_is_there_for_who_asks() {
    let text = ["hunt", "er22"].concat();
    let settings: Settings =
        serde_json::from_value(json!({"user": "app", "password": text})).expect("settings");
    let password = &settings.password;
    assert_eq!(password.expose_secret(), text);
    let shown = [
        format!("{password}"),
        format!("{password:?}"),
        format!("{:>30}", password),
        json!(settings).to_string(),
        Value::from(password).to_string(),
        Value::from(password.clone()).to_string(),
        json!({"password": password}).to_string(),
    ];
    for shown in shown {
        assert!(
            !shown.contains(&text) && shown.contains(SECRET_MASK),
            "{shown}"
        );
    }
    assert_eq!(json!(settings)["user"], "app");
    let of = |secret: Secret| secret.expose_secret().to_owned();
    assert_eq!(of(Secret::from(text.clone())), text);
    assert_eq!(of(Secret::from(SecretString::from(text.clone()))), text);
    assert_eq!(of(text.parse().expect("always")), text);
    assert_eq!(SecretString::from(password.clone()).expose_secret(), text);
    // The preset leaves the mask alone, so that one can see which of the two was at work.
    let masked = Anonymizer::secrets().mask(json!({"password": password}));
    assert_eq!(masked, json!({"password": SECRET_MASK}));
}
