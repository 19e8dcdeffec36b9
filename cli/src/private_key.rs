//! Private key files, and the passphrases that open them.

use std::path::Path;

use lacre_sign::{KeyFile, OpenedKey};

use crate::error::CliError;
use crate::passphrase::{self, Ask};
use crate::session::Session;
use crate::text;

/// Opens a key file; its passphrase is got from `passphrase_file`, the environment or a person, if it has one.
pub(crate) fn unlock(
    file: KeyFile,
    path: &Path,
    passphrase_file: Option<&Path>,
) -> Result<OpenedKey, CliError> {
    let mut refused = None;
    let opened = file.unlock(&mut || match passphrase::get(passphrase_file, Ask::Open(path)) {
        Ok(passphrase) => Ok(Some(passphrase)),
        Err(error) => {
            refused = Some(error);
            Ok(None)
        }
    });
    // Why there is no passphrase says more than that there is none.
    refused.map_or_else(|| opened.map_err(CliError::from), Err)
}

/// Warns of a key file that its group or others can read or write.
pub(crate) fn warn_if_exposed(mode: Option<u32>, path: &Path, session: &Session) {
    if let Some(mode) = mode {
        session.warn(format!("{} is open to others (mode {mode:04o}): chmod 600 it", text::path(path)));
    }
}
