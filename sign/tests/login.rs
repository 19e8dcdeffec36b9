//! A person who logs in with a browser, and everything that can be wrong with what comes back.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lacre_sign::{Attendant, Login, SignError, Token, Unattended};
use lacre_testkit::{HttpAnswer, Issuer, LoginFaults, PERSON, browse, http_get};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(5);
const LONG: Duration = Duration::from_mins(1);

/// Changes what the browser brings back.
type Returned = fn(&mut Vec<(String, String)>);
/// Changes what the issuer says.
type Said = fn(&mut serde_json::Value);

/// Logs in at `issuer`; the browser is sent back to what `back` makes of the address.
fn login(issuer: &Issuer, back: impl FnOnce(String) -> String) -> Result<Token, SignError> {
    let login = Login::with_browser(&issuer.url(), PATIENCE)?;
    let back = back(browse(login.url()));
    std::thread::scope(|scope| {
        let browser = scope.spawn(move || http_get(&back));
        let outcome = login.wait(LONG, &Unattended);
        browser.join().unwrap();
        outcome
    })
}

/// The code of an error, and what it says.
fn refused(issuer: &Issuer) -> (&'static str, String) {
    let error = login(issuer, |back| back).unwrap_err();
    (error.code(), error.to_string())
}

/// How often a token was asked for.
fn exchanges(issuer: &Issuer) -> usize {
    issuer.seen().iter().filter(|request| request.target == "/token").count()
}

#[test]
fn a_person_logs_in() {
    let issuer = Issuer::start();
    let token = login(&issuer, |back| back).unwrap();
    assert!(format!("{token:?}").contains(PERSON));
    assert_eq!(token.issuer(), issuer.url());
    assert_eq!(exchanges(&issuer), 1);
    // The page is asked for with the digest of the verifier; the verifier itself is sent with the code only.
    let page = &issuer.seen()[1];
    assert!(page.target.starts_with("/auth?") && !page.target.contains("code_verifier"), "{page:?}");
}

#[test]
fn a_person_logs_in_elsewhere_and_brings_the_code() {
    let issuer = Issuer::start();
    let login = || Login::with_code(&issuer.url(), PATIENCE).unwrap();
    let this = login();
    let code = browse(this.url());
    assert!(this.redeem(&format!(" {code}\n")).is_ok());

    // The code of somebody else's login: it was made for another verifier.
    let (ours, theirs) = (login(), login());
    let code = browse(theirs.url());
    assert_eq!(ours.redeem(&code).unwrap_err().code(), "E-TOKEN");
    for nothing in ["", " ", "a b", "c\u{1b}"] {
        assert_eq!(login().redeem(nothing).unwrap_err().code(), "E-TOKEN", "{nothing:?}");
    }
}

#[test]
fn every_login_has_secrets_of_its_own() {
    let issuer = Issuer::start();
    let part = |url: &str, name: &str| {
        let at = url.find(&format!("{name}=")).unwrap() + name.len() + 1;
        url[at..].split('&').next().unwrap().to_owned()
    };
    let urls = [(); 2].map(|()| Login::with_browser(&issuer.url(), PATIENCE).unwrap().url().to_owned());
    for name in ["state", "nonce", "code_challenge"] {
        let [one, other] = [part(&urls[0], name), part(&urls[1], name)];
        assert!(one != other && one.len() == 43, "{name}: {one} {other}");
    }
    assert_ne!(part(&urls[0], "state"), part(&urls[0], "nonce"));
}

#[test]
fn ghsa_hm8f_75xx_w2vr_state_is_compared() {
    let edits: [Returned; 4] = [
        |returned| returned[1].1 = "of-another-login".to_owned(),
        |returned| returned[1].1.push('x'),
        |returned| returned[1].1.clear(),
        |returned| drop(returned.remove(1)),
    ];
    for returned in edits {
        let issuer = Issuer::with_faults(LoginFaults { returned, ..LoginFaults::default() });
        let (code, said) = refused(&issuer);
        assert_eq!(code, "E-TOKEN", "{said}");
        assert!(said.contains("state differs"), "{said}");
        // The code was not even tried.
        assert_eq!(exchanges(&issuer), 0);
    }
    // Whole logins of two people, crossed.
    let issuer = Issuer::start();
    let other = Login::with_browser(&issuer.url(), PATIENCE).unwrap();
    let theirs = browse(other.url());
    let crossed = login(&issuer, |ours| {
        let (address, _) = ours.split_once('?').unwrap();
        format!("{address}?{}", theirs.split_once('?').unwrap().1)
    });
    assert!(crossed.unwrap_err().to_string().contains("state differs"));
}

#[test]
fn what_the_browser_brings_back_must_be_whole() {
    let edits: [(Returned, &str); 6] = [
        (|returned| drop(returned.remove(0)), "no code"),
        (|returned| returned[0].1.clear(), "no code"),
        (|returned| returned.push(("code".to_owned(), "x".to_owned())), "twice"),
        (|returned| returned.push(("state".to_owned(), "x".to_owned())), "twice"),
        (
            |returned| returned[0] = ("error".to_owned(), "access_denied\u{1b}[2J".to_owned()),
            "access_denied\\u{1b}[2J",
        ),
        (|returned| returned.push(("iss".to_owned(), "https://evil.test".to_owned())), "https://evil.test"),
    ];
    for (returned, wanted) in edits {
        let issuer = Issuer::with_faults(LoginFaults { returned, ..LoginFaults::default() });
        let (code, said) = refused(&issuer);
        assert_eq!(code, "E-TOKEN", "{said}");
        assert!(said.contains(wanted) && !said.contains('\u{1b}'), "{said}");
        assert_eq!(exchanges(&issuer), 0);
    }
}

#[test]
fn a_token_must_be_of_this_login() {
    let edits: [(Said, &str); 7] = [
        (|claims| claims["nonce"] = "another".into(), "nonce differs"),
        (|claims| claims["nonce"] = serde_json::Value::Null, "nonce differs"),
        (|claims| claims["iss"] = "https://evil.test".into(), "https://evil.test"),
        (|claims| claims["aud"] = "another-program".into(), "another-program"),
        (|claims| claims["azp"] = "another-program".into(), "another-program"),
        (|claims| claims["exp"] = 1_700_000_000.into(), "expired"),
        (|claims| claims["sub"] = serde_json::Value::Null, "malformed"),
    ];
    for (claims, wanted) in edits {
        let issuer = Issuer::with_faults(LoginFaults { claims, ..LoginFaults::default() });
        let (code, said) = refused(&issuer);
        assert_eq!(code, "E-TOKEN", "{said}");
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn a_provider_that_describes_itself_badly() {
    let edits: [(Said, &str); 7] = [
        (|it| it["issuer"] = "https://evil.test".into(), "E-SERVICE"),
        (|it| it["issuer"] = format!("{}/", it["issuer"].as_str().unwrap()).into(), "E-SERVICE"),
        (|it| it["code_challenge_methods_supported"] = json!(["plain"]), "E-SERVICE"),
        (|it| it["token_endpoint"] = json!(7), "E-SERVICE"),
        (|it| it["token_endpoint"] = "http://token.test/".into(), "E-USAGE"),
        (|it| it["authorization_endpoint"] = "http://auth.test/".into(), "E-USAGE"),
        (|it| it["authorization_endpoint"] = "file:///bin/sh".into(), "E-USAGE"),
    ];
    for (description, code) in edits {
        let issuer = Issuer::with_faults(LoginFaults { description, ..LoginFaults::default() });
        let error = Login::with_browser(&issuer.url(), PATIENCE).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
}

#[test]
fn a_provider_that_answers_badly() {
    let answers = [
        (HttpAnswer::Full(500, "text/plain", b"out of order".to_vec()), "E-SERVICE"),
        (HttpAnswer::Full(200, "text/html", b"<html>Sign in</html>".to_vec()), "E-SERVICE"),
        (HttpAnswer::json(&json!({})), "E-SERVICE"),
        (HttpAnswer::Full(200, "application/json", b"{\"issuer\":1,\"issuer\":2}".to_vec()), "E-SERVICE"),
        (HttpAnswer::Redirect("http://127.0.0.1:1/".to_owned()), "E-SERVICE"),
        (HttpAnswer::Endless, "E-SERVICE"),
        (HttpAnswer::HangUp, "E-NETWORK"),
        (HttpAnswer::Silence, "E-NETWORK"),
    ];
    for (answer, code) in answers {
        let shown = format!("{answer:?}");
        let short = if matches!(answer, HttpAnswer::Silence) { Duration::from_millis(300) } else { PATIENCE };
        let faults = LoginFaults { instead_of_description: Some(answer.clone()), ..LoginFaults::default() };
        let error = Login::with_browser(&Issuer::with_faults(faults).url(), short).unwrap_err();
        assert_eq!(error.code(), code, "description, {shown}: {error}");

        let faults = LoginFaults { instead_of_token: Some(answer), ..LoginFaults::default() };
        let issuer = Issuer::with_faults(faults);
        let login = Login::with_code(&issuer.url(), short).unwrap();
        let shown_code = browse(login.url());
        let error = login.redeem(&shown_code).unwrap_err();
        assert_eq!(error.code(), code, "token, {shown}: {error}");
    }
    let refusal = br#"{"error":"invalid_grant","error_description":"no \u001b[2J"}"#.to_vec();
    let answer = HttpAnswer::Full(400, "application/json", refusal);
    let faults = LoginFaults { instead_of_token: Some(answer), ..LoginFaults::default() };
    let (code, said) = refused(&Issuer::with_faults(faults));
    assert_eq!(code, "E-TOKEN");
    assert!(said.contains("invalid_grant") && !said.contains('\u{1b}'), "{said}");
}

/// Sends raw bytes to where the browser is to be sent back, and gives the first line of the answer.
fn raw(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // One that is too long is hung up on before it was sent.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = String::new();
    // A connection that is closed without an answer is an empty one.
    let _ = stream.read_to_string(&mut answer);
    answer.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn only_a_browser_that_was_sent_here_is_answered_and_only_once() {
    let issuer = Issuer::start();
    let login = Login::with_browser(&issuer.url(), PATIENCE).unwrap();
    let back = browse(login.url());
    let address = back.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let target = back.strip_prefix(&format!("http://{address}")).unwrap().to_owned();
    // A connection that browsers open ahead, and leave silent.
    let silent = TcpStream::connect(&address).unwrap();
    let outcome = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| login.wait(LONG, &Unattended));
        for request in [
            "GET /favicon.ico HTTP/1.1\r\nhost: ADDRESS\r\n\r\n",
            "POST TARGET HTTP/1.1\r\nhost: ADDRESS\r\n\r\n",
            "GET TARGET HTTP/1.1\r\nhost: evil.test\r\n\r\n",
            "GET TARGET HTTP/1.1\r\n\r\n",
            "GET TARGET HTTP/1.1\r\nhost: ADDRESS\r\nhost: evil.test\r\n\r\n",
            "\r\n\r\n",
        ] {
            let request = request.replace("TARGET", &target).replace("ADDRESS", &address);
            assert_eq!(raw(&address, &request), "HTTP/1.1 404 Not Found", "{request}");
        }
        let endless = format!("GET {target} HTTP/1.1\r\nx: {}", "x".repeat(64 * 1024));
        assert_eq!(raw(&address, &endless), "");
        let good = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        assert_eq!(raw(&address, &good), "HTTP/1.1 200 OK");
        waiting.join().unwrap()
    });
    assert!(outcome.is_ok(), "{outcome:?}");
    // Nobody listens any more, and the code was used once.
    assert!(TcpStream::connect(&address).is_err());
    assert_eq!(exchanges(&issuer), 1);
    drop(silent);
}

/// Gives up when it is told to.
struct Hand(AtomicBool);

impl Attendant for Hand {
    fn said(&self, _line: &str) {}

    fn gave_up(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[test]
fn a_wait_ends() {
    let issuer = Issuer::start();
    let begin = || Login::with_browser(&issuer.url(), PATIENCE).unwrap();
    let error = begin().wait(Duration::from_millis(50), &Unattended).unwrap_err();
    assert_eq!(error.code(), "E-TOKEN");
    assert!(error.to_string().contains("nobody logged in"), "{error}");
    let error = begin().wait(LONG, &Hand(AtomicBool::new(true))).unwrap_err();
    assert_eq!(error.code(), "E-INTERRUPTED");
}
