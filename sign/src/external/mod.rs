//! A program of the user's that signs: for every vault that Lacre does not know. `docs/SIGNERS.md` has the protocol.

pub(crate) mod process;
mod protocol;

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::time::Duration;

use lacre_attest::PublicKey;
use lacre_manifest::escape_os;

use crate::key_uri::percent_decoded;
use crate::{Attendant, SignError, Signer};

use protocol::Request;

/// How `--key` names a program.
const SCHEME: &str = "exec";

/// Which program signs, with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalProgram {
    program: OsString,
    arguments: Vec<OsString>,
}

impl ExternalProgram {
    /// Reads what stands behind `exec:`: words between single spaces, the first of which is a path or a name that is
    /// looked up in `PATH`. `%20` is a space inside of a word, `%25` a percent sign. No shell is involved.
    ///
    /// Refused with `E-USAGE`: no word, an empty one, and percent signs without two hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, SignError> {
        let wrong = |detail: String| SignError::Word { scheme: SCHEME, detail };
        let mut words = text.split(' ').map(|word| {
            let bytes = percent_decoded(word).map_err(&wrong)?;
            match bytes {
                bytes if bytes.is_empty() => Err(wrong("a word is empty".to_owned())),
                bytes if bytes.contains(&0) => Err(wrong("a word holds a NUL".to_owned())),
                bytes => Ok(OsString::from_vec(bytes)),
            }
        });
        let program = words.next().unwrap_or_else(|| Err(wrong("no program is named".to_owned())))?;
        if program.as_bytes().ends_with(b"/") {
            return Err(wrong("a folder is no program".to_owned()));
        }
        Ok(Self { program, arguments: words.collect::<Result<_, _>>()? })
    }
}

#[cfg(feature = "keyless")]
impl ExternalProgram {
    /// A program that is looked up in `PATH`, with its arguments.
    pub(crate) fn new(program: &str, arguments: &[&str]) -> Self {
        Self { program: program.into(), arguments: arguments.iter().map(OsString::from).collect() }
    }
}

impl fmt::Display for ExternalProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The arguments are left out: they may say more than belongs into a log.
        f.write_str(&escape_os(&self.program))
    }
}

/// A program that holds a key, or reaches one.
///
/// It runs once for the public key and once for each signature: a line of JSON in, a line of JSON out. It gets no
/// secret from Lacre, and what it signs is checked by [`seal()`](crate::seal()) like every other signature.
pub struct ExternalSigner<'a> {
    program: ExternalProgram,
    limit: Duration,
    attendant: &'a dyn Attendant,
    public: PublicKey,
}

impl<'a> ExternalSigner<'a> {
    /// Runs `program` for its public key. It has `limit` for each of its runs, then it is ended with all that it has
    /// started.
    ///
    /// `E-NOT-FOUND`: there is no such program. `E-SIGNER`: it failed, hung, or answered what is no answer. `E-LIMIT`:
    /// it answered more than 64 KiB. `E-KEY`: it answered a key that Lacre does not sign with.
    pub fn open(
        program: ExternalProgram,
        limit: Duration,
        attendant: &'a dyn Attendant,
    ) -> Result<Self, SignError> {
        let outside = |problem| SignError::Outside { signer: program.to_string(), problem };
        let public = process::run(&program, Request::public_key().to_line(), limit, attendant)
            .and_then(|answer| protocol::public_key(&answer))
            .map_err(outside)?;
        Ok(Self { program, limit, attendant, public })
    }
}

impl Signer for ExternalSigner<'_> {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let request = Request::sign(self.public.algorithm(), message);
        process::run(&self.program, request.to_line(), self.limit, self.attendant)
            .and_then(|answer| protocol::signature(&answer))
            .map_err(|problem| SignError::Outside { signer: self.program.to_string(), problem })
    }
}

impl fmt::Debug for ExternalSigner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalSigner")
            .field("program", &self.program)
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parted_at_spaces_and_decoded() {
        let program = ExternalProgram::parse("/opt/my%20signer --vault a%25b;$(x)").unwrap();
        assert_eq!(program.program, "/opt/my signer");
        assert_eq!(program.arguments, ["--vault", "a%b;$(x)"]);
        assert_eq!(program.to_string(), "/opt/my signer");
    }

    #[test]
    fn what_names_no_program_is_refused() {
        for wrong in ["", " ", " x", "x ", "a  b", "a%", "a%2", "a%zz", "a%00b", "/opt/"] {
            assert_eq!(ExternalProgram::parse(wrong).unwrap_err().code(), "E-USAGE", "{wrong:?}");
        }
    }
}
