//! A rule against what is known of a model: each demand, and whether it is met.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use lacre_manifest::escape;
#[cfg(feature = "release")]
use lacre_release::{AttestationRef, Channel, Permit};
use serde_json::{Value as Json, json};

use super::age::Age;
use super::attested;
#[cfg(feature = "release")]
use super::attested::Presented;
use super::facts::Facts;
use super::format::DigestAlgorithm;
use super::judgement::{About, Finding, Judged, Judgement, OTHER, Violation};
use super::rule::{Demand, Rule};
use super::words;
#[cfg(feature = "release")]
use crate::VerifyError;
use crate::report::SignedAt;

/// Whether a rule is the one about a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decides {
    Yes,
    No,
}

impl Rule {
    /// Holds the rule against what is known; `decides` if it is the one about the model. The content is not looked at: see
    /// [`Judgement::with_content`].
    pub(super) fn judge(&self, decides: Decides, facts: &Facts<'_>) -> Judgement {
        let mut judging = Judging { facts, judged: Vec::new() };
        if decides == Decides::No {
            let detail = "the policy decides about this model by another rule, or by none";
            judging.add("the rule is about the model", Err(Violation::new(OTHER, detail)));
        }
        judging.witnesses(self);
        judging.digests(self);
        judging.keys(self);
        let (presented, findings) =
            attested::find(self, &facts.about(), facts.attestations, facts.limits, facts.now);
        #[cfg(feature = "release")]
        let permit = judging.release(self, &presented);
        #[cfg(feature = "release")]
        let release = permit.as_ref().map_or(Json::Null, |permit| release_json(permit, facts.channel));
        #[cfg(not(feature = "release"))]
        let release = Json::Null;
        let input = judging.input(&release);
        if let Some(expression) = &self.expression {
            let found = answered(expression.holds(&input), "the rule's expression");
            judging.add(self.expression_words().unwrap_or_default(), found);
        }
        for (requirement, finding) in self.require.iter().zip(findings) {
            let found =
                finding.and_then(|found| attested::hold(self, requirement, &found, &input, facts.now));
            judging.add(requirement.words(), found);
        }
        if self.formats.is_some() {
            judging.judged.push(Judged { demand: self.format_words(), finding: Finding::Open });
        }
        let judged = judging.judged;
        drop(presented);
        Judgement {
            policy: self.policy,
            rule: self.name.clone(),
            about: About::of(facts.claim, facts.signers),
            mode: self.mode,
            judged,
            glass: self.suspended(facts.now).cloned(),
            #[cfg(feature = "release")]
            permit,
        }
    }
}

impl Rule {
    /// Asks the channel once more about a model that the rule let pass, as a program runs on it: whether it may run still.
    /// Nothing is asked where the rule wants no channel.
    ///
    /// # Errors
    /// The code of what the channel says, or of what the rule demands of releases.
    #[cfg(feature = "release")]
    pub fn still_stands(&self, facts: &Facts<'_>) -> Result<(), VerifyError> {
        let (presented, _) =
            attested::find(self, &facts.about(), facts.attestations, facts.limits, facts.now);
        let mut judging = Judging { facts, judged: Vec::new() };
        judging.release(self, &presented);
        let mut failed = judging.judged.into_iter().filter_map(|judged| match judged.finding {
            Finding::Failed(violation) => Some(violation),
            Finding::Met(_) | Finding::Open => None,
        });
        let Some(violation) = failed.next() else { return Ok(()) };
        Err(VerifyError::PolicyRefused { rule: self.name.clone(), violation, more: failed.count() })
    }
}

struct Judging<'a> {
    facts: &'a Facts<'a>,
    judged: Vec<Judged>,
}

impl Judging<'_> {
    fn add(&mut self, demand: impl Into<String>, found: Result<String, Violation>) {
        let finding = match found {
            Ok(by) => Finding::Met(by),
            Err(violation) => Finding::Failed(violation),
        };
        self.judged.push(Judged { demand: demand.into(), finding });
    }

    /// Logs, timestamps, and how long ago it was signed: of everybody who was counted.
    fn witnesses(&mut self, rule: &Rule) {
        let report = self.facts.report;
        let further = || report.further.iter();
        if rule.transparency == Demand::Required {
            let logs = [&report.logs].into_iter().chain(further().map(|one| &one.logs));
            let detail = "no transparency log that is trusted has the signature";
            let found = witnessed(logs, "E-POLICY-TRANSPARENCY", detail);
            self.add(words::TRANSPARENCY, found);
        }
        if rule.timestamp == Demand::Required {
            let clocks = [&report.timestamp_authorities].into_iter();
            let clocks = clocks.chain(further().map(|one| &one.timestamp_authorities));
            let detail = "no timestamp authority that is trusted saw the signature";
            let found = witnessed(clocks, "E-POLICY-TIMESTAMP", detail);
            self.add(words::TIMESTAMP, found);
        }
        if let Some(longest) = rule.max_age {
            let times = [&report.signed_at].into_iter().chain(further().map(|one| &one.signed_at));
            let found = times.map(|time| young(time, longest, self.facts.now)).collect::<Result<Vec<_>, _>>();
            self.add(words::age_words(longest), found.map(|by| by.join(", ")));
        }
    }

    fn digests(&mut self, rule: &Rule) {
        let Some(allowed) = &rule.digests else { return };
        let names = |digests: &[DigestAlgorithm]| {
            digests.iter().map(|digest| digest.name()).collect::<Vec<_>>().join(", ")
        };
        let wanted: Vec<DigestAlgorithm> = allowed.iter().copied().collect();
        let bad = self
            .facts
            .claim
            .manifest()
            .entries()
            .iter()
            .find(|entry| !DigestAlgorithm::of(entry).iter().any(|digest| allowed.contains(digest)));
        let found = match bad {
            None => Ok(names(&wanted)),
            Some(entry) => {
                let signed = names(&DigestAlgorithm::of(entry));
                Err(Violation::new("E-POLICY-DIGEST", format!("{} is signed by {signed} alone", entry.path)))
            }
        };
        self.add(rule.digest_words().unwrap_or_default(), found);
    }

    fn keys(&mut self, rule: &Rule) {
        let Some(allowed) = &rule.key_algorithms else { return };
        let other = self.facts.signers.iter().find(|signer| !allowed.contains(&signer.algorithm()));
        let found = match other {
            None => Ok(listed(self.facts.signers.iter().map(|signer| signer.algorithm().as_str()))),
            Some(signer) => {
                let detail = format!("the key {} is of {}", signer.key(), signer.algorithm());
                Err(Violation::new("E-POLICY-KEY-ALGORITHM", detail))
            }
        };
        self.add(rule.key_words().unwrap_or_default(), found);
    }

    #[cfg(feature = "release")]
    fn release(&mut self, rule: &Rule, presented: &[Presented]) -> Option<Permit> {
        let demands = rule.release.as_ref()?;
        let words = demands.words();
        let (Some(channel), Some(wanted)) = (self.facts.channel, self.facts.wanted.clone()) else {
            let detail = format!("the channel {} is demanded, and none was asked", demands.channel);
            self.add(words, Err(Violation::new("E-POLICY-CHANNEL", detail)));
            return None;
        };
        let presented: Vec<AttestationRef> = presented
            .iter()
            .map(|one| AttestationRef { predicate_type: one.predicate_type.clone(), sha256: one.sha256 })
            .collect();
        let required: Vec<&str> = rule.require.iter().map(|it| it.predicate.as_str()).collect();
        let mut violations = Vec::new();
        let asker = (self.facts.instance, self.facts.floor);
        let about = self.facts.about();
        let here = super::release::Here {
            claim: self.facts.claim,
            identity: about.identity.as_deref(),
            manifest: about.manifest,
        };
        let permit = demands.judge(channel, wanted, asker, (&required, &presented), &here, &mut violations);
        if violations.is_empty() {
            let by = permit.as_ref().map(|permit| {
                format!("version {}, counter {}", permit.release().version, permit.release().counter)
            });
            self.add(words, Ok(by.unwrap_or_default()));
        } else {
            for violation in violations {
                self.add(words.clone(), Err(violation));
            }
        }
        permit
    }

    /// What expressions ask about.
    fn input(&self, release: &Json) -> Json {
        let facts = self.facts;
        let seconds = |time: SystemTime| {
            let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        };
        json!({
            "artifact": {
                "bytes": facts.claim.manifest().total_size(),
                "files": facts.claim.manifest().len(),
                "identity": facts.about().identity,
                "manifest": facts.manifest.map(ToString::to_string),
                "name": facts.claim.name(),
                "repository": facts.repository,
                "root": facts.claim.root().to_string(),
                "version": facts.claim.version(),
            },
            "now": seconds(facts.now),
            "release": release,
            "signers": facts.signers.iter().map(|signer| json!(signer)).collect::<Vec<_>>(),
        })
    }
}

/// How far clocks may be apart.
pub(super) const DRIFT: Duration = Duration::from_mins(5);

/// Whether something proves that it was signed at most so long ago.
pub(super) fn young(signed_at: &SignedAt, longest: Age, now: SystemTime) -> Result<String, Violation> {
    let refused = |detail: String| Err(Violation::new("E-POLICY-AGE", detail));
    let SignedAt::Proven(text) = signed_at else {
        return refused("nothing that is trusted proves when it was signed".to_owned());
    };
    let Ok(signed) = text.parse::<jiff::Timestamp>() else {
        return refused("the time at which it was signed cannot be read".to_owned());
    };
    let signed = SystemTime::from(signed);
    // What is signed tomorrow would be young for longer than is said.
    if signed.duration_since(now).is_ok_and(|ahead| ahead > DRIFT) {
        return refused(format!("it was signed at {text}, which is not yet: a clock is wrong"));
    }
    let age = now.duration_since(signed).unwrap_or_default();
    if age > longest.as_duration() {
        return refused(format!("it was signed at {text} or before: longer than {longest} ago"));
    }
    Ok(format!("signed at {text} or before"))
}

/// What became of an expression.
pub(super) fn answered(answer: Result<bool, String>, what: &str) -> Result<String, Violation> {
    match answer {
        Ok(true) => Ok("true".to_owned()),
        Ok(false) => Err(Violation::new("E-POLICY-EXPRESSION", format!("{what} is false"))),
        Err(why) => Err(Violation::new("E-POLICY-EVALUATION", format!("{what} has no answer: {why}"))),
    }
}

#[cfg(feature = "release")]
fn release_json(permit: &Permit, channel: Option<&Channel>) -> Json {
    let release = permit.release();
    json!({
        "channel": channel.map(|channel| channel.document().id().to_string()),
        "counter": release.counter,
        "deprecated": permit.is_deprecated(),
        "epoch": permit.position().epoch,
        "floor": permit.floor(),
        "sequence": permit.position().sequence,
        "version": release.version.to_string(),
    })
}

/// Whether each signature was seen by somebody.
fn witnessed<'a>(
    each: impl Iterator<Item = &'a BTreeSet<String>>,
    code: &'static str,
    detail: &str,
) -> Result<String, Violation> {
    let mut all = BTreeSet::new();
    for names in each {
        if names.is_empty() {
            return Err(Violation::new(code, detail));
        }
        all.extend(names);
    }
    Ok(listed(all.into_iter()))
}

/// Names of somebody else's choice, safe for a terminal.
fn listed<'a, T: AsRef<str> + ?Sized + 'a>(names: impl Iterator<Item = &'a T>) -> String {
    names.map(|name| escape(name.as_ref())).collect::<Vec<_>>().join(", ")
}
