//! Each thing that can go wrong, by what a client sees of it.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use flate2::read::GzDecoder;
use lacre_testkit::noise;
use lacre_testkit::registry::{Fault, Gate, Lie, On, Registry};

use crate::client::{Connection, ask, get, head, try_ask};
use crate::images::{ABC, begin, bytes, closing, digest, manifest, put, with_blobs, with_image};

/// A registry with a blob of 10 000 bytes: it, and the path.
fn with_blob() -> (Registry, Vec<u8>, String) {
    let registry = Registry::start();
    let blob = noise(2, 10_000);
    let digest = registry.put_blob("org/model", &blob);
    (registry, blob, format!("/v2/org/model/blobs/{digest}"))
}

#[test]
fn other_answers() {
    let (registry, _) = with_image(Registry::start());
    let path = "/v2/org/model/manifests/v1";
    registry.fault(On::method("GET").nth(1), Fault::busy(429, "7"));
    registry.fault(On::method("GET").nth(2), Fault::busy(503, "Fri, 31 Dec 2099 23:59:59 GMT"));
    registry.fault(On::method("GET").nth(3), Fault::status(403));
    registry.fault(On::method("GET").nth(4), Fault::html(200));
    let busy = get(&registry, path);
    assert_eq!(
        (busy.status, busy.code().as_str(), busy.header("retry-after")),
        (429, "TOOMANYREQUESTS", Some("7"))
    );
    let busy = get(&registry, path);
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("Fri, 31 Dec 2099 23:59:59 GMT")));
    let denied = get(&registry, path);
    assert_eq!((denied.status, denied.code().as_str()), (403, "DENIED"));
    let page = get(&registry, path);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html")));
    assert!(page.body.starts_with(b"<!DOCTYPE html>"));
    assert_eq!(get(&registry, path).body, bytes(&manifest()), "and then all is well");
}

#[test]
fn a_request_that_is_answered_otherwise_has_no_effect() {
    let registry = with_blobs(Registry::start());
    registry.fault(On::method("PUT").at("/manifests/").first(1), Fault::status(500));
    assert_eq!(put(&registry, "v1", &manifest()).status, 500);
    assert_eq!(registry.tags("org/model"), []);
    assert_eq!(registry.seen()[0].received, bytes(&manifest()).len() as u64, "though its body was read");
    assert_eq!(put(&registry, "v1", &manifest()).status, 201);
}

#[test]
fn a_client_that_waits_to_be_asked_sends_nothing_in_vain() {
    let registry = with_blobs(Registry::start());
    registry.fault(On::method("PUT").first(1), Fault::status(413));
    let mut connection = Connection::open(&registry);
    let headers = [("expect", "100-continue"), ("content-length", "1000"), ("content-type", "x/y")];
    connection.send("PUT", "/v2/org/model/manifests/v1", &headers, b"");
    assert_eq!(connection.receive("PUT").unwrap().status, 413);
    let mut connection = Connection::open(&registry);
    connection.send("PUT", "/v2/org/model/manifests/v1", &headers, b"");
    assert_eq!(connection.receive("HEAD").unwrap().status, 100);
}

#[test]
fn redirects_to_another_host() {
    let registry = Registry::start();
    let digest = registry.put_blob("org/model", b"abc");
    let other = Registry::with().sharing(&registry).at([127, 0, 0, 2].into()).start();
    registry.fault(On::method("GET").at("/blobs/"), Fault::Redirect { status: 307, to: other.url() });
    let path = format!("/v2/org/model/blobs/{digest}?x=1");
    let sent = get(&registry, &path);
    assert_eq!(
        (sent.status, sent.header("location")),
        (307, Some(format!("{}{path}", other.url()).as_str()))
    );
    assert_eq!(get(&other, &path).body, b"abc");
}

#[test]
fn a_connection_that_ends_without_an_answer() {
    let registry = with_blobs(Registry::start());
    registry.fault(On::method("PUT").nth(1), Fault::HangUp);
    registry.fault(On::method("PUT").nth(2), Fault::LoseAnswer);
    let path = "/v2/org/model/manifests/v1";
    let headers = [("content-type", "application/vnd.oci.image.manifest.v1+json")];
    assert_eq!(try_ask(&registry, "PUT", path, &headers, &bytes(&manifest())), None);
    assert_eq!(registry.tags("org/model"), [], "it had no effect");
    assert_eq!(try_ask(&registry, "PUT", path, &headers, &bytes(&manifest())), None);
    assert_eq!(registry.tags("org/model").len(), 1, "it had its effect");
    let statuses: Vec<_> = registry.seen().iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [None, None]);
}

#[test]
fn a_connection_that_ends_in_a_body() {
    let (registry, blob, path) = with_blob();
    registry.fault(On::method("GET").nth(1), Fault::CutAnswer { after: 4321 });
    registry.fault(On::method("GET").nth(2), Fault::CutAnswer { after: 0 });
    let cut = get(&registry, &path);
    assert_eq!((cut.status, cut.whole, cut.body.as_slice()), (200, false, &blob[..4321]));
    assert_eq!(cut.header("content-length"), Some("10000"));
    let cut = get(&registry, &path);
    assert_eq!((cut.status, cut.whole, cut.body.len()), (200, false, 0));
    let sent: Vec<_> = registry.seen().iter().map(|seen| seen.sent).collect();
    assert_eq!(sent, [4321, 0]);

    let location = begin(&registry);
    registry.fault(On::method("PATCH"), Fault::CutRequest { after: 2500 });
    assert_eq!(try_ask(&registry, "PATCH", &location, &[], &blob), None);
    assert_eq!(get(&registry, &location).header("range"), Some("0-2499"));
}

/// A request over a connection of its own, and the first bytes of the answer, as many as `until` wants.
fn waiting(registry: &Registry, path: &str, until: usize) -> (TcpStream, Vec<u8>) {
    let mut stream = TcpStream::connect(registry.host()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = vec![0; until];
    stream.read_exact(&mut answer).unwrap();
    (stream, answer)
}

/// Whether the connection is there and nothing more has come.
fn is_silent(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    stream.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn answers_that_do_not_come() {
    let (registry, blob, path) = with_blob();
    registry.fault(On::any().nth(1), Fault::Silence);
    registry.fault(On::any().nth(2), Fault::Late(Duration::from_hours(1)));
    let (mut silent, _) = waiting(&registry, &path, 0);
    while registry.seen().is_empty() {
        std::thread::yield_now();
    }
    let (mut late, _) = waiting(&registry, &path, 0);
    while registry.seen().len() < 2 {
        std::thread::yield_now();
    }
    // Others are served meanwhile.
    assert_eq!(get(&registry, &path).body, blob);
    assert!(is_silent(&mut silent) && is_silent(&mut late));
    drop(registry);
    assert!(!is_silent(&mut silent) && !is_silent(&mut late), "they end with the registry");
}

#[test]
fn an_answer_that_stops_in_the_middle() {
    let (registry, blob, path) = with_blob();
    registry.fault(On::any().nth(1), Fault::Stall { after: 5000 });
    let (mut stalled, answer) = waiting(&registry, &path, 5000);
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let mut rest = vec![0; head];
    stalled.read_exact(&mut rest).unwrap();
    assert_eq!([&answer[head..], &rest].concat(), blob[..5000]);
    assert_eq!(get(&registry, &path).body, blob);
    assert!(is_silent(&mut stalled));
}

#[test]
fn answers_that_come_late_or_slowly_are_the_same() {
    let (registry, blob, path) = with_blob();
    registry.fault(On::any().nth(1), Fault::Late(Duration::from_millis(1)));
    registry.fault(On::any().nth(2), Fault::Slow { piece: 999, pause: Duration::from_millis(1) });
    for _ in 0..2 {
        assert_eq!(get(&registry, &path).body, blob);
    }
}

#[test]
fn headers_that_lack_or_lie() {
    let (registry, digest) = with_image(Registry::start());
    let path = "/v2/org/model/manifests/v1";
    registry.fault(On::method("HEAD").nth(1), Fault::Without("docker-content-digest"));
    registry.fault(On::method("HEAD").nth(2), Fault::With("docker-content-digest", ABC.to_owned()));
    registry.fault(On::method("HEAD").nth(3), Fault::With("content-length", "1".to_owned()));
    registry.fault(On::method("POST").nth(1), Fault::Without("location"));
    registry.fault(On::method("POST").nth(2), Fault::With("location", "http://[".to_owned()));
    assert_eq!(head(&registry, path).header("docker-content-digest"), None);
    assert_eq!(head(&registry, path).header("docker-content-digest"), Some(ABC));
    assert_eq!(head(&registry, path).header("content-length"), Some("1"));
    assert_eq!(head(&registry, path).header("docker-content-digest"), Some(digest.as_str()));
    for location in [None, Some("http://[")] {
        let begun = ask(&registry, "POST", "/v2/org/model/blobs/uploads/", &[], b"");
        assert_eq!((begun.status, begun.header("location")), (202, location));
    }
}

#[test]
fn bodies_that_lie() {
    let (registry, blob, path) = with_blob();
    let lies = [
        Lie::Flipped { at: 5000 },
        Lie::Shortened { by: 1 },
        Lie::Lengthened { by: 3 },
        Lie::Other(b"other".to_vec()),
        Lie::Zeros(20),
    ];
    let mut flipped = blob.clone();
    flipped[5000] ^= 1;
    let lengthened = [&blob[..], b"+++"].concat();
    let told = [flipped, blob[..9999].to_vec(), lengthened, b"other".to_vec(), vec![0; 20]];
    for (number, (lie, told)) in (1..).zip(lies.into_iter().zip(told)) {
        registry.fault(On::method("GET").nth(1), Fault::Body(lie));
        let answer = get(&registry, &path);
        assert_eq!((answer.status, answer.whole), (200, true), "{number}");
        assert_eq!(answer.body, told, "{number}");
        registry.clear_faults();
    }
}

#[test]
fn a_wrong_byte_is_wrong_in_the_range_that_it_lies_in() {
    let (registry, blob, path) = with_blob();
    registry.fault(On::any(), Fault::Body(Lie::Flipped { at: 5000 }));
    for (range, wrong) in [("bytes=0-4999", None), ("bytes=4000-5000", Some(1000)), ("bytes=5001-", None)] {
        let part = ask(&registry, "GET", &path, &[("range", range)], b"");
        let first: usize = range[6..].split('-').next().unwrap().parse().unwrap();
        let right = &blob[first..first + part.body.len()];
        let differs = part.body.iter().zip(right).position(|(found, right)| found != right);
        assert_eq!((part.status, differs), (206, wrong), "{range}");
    }
}

#[test]
fn bodies_that_are_too_large() {
    let (registry, _) = with_image(Registry::start());
    let path = "/v2/org/model/manifests/v1";
    registry.fault(On::any().nth(1), Fault::Body(Lie::Zeros(10_000_000_000)));
    registry.fault(On::any().nth(2), Fault::Body(Lie::Endless));
    for announced in [Some("10000000000"), None] {
        let mut connection = Connection::open(&registry);
        connection.most = 20 << 20;
        let part = connection.ask("GET", path, &[], b"").unwrap();
        assert_eq!((part.status, part.whole, part.body.len()), (200, false, 20 << 20));
        assert_eq!(part.header("content-length"), announced);
    }
    // The server goes no further than its client.
    assert!(registry.sent() < 200 << 20, "{}", registry.sent());
}

#[test]
fn a_bomb() {
    let (registry, _) = with_image(Registry::start());
    registry.fault(On::any(), Fault::Body(Lie::Gzip(64 << 20)));
    let bomb = get(&registry, "/v2/org/model/manifests/v1");
    assert_eq!(bomb.header("content-encoding"), Some("gzip"));
    assert!(bomb.whole && bomb.body.len() < 100_000, "{}", bomb.body.len());
    let mut size = 0;
    let mut decoder = GzDecoder::new(bomb.body.as_slice());
    let mut piece = vec![1; 1 << 20];
    loop {
        match decoder.read(&mut piece).unwrap() {
            0 => break,
            count => size += count,
        }
        assert!(piece.iter().all(|byte| *byte == 0));
        piece.fill(0);
    }
    assert_eq!(size, 64 << 20);
}

#[test]
fn faults_meet_and_end() {
    let (registry, blob, path) = with_blob();
    registry.fault(On::any(), Fault::With("x-one", "1".to_owned()));
    registry.fault(On::any().every(2), Fault::Body(Lie::Shortened { by: 9000 }));
    assert_eq!(get(&registry, &path).body, blob);
    let second = get(&registry, &path);
    assert_eq!((second.header("x-one"), second.body.len()), (Some("1"), 1000));
    registry.clear_faults();
    let third = get(&registry, &path);
    assert_eq!((third.header("x-one"), &third.body), (None, &blob));
}

#[test]
fn what_came_is_known() {
    let (registry, blob, path) = with_blob();
    let location = begin(&registry);
    registry.forget();
    ask(&registry, "PUT", &closing(&location, &digest(&blob)), &[("x-mine", "yes")], &blob);
    get(&registry, &format!("{path}?x=y"));
    head(&registry, &path);
    let [put, got, looked] = <[_; 3]>::try_from(registry.seen()).unwrap();
    assert_eq!((put.method.as_str(), put.received, put.sent, put.status), ("PUT", 10_000, 0, Some(201)));
    assert_eq!((put.header("x-mine"), put.header("x-other")), (Some("yes"), None));
    assert_eq!(put.body, blob[..4096]);
    assert_eq!((got.path(), got.received, got.sent), (path.as_str(), 0, 10_000));
    assert_eq!(got.target, format!("{path}?x=y"));
    assert_eq!((looked.sent, looked.status), (0, Some(200)));
    assert_ne!(put.connection, got.connection);
    registry.settle();
    assert!(registry.seen().iter().all(|seen| seen.over));
    assert_eq!((registry.received(), registry.sent()), (10_000, 10_000));
    assert_eq!(registry.seen_at("GET", "?x=").len(), 1);
}

#[test]
fn requests_wait_at_a_gate_before_they_are_served_or_answered() {
    let registry = with_blobs(Registry::start());
    let (before, after) = (Gate::new(), Gate::new());
    registry.fault(On::method("PUT").at("/manifests/").ending("one"), Fault::Hold(before.clone()));
    registry.fault(On::method("PUT").at("/manifests/").ending("two"), Fault::HoldAnswer(after.clone()));
    assert!(!before.was_reached_by(1));
    thread::scope(|scope| {
        let one = scope.spawn(|| put(&registry, "one", &manifest()));
        let two = scope.spawn(|| put(&registry, "two", &manifest()));
        while !before.was_reached_by(1) || !after.was_reached_by(1) {}
        let tags: Vec<String> = registry.tags("org/model").into_iter().map(|(tag, _)| tag).collect();
        assert_eq!(tags, ["two"], "what was served is there before it is answered");
        assert!(registry.seen().iter().all(|seen| seen.status.is_none() && !seen.over));
        before.open();
        assert_eq!(one.join().unwrap().status, 201);
        after.open();
        assert_eq!(two.join().unwrap().status, 201);
    });
    assert!(!before.was_reached_by(2));
    assert_eq!(put(&registry, "one", &manifest()).status, 201, "an open gate stops nobody");
}

#[test]
fn all_bytes_wait_at_a_dam() {
    let registry = Registry::start();
    let blob = noise(2, 1_000_000);
    let digest = registry.put_blob("org/model", &blob);
    let gate = registry.dam(300_000);
    thread::scope(|scope| {
        let down = scope.spawn(|| get(&registry, &format!("/v2/org/model/blobs/{digest}")));
        while !gate.was_reached_by(1) {}
        let up = scope.spawn(|| put(&with_blobs(Registry::start()), "v1", &manifest()).status);
        assert_eq!(up.join().unwrap(), 201, "another registry is another river");
        let sent = registry.sent();
        assert!((300_000..400_000).contains(&sent), "{sent}");
        let late = scope.spawn(|| ask(&registry, "POST", "/v2/org/model/blobs/uploads/", &[], b"x"));
        while !gate.was_reached_by(2) {}
        assert_eq!((registry.sent(), registry.received()), (sent, 0), "nothing goes, nothing comes");
        gate.open();
        assert!(down.join().unwrap().body == blob);
        assert_eq!(late.join().unwrap().status, 202);
    });
}
