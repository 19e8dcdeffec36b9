//! `awskms:…`, with moto's stand-in for AWS and with one of ours, which can also sign digests and misbehave.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_testkit::places::Peer;
use serde_json::{Value, json};

use super::{UNSIGNED, tool};
use crate::bench::{Bench, Said};

/// Runs `lacre sign` against the service at `port`.
fn sign(bench: &Bench, port: u16, more: &[&str]) -> Said {
    let mut command = bench.command();
    command.args(["sign", "--name", "m", "--signer-timeout", "2s", "--key"]).args(more);
    for variable in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env_remove(variable);
    }
    command.env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN").env("HOME", bench.path(""));
    command.env("AWS_ACCESS_KEY_ID", "AKIDTEST").env("AWS_SECRET_ACCESS_KEY", "secret");
    command.env("AWS_REGION", "eu-central-1").env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
    Said::of(&mut command)
}

/// moto's server. It ends with the test.
struct Moto {
    child: Child,
    port: u16,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Moto {
    fn start() -> Option<Self> {
        let program = Peer::Moto.find()?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let moto = Self { child: command.spawn().unwrap(), port };
        let end = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "moto never came up");
            thread::yield_now();
        }
        Some(moto)
    }

    /// Asks moto, without credentials that it would look at.
    fn ask(&self, operation: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let body = body.to_string();
        let scope = "AWS4-HMAC-SHA256 Credential=A/20260101/eu-central-1/kms/aws4_request, SignedHeaders=host, Signature=0";
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nAuthorization: {scope}\r\n\
             X-Amz-Target: TrentService.{operation}\r\nContent-Type: application/x-amz-json-1.1\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, json) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    /// Makes a key and gives its identifier, its ARN and its public key in PEM.
    fn key(&self, bench: &Bench, spec: &str) -> (String, String) {
        let made = self.ask("CreateKey", &json!({ "KeySpec": spec, "KeyUsage": "SIGN_VERIFY" }));
        let text = |name: &str| made["KeyMetadata"][name].as_str().unwrap().to_owned();
        let (id, arn) = (text("KeyId"), text("Arn"));
        let public = self.ask("GetPublicKey", &json!({ "KeyId": id }));
        bench.write("kms.der", &STANDARD.decode(public["PublicKey"].as_str().unwrap()).unwrap());
        let words = ["openssl", "pkey", "-pubin", "-inform", "DER", "-in", "kms.der", "-out", "kms.pem"];
        tool(&bench.path(""), &[], &words);
        (id, arn)
    }
}

#[test]
fn keys_of_moto_sign_short_statements() {
    let Some(moto) = Moto::start() else { return };
    let bench = Bench::with_model_and_key();
    for spec in ["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"] {
        let (id, arn) = moto.key(&bench, spec);
        moto.ask("CreateAlias", &json!({ "AliasName": format!("alias/{spec}"), "TargetKeyId": id }));
        for key in [id, arn, format!("alias/{spec}")] {
            let said = sign(&bench, moto.port, &[&format!("awskms:///{key}"), "MODEL", "--force"]);
            assert_eq!(said.exit, Some(0), "{spec} {key}: {said:?}");
            bench.good("verify MODEL --key kms.pem --expect-name m");
        }
    }
}

#[test]
fn other_keys_of_moto_are_refused_by_name() {
    let Some(moto) = Moto::start() else { return };
    let bench = Bench::with_model_and_key();
    let refuses = |key: &str, code: &str, exit: i32| {
        let said = sign(&bench, moto.port, &[&format!("awskms:///{key}"), "MODEL"]);
        said.refuses(code, exit);
        said.stderr
    };
    let rsa = moto.ask("CreateKey", &json!({ "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY" }));
    let said = refuses(rsa["KeyMetadata"]["KeyId"].as_str().unwrap(), "E-UNSUPPORTED", 13);
    // rsaEncryption (RFC 8017, appendix A.1).
    assert!(said.contains("1.2.840.113549.1.1.1 is not supported"), "{said}");
    refuses("11111111-2222-3333-4444-555555555555", "E-NOT-FOUND", 10);
}

/// How our stand-in behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    Good,
    /// It signs something else.
    Lies,
    /// It answers this to everything.
    Says(u16, &'static str),
    /// It answers this to `Sign`.
    SaysOfSigning(u16, &'static str),
    /// It sends an endless answer.
    Floods,
    /// It leads elsewhere.
    Redirects,
    /// It never answers.
    Hangs,
    /// It hangs up.
    HangsUp,
}

/// An operation that was asked for, its body and its headers.
type Asked = (String, Value, Vec<String>);

/// A stand-in for the service with the key `k.key` of a bench.
struct Service {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Service {
    fn start(bench: &Bench, habit: Habit) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, folder) = (Arc::clone(&asked), bench.path(""));
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), habit, &folder, &log);
            }
        });
        Self { port, asked }
    }
}

fn serve(stream: TcpStream, habit: Habit, folder: &Path, log: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream);
    let mut headers: Vec<String> = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or_default() == 0 {
            return;
        }
        match line.trim_end() {
            "" => break,
            line => headers.push(line.to_owned()),
        }
    }
    let value = |name: &str| {
        let find = |line: &String| {
            line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name))?.1.to_owned().into()
        };
        headers.iter().find_map(find).unwrap_or_else(String::new)
    };
    let mut body = vec![0; value("content-length").parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let operation = value("x-amz-target").rsplit('.').next().unwrap().to_owned();
    log.lock().unwrap().push((operation.clone(), body.clone(), headers.clone()));
    let mut stream = reader.into_inner();
    let (status, answer) = match habit {
        Habit::Says(status, text) => (status, text.to_owned()),
        Habit::SaysOfSigning(status, text) if operation == "Sign" => (status, text.to_owned()),
        Habit::Floods => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n\r\n");
            while stream.write_all(&[b' '; 8192]).is_ok() {}
            return;
        }
        Habit::Redirects => {
            let _ = stream.write_all(
                b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            );
            return;
        }
        Habit::Hangs => {
            let _ = stream.read(&mut [0]);
            return;
        }
        Habit::HangsUp => return,
        _ => (200, good(&operation, &body, habit, folder).to_string()),
    };
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.1\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{answer}",
        answer.len()
    );
}

/// The answer of a service that does its work. openssl signs: messages, and digests as they are.
fn good(operation: &str, body: &Value, habit: Habit, folder: &Path) -> Value {
    assert_eq!(body["KeyId"], "alias/release");
    if operation == "GetPublicKey" {
        let der = tool(folder, &[], &["openssl", "pkey", "-pubin", "-in", "k.pub", "-outform", "DER"]);
        return json!({ "KeyId": "arn:aws:kms:eu-central-1:1:key/x", "KeySpec": "ECC_NIST_P256",
            "KeyUsage": "SIGN_VERIFY", "PublicKey": STANDARD.encode(der), "SigningAlgorithms": ["ECDSA_SHA_256"] });
    }
    assert_eq!((operation, &body["SigningAlgorithm"]), ("Sign", &json!("ECDSA_SHA_256")));
    let mut message = STANDARD.decode(body["Message"].as_str().unwrap()).unwrap();
    if habit == Habit::Lies {
        message[0] ^= 1;
    }
    fs::write(folder.join("message"), &message).unwrap();
    let signature = if body["MessageType"] == "DIGEST" {
        assert_eq!(message.len(), 32);
        tool(folder, &[], &["openssl", "pkeyutl", "-sign", "-inkey", "k.key", "-in", "message"])
    } else {
        assert!(message.len() <= 4096, "RAW has at most 4096 bytes");
        tool(folder, &[], &["openssl", "dgst", "-sha256", "-sign", "k.key", "message"])
    };
    json!({ "KeyId": "x", "Signature": STANDARD.encode(signature), "SigningAlgorithm": "ECDSA_SHA_256" })
}

const KEY: &str = "awskms:///alias/release";

#[test]
fn long_statements_are_hashed_here_and_short_ones_there() {
    let bench = Bench::with_model_and_key();
    let service = Service::start(&bench, Habit::Good);
    assert_eq!(sign(&bench, service.port, &[KEY, "MODEL"]).exit, Some(0));
    bench.good("verify MODEL --key k.pub");
    for number in 0..100 {
        bench.write(format!("LARGE/{number}"), b"x");
    }
    let said = sign(&bench, service.port, &[KEY, "LARGE"]);
    assert_eq!(said.exit, Some(0), "{said:?}");
    bench.good("verify LARGE --key k.pub");
    let asked = service.asked.lock().unwrap();
    let kinds: Vec<_> =
        asked.iter().map(|(operation, body, _)| (operation.as_str(), &body["MessageType"])).collect();
    let (none, raw, digest) = (Value::Null, json!("RAW"), json!("DIGEST"));
    assert_eq!(kinds, [("GetPublicKey", &none), ("Sign", &raw), ("GetPublicKey", &none), ("Sign", &digest)]);
    for (_, _, headers) in asked.iter() {
        let has = |start: &str| headers.iter().any(|line| line.to_lowercase().starts_with(start));
        assert!(has("authorization: aws4-hmac-sha256 credential=akidtest/"), "{headers:?}");
        assert!(has("x-amz-date: 2") && has(&format!("host: 127.0.0.1:{}", service.port)), "{headers:?}");
        assert!(!headers.iter().any(|line| line.contains("secret")), "{headers:?}");
    }
}

#[test]
fn a_service_that_misbehaves_is_told_apart_and_nothing_is_written() {
    let denied = r#"{"__type":"AccessDeniedException","message":"not you \u001b[2J"}"#;
    for (habit, code, exit, told) in [
        (Habit::Lies, "E-SIGNATURE-INVALID", 3, "nothing was written"),
        (Habit::Says(200, "<html>proxy</html>"), "E-SIGNER", 11, "makes no sense"),
        (Habit::Says(200, "{}"), "E-SIGNER", 11, "makes no sense"),
        (Habit::Says(200, r#"{"PublicKey":"!"}"#), "E-SIGNER", 11, "base64"),
        (Habit::Says(200, r#"{"PublicKey":"AAAA"}"#), "E-KEY", 13, "not usable"),
        (Habit::Says(200, r#"{"PublicKey":"AAAA","KeyUsage":"ENCRYPT_DECRYPT"}"#), "E-KEY", 13, "ENCRYPT"),
        (Habit::Says(500, "oops"), "E-SIGNER", 11, "500"),
        (Habit::Says(400, denied), "E-SIGNER", 11, "AccessDenied"),
        (Habit::Says(400, r#"{"__type":"NotFoundException","message":"no"}"#), "E-NOT-FOUND", 10, "no"),
        (Habit::Says(400, r#"{"__type":"DisabledException","message":"off"}"#), "E-KEY", 13, "off"),
        (Habit::SaysOfSigning(400, denied), "E-SIGNER", 11, "AccessDenied"),
        (
            Habit::SaysOfSigning(200, r#"{"Signature":"AAAA"}"#),
            "E-SIGNATURE-INVALID",
            3,
            "nothing was written",
        ),
        (Habit::SaysOfSigning(200, r#"{"Signature":"?"}"#), "E-SIGNER", 11, "base64"),
        (Habit::Floods, "E-LIMIT", 13, "65536"),
        (Habit::Redirects, "E-SIGNER", 11, "awskms"),
        (Habit::Hangs, "E-SIGNER", 11, "within 2 s"),
        (Habit::HangsUp, "E-SIGNER", 11, "does not answer"),
    ] {
        let bench = Bench::with_model_and_key();
        let service = Service::start(&bench, habit);
        let said = sign(&bench, service.port, &[KEY, "MODEL"]);
        said.refuses(code, exit);
        assert!(said.stderr.contains(told) && !said.stderr.contains('\u{1b}'), "{habit:?}: {said:?}");
        assert_eq!(bench.names("MODEL"), UNSIGNED, "{habit:?}");
    }
}

#[test]
fn what_is_missing_is_told_before_anything_is_sent() {
    let bench = Bench::with_model_and_key();
    let service = Service::start(&bench, Habit::Good);
    sign(&bench, service.port, &[KEY, "MODEL", "--offline"]).refuses("E-USAGE", 2);
    sign(&bench, service.port, &["awskms:alias/release", "MODEL"]).refuses("E-USAGE", 2);
    let run = |unset: &str, set: (&str, &str)| {
        let mut command = bench.command();
        command.args(["sign", "MODEL", "--name", "m", "--key", KEY]).env("HOME", bench.path(""));
        command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", service.port));
        command
            .env("AWS_ACCESS_KEY_ID", "A")
            .env("AWS_SECRET_ACCESS_KEY", "S")
            .env("AWS_REGION", "eu-central-1");
        command.env_remove("AWS_PROFILE").env_remove("AWS_DEFAULT_REGION");
        let said = Said::of(command.env(set.0, set.1).env_remove(unset));
        said.refuses("E-SIGNER", 11);
        said.stderr
    };
    assert!(run("AWS_SECRET_ACCESS_KEY", ("X", "")).contains("only one of"));
    assert!(run("AWS_REGION", ("X", "")).contains("no region"));
    assert!(run("X", ("AWS_ENDPOINT_URL", "http://kms.example.test")).contains("https://"));
    assert!(run("X", ("AWS_REGION", "eu\u{1b}.test/")).contains("region"));
    assert!(service.asked.lock().unwrap().is_empty());
}

#[test]
fn a_service_that_is_not_there() {
    let bench = Bench::with_model_and_key();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let said = sign(&bench, port, &[KEY, "MODEL"]);
    said.refuses("E-SIGNER", 11);
    assert!(said.stderr.contains("does not answer"), "{said:?}");
}
