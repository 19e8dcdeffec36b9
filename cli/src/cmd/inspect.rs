//! `lacre inspect`: what is claimed about a model, believed by nobody yet.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use lacre_manifest::{Beside, Links, Root};
use serde_json::{Value, json};

use crate::claims::{Claims, digest_words};
use crate::cmd::inspect_reference;
use crate::error::CliError;
use crate::place::{self, Place};
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::{shell, text};

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
            let bundle = Path::new("-");
            bundle_claims(Looked { bundle, model: None, named: Some(bundle) }, &bytes, session)
        }
        Place::Folder(model) => model_claims(&model, session),
        Place::File(file) if is_model(&file) => model_claims(&file, session),
        Place::File(file) => {
            let bytes = place::read_bundle(&file, &limits)?;
            let model = signed_model(&file);
            let usual = model.as_deref().map(place::default_signature);
            let named = (usual.as_deref() != Some(&file)).then_some(file.as_path());
            bundle_claims(Looked { bundle: &file, model: model.as_deref(), named }, &bytes, session)
        }
    }
}

/// What was looked at.
#[derive(Clone, Copy)]
struct Looked<'a> {
    bundle: &'a Path,
    /// The model that the bundle is said to belong to, if its place tells.
    model: Option<&'a Path>,
    /// The bundle, if verification has to be told where it is.
    named: Option<&'a Path>,
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

/// The bundle in its usual place and those of further signers beside the model. Where there are several, a bad one
/// hides no other.
fn model_claims(model: &Path, session: &Session) -> Result<Done, CliError> {
    let limits = session.limits();
    let beside = Beside::of(&Root::open(model, Links::Refuse)?).bundles()?;
    let first = place::default_signature(model);
    let found = place::read_signature(model, None, &limits).and_then(|bytes| {
        bundle_claims(Looked { bundle: &first, model: Some(model), named: None }, &bytes, session)
    });
    let mut done = match found {
        Err(CliError::NoSignature { .. }) if !beside.is_empty() => Done::new(nothing(), Vec::new()),
        Err(error) if !beside.is_empty() => unreadable(&first, &error),
        found => found?,
    };
    let mut others = Vec::new();
    for bundle in &beside {
        let looked = Looked { bundle, model: Some(model), named: None };
        let found = Beside::open(bundle)
            .map_err(CliError::from)
            .and_then(|file| place::read_opened(file, bundle, &limits))
            .and_then(|bytes| bundle_claims(looked, &bytes, session))
            .unwrap_or_else(|error| unreadable(bundle, &error));
        others.push(found.result);
        done.lines.extend(found.lines);
    }
    done.result["others"] = json!(others);
    Ok(done)
}

/// What is told of a bundle that cannot be read.
fn unreadable(bundle: &Path, error: &CliError) -> Done {
    let mut result = nothing();
    result["bundle"] = json!(text::path(bundle));
    result["error"] = json!({ "code": error.code(), "message": error.to_string() });
    let told = unverified("unreadable", &format!("[{}] {error}", error.code()));
    Done::new(result, vec![unverified("bundle", &text::path(bundle)), told])
}

/// What is told of a bundle that is not there.
fn nothing() -> Value {
    json!({ "bundle": null, "check": null, "claims": null, "kind": "bundle", "trust_file": null, "verified": false })
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
        "trust_file": claims.trust_file(),
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
    lines.extend(check_lines(check.as_deref(), &claims));
    Ok(Done::new(result, lines))
}

/// A line of a claim: each is marked, so that no part of the output can be cut out and believed.
pub(super) fn unverified(label: &str, value: &str) -> Line {
    Line::new(Tone::Caution, "UNVERIFIED").then(Tone::Plain, format!("  {label:<10} {value}"))
}

/// How to check what stands above: a command, and the trust file that does the same.
pub(super) fn check_lines(command: Option<&str>, claims: &Claims) -> Vec<Line> {
    let Some(file) = claims.trust_file() else { return Vec::new() };
    let said = match command {
        Some(command) => {
            Line::plain("to check it (claimed; confirm out of band): ").then(Tone::Strong, command)
        }
        None => Line::plain("to check it (claimed; confirm out of band), no command can name all of it"),
    };
    let mut lines = vec![said, Line::plain("or with this file, as --trust FILE:")];
    lines.extend(file.lines().map(|line| Line::plain(format!("    {line}"))));
    lines
}

fn check_command(looked: Looked<'_>, claims: &Claims) -> Option<String> {
    let (claim, flags) = (claims.model()?, claims.check_flags()?);
    let model = looked.model.map_or_else(|| Some("MODEL".to_owned()), shell::path)?;
    let bundle = looked
        .named
        .map_or(Some(String::new()), |named| Some(format!(" {}", shell::option("--signature", named)?)))?;
    let expected = expectations(claim.name(), claim.version())?;
    Some(format!("lacre verify {model} {flags}{bundle}{expected}"))
}

/// The flags that demand the name and version that are claimed.
pub(super) fn expectations(name: &str, version: Option<&str>) -> Option<String> {
    let version = version.map_or(Some(String::new()), |version| {
        Some(format!(" {}", shell::option("--expect-version", version)?))
    })?;
    Some(format!(" {}{version}", shell::option("--expect-name", name)?))
}
