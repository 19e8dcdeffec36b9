//! From what a verification found to what a report says.

use std::ffi::OsString;
use std::path::Path;
use std::time::SystemTime;

use lacre_manifest::{Entry, Manifest};
use lacre_verify::{
    ContentMismatch, Outcome, Report, ShapeMismatch, SignedAt, Signer, SignerKind, Step, VerifyError,
};
use serde_json::json;

use super::asked::Asked;
use super::governed::Governed;
use super::shown::Shown;
use super::summary::{
    Bounded, Check, Difference, Fact, FileFacts, Group, ModelFacts, Refusal, SignerFacts, State, Summary,
    Verdict,
};
use crate::error::CliError;
use crate::keys::KeyRing;
use crate::{exit, printer, shell, text};

/// The most files, differences and other lines that one list shows.
const MOST: usize = 500;

/// What a verification found, as far as it came.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// The words of the command line, with the program's name.
    pub(crate) argv: &'a [OsString],
    /// The model, as they name it.
    pub(crate) model: &'a Path,
    /// Why it failed, if it did, and the remedy.
    pub(crate) refused: Option<(&'a CliError, Option<String>)>,
    /// What was checked, if it all held; else the error has it.
    pub(crate) report: Option<&'a Report>,
    /// The files that were proven.
    pub(crate) manifest: Option<&'a Manifest>,
    /// The keys that were given, once they were read.
    pub(crate) ring: Option<&'a KeyRing>,
    /// The channel, if one was asked.
    pub(crate) channel: Option<Asked>,
    /// The policy, if one judged.
    pub(crate) policy: Option<Governed>,
    /// What was warned of.
    pub(crate) warnings: &'a [String],
}

/// Every step, in the order in which they are made, with what holds if it passes.
const STEPS: [(Step, &str); 6] = [
    (Step::Bundle, "The signature is well-formed"),
    (Step::Signer, "It names somebody who is trusted"),
    (Step::Signature, "It was made by that signer"),
    (Step::Claim, "What was signed is well-formed"),
    (Step::Expectations, "It is the model that was asked for"),
    (Step::Content, "Every file is exactly as signed"),
];

impl Found<'_> {
    /// The same, for every format.
    pub(crate) fn summary(self) -> Summary {
        let refused = self.refused.as_ref().map(|(error, _)| *error);
        let report = self.report.or_else(|| refused.and_then(CliError::report));
        let refusal = self.refused.as_ref().map(|(error, hint)| refusal(error, hint.as_deref()));
        let mut verification = Group {
            name: "verification",
            title: "Signature and content",
            facts: report.map(evidence).unwrap_or_default(),
            checks: checks(report),
        };
        // A refusal by the verification itself stands in its report.
        let other = refused.filter(|error| error.report().is_none());
        let proven = self.manifest.is_some();
        let is_the_end = self.channel.as_ref().is_some_and(|asked| asked.is_the_end(proven));
        let by_channel = other.filter(|_| is_the_end);
        let channel = self.channel.map(|asked| asked.group(by_channel));
        let policy = self.policy.map(Governed::group);
        let told = by_channel.is_some() || verification.count(State::Failed) > 0;
        // Who looks at checks alone must not see a refusal as a success.
        if let Some(error) = refused.filter(|_| !told) {
            verification.checks.insert(
                0,
                Check {
                    name: Shown::from("run"),
                    title: Shown::from("The verification could be carried out"),
                    state: State::Failed,
                    detail: Shown::from(error.to_string()),
                },
            );
        }
        let mut warnings: Vec<_> = self.warnings.iter().map(|it| Shown::of(it)).collect();
        for warning in report.iter().flat_map(|report| &report.warnings).map(|it| Shown::of(it)) {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        Summary {
            verdict: Verdict::of_exit(refusal.as_ref().map_or(exit::OK, |refusal| refusal.exit)),
            subject: Shown::from(text::path(self.model)),
            folder: Shown::from(text::path(folder(self.model))),
            command: Shown::from(command(self.argv)),
            at: Shown::from(text::time(SystemTime::now())),
            refusal,
            model: report.and_then(model),
            signers: report.map(|report| signers(report, self.ring)).unwrap_or_default(),
            groups: std::iter::once(verification).chain(policy).chain(channel).collect(),
            differences: refused.map_or_else(|| Bounded::new(MOST), differences),
            files: Bounded::new(MOST).and(self.manifest.map_or(&[][..], Manifest::entries), file),
            unproven: report.map_or_else(|| Bounded::new(MOST), unproven),
            warnings,
        }
    }
}

/// A model that is one file has that file's name as its only path.
fn folder(model: &Path) -> &Path {
    if model.is_file() { model.parent().unwrap_or(model) } else { model }
}

fn refusal(error: &CliError, hint: Option<&str>) -> Refusal {
    let code = error.code();
    let exit = exit::of(code);
    Refusal {
        code,
        exit,
        // Behind the semicolon stands what it tells of other verbs.
        meaning: exit::meaning(exit).split(';').next().unwrap_or_default(),
        message: Shown::from(error.to_string()),
        causes: printer::causes(error).into_iter().map(Shown::from).collect(),
        hint: hint.iter().flat_map(|hint| hint.lines()).map(Shown::from).collect(),
    }
}

fn checks(report: Option<&Report>) -> Vec<Check> {
    let made: &[lacre_verify::Check] = report.map_or(&[], |report| &report.checks);
    // A policy is a step of its own where there is one.
    let title =
        |step| STEPS.iter().find(|(it, _)| *it == step).map_or("The policy lets it pass", |(_, title)| title);
    let made_checks = made.iter().map(|check| Check {
        name: step_name(check.step),
        title: Shown::from(title(check.step)),
        state: match check.outcome {
            Outcome::Passed => State::Passed,
            Outcome::Failed => State::Failed,
        },
        detail: Shown::of(&check.detail),
    });
    let skipped = STEPS.iter().filter(|(step, _)| made.iter().all(|check| check.step != *step));
    let skipped = skipped.map(|(step, title)| Check {
        name: step_name(*step),
        title: Shown::from(*title),
        state: State::Skipped,
        detail: Shown::from("something before it failed"),
    });
    made_checks.chain(skipped).collect()
}

fn step_name(step: Step) -> Shown {
    Shown::of(json!(step).as_str().unwrap_or_default())
}

/// What the checks went by, beside what each of them says.
fn evidence(report: &Report) -> Vec<Fact> {
    let mut facts = Vec::new();
    if report.signer.is_some() {
        facts.push(Fact::new(
            "Signed at",
            match &report.signed_at {
                SignedAt::Proven(time) => format!("{time}, or before"),
                SignedAt::Unproven => "no trusted time proves when".to_owned(),
                _ => "a time that this version cannot show".to_owned(),
            },
        ));
    }
    facts.extend(report.logs.iter().map(|log| Fact::new("Transparency log", log.as_str())));
    let authorities = report.timestamp_authorities.iter();
    facts.extend(authorities.map(|authority| Fact::new("Timestamp authority", authority.as_str())));
    facts.extend(report.proven_by.map(|by| Fact::new("Files proven by", by.to_string())));
    facts
}

fn model(report: &Report) -> Option<ModelFacts> {
    let model = report.model.as_ref()?;
    let size = model.bytes.map(|bytes| format!(", {}", text::size(bytes))).unwrap_or_default();
    Some(ModelFacts {
        name: (!model.name.is_empty()).then(|| Shown::of(&model.name)),
        version: model.version.as_deref().map(Shown::of),
        identity: model.identity.as_deref().map(Shown::of),
        root: Shown::of(&model.root),
        files: Shown::from(format!("{}{size}", text::count(model.files, "file"))),
    })
}

fn signers(report: &Report, ring: Option<&KeyRing>) -> Vec<SignerFacts> {
    // Before there are enough of them, only one is named.
    let counted = if report.signers.is_empty() { report.signer.as_slice() } else { &report.signers };
    counted.iter().map(|signer| signer_facts(signer, ring)).collect()
}

fn signer_facts(signer: &Signer, ring: Option<&KeyRing>) -> SignerFacts {
    let file = ring.and_then(|ring| ring.file_of(signer.key())).map(text::path);
    let kind = match signer.kind() {
        SignerKind::Key => "a trusted key",
        SignerKind::Certificate => "a certificate of a trusted authority",
        SignerKind::Keyless => "an identity that a provider knows",
        _ => "a kind that this version cannot show",
    };
    let who = signer.identity().or(file.as_deref()).map_or_else(|| signer.key().to_owned(), str::to_owned);
    let mut facts = vec![Fact::new("Known by", kind), Fact::new("Algorithm", signer.algorithm().as_str())];
    facts.extend(signer.issuer().map(|issuer| Fact::new("Issuer", issuer)));
    facts.push(Fact::new("Key", format!("sha256:{}", signer.key())));
    facts.extend(file.map(|file| Fact::new("Key file", file)));
    SignerFacts { who: Shown::from(who), facts }
}

fn file(entry: &Entry) -> FileFacts {
    let digest = match (entry.sha256(), entry.blake3()) {
        (Some(digest), _) => format!("sha256:{digest}"),
        (None, Some(digest)) => format!("blake3:{digest}"),
        (None, None) => "digests of another kind".to_owned(),
    };
    FileFacts {
        path: Shown::of(entry.path.as_str()),
        size: Shown::from(entry.size.map_or_else(|| "unknown".to_owned(), text::size)),
        digest: Shown::from(digest),
    }
}

fn difference(path: impl Into<Shown>, what: impl Into<Shown>) -> Difference {
    Difference { path: path.into(), what: what.into() }
}

/// What a failure says of single files.
fn differences(error: &CliError) -> Bounded<Difference> {
    let all = Bounded::new(MOST);
    let failure = match error {
        CliError::Verify(failure) => failure,
        CliError::Refused(refused) => &refused.failure,
        _ => return all,
    };
    match &failure.error {
        VerifyError::Content(mismatch) => content(all, mismatch),
        VerifyError::Shape(mismatch) => shape(all, mismatch),
        VerifyError::Excluded { paths } => {
            all.and(paths, |path| difference(path.as_str(), "not covered by the signature"))
        }
        VerifyError::DigestNotSigned { digest, path } => {
            all.and([path], |path| difference(path.as_str(), format!("no {digest} digest is signed for it")))
        }
        _ => all,
    }
}

fn content(all: Bounded<Difference>, mismatch: &ContentMismatch) -> Bounded<Difference> {
    let ContentMismatch { changed, extra, foreign, missing, renamed, size } = mismatch;
    all.and(foreign, |it| difference(it.name.as_str(), it.kind.to_string()))
        .and(renamed, |it| difference(it.from.as_str(), format!("is now {}", it.to)))
        .and(missing, |path| difference(path.as_str(), "is missing"))
        .and(extra, |path| difference(path.as_str(), "is not signed"))
        .and(size, |it| difference(it.path.as_str(), format!("has {} bytes, not {}", it.found, it.signed)))
        .and(changed, |path| difference(path.as_str(), "has other bytes"))
}

fn shape(all: Bounded<Difference>, mismatch: &ShapeMismatch) -> Bounded<Difference> {
    let ShapeMismatch { extra_folders, missing_folders, now_executable, not_executable, special } = mismatch;
    let lists = [
        (special, "has a set-user-id, set-group-id or sticky bit"),
        (now_executable, "is executable and was not"),
        (not_executable, "is not executable and was"),
        (missing_folders, "is an empty folder that is missing"),
        (extra_folders, "is an empty folder that is not signed"),
    ];
    lists.into_iter().fold(all, |all, (list, what)| all.and(list, |path| difference(path.as_str(), what)))
}

/// What lies in the folder beside what is proven.
fn unproven(report: &Report) -> Bounded<Difference> {
    Bounded::new(MOST)
        .and(&report.excluded, |it| difference(it.path.as_str(), it.reason.to_string()))
        .and(&report.links, |it| {
            difference(it.path.as_str(), format!("a link that was followed to {}", it.target))
        })
        .and(&report.empty_folders, |path| {
            difference(format!("{}/", path.as_str()), "an empty folder, not signed")
        })
}

/// The command line for a shell, without what only made the report.
fn command(argv: &[OsString]) -> String {
    let mut words = vec![Some("lacre".to_owned())];
    let mut ahead = argv.iter().skip(1);
    while let Some(word) = ahead.next() {
        match word.to_str() {
            Some("--") => {
                words.push(Some("--".to_owned()));
                words.extend(ahead.by_ref().map(|word| shell::os_word(word)));
            }
            Some("--report" | "--format") => drop(ahead.next()),
            Some("--force") => {}
            Some(word) if word.starts_with("--report=") || word.starts_with("--format=") => {}
            _ => words.push(shell::os_word(word)),
        }
    }
    let words: Option<Vec<String>> = words.into_iter().collect();
    words.map_or_else(|| "a command line that no shell can say".to_owned(), |words| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_leaves_out_what_only_made_the_report() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            command(&words(
                "/opt/x/lacre verify M --report r.html --force --format=junit --key it's -- --report"
            )),
            r"lacre verify M --key 'it'\''s' -- --report"
        );
        assert_eq!(
            command(&words("lacre verify --report=r.html --format sarif M --offline")),
            "lacre verify M --offline"
        );
        let hostile = ["lacre", "verify", "a\u{202e}b\u{1b}[2J"].map(OsString::from);
        assert_eq!(command(&hostile), r#"lacre verify "$(printf 'a\342\200\256b\033[2J')""#);
        assert_eq!(command(&["lacre", "a\n"].map(OsString::from)), "a command line that no shell can say");
    }

    #[test]
    fn every_step_is_known() {
        let names: Vec<_> = STEPS.iter().map(|(step, _)| step_name(*step).to_string()).collect();
        assert_eq!(names, ["bundle", "signer", "signature", "claim", "expectations", "content"]);
        assert!(STEPS.is_sorted_by_key(|(step, _)| *step));
    }
}
