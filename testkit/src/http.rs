//! A server that answers what a test wants, well or badly, and a client that asks without any library.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What a client sent.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// `GET`, `POST`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body; empty if there is none.
    pub body: Vec<u8>,
}

/// What a server does.
#[derive(Debug, Clone)]
pub enum HttpAnswer {
    /// Status, content type, body.
    Full(u16, &'static str, Vec<u8>),
    /// Status 200, an encoding that nobody asked for, body.
    Packed(&'static str, Vec<u8>),
    /// Sends the client elsewhere.
    Redirect(String),
    /// Nothing, with the connection open until the server goes away.
    Silence,
    /// Hangs up.
    HangUp,
    /// A body that does not end before the client hangs up.
    Endless,
}

impl HttpAnswer {
    /// Status 200 with JSON.
    pub fn json(value: &serde_json::Value) -> Self {
        Self::Full(200, "application/json", serde_json::to_vec(value).unwrap())
    }
}

/// A server on this machine that lives as long as the value.
pub struct HttpServer {
    address: SocketAddr,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    stopping: Mutex<bool>,
    seen: Mutex<Vec<HttpRequest>>,
    /// Connections that are kept open without an answer.
    silent: Mutex<Vec<TcpStream>>,
}

impl HttpServer {
    /// Starts a server on a free port; every request is answered by `handler`.
    pub fn start(handler: impl Fn(&HttpRequest) -> HttpAnswer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let (shared, handler) = (Arc::clone(&state), Arc::new(handler));
        let accepting = thread::spawn(move || {
            for stream in listener.incoming() {
                if *shared.stopping.lock().unwrap() {
                    return;
                }
                let (shared, handler) = (Arc::clone(&shared), Arc::clone(&handler));
                // A client that goes away in the middle is its own affair.
                thread::spawn(move || stream.ok().and_then(|stream| serve(stream, &shared, &*handler)));
            }
        });
        Self { address, state, accepting: Some(accepting) }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<HttpRequest> {
        self.state.seen.lock().unwrap().clone()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        *self.state.stopping.lock().unwrap() = true;
        self.state.silent.lock().unwrap().clear();
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn serve(
    mut stream: TcpStream,
    state: &State,
    handler: &(dyn Fn(&HttpRequest) -> HttpAnswer + Send + Sync),
) -> Option<()> {
    let request = read_request(&stream)?;
    state.seen.lock().unwrap().push(request.clone());
    match handler(&request) {
        HttpAnswer::Full(status, content_type, body) => {
            let head = format!(
                "HTTP/1.1 {status} -\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).ok()?;
            stream.write_all(&body).ok()
        }
        HttpAnswer::Packed(encoding, body) => {
            let head = format!(
                "HTTP/1.1 200 -\r\ncontent-type: application/timestamp-reply\r\ncontent-encoding: {encoding}\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).ok()?;
            stream.write_all(&body).ok()
        }
        HttpAnswer::Redirect(to) => {
            let head =
                format!("HTTP/1.1 307 -\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).ok()
        }
        HttpAnswer::Silence => {
            state.silent.lock().unwrap().push(stream);
            Some(())
        }
        HttpAnswer::HangUp => Some(()),
        HttpAnswer::Endless => {
            stream.write_all(b"HTTP/1.1 200 -\r\nconnection: close\r\n\r\n").ok()?;
            loop {
                stream.write_all(&[b' '; 8 * 1024]).ok()?;
            }
        }
    }
}

fn read_request(stream: &TcpStream) -> Option<HttpRequest> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(HttpRequest { method, target, headers, body })
}

/// Asks for a page: its status and body, or `None` if nobody answers there.
pub fn http_get(url: &str) -> Option<(u16, Vec<u8>)> {
    ask(url, "GET", &[])
}

/// Sends JSON: status and body of the answer, or `None` if nobody answers there.
pub fn http_post(url: &str, json: &[u8]) -> Option<(u16, Vec<u8>)> {
    ask(url, "POST", json)
}

fn ask(url: &str, method: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
    let address = url.strip_prefix("http://")?;
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let mut stream = TcpStream::connect(host).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // Version 1.0: the answer ends with the connection, and comes in one piece.
    write!(
        stream,
        "{method} /{path} HTTP/1.0\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let status = std::str::from_utf8(&answer[..end]).ok()?.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer[end + 4..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_seen_and_answered() {
        let server = HttpServer::start(|request| match request.target.as_str() {
            "/there?x=1" => HttpAnswer::json(&serde_json::json!({"a": 1})),
            "/gone" => HttpAnswer::HangUp,
            _ => HttpAnswer::Full(404, "text/plain", b"no".to_vec()),
        });
        assert_eq!(http_get(&format!("{}/there?x=1", server.url())), Some((200, br#"{"a":1}"#.to_vec())));
        assert_eq!(http_get(&server.url()), Some((404, b"no".to_vec())));
        assert_eq!(http_get(&format!("{}/gone", server.url())), None);
        let targets: Vec<String> = server.seen().into_iter().map(|request| request.target).collect();
        assert_eq!(targets, ["/there?x=1", "/", "/gone"]);
    }
}
