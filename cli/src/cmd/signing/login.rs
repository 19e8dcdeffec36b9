//! Logging in: the browser is opened for a person, or the person brings what it shows.

use std::io::{self, BufRead as _};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use lacre_sign::{Login, Token, TrustConfig};

use crate::error::CliError;
use crate::interrupt;
use crate::session::Session;

/// How long each answer of the provider is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a person has to log in.
const PERSON: Duration = Duration::from_mins(5);
/// How often a wait looks whether the user asked to stop.
const LOOK_UP: Duration = Duration::from_millis(50);
/// The longest line that is taken for a code, in bytes.
const CODE_LIMIT: u64 = 4096;

/// Opens a browser, and waits until it comes back.
pub(super) fn with_browser(config: &TrustConfig, session: &Session) -> Result<Token, CliError> {
    let login = Login::with_browser(issuer(config)?, PATIENCE)?;
    let opened = open(login.url());
    let printer = &session.printer;
    printer.aside(if opened { "log in with the browser that was opened, or at:" } else { "log in at:" });
    printer.aside(&format!("  {}", login.url()));
    Ok(login.wait(PERSON, printer)?)
}

/// Shows where to log in, and reads the code from standard input.
pub(super) fn with_code(config: &TrustConfig, session: &Session) -> Result<Token, CliError> {
    let login = Login::with_code(issuer(config)?, PATIENCE)?;
    session.printer.aside("log in at:");
    session.printer.aside(&format!("  {}", login.url()));
    session.printer.aside("and give the code that it shows:");
    Ok(login.redeem(&read_line()?)?)
}

fn issuer(config: &TrustConfig) -> Result<&str, CliError> {
    config.issuer().ok_or_else(|| {
        CliError::usage("the signing configuration names nobody to log in at: give --identity-token-file")
    })
}

/// A line of standard input, unless the user asks to stop before it comes.
fn read_line() -> Result<String, CliError> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = io::Read::take(io::stdin().lock(), CODE_LIMIT).read_line(&mut line);
        let _ = sender.send(read.map(|_| line));
    });
    loop {
        interrupt::check()?;
        match lines.recv_timeout(LOOK_UP) {
            Ok(Ok(line)) => return Ok(line),
            Ok(Err(source)) => {
                return Err(CliError::Unreadable { path: "standard input".to_owned(), source });
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(CliError::Bug { detail: "standard input was lost".to_owned() });
            }
        }
    }
}

/// Starts the first program of `$BROWSER` that can be started, else the desktop's own. No shell is involved.
fn open(url: &str) -> bool {
    let named = std::env::var("BROWSER").unwrap_or_default();
    let usual = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    named.split(':').chain([usual]).filter_map(|words| command(words, url)).any(|mut command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().is_ok()
    })
}

/// `PROGRAM WORDS…`, where `%s` stands for the address; else it comes last.
fn command(words: &str, url: &str) -> Option<Command> {
    let mut words = words.split_whitespace();
    let mut command = Command::new(words.next()?);
    let mut placed = false;
    for word in words {
        placed |= word.contains("%s");
        command.arg(word.replace("%s", url));
    }
    if !placed {
        command.arg(url);
    }
    Some(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(named: &str) -> Option<Vec<String>> {
        let command = command(named, "http://a/?b&c;$(d)")?;
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        Some(words.map(|word| word.to_string_lossy().into_owned()).collect())
    }

    #[test]
    fn the_address_is_one_word_and_nothing_is_a_shell() {
        let url = "http://a/?b&c;$(d)".to_owned();
        assert_eq!(words("firefox"), Some(vec!["firefox".to_owned(), url.clone()]));
        assert_eq!(words("x --to=%s -n"), Some(vec!["x".to_owned(), format!("--to={url}"), "-n".to_owned()]));
        assert_eq!(words(""), None);
    }
}
