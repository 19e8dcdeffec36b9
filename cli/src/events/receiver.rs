//! Syslog receivers: a message each, and no answer.

use std::io::{self, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

/// How long a receiver may take for any step.
const PATIENCE: Duration = Duration::from_secs(10);

/// A datagram to a socket of this machine.
pub(super) fn unix(path: &Path, message: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    whole(socket.send_to(message, path)?, message)
}

/// A datagram (RFC 5426). Whether it arrives, nobody says.
pub(super) fn udp(address: &str, message: &[u8]) -> io::Result<()> {
    let to = first(address, |to| {
        let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any)?;
        socket.connect(to)?;
        Ok(socket)
    })?;
    whole(to.send(message)?, message)
}

/// A message over a connection, behind its length (RFC 6587, section 3.4.1: octet counting).
pub(super) fn tcp(address: &str, message: &[u8]) -> io::Result<()> {
    let mut stream = first(address, |to| TcpStream::connect_timeout(&to, PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut frame = format!("{} ", message.len()).into_bytes();
    frame.extend(message);
    stream.write_all(&frame)?;
    stream.shutdown(Shutdown::Write)
}

/// What the first address gives with which it succeeds.
fn first<T>(address: &str, open: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for to in address.to_socket_addrs()? {
        match open(to) {
            Ok(opened) => return Ok(opened),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn whole(sent: usize, message: &[u8]) -> io::Result<()> {
    if sent == message.len() { Ok(()) } else { Err(io::Error::other("only a part of it was sent")) }
}
