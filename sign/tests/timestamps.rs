//! Timestamps of real authorities, and what other answers come to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lacre_attest::{Bundle, KeyAlgorithm, Limits};
use lacre_sign::{FileKey, TimestampQuery, TimestampService, seal};
use lacre_testkit::openssl_pki::{AUTHORITY, Pki};
use lacre_testkit::{HttpAnswer, HttpServer, ModelDir, Seal, Stack};
use serde_json::Value;

const REPLY: &str = "application/timestamp-reply";
const SIGNATURE: &[u8] = b"a signature";

/// An authority made of `openssl ts`, which answers one question at a time.
fn authority() -> Option<Arc<Pki>> {
    let pki = Pki::new()?;
    pki.issue("root", "root", AUTHORITY);
    pki.issue("tsa", "root", "keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping");
    let config = "[tsa]\nserial=serial\nsigner_cert=tsa.pem\nsigner_key=tsa.key\ncerts=root.pem\n\
                  signer_digest=sha256\ndefault_policy=1.2.3.4.1\ndigests=sha256\naccuracy=secs:1\nordering=yes\n\
                  clock_precision_digits=3\ness_cert_id_alg=sha256\n";
    fs::write(pki.folder().join("tsa.conf"), config).unwrap();
    fs::write(pki.folder().join("serial"), "01").unwrap();
    Some(Arc::new(pki))
}

/// What openssl answers to a query.
fn reply(pki: &Pki, query: &[u8]) -> Vec<u8> {
    fs::write(pki.folder().join("query"), query).unwrap();
    pki.run("ts -reply -config tsa.conf -section tsa -queryfile query -out reply");
    fs::read(pki.folder().join("reply")).unwrap()
}

fn openssl_verify(pki: &Pki, signature: &Path, response: &Path, root: &Path) -> Output {
    Command::new("openssl")
        .args(["ts", "-verify", "-data"])
        .arg(signature)
        .arg("-in")
        .arg(response)
        .arg("-CAfile")
        .arg(root)
        .current_dir(pki.folder())
        .output()
        .unwrap()
}

fn seconds_from_now(time: SystemTime) -> u64 {
    let now = SystemTime::now();
    now.duration_since(time).or_else(|_| time.duration_since(now)).unwrap().as_secs()
}

fn hex_in_whole_bytes(number: u64) -> String {
    let digits = format!("{number:X}");
    if digits.len() % 2 == 1 { format!("0{digits}") } else { digits }
}

#[test]
fn the_query_is_what_openssl_reads() {
    let Some(pki) = Pki::new() else { return };
    for nonce in [0, 1, 2, 0x7f, 0x100, 0x1ff, u64::MAX, 0x8000_0000_0000_0000] {
        let query = TimestampQuery::with_nonce(SIGNATURE, nonce).to_der();
        fs::write(pki.folder().join("query"), &query).unwrap();
        let output = Command::new("openssl")
            .args(["ts", "-query", "-in", "query", "-text"])
            .current_dir(pki.folder())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        for line in
            ["Version: 1", "Hash Algorithm: sha256", "Policy OID: unspecified", "Certificate required: yes"]
        {
            assert!(text.contains(line), "{nonce}: {text}");
        }
        let shown = match nonce >> 1 {
            0 => "Nonce: 0x0\n".to_owned(),
            number => format!("Nonce: 0x{}\n", hex_in_whole_bytes(number)),
        };
        assert!(text.contains(&shown), "{nonce}: {text}");
    }
}

#[test]
fn an_authority_of_openssl_stamps_a_bundle_and_verifies_it() {
    let Some(pki) = authority() else { return };
    let issuing = Arc::clone(&pki);
    let server = HttpServer::start(move |request| {
        assert_eq!(request.method, "POST");
        assert!(
            request.headers.contains(&("content-type".to_owned(), "application/timestamp-query".to_owned()))
        );
        HttpAnswer::Full(200, REPLY, reply(&issuing, &request.body))
    });
    let key = FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let bundle = seal(&Seal::of(ModelDir::sample()).claim(), &key, &Limits::default()).unwrap();
    let signature = bundle.envelope().signature().to_vec();
    let stamped = TimestampService::new(&server.url()).unwrap().stamp(bundle).unwrap();
    assert_eq!(server.seen().len(), 1);

    let json: Value = serde_json::from_slice(&stamped.to_json()).unwrap();
    let token =
        json["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"]
            .as_str()
            .unwrap();
    fs::write(pki.folder().join("token.b64"), format!("{token}\n")).unwrap();
    pki.run("base64 -d -A -in token.b64 -out token");
    let [data, token] = ["data", "token"].map(|name| pki.folder().join(name));
    fs::write(&data, &signature).unwrap();
    let said = openssl_verify(&pki, &data, &token, &pki.certificate("root"));
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    fs::write(&data, [&signature[..], b"x"].concat()).unwrap();
    assert!(!openssl_verify(&pki, &data, &token, &pki.certificate("root")).status.success());
    assert_eq!(Bundle::parse(&stamped.to_json(), &Limits::default()).unwrap(), stamped);
    assert_eq!(stamped.timestamps(), 1);
}

#[test]
fn the_authority_of_sigstore_stamps_too() {
    let Some(stack) = Stack::start() else { return };
    let timestamp = TimestampService::new(stack.timestamp_url()).unwrap().request(SIGNATURE).unwrap();
    assert!(seconds_from_now(timestamp.time()) < 3600, "{timestamp:?}");
    let Some(pki) = Pki::new() else { return };
    let [data, token] = ["data", "token"].map(|name| pki.folder().join(name));
    fs::write(&data, SIGNATURE).unwrap();
    fs::write(&token, timestamp.response()).unwrap();
    let said = openssl_verify(&pki, &data, &token, &stack.timestamp_chain());
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn answers_to_another_question() {
    let Some(pki) = authority() else { return };
    let query = TimestampQuery::with_nonce(SIGNATURE, 4711);
    let good = reply(&pki, &query.to_der());
    let accepted = query.accept(&good).unwrap();
    assert_eq!(accepted.response(), good);
    // openssl states thousandths of a second; whole ones are kept.
    assert!(seconds_from_now(accepted.time()) < 3600);

    let refusal = |query: &TimestampQuery, answer: &[u8]| query.accept(answer).unwrap_err();
    assert!(refusal(&TimestampQuery::with_nonce(b"another", 4711), &good).contains("something else"));
    assert!(refusal(&TimestampQuery::with_nonce(SIGNATURE, 4713), &good).contains("nonce"));
    let mut without_certificates = query.to_der();
    // certReq is the last member: FALSE is its default, and left out.
    without_certificates.truncate(without_certificates.len() - 3);
    without_certificates[1] -= 3;
    assert!(refusal(&query, &reply(&pki, &without_certificates)).contains("certificates"));
    let mut without_nonce = query.to_der();
    let nonce = without_nonce.windows(2).position(|window| window == [2, 2]).unwrap();
    without_nonce.drain(nonce..nonce + 4);
    without_nonce[1] -= 4;
    assert!(refusal(&query, &reply(&pki, &without_nonce)).contains("nonce"));
    // openssl refuses a hash that it is not set up for.
    let position = query.to_der().windows(4).position(|window| window == [3, 4, 2, 1]).unwrap();
    let mut unknown = query.to_der();
    unknown[position + 3] = 2;
    assert!(refusal(&query, &reply(&pki, &unknown)).contains("refused"));
}

#[test]
fn no_byte_of_what_was_asked_can_be_changed() {
    let Some(pki) = authority() else { return };
    let query = TimestampQuery::with_nonce(SIGNATURE, u64::MAX);
    let good = reply(&pki, &query.to_der());
    for length in 0..good.len() {
        query.accept(&good[..length]).unwrap_err();
    }
    query.accept(&[&good[..], b"\0"].concat()).unwrap_err();
    let imprint = lacre_hash::Sha256Digest::of(SIGNATURE);
    let at = good.windows(32).position(|window| window == imprint.as_bytes()).unwrap();
    for offset in 0..32 {
        let mut bent = good.clone();
        bent[at + offset] ^= 1;
        query.accept(&bent).unwrap_err();
    }
    for offset in 0..good.len() {
        let mut bent = good.clone();
        bent[offset] ^= 0x80;
        // Whatever else is changed is for the verifier to find; here nothing may panic.
        let _ = query.accept(&bent);
    }
}

fn fault(answer: impl Fn() -> HttpAnswer + Send + Sync + 'static) -> (&'static str, String) {
    let server = HttpServer::start(move |_| answer());
    let service = TimestampService::new(&server.url()).unwrap().patience(Duration::from_millis(500));
    let error = service.request(SIGNATURE).unwrap_err();
    (error.code(), error.to_string())
}

#[test]
fn services_that_answer_badly() {
    let page = || b"<html><body>Sign in</body></html>".to_vec();
    for (answer, words) in [
        (HttpAnswer::Full(500, "text/plain", b"out of order".to_vec()), "status 500: out of order"),
        (HttpAnswer::Full(503, "text/html", page()), "web page"),
        (HttpAnswer::Full(200, "text/html", page()), "calls it text/html"),
        (HttpAnswer::Full(200, REPLY, Vec::new()), "no timestamp"),
        (HttpAnswer::Full(200, REPLY, b"0\x03\x02\x01\x02".to_vec()), "no timestamp"),
        (HttpAnswer::Full(200, REPLY, b"0\x05\x30\x03\x02\x01\x02".to_vec()), "refused (PKIStatus 2)"),
        (HttpAnswer::Full(200, REPLY, vec![b'0'; 64 * 1024 + 1]), "more than 65536 bytes"),
        (HttpAnswer::Full(404, "text/plain", b"\x1b[31mred".to_vec()), "\\u{1b}[31mred"),
        (HttpAnswer::Redirect("http://127.0.0.1:1/".to_owned()), "status 307"),
        (HttpAnswer::Endless, "more than 65536 bytes"),
    ] {
        let shown = format!("{answer:?}");
        let (code, message) = fault(move || answer.clone());
        assert_eq!(code, "E-SERVICE", "{shown}: {message}");
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn services_that_do_not_answer() {
    assert_eq!(fault(|| HttpAnswer::HangUp).0, "E-NETWORK");
    let (code, message) = fault(|| HttpAnswer::Silence);
    assert_eq!(code, "E-NETWORK");
    assert!(message.contains("within 0.5 s"), "{message}");
    let gone = HttpServer::start(|_| HttpAnswer::HangUp).url();
    let error = TimestampService::new(&gone).unwrap().request(SIGNATURE).unwrap_err();
    assert_eq!(error.code(), "E-NETWORK");
    assert!(error.to_string().contains("refused"), "{error}");
    assert_eq!(TimestampService::new("timestamp.test").unwrap_err().code(), "E-USAGE");
}
