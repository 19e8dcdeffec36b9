//! Events on their way out: what `lacre_verify::decision` put into words is sent.
//!
//! ```text
//! Event ─► json ──► stdout, a file
//!       ├► syslog ► a socket of this machine, UDP (RFC 5426), TCP (RFC 6587, octet counting)
//!       └► otlp ──► a collector, over HTTP
//! ```
//!
//! An event that cannot be delivered is a failure: whoever asked for events must not take silence for «nothing happened».

mod collector;
mod destination;
mod receiver;

use std::io::Write as _;

use lacre_verify::decision::{Event, SyslogSender};
use rustix::fs::{Mode, OFlags};

pub(crate) use destination::Destination;

use crate::error::CliError;
use crate::session::Session;
use crate::text;

impl Destination {
    /// Sends an event, and waits until it is on its way.
    pub(crate) fn send(&self, event: &Event<'_>, session: &Session) -> Result<(), CliError> {
        let failed = |detail: String| CliError::Event { to: self.to_string(), detail };
        match self {
            Self::Stdout => session.printer.event(&event.json()),
            Self::File(path) => {
                append(path, event).map_err(|source| CliError::Output { path: text::path(path), source })
            }
            Self::Unix(path) => receiver::unix(path, &event.syslog(&sender())).map_err(|e| failed(words(&e))),
            Self::Udp(address) => {
                receiver::udp(address, &event.syslog(&sender())).map_err(|e| failed(words(&e)))
            }
            Self::Tcp(address) => {
                receiver::tcp(address, &event.syslog(&sender())).map_err(|e| failed(words(&e)))
            }
            Self::Otlp(url) => collector::post(url, event.otlp()).map_err(failed),
        }
    }
}

/// A line at the end of a file, by one write: of several processes, each has its own.
fn append(path: &std::path::Path, event: &Event<'_>) -> std::io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOCTTY;
    let mut file = std::fs::File::from(rustix::fs::open(path, flags, Mode::from_raw_mode(0o640))?);
    file.write_all(format!("{}\n", event.json()).as_bytes())
}

fn sender() -> SyslogSender {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    SyslogSender { host, process: std::process::id() }
}

fn words(error: &std::io::Error) -> String {
    error.to_string()
}
