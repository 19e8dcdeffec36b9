//! The adapter protocol of model-signing-conformance (`docs/conformance_adapter_cli_protocol.md` there).
//!
//! The protocol names an authority and nobody in particular, so whoever it vouches for is accepted; and its
//! historical bundles want the encodings of before version 1.0. Nothing else is less strict than in the product. Beyond the
//! protocol, `--trust-config FILE` (to sign) and `--trusted-root FILE` (to verify) name another Sigstore than the public
//! one.

mod sign;
mod verify;

use std::path::Path;

use lacre_manifest::EntryPath;

use crate::Refusal;
use crate::arguments::Arguments;

/// The longest file of keys, certificates or trust, in bytes.
const FILE_LIMIT: u64 = 16 << 20;
const SWITCHES: [&str; 2] = ["--ignore-unsigned-files", "--use-staging"];

/// Does what `words` ask for: `Ok` accepts.
pub fn run(words: impl IntoIterator<Item = String>) -> Result<(), Refusal> {
    let mut words = words.into_iter();
    let command = words.next();
    let mut arguments = Arguments::read(words, &SWITCHES)?;
    match command.as_deref() {
        Some("sign-model") => sign::run(&mut arguments),
        Some("verify-model") => verify::run(&mut arguments),
        _ => Err(Refusal::usage("the first word is sign-model or verify-model")),
    }
}

/// How a signature is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Key,
    Certificate,
    Sigstore,
}

impl Method {
    fn take(arguments: &mut Arguments) -> Result<Self, Refusal> {
        match arguments.demand("--method")?.as_str() {
            "key" => Ok(Self::Key),
            "certificate" => Ok(Self::Certificate),
            "sigstore" => Ok(Self::Sigstore),
            other => Err(Refusal::usage(format!("{other} is not a method"))),
        }
    }
}

/// Nothing may be left that nobody asked for, and no word that is no option.
fn nothing_more(arguments: &Arguments) -> Result<(), Refusal> {
    arguments.end()?;
    match arguments.files.first() {
        None => Ok(()),
        Some(word) => Err(Refusal::usage(format!("{word} is no option"))),
    }
}

/// The paths of `--ignore-paths` as names in the model. Those outside of it say nothing about it.
fn ignored(paths: &[String], model: &Path) -> Result<Vec<EntryPath>, Refusal> {
    paths
        .iter()
        .filter_map(|path| Path::new(path).strip_prefix(model).ok())
        .filter(|path| !path.as_os_str().is_empty())
        .map(|path| entry(path.as_os_str()))
        .collect()
}

fn entry(name: &std::ffi::OsStr) -> Result<EntryPath, Refusal> {
    let text = name.to_str().ok_or_else(|| Refusal::usage("a name is not UTF-8"))?;
    EntryPath::parse(text).map_err(|error| lacre_manifest::ManifestError::from(error).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_the_model_is_ignored_there() {
        let paths = ["/m/a".to_owned(), "/m/b/c".to_owned(), "/other".to_owned(), "/m".to_owned()];
        let names = ignored(&paths, Path::new("/m")).unwrap();
        assert_eq!(names.iter().map(EntryPath::as_str).collect::<Vec<_>>(), ["a", "b/c"]);
        assert!(ignored(&["/m/../x".to_owned()], Path::new("/m")).is_err());
    }

    #[test]
    fn what_the_protocol_does_not_know_is_refused() {
        let code = |line: &str| run(line.split(' ').map(str::to_owned)).unwrap_err().code;
        assert_eq!(code("sign"), "E-USAGE");
        assert_eq!(code("verify-model --method magic --model-path m --bundle b"), "E-USAGE");
        let verify = "verify-model --method sigstore --model-path m --bundle b --identity x";
        assert_eq!(code(verify), "E-USAGE");
        let verify = format!("{verify} --identity-provider https://example.com");
        assert_eq!(code(&format!("{verify} word")), "E-USAGE");
        assert_eq!(code(&format!("{verify} --x y")), "E-USAGE");
        assert_eq!(code(&verify), "E-NOT-FOUND");
    }
}
