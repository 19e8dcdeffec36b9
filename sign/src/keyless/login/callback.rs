//! The loopback address that a browser is sent back to (RFC 8252, section 7.3): one answer is taken, from a browser that
//! speaks to this address and nothing else.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::Url;

use crate::attendant::Deadline;
use crate::keyless::token::bad;
use crate::{Attendant, SignError, SignerProblem};

/// The path that is answered.
const PATH: &str = "/auth/callback";
/// The longest request that is read, in bytes.
const REQUEST_LIMIT: usize = 16 * 1024;
/// How long one connection may take to send it. Browsers open connections ahead, and leave them silent.
const REQUEST_PATIENCE: Duration = Duration::from_secs(10);
/// How many connections may be open at once.
const CONNECTIONS: usize = 16;
/// How often it is looked for a new connection.
const LOOK: Duration = Duration::from_millis(20);

/// The address, listening.
#[derive(Debug)]
pub(super) struct Callback {
    listener: TcpListener,
    address: SocketAddr,
}

/// The parameters that a browser brought back, none of them twice.
#[derive(Debug)]
pub(super) struct Returned {
    pairs: Vec<(String, String)>,
}

impl Returned {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Callback {
    /// Listens on a free port of this machine.
    pub(super) fn listen() -> Result<Self, SignError> {
        let open = || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        open().map_err(|error: io::Error| bad(format!("cannot be waited for on this machine: {error}")))
    }

    /// What the provider is told to send the browser to.
    pub(super) fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// Waits for the first answer, then listens no more.
    pub(super) fn wait(self, limit: Duration, attendant: &dyn Attendant) -> Result<Returned, SignError> {
        let deadline = Deadline::after(limit);
        let (sender, answers) = mpsc::channel();
        let open = Arc::new(AtomicUsize::new(0));
        loop {
            let patience = deadline.patience(attendant).map_err(|problem| match problem {
                SignerProblem::TimedOut { limit } => {
                    bad(format!("did not come: nobody logged in within {} s", limit.as_secs()))
                }
                problem => SignError::Outside { signer: "login".to_owned(), problem },
            })?;
            if let Ok((stream, _)) = self.listener.accept()
                && open.fetch_add(1, Ordering::SeqCst) < CONNECTIONS
            {
                let (sender, open, host) = (sender.clone(), Arc::clone(&open), self.address.to_string());
                thread::spawn(move || {
                    if let Some(returned) = serve(stream, &host) {
                        let _ = sender.send(returned);
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                });
                continue;
            }
            match answers.recv_timeout(patience.min(LOOK)) {
                Ok(returned) => return returned,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(SignError::bug("a login was lost")),
            }
        }
    }
}

/// Answers one request. `None` if it was none for us.
fn serve(mut stream: TcpStream, host: &str) -> Option<Result<Returned, SignError>> {
    let head = read_head(&mut stream)?;
    let outcome = understand(&head, host);
    let (status, text) = match &outcome {
        None => ("404 Not Found", "There is nothing here."),
        Some(Ok(_)) => ("200 OK", "Thank you. You can close this window and go back to the terminal."),
        Some(Err(_)) => ("400 Bad Request", "This cannot be understood. The terminal says more."),
    };
    let page = format!("<!doctype html><meta charset=utf-8><title>lacre</title><p>{text}\n");
    // A browser that does not wait for the page has done its part.
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         content-security-policy: default-src 'none'\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n{page}",
        page.len()
    );
    outcome
}

/// The request up to the empty line; `None` if it does not come, or is too long.
fn read_head(stream: &mut TcpStream) -> Option<String> {
    stream.set_nonblocking(false).ok()?;
    let end = Instant::now() + REQUEST_PATIENCE;
    let (mut head, mut piece) = (Vec::new(), [0; 1024]);
    loop {
        let left = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        stream.set_read_timeout(Some(left)).ok()?;
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        head.extend_from_slice(piece.get(..count)?);
        if head.windows(4).any(|window| window == b"\r\n\r\n") {
            return String::from_utf8(head).ok();
        }
        if head.len() > REQUEST_LIMIT {
            return None;
        }
    }
}

/// What a request says. `None`: it is for another page (`/favicon.ico`), or from a page that got here under another
/// name.
fn understand(head: &str, host: &str) -> Option<Result<Returned, SignError>> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (Some("GET"), Some(target), Some(_), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return None;
    };
    let mut hosts = lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map(|(_, value)| value.trim());
    if (hosts.next(), hosts.next()) != (Some(host), None) {
        return None;
    }
    let (path, _) = target.split_once('?').unwrap_or((target, ""));
    if path != PATH {
        return None;
    }
    let url = Url::parse(&format!("http://{host}{target}")).ok()?;
    let pairs: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let twice =
        pairs.iter().enumerate().any(|(place, (name, _))| pairs[..place].iter().any(|(it, _)| it == name));
    // RFC 6749, section 3.1: no parameter more than once.
    Some(if twice {
        Err(bad("was not given: the browser brought a parameter twice"))
    } else {
        Ok(Returned { pairs })
    })
}
