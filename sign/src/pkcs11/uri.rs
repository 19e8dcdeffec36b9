//! `pkcs11:` URIs (RFC 7512), read strictly.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use crate::SignError;
use crate::key_uri::{percent_decoded, percent_decoded_text};

/// How `--key` names a token.
const SCHEME: &str = "pkcs11";

/// Which key of which token, and the module that leads to it.
///
/// An attribute that is not given matches everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pkcs11Uri {
    pub(crate) parts: Parts,
}

/// What a URI says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) token: Option<String>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) slot: Option<u64>,
    pub(crate) object: Option<String>,
    pub(crate) id: Option<Vec<u8>>,
    pub(crate) pin_source: Option<PathBuf>,
    pub(crate) module: Module,
}

/// Where the module is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Module {
    #[default]
    Missing,
    /// `module-path`: an absolute path.
    Path(PathBuf),
    /// `module-name`: the name of a file in a folder of modules, without `lib` and `.so`.
    Name(String),
}

impl Pkcs11Uri {
    /// Reads what stands behind `pkcs11:`.
    ///
    /// Path attributes: `token`, `manufacturer`, `serial`, `model`, `slot-id`, `object`, `id`, `type` (only `private`).
    /// Query attributes: one of `module-path` and `module-name`, and `pin-source`: a path or a `file:` URI.
    ///
    /// Refused with `E-USAGE`: every other attribute, one that stands twice, characters that must be percent-encoded
    /// (RFC 7512, section 2.3), `pin-source` with a command, and `pin-value`: a PIN on a command line is seen by everybody
    /// who lists processes. The error never repeats a value.
    pub fn parse(text: &str) -> Result<Self, SignError> {
        read(text).map(|parts| Self { parts }).map_err(|detail| SignError::Word { scheme: SCHEME, detail })
    }

    /// Whether the URI says where the PIN is.
    pub fn names_its_pin(&self) -> bool {
        self.parts.pin_source.is_some()
    }
}

const PIN_IN_SIGHT: &str = "pin-value: refused: everybody who lists processes would see the PIN; \
                            give pin-source=FILE, or the PIN as you would give a passphrase";

fn read(text: &str) -> Result<Parts, String> {
    // Behind a wrong separator it would become a part of another value, and be shown with it.
    if text.split(['?', '&', ';', ':']).any(|part| part.starts_with("pin-value=")) {
        return Err(PIN_IN_SIGHT.to_owned());
    }
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let mut parts = Parts::default();
    let mut seen = Vec::new();
    for (name, value) in attributes(path, ';', "&")?.into_iter().chain(attributes(query, '&', "/?|")?) {
        if seen.contains(&name) {
            return Err(format!("{name} stands twice"));
        }
        seen.push(name);
        take(&mut parts, name, value).map_err(|detail| format!("{name}: {detail}"))?;
    }
    if parts.module == Module::Missing {
        return Err(
            "it does not say which module leads to the token (?module-path=/path/of/module.so)".to_owned()
        );
    }
    Ok(parts)
}

/// The attributes of one half of the URI. A value holds unreserved characters, those of `more`, and what RFC 7512 calls
/// `pk11-res-avail`.
fn attributes<'a>(text: &'a str, between: char, more: &str) -> Result<Vec<(&'a str, &'a str)>, String> {
    let may_stand =
        |c: char| c.is_ascii_alphanumeric() || "-._~:[]@!$'()*+,=%".contains(c) || more.contains(c);
    let mut found = Vec::new();
    for attribute in text.split(between).filter(|_| !text.is_empty()) {
        let (name, value) = attribute.split_once('=').ok_or("an attribute without =")?;
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return Err(
                "the name of an attribute holds other characters than letters, digits, - and _".to_owned()
            );
        }
        if let Some(other) = value.chars().find(|c| !may_stand(*c)) {
            return Err(format!("{name}: {other:?} must be percent-encoded"));
        }
        found.push((name, value));
    }
    Ok(found)
}

fn take(parts: &mut Parts, name: &str, value: &str) -> Result<(), String> {
    let text = || percent_decoded_text(value);
    match name {
        "token" => parts.token = Some(text()?),
        "manufacturer" => parts.manufacturer = Some(text()?),
        "serial" => parts.serial = Some(text()?),
        "model" => parts.model = Some(text()?),
        "object" => parts.object = Some(text()?),
        "id" => parts.id = Some(percent_decoded(value)?),
        "slot-id" => {
            let digits = value.bytes().all(|byte| byte.is_ascii_digit());
            parts.slot = Some(value.parse().ok().filter(|_| digits).ok_or("it is no number")?);
        }
        "type" if value == "private" => {}
        "type" => return Err("only a private key signs: type=private, or no type".to_owned()),
        "pin-source" => parts.pin_source = Some(pin_source(&text()?)?),
        "module-path" | "module-name" if parts.module != Module::Missing => {
            return Err("module-path and module-name cannot both be given".to_owned());
        }
        "module-path" => {
            let path = PathBuf::from(OsString::from_vec(percent_decoded(value)?));
            // A name without a path would be looked up where an environment variable says.
            if !path.is_absolute() {
                return Err("it must be an absolute path".to_owned());
            }
            parts.module = Module::Path(path);
        }
        "module-name" => {
            let name = text()?;
            if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
                return Err("it must be a name, not a path".to_owned());
            }
            parts.module = Module::Name(name);
        }
        _ => return Err("an attribute that is not understood".to_owned()),
    }
    Ok(())
}

/// A path, or a `file:` URI without host (RFC 8089).
fn pin_source(text: &str) -> Result<PathBuf, String> {
    if text.starts_with('|') {
        return Err("commands are not run; `exec:` runs a signer".to_owned());
    }
    let Some(rest) = text.strip_prefix("file:") else {
        let is_a_path = !text.is_empty() && !text.contains('\0') && !has_scheme(text);
        return if is_a_path { Ok(text.into()) } else { Err("wanted: a path, or file:/path".to_owned()) };
    };
    let path = rest.strip_prefix("//").map_or(Some(rest), |rest| match rest.strip_prefix("localhost") {
        Some(path) => Some(path),
        None => rest.starts_with('/').then_some(rest),
    });
    let bytes = percent_decoded(path.unwrap_or_default())?;
    if bytes.is_empty() || bytes.contains(&0) {
        return Err("wanted: a path, or file:/path".to_owned());
    }
    Ok(OsString::from_vec(bytes).into())
}

/// Whether the text begins like another URI.
fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Parts {
        Pkcs11Uri::parse(text).unwrap().parts
    }

    #[test]
    fn every_attribute_is_understood() {
        let all = parts(
            "token=My%20token;manufacturer=M;serial=0%31;model=v2;slot-id=7;object=k%C3%A9y;id=%01%ff;type=private\
             ?module-path=/usr/lib/m.so&pin-source=file:/run/pin",
        );
        assert_eq!(all.token.as_deref(), Some("My token"));
        assert_eq!((all.manufacturer.as_deref(), all.model.as_deref()), (Some("M"), Some("v2")));
        assert_eq!((all.serial.as_deref(), all.slot), (Some("01"), Some(7)));
        assert_eq!((all.object.as_deref(), all.id), (Some("kéy"), Some(vec![1, 0xff])));
        assert_eq!(all.module, Module::Path("/usr/lib/m.so".into()));
        assert_eq!(all.pin_source, Some("/run/pin".into()));
        assert_eq!(parts("?module-name=softhsm2").module, Module::Name("softhsm2".to_owned()));
    }

    #[test]
    fn pins_come_from_files_only() {
        let source = |text: &str| parts(&format!("?module-name=m&pin-source={text}")).pin_source.unwrap();
        for (text, path) in [
            ("/run/pin", "/run/pin"),
            ("pin.txt", "pin.txt"),
            ("file:///run/my%2520pin", "/run/my pin"),
            ("file://localhost/pin", "/pin"),
            ("file:pin", "pin"),
        ] {
            assert_eq!(source(text), PathBuf::from(path));
        }
        for wrong in ["", "|pass", "file:", "file://host/pin", "file:%2500", "https://x/pin", "%00"] {
            let error = Pkcs11Uri::parse(&format!("?module-name=m&pin-source={wrong}")).unwrap_err();
            assert_eq!(error.code(), "E-USAGE", "{wrong}");
        }
    }

    #[test]
    fn a_pin_in_the_uri_is_refused_and_not_repeated() {
        for uri in [
            "token=a?module-name=m&pin-value=13579",
            "token=a;pin-value=13579?module-name=m",
            "pin-value=13579",
            "token=a?module-name=m&pin-source=/run/pin?pin-value=13579",
        ] {
            let error = Pkcs11Uri::parse(uri).unwrap_err();
            assert_eq!(error.code(), "E-USAGE");
            let text = error.to_string();
            assert!(text.contains("pin-value") && !text.contains("13579"), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for wrong in [
            "",
            "token=a",
            "token=a?",
            "token?module-name=m",
            "token=a;token=b?module-name=m",
            "token=a;?module-name=m",
            "token=a b?module-name=m",
            "token=é?module-name=m",
            "token=%ff?module-name=m",
            "token=%2?module-name=m",
            "type=public?module-name=m",
            "slot-id=+1?module-name=m",
            "slot-id=99999999999999999999?module-name=m",
            "library-version=3?module-name=m",
            "x-mine=1?module-name=m",
            "?module-path=m.so",
            "?module-path=",
            "?module-name=../m",
            "?module-name=",
            "?module-name=m&module-path=/m.so",
            "?module-name=m&x=1",
        ] {
            assert_eq!(Pkcs11Uri::parse(wrong).unwrap_err().code(), "E-USAGE", "{wrong:?}");
        }
    }
}
