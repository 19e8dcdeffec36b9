//! From the word behind `--key` to whatever signs.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use lacre_sign::{
    AgentSigner, Attendant, ExternalSigner, FileKey, KeyUri, KmsSigner, Passphrase, Pkcs11Signer, Pkcs11Uri,
    SignError, Signer,
};

use crate::error::CliError;
use crate::passphrase::{self, Ask};
use crate::printer::Printer;
use crate::session::Session;
use crate::{interrupt, text};

/// Opens what `word` names: a private key file, or something outside of this process that has `limit` for each answer.
///
/// A passphrase or a PIN comes from `passphrase_file`, the environment or a prompt, and only if one is wanted.
pub(crate) fn open<'s>(
    word: &OsStr,
    passphrase_file: Option<&Path>,
    limit: Duration,
    session: &'s Session,
) -> Result<Box<dyn Signer + 's>, CliError> {
    let attendant = &session.printer;
    Ok(match KeyUri::parse(word)? {
        KeyUri::File(path) => Box::new(open_file(&path, passphrase_file, session)?),
        KeyUri::Pkcs11(uri) => Box::new(open_token(&uri, passphrase_file)?),
        KeyUri::SshAgent(uri) => Box::new(AgentSigner::open(&uri, limit, attendant)?),
        KeyUri::AwsKms(_) if session.globals.offline => {
            return Err(CliError::usage("awskms: needs the network, and --offline opens no socket"));
        }
        KeyUri::AwsKms(uri) => Box::new(KmsSigner::open(&uri, limit, attendant)?),
        KeyUri::External(program) => Box::new(ExternalSigner::open(program, limit, attendant)?),
        other => return Err(CliError::Bug { detail: format!("no signer for {other:?}") }),
    })
}

fn open_file(path: &Path, passphrase_file: Option<&Path>, session: &Session) -> Result<FileKey, CliError> {
    let opened =
        asking(passphrase_file, |ask| lacre_sign::read_private_key(path, &mut || ask(Ask::Open(path))))?;
    if let Some(mode) = opened.exposed_mode {
        session.warn(format!("{} is open to others (mode {mode:04o}): chmod 600 it", text::path(path)));
    }
    Ok(opened.key)
}

fn open_token(uri: &Pkcs11Uri, passphrase_file: Option<&Path>) -> Result<Pkcs11Signer, CliError> {
    if uri.names_its_pin() && passphrase_file.is_some() {
        return Err(CliError::usage("pin-source and --passphrase-file both say where the PIN is"));
    }
    asking(passphrase_file, |ask| Pkcs11Signer::open(uri, &mut |token| ask(Ask::Pin(token))))
}

/// How a signer asks for a secret.
type Asker<'a> = dyn FnMut(Ask<'_>) -> Result<Option<Passphrase>, SignError> + 'a;

/// Runs what may ask for a secret. Why there is none says more than that there is none.
fn asking<T>(
    file: Option<&Path>,
    open: impl FnOnce(&mut Asker<'_>) -> Result<T, SignError>,
) -> Result<T, CliError> {
    let mut refused = None;
    let opened = open(&mut |ask| match passphrase::get(file, ask) {
        Ok(passphrase) => Ok(Some(passphrase)),
        Err(error) => {
            refused = Some(error);
            Ok(None)
        }
    });
    refused.map_or_else(|| opened.map_err(CliError::from), Err)
}

impl Attendant for Printer {
    fn said(&self, line: &str) {
        self.aside(&format!("signer: {line}"));
    }

    fn gave_up(&self) -> bool {
        interrupt::requested()
    }
}
