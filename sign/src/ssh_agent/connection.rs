//! One question to an agent over its socket.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use lacre_manifest::escape_os;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::attendant::Deadline;
use crate::{Attendant, SignerProblem};

/// The longest message in either direction, in bytes: what OpenSSH's agent accepts (`AGENT_MAX_LEN`).
const LIMIT: usize = 256 * 1024;

/// Sends `request` and gives the answer, both without their length.
pub(super) fn ask(
    socket: &Path,
    request: &[u8],
    limit: Duration,
    attendant: &dyn Attendant,
) -> Result<Vec<u8>, SignerProblem> {
    let too_long = |what| SignerProblem::TooLong { what, limit: LIMIT };
    let length = u32::try_from(request.len()).ok().filter(|_| request.len() <= LIMIT);
    let length = length.ok_or_else(|| too_long("what an agent is to sign"))?;
    let mut line = Line { stream: connect(socket)?, deadline: Deadline::after(limit), attendant };
    line.write(&[&length.to_be_bytes(), request].concat())?;
    let mut length = [0; 4];
    line.read(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > LIMIT {
        return Err(too_long("the agent's answer"));
    }
    let mut answer = vec![0; length];
    line.read(&mut answer)?;
    Ok(answer)
}

/// Connects without waiting: an agent whose queue is full does not work.
fn connect(path: &Path) -> Result<UnixStream, SignerProblem> {
    let failed = |errno: Errno| match errno {
        Errno::NOENT => SignerProblem::Absent {
            what: format!("agent at {}", escape_os(path.as_os_str())),
            there: Vec::new(),
        },
        errno => SignerProblem::failed(format!(
            "the agent at {} cannot be reached: {}",
            escape_os(path.as_os_str()),
            io::Error::from(errno)
        )),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(failed)?;
    let address = SocketAddrUnix::new(path).map_err(failed)?;
    rustix::net::connect(&socket, &address).map_err(failed)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false).map_err(|error| broken(&error))?;
    Ok(stream)
}

/// A connection that is waited for no longer than its deadline.
struct Line<'a> {
    stream: UnixStream,
    deadline: Deadline,
    attendant: &'a dyn Attendant,
}

impl Line<'_> {
    fn write(&mut self, mut bytes: &[u8]) -> Result<(), SignerProblem> {
        while !bytes.is_empty() {
            let patience = self.deadline.patience(self.attendant)?;
            self.stream.set_write_timeout(Some(patience)).map_err(|error| broken(&error))?;
            match self.stream.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if is_pause(&error) => {}
                Err(error) => return Err(broken(&error)),
            }
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<(), SignerProblem> {
        let mut filled = 0;
        while filled < buffer.len() {
            let patience = self.deadline.patience(self.attendant)?;
            self.stream.set_read_timeout(Some(patience)).map_err(|error| broken(&error))?;
            match self.stream.read(&mut buffer[filled..]) {
                Ok(0) => return Err(SignerProblem::answer("the agent hung up in the middle of it")),
                Ok(read) => filled += read,
                Err(error) if is_pause(&error) => {}
                Err(error) => return Err(broken(&error)),
            }
        }
        Ok(())
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn broken(error: &io::Error) -> SignerProblem {
    SignerProblem::failed(format!("the connection to the agent broke: {error}"))
}
