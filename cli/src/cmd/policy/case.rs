//! A case of `lacre policy test`: a policy, a model, and the verdict that is expected.
//!
//! ```text
//! policy = "../policy.toml"         # paths are looked for from the case
//! model = "../models/unsigned"      # or reference = "oci:../store:v1"
//! expect = "deny"                   # or "allow", "waived"
//! code = "E-NO-SIGNATURE"           # beside deny and waived
//! ```
//!
//! And, if they are wanted: `rule` (the one that decides), `signature`, `expect-name`, `now`; `channel` with `state`, `instance`
//! and `floor`.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lacre_registry_client::Reference;
use serde::Deserialize;
use toml::value::Datetime;

use super::verdict::{Subject, Verdict};
use crate::error::CliError;
use crate::{exit, text};

/// The longest case, in bytes.
const FILE_LIMIT: u64 = 64 << 10;

/// A case, read.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) policy: PathBuf,
    pub(super) subject: Subject,
    pub(super) expect: Verdict,
    pub(super) code: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) expect_name: Option<String>,
    pub(super) now: Option<SystemTime>,
    pub(super) channel: Option<String>,
    pub(super) state: Option<PathBuf>,
    pub(super) instance: Option<String>,
    pub(super) floor: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireCase {
    policy: PathBuf,
    model: Option<PathBuf>,
    reference: Option<String>,
    signature: Option<PathBuf>,
    expect: Verdict,
    code: Option<String>,
    rule: Option<String>,
    expect_name: Option<String>,
    now: Option<Datetime>,
    channel: Option<String>,
    state: Option<PathBuf>,
    instance: Option<String>,
    floor: Option<u64>,
}

impl Case {
    /// Reads the case at `path`.
    ///
    /// # Errors
    /// `E-POLICY-CASE` for everything that is wrong in it: a case that means nothing must not pass.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let refused = |detail: String| CliError::PolicyCase { path: text::path(path), detail };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|source| CliError::read(path, source))?;
        file.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(|source| CliError::read(path, source))?;
        if bytes.len() as u64 > FILE_LIMIT {
            return Err(refused(format!("more than {FILE_LIMIT} bytes")));
        }
        let read = String::from_utf8(bytes).map_err(|_| refused("it is not a text".to_owned()))?;
        let wire: WireCase = toml::from_str(&read).map_err(|error| {
            let line =
                error.span().map(|span| read.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
            let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            refused(format!("{line}{}", error.message()))
        })?;
        wire.case(path.parent().unwrap_or(Path::new("."))).map_err(refused)
    }
}

impl WireCase {
    fn case(self, folder: &Path) -> Result<Case, String> {
        let subject = match (self.model, self.reference) {
            (Some(model), None) => {
                Subject::OnDisk(folder.join(model), self.signature.map(|path| folder.join(path)))
            }
            (None, Some(_)) if self.signature.is_some() => {
                return Err("signature is about a model on a disk, not about a reference".to_owned());
            }
            (None, Some(reference)) => Subject::InStore(from(folder, &reference)?),
            _ => return Err("it names no model and no reference, or both".to_owned()),
        };
        match (self.expect, &self.code) {
            (Verdict::Allow, Some(_)) => return Err("what is allowed has no code".to_owned()),
            (Verdict::Deny | Verdict::Waived, None) => {
                return Err(format!("{} without a code: say which one", self.expect.as_str()));
            }
            (_, Some(code)) if !exit::TABLE.iter().any(|row| row.codes.contains(&code.as_str())) => {
                return Err(format!("{code} is no code of lacre"));
            }
            _ => {}
        }
        if self.channel.is_none() && (self.state.is_some() || self.instance.is_some() || self.floor.is_some())
        {
            return Err("state, instance and floor are about a channel, and none is named".to_owned());
        }
        if self.channel.is_some() && self.now.is_some() {
            return Err("a channel is asked today: now stands beside none".to_owned());
        }
        let now = self.now.map(moment).transpose()?;
        Ok(Case {
            policy: folder.join(self.policy),
            subject,
            expect: self.expect,
            code: self.code,
            rule: self.rule,
            expect_name: self.expect_name,
            now,
            channel: self.channel.map(|channel| place(folder, &channel)),
            state: self.state.map(|state| folder.join(state)),
            instance: self.instance,
            floor: self.floor,
        })
    }
}

/// A reference as it is meant in `folder`.
fn from(folder: &Path, text: &str) -> Result<Reference, String> {
    Ok(match Reference::parse(text).map_err(|error| error.to_string())? {
        Reference::Layout { dir, target } => Reference::Layout { dir: folder.join(dir), target },
        remote => remote,
    })
}

/// The same for the place of a channel.
fn place(folder: &Path, text: &str) -> String {
    let lies_there = folder.join(text).exists();
    match text.strip_prefix("oci:") {
        Some(layout) => format!("oci:{}", folder.join(layout).display()),
        None if lies_there => folder.join(text).display().to_string(),
        None => text.to_owned(),
    }
}

fn moment(time: Datetime) -> Result<SystemTime, String> {
    let parsed = time.to_string().parse::<jiff::Timestamp>();
    parsed.map(SystemTime::from).map_err(|_| "now wants a date, a time and an offset".to_owned())
}
