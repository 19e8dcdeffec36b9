//! `lacre inspect`: what is claimed about a model, believed by nobody yet.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::claims::{Claims, digest_words};
use crate::cmd::inspect_reference;
use crate::error::CliError;
use crate::place::{self, Place};
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::text;

/// Show what is claimed about a model, without verifying any of it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre inspect MODEL
  lacre inspect MODEL/model.sig --json
  lacre inspect oci:store:mini-lm-v1
  lacre inspect registry.example.com/org/mini-lm:v1")]
pub(crate) struct InspectArgs {
    /// Model, signature bundle (- is stdin) or reference
    pub(crate) what: OsString,
    #[command(flatten)]
    registry: RegistryArgs,
}

pub(crate) fn run(args: &InspectArgs, session: &Session) -> Result<Done, CliError> {
    let limits = session.limits();
    match Place::parse(&args.what)? {
        Place::Reference(reference) => inspect_reference::run(&reference, &args.registry, session),
        Place::Stdin => {
            let bytes = place::read_bundle(Path::new("-"), &limits)?;
            bundle_claims(Looked { bundle: "-".as_ref(), model: None }, &bytes, session)
        }
        Place::Folder(model) => model_claims(&model, session),
        Place::File(file) if is_model(&file) => model_claims(&file, session),
        Place::File(file) => {
            let bytes = place::read_bundle(&file, &limits)?;
            let model = signed_model(&file);
            bundle_claims(Looked { bundle: &file, model: model.as_deref() }, &bytes, session)
        }
    }
}

/// What was looked at.
#[derive(Clone, Copy)]
struct Looked<'a> {
    bundle: &'a Path,
    /// The model that the bundle is said to belong to, if its place tells.
    model: Option<&'a Path>,
}

/// A file with a signature beside it is a model; any other is taken for a bundle.
fn is_model(file: &Path) -> bool {
    file.extension().is_none_or(|extension| extension != "sig")
        && fs::symlink_metadata(place::default_signature(file)).is_ok()
}

/// The model of a bundle at one of the usual places.
fn signed_model(bundle: &Path) -> Option<PathBuf> {
    if bundle.file_name()? == "model.sig" {
        let folder = bundle.parent()?;
        return Some(if folder.as_os_str().is_empty() { ".".into() } else { folder.to_owned() });
    }
    let file = bundle.with_extension("");
    (bundle.extension()? == "sig" && file.is_file()).then_some(file)
}

fn model_claims(model: &Path, session: &Session) -> Result<Done, CliError> {
    let bytes = place::read_signature(model, None, &session.limits())?;
    let bundle = place::default_signature(model);
    bundle_claims(Looked { bundle: &bundle, model: Some(model) }, &bytes, session)
}

fn bundle_claims(looked: Looked<'_>, bytes: &[u8], session: &Session) -> Result<Done, CliError> {
    let claims = Claims::read(bytes, &session.limits())?;
    let bundle = text::path(looked.bundle);
    let check = check_command(looked, &claims);
    let result = json!({
        "bundle": bundle,
        "check": check,
        "claims": claims.to_json(),
        "kind": "bundle",
        "verified": false,
    });
    let mut lines = vec![unverified("bundle", &bundle)];
    lines.extend(claims.rows().iter().map(|(label, value)| unverified(label, value)));
    if session.printer.is_verbose() {
        lines.extend(claims.model().into_iter().flat_map(|claim| claim.manifest().entries()).map(|entry| {
            let size = entry.size.map(|size| format!("  {}", text::size(size))).unwrap_or_default();
            unverified("file", &format!("{}  {}{size}", digest_words(&entry.digests), entry.path))
        }));
    }
    lines.extend(check.map(|check| check_line(&check)));
    Ok(Done::new(result, lines))
}

/// A line of a claim: each is marked, so that no part of the output can be cut out and believed.
pub(super) fn unverified(label: &str, value: &str) -> Line {
    Line::new(Tone::Caution, "UNVERIFIED").then(Tone::Plain, format!("  {label:<10} {value}"))
}

/// The last line: how to check what stands above.
pub(super) fn check_line(command: &str) -> Line {
    Line::plain("to check it, with what was confirmed out of band: ").then(Tone::Strong, command)
}

fn check_command(looked: Looked<'_>, claims: &Claims) -> Option<String> {
    let (claim, flags) = (claims.model()?, claims.check_flags()?);
    let model = looked.model.map_or_else(|| "MODEL".to_owned(), |model| text::shell(&text::path(model)));
    let elsewhere = looked.model.map(place::default_signature).as_deref() != Some(looked.bundle);
    let bundle = elsewhere.then(|| format!(" --signature {}", text::shell(&text::path(looked.bundle))));
    let (bundle, expected) = (bundle.unwrap_or_default(), expectations(claim.name(), claim.version()));
    Some(format!("lacre verify {model} {flags}{bundle}{expected}"))
}

/// The flags that demand the name and version that are claimed.
pub(super) fn expectations(name: &str, version: Option<&str>) -> String {
    let version = version.map(|version| format!(" --expect-version {}", text::shell(version)));
    format!(" --expect-name {}{}", text::shell(name), version.unwrap_or_default())
}
