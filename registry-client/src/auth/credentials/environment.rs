//! Credentials in variables, for one registry that is named beside them.

use std::path::Path;

use lacre_manifest::escape_os;
use zeroize::Zeroizing;

use super::Lookup;
use super::file;
use super::key::{Keys, canonical};
use crate::auth::AuthProblem;
use crate::auth::secret::{Credential, Secret};

/// Which registry they are for: without it, any registry that asks would get them.
pub(super) const HOST: &str = "LACRE_REGISTRY_HOST";
const USERNAME: &str = "LACRE_REGISTRY_USERNAME";
const PASSWORD: &str = "LACRE_REGISTRY_PASSWORD";
const PASSWORD_FILE: &str = "LACRE_REGISTRY_PASSWORD_FILE";
const TOKEN: &str = "LACRE_REGISTRY_TOKEN";

/// The credential of the variables, if they are for the registry of `keys`. What is half there is an error, whichever
/// registry asks: it would otherwise be noticed only where it is wrong.
pub(super) fn credential(lookup: &Lookup, keys: &Keys) -> Result<Option<(Credential, String)>, AuthProblem> {
    let refuse = |place: &str, detail: &str| {
        Err(AuthProblem::Credentials { place: place.to_owned(), detail: detail.to_owned() })
    };
    let text = |name: &'static str| match lookup(name).map(|value| value.into_string().map(Secret::new)) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(_)) => {
            Err(AuthProblem::Credentials { place: name.to_owned(), detail: "not UTF-8".to_owned() })
        }
    };
    let (host, username, token) = (text(HOST)?, text(USERNAME)?, text(TOKEN)?);
    let (password, file) = (text(PASSWORD)?, lookup(PASSWORD_FILE));
    let given = [
        (USERNAME, username.is_some()),
        (PASSWORD, password.is_some()),
        (PASSWORD_FILE, file.is_some()),
        (TOKEN, token.is_some()),
    ];
    let first = given.iter().find(|(_, given)| *given).map(|(name, _)| *name);
    let host = match (host, first) {
        (None, None) => return Ok(None),
        (None, Some(name)) => {
            return refuse(name, "LACRE_REGISTRY_HOST does not say which registry it is for");
        }
        (Some(_), None) => return refuse(HOST, "no name and password, and no token, stand beside it"),
        (Some(host), Some(_)) => canonical(host.expose()),
    };
    if host.contains('/') {
        return refuse(HOST, "wanted: HOST or HOST:PORT");
    }
    let (made, place) = match (username, password, file, token) {
        (None, None, None, Some(token)) => (Credential::bearer(token), TOKEN),
        (Some(name), Some(password), None, None) => (Credential::basic(name.expose(), password), USERNAME),
        (Some(name), None, Some(path), None) => {
            if host != keys.host() {
                return Ok(None);
            }
            (Credential::basic(name.expose(), password_in(Path::new(&path))?), USERNAME)
        }
        (Some(_), Some(_), Some(_), None) => {
            return refuse(PASSWORD_FILE, "LACRE_REGISTRY_PASSWORD is set as well");
        }
        (_, _, _, Some(_)) => return refuse(TOKEN, "a name or a password is set as well"),
        (Some(_), None, None, None) => return refuse(USERNAME, "the password is missing"),
        (None, _, _, None) => return refuse(HOST, "the user name is missing"),
    };
    match made {
        Ok(_) if host != keys.host() => Ok(None),
        Ok(credential) => Ok(Some((credential, place.to_owned()))),
        Err(detail) => refuse(place, detail),
    }
}

/// The password in a file: all of it but the end of its line.
fn password_in(path: &Path) -> Result<Secret, AuthProblem> {
    let place = escape_os(path.as_os_str());
    let refuse = |detail: &str| AuthProblem::Credentials { place: place.clone(), detail: detail.to_owned() };
    let text = file::read(path, &place)?.ok_or_else(|| refuse("there is no such file"))?;
    let bytes: &Zeroizing<Vec<u8>> = &text.bytes;
    let password = std::str::from_utf8(bytes).map_err(|_| refuse("not UTF-8"))?;
    let password = password.strip_suffix('\n').unwrap_or(password);
    Ok(Secret::new(password.strip_suffix('\r').unwrap_or(password)))
}
