//! Collectors of OpenTelemetry (OTLP 1.0 over HTTP, JSON): one request, bounded in time and size, and no redirects.

use std::thread;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

/// The longest time that is waited for a whole answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer, in bytes.
const ANSWER_LIMIT: usize = 64 << 10;

/// Whether events can be sent there.
pub(super) fn check(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| {
        ["http", "https"].contains(&url.scheme())
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

/// Sends a request, and makes sure that the collector took what is in it.
pub(super) fn post(url: &str, body: Vec<u8>) -> Result<(), String> {
    let talk = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        runtime.block_on(exchange(url, body))
    };
    // On a thread of its own: whatever the caller runs in, waiting is allowed there.
    thread::scope(|scope| scope.spawn(talk).join())
        .unwrap_or_else(|_| Err("its thread broke down".to_owned()))
}

async fn exchange(url: &str, body: Vec<u8>) -> Result<(), String> {
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        // Another crate may have switched these on for everybody: what is unpacked can be longer than what came.
        .no_gzip()
        .no_deflate()
        .no_brotli()
        .no_zstd()
        .user_agent(concat!("lacre/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(words)?;
    let request = client.post(url).header(CONTENT_TYPE, "application/json").body(body);
    let mut response = request.send().await.map_err(words)?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("answered with status {}", status.as_u16()));
    }
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(words)? {
        if answer.len() + chunk.len() > ANSWER_LIMIT {
            return Err(format!("answered with more than {ANSWER_LIMIT} bytes"));
        }
        answer.extend_from_slice(&chunk);
    }
    match rejected(&answer) {
        None => Ok(()),
        Some(why) => Err(format!("took the request and rejected what is in it: {why}")),
    }
}

/// Why a collector did not take what was sent (`ExportLogsPartialSuccess`), if it says so. What is no JSON says nothing.
fn rejected(answer: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let partial = answer.get("partialSuccess")?;
    let count = match partial.get("rejectedLogRecords")? {
        Value::String(text) => text.parse().ok()?,
        number => number.as_u64()?,
    };
    let why = partial.get("errorMessage").and_then(Value::as_str).unwrap_or("no reason was given");
    (count > 0_u64).then(|| why.chars().take(200).collect())
}

/// The innermost cause: the outermost only says that a request failed.
fn words(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no whole answer within {} s", PATIENCE.as_secs());
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::rejected;

    #[test]
    fn what_was_rejected_was_not_taken() {
        for taken in
            ["", "{}", "ok", r#"{"partialSuccess":{}}"#, r#"{"partialSuccess":{"rejectedLogRecords":"0"}}"#]
        {
            assert_eq!(rejected(taken.as_bytes()), None, "{taken}");
        }
        let said = |text: &str| rejected(text.as_bytes());
        let full = r#"{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"full"}}"#;
        assert_eq!(said(full).as_deref(), Some("full"));
        let number = r#"{"partialSuccess":{"rejectedLogRecords":2}}"#;
        assert_eq!(said(number).as_deref(), Some("no reason was given"));
    }
}
