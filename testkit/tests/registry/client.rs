//! A client without any library: what it shows is what was on the wire.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use lacre_testkit::registry::Registry;
use serde_json::Value;

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to its announced end.
    pub(crate) whole: bool,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of an error in the form of the specification.
    pub(crate) fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap().to_owned()
    }

    /// The next page: the target of `Link` with `rel="next"`.
    pub(crate) fn next(&self) -> Option<String> {
        let (target, rest) = self.header("link")?.strip_prefix('<')?.split_once('>')?;
        assert_eq!(rest, "; rel=\"next\"");
        Some(target.to_owned())
    }
}

pub(crate) type Header<'a> = (&'a str, &'a str);

/// Asks a registry over plain HTTP. `None`: the connection ended without an answer.
pub(crate) fn try_ask(
    registry: &Registry,
    method: &str,
    target: &str,
    headers: &[Header<'_>],
    body: &[u8],
) -> Option<Reply> {
    Connection::open(registry).ask(method, target, &[headers, &[("connection", "close")]].concat(), body)
}

/// The same, where an answer must come.
pub(crate) fn ask(
    registry: &Registry,
    method: &str,
    target: &str,
    headers: &[Header<'_>],
    body: &[u8],
) -> Reply {
    try_ask(registry, method, target, headers, body).unwrap_or_else(|| panic!("{method} {target}: no answer"))
}

pub(crate) fn get(registry: &Registry, target: &str) -> Reply {
    ask(registry, "GET", target, &[], b"")
}

pub(crate) fn head(registry: &Registry, target: &str) -> Reply {
    ask(registry, "HEAD", target, &[], b"")
}

/// What bytes go through.
pub(crate) trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// A connection that can be used several times.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    host: String,
    /// Bytes of a body that are read at most.
    pub(crate) most: usize,
}

impl Connection {
    pub(crate) fn open(registry: &Registry) -> Self {
        let stream = TcpStream::connect(registry.host()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self::over(stream, &registry.host())
    }

    pub(crate) fn over(stream: impl Stream + 'static, host: &str) -> Self {
        Self { stream: Box::new(stream), host: host.to_owned(), most: usize::MAX }
    }

    pub(crate) fn ask(
        &mut self,
        method: &str,
        target: &str,
        headers: &[Header<'_>],
        body: &[u8],
    ) -> Option<Reply> {
        self.send(method, target, headers, body);
        self.receive(method)
    }

    /// Sends a request, or as much of it as the server takes.
    pub(crate) fn send(&mut self, method: &str, target: &str, headers: &[Header<'_>], body: &[u8]) {
        let mut request = format!("{method} {target} HTTP/1.1\r\nhost: {}\r\n", self.host);
        for (name, value) in headers {
            request += &[name, ": ", value, "\r\n"].concat();
        }
        if !headers.iter().any(|(name, _)| *name == "content-length") {
            request += &["content-length: ", &body.len().to_string(), "\r\n"].concat();
        }
        let _ = self.stream.write_all(&[request.as_bytes(), b"\r\n", body].concat());
    }

    pub(crate) fn receive(&mut self, method: &str) -> Option<Reply> {
        let head = self.head()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut reply = Reply { status, headers, body: Vec::new(), whole: true };
        if method == "HEAD" || matches!(status, 204 | 304) {
            return Some(reply);
        }
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.whole = self.chunks(&mut reply.body);
        } else {
            let length: usize = reply.header("content-length").unwrap().parse().unwrap();
            reply.whole = self.exactly(length, &mut reply.body);
        }
        Some(reply)
    }

    fn head(&mut self) -> Option<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.byte()?);
        }
        Some(String::from_utf8(head).unwrap())
    }

    fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        self.stream.read_exact(&mut byte).ok().map(|()| byte[0])
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                let Some(byte) = self.byte() else { return false };
                line.push(byte);
            }
            let size = std::str::from_utf8(&line).unwrap().trim_end();
            let size = usize::from_str_radix(size, 16).unwrap();
            let mut end = Vec::new();
            if !self.exactly(size, body) || !self.exactly(2, &mut end) || body.len() >= self.most {
                return false;
            }
            if size == 0 {
                return true;
            }
        }
    }

    fn exactly(&mut self, length: usize, body: &mut Vec<u8>) -> bool {
        let before = body.len();
        let room = length.min(self.most.saturating_sub(before));
        // What came before the end counts, however it ended.
        let _ = (&mut self.stream).take(room as u64).read_to_end(body);
        body.len() - before == length
    }
}
