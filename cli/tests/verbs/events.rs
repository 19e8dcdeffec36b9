//! `--events`: what arrives at real receivers on this machine, read by the rules of their protocols.

use std::io::Read as _;
use std::net::{TcpListener, UdpSocket};
use std::thread;

use lacre_testkit::{HttpAnswer, HttpServer, tamper};
use serde_json::{Value, json};

use crate::bench::Bench;

const VERIFY: &str = "verify MODEL --key k.pub";

/// The text of a syslog message: what stands behind six words and the parameters, and the mark of UTF-8.
fn text(message: &[u8]) -> Value {
    let message = std::str::from_utf8(message).unwrap();
    let (_, text) = message.split_once("\"] ").unwrap();
    serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)).unwrap()
}

#[test]
fn a_datagram_is_one_message() {
    let bench = Bench::with_signed_model();
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = receiver.local_addr().unwrap().port();
    bench.good(&format!(
        "{VERIFY} --events ocsf --events-to syslog:udp:127.0.0.1:{port} --decision-log d.log"
    ));
    let mut buffer = vec![0; 65536];
    let length = receiver.recv(&mut buffer).unwrap();
    let message = &buffer[..length];
    // Facility 13, severity notice, version 1.
    assert!(message.starts_with(b"<109>1 20"), "{}", String::from_utf8_lossy(message));
    let event = text(message);
    assert_eq!((&event["class_uid"], &event["type_uid"]), (&2003.into(), &200_301.into()));
    assert_eq!(event["metadata"]["sequence"], 1, "where it stands in the log");
}

#[test]
fn a_connection_carries_messages_behind_their_length() {
    let bench = Bench::with_signed_model();
    tamper::flip(&bench.path("MODEL/config.json"), 3);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let receiver = thread::spawn(move || {
        let mut bytes = Vec::new();
        listener.accept().unwrap().0.read_to_end(&mut bytes).unwrap();
        bytes
    });
    bench
        .run(&format!("{VERIFY} --events json --events-to syslog:tcp:localhost:{port}"))
        .refuses("E-FILE-CHANGED", 1);
    let bytes = receiver.join().unwrap();
    // RFC 6587, section 3.4.1: MSG-LEN SP SYSLOG-MSG.
    let space = bytes.iter().position(|byte| *byte == b' ').unwrap();
    let length: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
    assert_eq!(bytes.len() - space - 1, length);
    assert!(bytes[space + 1..].starts_with(b"<107>1 "), "an error");
    assert_eq!(text(&bytes[space + 1..])["reasons"][0]["code"], "E-FILE-CHANGED");
}

#[test]
fn a_collector_gets_one_record() {
    let bench = Bench::with_signed_model();
    let server = HttpServer::start(|_| HttpAnswer::json(&json!({ "partialSuccess": {} })));
    bench.good(&format!("{VERIFY} --events json --events-to otlp:{}/v1/logs", server.url()));
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("POST", "/v1/logs"));
    assert!(seen[0].headers.contains(&("content-type".to_owned(), "application/json".to_owned())));
    let body: Value = serde_json::from_slice(&seen[0].body).unwrap();
    let record = &body["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    assert_eq!((&record["severityText"], &record["eventName"]), (&"INFO".into(), &"lacre.decision".into()));
    let said: Value = serde_json::from_str(record["body"]["stringValue"].as_str().unwrap()).unwrap();
    assert_eq!(said["subject"]["name"], "org/mini-lm");
}

#[test]
fn what_does_not_arrive_was_not_decided() {
    let bench = Bench::with_signed_model();
    let rejected =
        json!({ "partialSuccess": { "rejectedLogRecords": "1", "errorMessage": "full\u{1b}[2J" } });
    for (answer, why) in [
        (HttpAnswer::Full(503, "text/plain", Vec::new()), "answered with status 503"),
        (HttpAnswer::Full(404, "text/html", b"<html>".to_vec()), "answered with status 404"),
        (HttpAnswer::Redirect("http://127.0.0.1:9/".to_owned()), "answered with status 307"),
        (HttpAnswer::json(&rejected), "rejected what is in it: full"),
        (HttpAnswer::HangUp, ""),
        (HttpAnswer::Endless, "more than 65536 bytes"),
    ] {
        let server = HttpServer::start(move |_| answer.clone());
        let said =
            bench.bad(&format!("{VERIFY} --events json --events-to otlp:{}", server.url()), "E-EVENT", 11);
        assert!(said.stderr.contains(why) && !said.stderr.contains('\u{1b}'), "{why}: {said:?}");
    }
    // Ports on which nobody listens any more.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for to in [format!("syslog:tcp:127.0.0.1:{closed}"), format!("otlp:http://127.0.0.1:{closed}/v1/logs")] {
        bench.bad(&format!("{VERIFY} --events json --events-to {to}"), "E-EVENT", 11);
    }
    bench.bad(&format!("{VERIFY} --events json --events-to syslog:/nowhere/log"), "E-EVENT", 11);
    bench.bad(&format!("{VERIFY} --events json --events-to /nowhere/events"), "E-OUTPUT", 10);
    bench.bad(&format!("{VERIFY} --events json --events-to /dev/full"), "E-OUTPUT", 10);
}

#[test]
fn one_destination_that_fails_keeps_no_other_from_being_told() {
    let bench = Bench::with_signed_model();
    let to = "--events-to syslog:/nowhere/log --events-to events";
    bench.run(&format!("{VERIFY} --events json {to}")).refuses("E-EVENT", 11);
    assert_eq!(bench.read("events").split(|byte| *byte == b'\n').count(), 2, "a line");
}

#[test]
fn events_have_stdout_for_themselves() {
    let bench = Bench::with_signed_model();
    let said = bench.good(&format!("{VERIFY} --events json"));
    assert_eq!(said.stdout.lines().count(), 1, "{said:?}");
    let event: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(event["verdict"], "allow");
    said.says("verified org/mini-lm 1.0.0");
    tamper::flip(&bench.path("MODEL/config.json"), 3);
    let said = bench.run(&format!("{VERIFY} --events ocsf"));
    assert_eq!(said.exit, Some(1));
    let event: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(event["compliance"]["status_code"], "E-FILE-CHANGED");
    said.says("error[E-FILE-CHANGED]: ");
}

/// Names that a signer chose, and a path that the caller did: nothing of them moves a cursor or ends a field.
#[test]
fn hostile_names_stay_names() {
    let bench = Bench::with_model_and_key();
    let name = "org/m\"] [x@1 y=\"\u{202e}z\\";
    let model = "MODEL\u{1b}[2J\u{85}";
    std::fs::rename(bench.path("MODEL"), bench.path(model)).unwrap();
    let signed = bench.args(["sign", model, "--key", "k.key", "--name", name, "--version", "1"]);
    assert_eq!(signed.exit, Some(0), "{signed:?}");
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = format!("syslog:udp:127.0.0.1:{}", receiver.local_addr().unwrap().port());
    let verify = ["verify", model, "--key", "k.pub", "--decision-log", "d.log", "--events", "ocsf"];
    let said = bench.args(verify.iter().copied().chain(["--events-to", &to, "--events-to", "events"]));
    assert_eq!(said.exit, Some(0), "{said:?}");
    let mut buffer = vec![0; 65536];
    let length = receiver.recv(&mut buffer).unwrap();
    let shown = bench.good("log show d.log");
    for text in [&buffer[..length], &bench.read("events"), &bench.read("d.log"), shown.stdout.as_bytes()] {
        let text = std::str::from_utf8(text).unwrap();
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{85}']), "{text}");
    }
    let event: Value = serde_json::from_slice(&bench.read("events")).unwrap();
    assert_eq!(event["resources"][0]["name"], name);
}
