//! Where a passphrase comes from: a file or descriptor, the environment, or a prompt; never a flag's value.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use lacre_sign::Passphrase;
use rustix::termios::OptionalActions;
use zeroize::Zeroizing;

use crate::error::CliError;
use crate::{interrupt, text};

/// The variable that may hold the passphrase.
pub(crate) const VARIABLE: &str = "LACRE_PASSPHRASE";
/// The variable that may hold the new passphrase of an imported key, beside the old one.
pub(crate) const NEW_VARIABLE: &str = "LACRE_NEW_PASSPHRASE";

/// A passphrase file is small; anything larger is a mistake.
const FILE_LIMIT: u64 = 4096;

/// How often a prompt looks whether it was interrupted.
const LOOK_UP: Duration = Duration::from_millis(50);

/// How a person is asked, if a person has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ask<'a> {
    /// Once, for the key in this file.
    Open(&'a Path),
    /// Once, for the PIN of this token.
    Pin(&'a str),
    /// Twice, for a new key: a slip of the finger would lock it for ever.
    New,
    /// Twice, for the new file of a key that was imported.
    Import,
}

impl Ask<'_> {
    fn variable(self) -> &'static str {
        match self {
            Self::Open(_) | Self::Pin(_) | Self::New => VARIABLE,
            Self::Import => NEW_VARIABLE,
        }
    }
}

/// Gets the passphrase: from `file` (`-` is stdin) if given, else from [`VARIABLE`] (or [`NEW_VARIABLE`]), else by a
/// prompt.
pub(crate) fn get(file: Option<&Path>, ask: Ask<'_>) -> Result<Passphrase, CliError> {
    if let Some(path) = file {
        return from_file(path);
    }
    let variable = ask.variable();
    if let Some(value) = std::env::var_os(variable) {
        let text = value.into_string().map_err(|_| refusal(format!("{variable} is not UTF-8")))?;
        return checked(text, variable);
    }
    prompt(ask)
}

fn from_file(path: &Path) -> Result<Passphrase, CliError> {
    let name = text::path(path);
    let mut bytes = Zeroizing::new(Vec::new());
    let limit = FILE_LIMIT + 1;
    let read = if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|source| CliError::read(path, source))?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(refusal(format!("{name} is too large for a passphrase file (limit {FILE_LIMIT} bytes)")));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| refusal(format!("{name} is not UTF-8")))?;
    // Editors and `echo` end a file with a line end that nobody means to be a part of the passphrase.
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.contains('\n') {
        return Err(refusal(format!("{name} has more than one line")));
    }
    checked(line.to_owned(), &name)
}

fn prompt(ask: Ask<'_>) -> Result<Passphrase, CliError> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(refusal(match ask {
            Ask::Open(key) => format!(
                "{} is encrypted, and there is no terminal to ask for its passphrase",
                text::path(key)
            ),
            Ask::Pin(token) => format!("{token} wants its PIN, and there is no terminal to ask for it"),
            Ask::New | Ask::Import => {
                "a new key needs a passphrase, and there is no terminal to ask for it".to_owned()
            }
        }));
    }
    match ask {
        Ask::Open(key) => {
            let name = text::safe(&text::path(key));
            checked(read_hidden(&format!("Passphrase of {name}: "))?, "the passphrase")
        }
        Ask::Pin(token) => checked(read_hidden(&format!("PIN of {}: ", text::safe(token)))?, "the PIN"),
        Ask::New | Ask::Import => {
            let first = Zeroizing::new(read_hidden("New passphrase: ")?);
            let again = Zeroizing::new(read_hidden("The same again: ")?);
            if *first != *again {
                return Err(CliError::PassphraseSlip);
            }
            checked(first.to_string(), "the passphrase")
        }
    }
}

/// Asks on the terminal without showing what is typed.
///
/// The terminal is read by a thread of its own: a signal does not end a read, and who stops Lacre at the prompt must
/// not be left with a terminal that shows nothing.
fn read_hidden(words: &str) -> Result<String, CliError> {
    let unreadable = |source| CliError::Passphrase {
        message: "the passphrase could not be read".to_owned(),
        source: Some(source),
    };
    let terminal = File::open("/dev/tty").map_err(unreadable)?;
    let shown = rustix::termios::tcgetattr(&terminal).map_err(|errno| unreadable(errno.into()))?;
    let (answer, answered) = mpsc::channel();
    let words = words.to_owned();
    thread::spawn(move || {
        // Nobody waits for the answer any more if the work was interrupted.
        let _ = answer.send(rpassword::prompt_password(words));
    });
    loop {
        match answered.recv_timeout(LOOK_UP) {
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                return Err(CliError::Interrupted);
            }
            Ok(answer) => return answer.map_err(unreadable),
            Err(RecvTimeoutError::Timeout) if !interrupt::requested() => {}
            Err(_) => {
                let _ = rustix::termios::tcsetattr(&terminal, OptionalActions::Now, &shown);
                return Err(CliError::Interrupted);
            }
        }
    }
}

fn checked(text: String, from: &str) -> Result<Passphrase, CliError> {
    if text.is_empty() {
        return Err(refusal(format!("{from} is empty")));
    }
    Ok(Passphrase::new(text)?)
}

fn refusal(message: String) -> CliError {
    CliError::Passphrase { message, source: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    #[test]
    fn a_file_gives_its_one_line() {
        for content in [&b"secret"[..], b"secret\n", b"secret\r\n"] {
            assert!(get(Some(file(content).path()), Ask::New).is_ok());
        }
    }

    #[test]
    fn what_cannot_be_meant_as_a_passphrase_is_refused() {
        for content in [&b""[..], b"\n", b"one\ntwo\n", b"\xff\xfe", &[b'x'; 5000]] {
            let error = get(Some(file(content).path()), Ask::New).unwrap_err();
            assert_eq!(error.code(), "E-PASSPHRASE", "{content:?}");
        }
        let error = get(Some(Path::new("/nonexistent/passphrase")), Ask::New).unwrap_err();
        assert_eq!(error.code(), "E-NOT-FOUND");
    }
}
