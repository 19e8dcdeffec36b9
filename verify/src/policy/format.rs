//! Which files may be there, told from their proven bytes.
//!
//! A file is weights of a format that is allowed, or a text that is named like one, or one that the rule lets be anything.
//! Everything else is refused: whatever this version cannot tell could hold code.

use lacre_manifest::{Digests, Entry, EntryPath};
use lacre_weights::safetensors::HeaderPlace;
use serde::Serialize;

use super::judgement::{Finding, Judged, Judgement, OTHER, Violation};
use super::rule::{Formats, Rule};
use crate::VerifyError;
use crate::load::ProvenFile;
use crate::proof::{Extent, Standing, Verified};

/// The longest text that is looked at, in bytes: tokenizers have some dozens of megabytes.
const LONGEST_TEXT: u64 = 256 << 20;
/// What texts are named. A text of another name is not believed to be read as one: pickles can be texts.
const TEXT_NAMES: [&str; 16] = [
    "cff", "css", "csv", "html", "ini", "jinja", "json", "jsonl", "license", "md", "svg", "toml", "tsv",
    "txt", "yaml", "yml",
];

/// A format of weights that holds numbers and no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WeightFormat {
    /// GGUF, by its magic number and version.
    Gguf,
    /// safetensors, read strictly.
    Safetensors,
}

impl WeightFormat {
    pub(super) const ALL: [(&str, Self); 2] = [("gguf", Self::Gguf), ("safetensors", Self::Safetensors)];

    fn name(self) -> &'static str {
        match self {
            Self::Gguf => "gguf",
            Self::Safetensors => "safetensors",
        }
    }
}

/// An algorithm that signed digests are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DigestAlgorithm {
    Blake2b,
    Blake3,
    Sha256,
}

impl DigestAlgorithm {
    pub(super) const ALL: [(&str, Self); 3] =
        [("blake2b", Self::Blake2b), ("blake3", Self::Blake3), ("sha256", Self::Sha256)];

    /// Those by which a file is signed.
    pub(super) fn of(entry: &Entry) -> Vec<Self> {
        match &entry.digests {
            Digests::Blake2b(_) => vec![Self::Blake2b],
            Digests::Blake3(_) => vec![Self::Blake3],
            Digests::Sha256 { blake3: None, .. } => vec![Self::Sha256],
            Digests::Sha256 { blake3: Some(_), .. } => vec![Self::Sha256, Self::Blake3],
            Digests::Shards(shards) => match shards.digests {
                lacre_manifest::ShardDigests::Blake2b(_) => vec![Self::Blake2b],
                lacre_manifest::ShardDigests::Sha256(_) => vec![Self::Sha256],
            },
        }
    }
}

impl Judgement {
    /// The same with what the content says, where the rule asks for it.
    ///
    /// # Errors
    /// When the content cannot be read, or is not what was proven any more; `E-POLICY-OTHER` when the judgement is about
    /// another model or by another rule.
    pub fn with_content<T: Extent, S: Standing>(
        mut self,
        rule: &Rule,
        model: &Verified<T, S>,
    ) -> Result<Self, VerifyError> {
        if let Some(violation) = self.foreign(model) {
            return Err(self.refused(violation, 0));
        }
        if (rule.policy, &rule.name) != (self.policy, &self.rule) {
            let violation =
                Violation::new(OTHER, format!("the judgement is by another rule than {}", rule.name));
            return Err(self.refused(violation, 0));
        }
        let Some(formats) = &rule.formats else { return Ok(self) };
        let mut violations = Vec::new();
        let (mut weights, mut texts) = (0_usize, 0_usize);
        for entry in model.manifest().entries() {
            if formats.others.iter().any(|pattern| pattern.matches(entry.path.as_str())) {
                continue;
            }
            match formats.allow(&entry.path, &*model.touch(entry.path.as_str())?)? {
                Allowed::Weights => weights += 1,
                Allowed::Text => texts += 1,
                Allowed::No(what) => {
                    violations.push(Violation::new("E-POLICY-FORMAT", format!("{} is {what}", entry.path)));
                }
            }
        }
        let demand = rule.format_words();
        self.judged.retain(|judged| judged.finding != Finding::Open);
        if violations.is_empty() {
            let finding = Finding::Met(format!("{weights} of weights, {texts} texts"));
            self.judged.push(Judged { demand: demand.clone(), finding });
        }
        for violation in violations {
            self.judged.push(Judged { demand: demand.clone(), finding: Finding::Failed(violation) });
        }
        Ok(self)
    }
}

impl Rule {
    /// What would have to be true of the files.
    pub(super) fn format_words(&self) -> String {
        let names = self.formats.iter().flat_map(|formats| &formats.weights).map(|format| format.name());
        format!("every file is a text, or weights as {}", names.collect::<Vec<_>>().join(" or "))
    }
}

enum Allowed {
    Weights,
    Text,
    No(&'static str),
}

impl Formats {
    fn allow(&self, path: &EntryPath, file: &dyn ProvenFile) -> Result<Allowed, VerifyError> {
        let head = file.bytes(0..file.size().min(9))?;
        let found = match &*head {
            [b'G', b'G', b'U', b'F', 2 | 3, 0, 0, 0, ..] => WeightFormat::Gguf,
            [_, _, _, _, _, _, _, _, b'{'] if is_safetensors(file)? => WeightFormat::Safetensors,
            _ if is_text(path, file)? => return Ok(Allowed::Text),
            _ => return Ok(Allowed::No("neither a text nor weights of a format that is allowed")),
        };
        Ok(match found {
            found if self.weights.contains(&found) => Allowed::Weights,
            WeightFormat::Gguf => Allowed::No("weights as gguf, which the rule does not allow"),
            WeightFormat::Safetensors => Allowed::No("weights as safetensors, which the rule does not allow"),
        })
    }
}

/// Whether a file has a header that is read in one way only.
fn is_safetensors(file: &dyn ProvenFile) -> Result<bool, VerifyError> {
    let Ok(place) = HeaderPlace::read(&file.bytes(0..8)?, file.size()) else { return Ok(false) };
    let header = file.bytes(place.range())?;
    Ok(place.header(&header).is_ok())
}

fn is_text(path: &EntryPath, file: &dyn ProvenFile) -> Result<bool, VerifyError> {
    let name = path.as_str().rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let kind = name.rsplit('.').next().unwrap_or_default();
    if !TEXT_NAMES.contains(&kind) && name != "readme" && name != "notice" && !name.starts_with(".git") {
        return Ok(false);
    }
    if file.size() > LONGEST_TEXT {
        return Ok(false);
    }
    let bytes = file.bytes(0..file.size())?;
    let is_plain = |sign: char| !sign.is_control() || matches!(sign, '\t' | '\n' | '\r' | '\u{c}');
    Ok(std::str::from_utf8(&bytes).is_ok_and(|text| text.chars().all(is_plain)))
}
