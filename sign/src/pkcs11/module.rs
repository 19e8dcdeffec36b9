//! Loading modules, and what their errors mean.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use lacre_manifest::escape_os;

use super::uri::Module;
use crate::SignerProblem;
use crate::problem::told;

/// Where modules lie that are named and not given by path.
const FOLDERS: [&str; 7] = [
    "/usr/lib/x86_64-linux-gnu/pkcs11",
    "/usr/lib/aarch64-linux-gnu/pkcs11",
    "/usr/lib64/pkcs11",
    "/usr/lib/pkcs11",
    "/usr/lib/softhsm",
    "/usr/local/lib/pkcs11",
    "/usr/local/lib/softhsm",
];

/// Modules that were loaded. They stay until the process ends: several signers can share one, and one that was
/// initialised and then unloaded can crash whoever unloads it.
static LOADED: Mutex<Vec<(PathBuf, Pkcs11)>> = Mutex::new(Vec::new());

/// The module, loaded and initialised.
pub(super) fn load(module: &Module) -> Result<Pkcs11, SignerProblem> {
    let path = find(module)?;
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, module)) = loaded.iter().find(|(other, _)| *other == path) {
        return Ok(module.clone());
    }
    let failed = |error: &Error| {
        SignerProblem::failed(format!(
            "the module {} cannot be used: {}",
            shown(&path),
            told(&error.to_string())
        ))
    };
    let module = Pkcs11::new(&path).map_err(|error| failed(&error))?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // Somebody else in this process uses it too.
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(failed(&error)),
    }
    loaded.push((path, module.clone()));
    Ok(module)
}

fn find(module: &Module) -> Result<PathBuf, SignerProblem> {
    let absent = |what: String| SignerProblem::Absent { what, there: Vec::new() };
    match module {
        Module::Path(path) if path.exists() => Ok(path.clone()),
        Module::Path(path) => Err(absent(format!("module {}", shown(path)))),
        Module::Name(name) => FOLDERS
            .iter()
            .flat_map(|folder| [format!("{folder}/lib{name}.so"), format!("{folder}/{name}.so")])
            .map(PathBuf::from)
            .find(|path| path.exists())
            .ok_or_else(|| absent(format!("module {:?} in the usual folders: give module-path", told(name)))),
        Module::Missing => Err(absent("module named".to_owned())),
    }
}

fn shown(path: &Path) -> String {
    escape_os(path.as_os_str())
}

/// What an error of a module means (PKCS#11 3.0, section 5.1).
pub(super) fn problem(error: &Error) -> SignerProblem {
    use RvError as Rv;
    let Error::Pkcs11(value, function) = error else {
        return SignerProblem::failed(told(&error.to_string()));
    };
    match value {
        Rv::PinIncorrect | Rv::PinInvalid | Rv::PinLenRange => SignerProblem::PinWrong { note: "" },
        Rv::PinLocked => SignerProblem::PinLocked,
        Rv::PinExpired => SignerProblem::failed("the PIN has expired: set a new one"),
        Rv::UserPinNotInitialized => SignerProblem::failed("nobody has set the user's PIN of this token yet"),
        Rv::TokenNotPresent | Rv::DeviceRemoved | Rv::SlotIdInvalid => {
            SignerProblem::failed("the token was taken away")
        }
        Rv::KeyFunctionNotPermitted => {
            SignerProblem::Key { detail: "the token does not let it sign".to_owned() }
        }
        Rv::MechanismInvalid | Rv::CurveNotSupported | Rv::KeyTypeInconsistent => {
            SignerProblem::Unsupported {
                found: format!("signing with this key ({function:?}: {value:?}) by the token"),
            }
        }
        Rv::DataLenRange | Rv::DeviceMemory => SignerProblem::failed(format!(
            "the token does not take a message of this length ({function:?}: {value:?})"
        )),
        _ => SignerProblem::failed(format!("the token failed ({function:?}: {value:?})")),
    }
}

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;

    use super::*;

    #[test]
    fn what_goes_wrong_is_told_apart() {
        let code = |value| problem(&Error::Pkcs11(value, Function::Login)).code();
        assert_eq!(code(RvError::PinIncorrect), "E-PASSPHRASE");
        assert_eq!(code(RvError::PinLenRange), "E-PASSPHRASE");
        assert_eq!(code(RvError::PinLocked), "E-PIN-LOCKED");
        assert_eq!(code(RvError::KeyFunctionNotPermitted), "E-KEY");
        assert_eq!(code(RvError::MechanismInvalid), "E-UNSUPPORTED");
        assert_eq!(code(RvError::TokenNotPresent), "E-SIGNER");
        assert_eq!(code(RvError::DeviceError), "E-SIGNER");
        assert_eq!(problem(&Error::NullFunctionPointer).code(), "E-SIGNER");
    }

    #[test]
    fn a_module_that_is_not_there_is_named() {
        let missing = load(&Module::Path("/no/such/module.so".into())).unwrap_err();
        assert_eq!(missing.code(), "E-NOT-FOUND");
        assert!(missing.to_string().contains("/no/such/module.so"), "{missing}");
        assert_eq!(load(&Module::Name("no-such-module".to_owned())).unwrap_err().code(), "E-NOT-FOUND");
    }

    #[test]
    fn a_file_that_is_no_module_is_not_used() {
        let text = load(&Module::Path("/dev/null".into())).unwrap_err();
        assert_eq!(text.code(), "E-SIGNER", "{text}");
    }
}
