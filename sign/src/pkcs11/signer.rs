//! Signing with a token.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use cryptoki::context::Pkcs11;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::ObjectHandle;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;
use lacre_attest::PublicKey;
use lacre_manifest::escape_os;
use zeroize::Zeroizing;

use super::module::problem;
use super::uri::Parts;
use super::{Pkcs11Uri, find, module};
use crate::encoding::{self, Prehash};
use crate::problem::told;
use crate::{Passphrase, SignError, Signer, SignerProblem};

/// The longest file of a PIN, in bytes.
const PIN_FILE_LIMIT: u64 = 4096;

/// A private key in a token, which it never leaves.
///
/// ECDSA on P-256, P-384 and P-521 (`CKM_ECDSA`: the message is hashed here) and Ed25519 (`CKM_EDDSA`: the whole message
/// goes to the token). The session is closed, and with it the login ends, when this is dropped; the module stays loaded.
pub struct Pkcs11Signer {
    name: String,
    session: Mutex<Session>,
    key: ObjectHandle,
    public: PublicKey,
}

impl Pkcs11Signer {
    /// Loads the module, finds the token, logs in as its user and finds the key; exactly one token and one key must match.
    ///
    /// `pin` is asked at most once, with words for the token, if the token wants a PIN, has no keypad of its own, and the
    /// URI has no `pin-source`. No PIN is sent to a token that says its PIN is locked.
    ///
    /// `E-NOT-FOUND`: no such module, token, key or PIN file; the error lists what there is. `E-PASSPHRASE`: a wrong PIN,
    /// or none. `E-PIN-LOCKED`: the token takes no PIN any more. `E-KEY`: several tokens or keys match, or the key may not
    /// sign. `E-UNSUPPORTED`: another kind of key, or one that wants the PIN before each signature. `E-SIGNER`: the module
    /// or the token fails.
    ///
    /// A module is foreign code in this process. It has no time limit: nothing could end it but the end of the process.
    pub fn open(
        uri: &Pkcs11Uri,
        pin: &mut dyn FnMut(&str) -> Result<Option<Passphrase>, SignError>,
    ) -> Result<Self, SignError> {
        let mut name = "pkcs11".to_owned();
        let outside = |signer: &str, problem| SignError::Outside { signer: signer.to_owned(), problem };
        let module = module::load(&uri.parts.module).map_err(|problem| outside(&name, problem))?;
        let (slot, info) = find::token(&module, &uri.parts).map_err(|problem| outside(&name, problem))?;
        name = format!("token {:?}", told(info.label()));
        let session = module.open_ro_session(slot).map_err(|error| outside(&name, problem(&error)))?;
        if info.login_required() {
            let pin = pin_for(&info, &uri.parts, &name, pin)?;
            log_in(&module, slot, &session, pin.as_ref()).map_err(|problem| outside(&name, problem))?;
        }
        let found = find::key(&session, &uri.parts).map_err(|problem| outside(&name, problem))?;
        Ok(Self { name, session: Mutex::new(session), key: found.key, public: found.public })
    }

    fn sign_in_token(&self, message: &[u8]) -> Result<Vec<u8>, SignerProblem> {
        let algorithm = self.public.algorithm();
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let raw = if let Some(hash) = Prehash::of(algorithm, message) {
            session.sign(&Mechanism::Ecdsa, self.key, &hash.value)
        } else {
            let parameters = EddsaParams::new(EddsaSignatureScheme::Ed25519);
            session.sign(&Mechanism::Eddsa(parameters), self.key, message)
        };
        encoding::signature(algorithm, &raw.map_err(|error| problem(&error))?)
    }
}

impl Signer for Pkcs11Signer {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.sign_in_token(message)
            .map_err(|problem| SignError::Outside { signer: self.name.clone(), problem })
    }
}

impl fmt::Debug for Pkcs11Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkcs11Signer")
            .field("name", &self.name)
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// The PIN, or nothing for a token with a keypad of its own.
fn pin_for(
    info: &TokenInfo,
    wanted: &Parts,
    name: &str,
    ask: &mut dyn FnMut(&str) -> Result<Option<Passphrase>, SignError>,
) -> Result<Option<AuthPin>, SignError> {
    let outside = |problem| SignError::Outside { signer: name.to_owned(), problem };
    if info.user_pin_locked() {
        return Err(outside(SignerProblem::PinLocked));
    }
    if info.protected_authentication_path() {
        return Ok(None);
    }
    if let Some(path) = &wanted.pin_source {
        return read_pin(path).map(Some).map_err(outside);
    }
    let last = if info.user_pin_final_try() { " (LAST TRY before it locks)" } else { "" };
    let pin = ask(&format!("{name}{last}"))?.ok_or_else(|| outside(SignerProblem::PinMissing))?;
    // Not UTF-8 cannot happen: a passphrase is text.
    let text = std::str::from_utf8(pin.as_bytes()).unwrap_or_default();
    Ok(Some(AuthPin::new(text.into())))
}

/// The one line of a file of a PIN.
fn read_pin(path: &Path) -> Result<AuthPin, SignerProblem> {
    let shown = || escape_os(path.as_os_str());
    // The whole capacity at once: a text that grew would leave copies of the PIN behind.
    let mut text = Zeroizing::new(String::with_capacity(4097));
    let read = File::open(path).and_then(|file| file.take(PIN_FILE_LIMIT + 1).read_to_string(&mut text));
    read.map_err(|source| SignerProblem::Unreadable { path: shown(), source })?;
    if text.len() as u64 > PIN_FILE_LIMIT {
        return Err(SignerProblem::TooLong { what: "the file of the PIN", limit: 4096 });
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() || line.contains('\n') {
        return Err(SignerProblem::Key { detail: format!("{} does not hold one line with a PIN", shown()) });
    }
    Ok(AuthPin::new(line.into()))
}

fn log_in(
    module: &Pkcs11,
    slot: Slot,
    session: &Session,
    pin: Option<&AuthPin>,
) -> Result<(), SignerProblem> {
    use cryptoki::error::{Error, RvError};
    match session.login(UserType::User, pin) {
        // Another session of this process is logged in already, and with it this one.
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(error) => match (problem(&error), module.get_token_info(slot)) {
            (SignerProblem::PinWrong { .. }, Ok(info)) if info.user_pin_locked() => {
                Err(SignerProblem::PinLocked)
            }
            (SignerProblem::PinWrong { .. }, Ok(info)) if info.user_pin_final_try() => {
                Err(SignerProblem::PinWrong { note: "; the next wrong one locks the token" })
            }
            (SignerProblem::PinWrong { .. }, Ok(info)) if info.user_pin_count_low() => {
                Err(SignerProblem::PinWrong { note: "; too many wrong ones lock the token" })
            }
            (other, _) => Err(other),
        },
    }
}
