//! A rule against what is known of a model: each demand, and whether it is met.

use std::time::SystemTime;

use lacre_hash::Sha256Digest;
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
use super::judgement::{Finding, Judged, Judgement, Violation};
use super::rule::{Demand, Rule};
use crate::report::SignedAt;

impl Rule {
    /// Holds the rule against what is known. The content is not looked at: see [`Judgement::with_content`].
    pub(super) fn judge(&self, policy: Sha256Digest, facts: &Facts<'_>) -> Judgement {
        let mut judging = Judging { facts, judged: Vec::new() };
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
            judging.add(format!("cel: {}", escape(expression.as_str())), found);
        }
        for (requirement, finding) in self.require.iter().zip(findings) {
            let found = finding.and_then(|found| attested::hold(requirement, found, &input, facts.now));
            judging.add(requirement.words(), found);
        }
        if self.formats.is_some() {
            judging.judged.push(Judged { demand: self.format_words(), finding: Finding::Open });
        }
        let judged = judging.judged;
        drop(presented);
        Judgement {
            policy,
            rule: self.name.clone(),
            mode: self.mode,
            judged,
            glass: self.suspended(facts.now).cloned(),
            #[cfg(feature = "release")]
            permit,
        }
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

    /// Logs, timestamps, and how long ago it was signed.
    fn witnesses(&mut self, rule: &Rule) {
        let report = self.facts.report;
        if rule.transparency == Demand::Required {
            let found = if report.logs.is_empty() {
                let detail = "no transparency log that is trusted has the signature";
                Err(Violation::new("E-POLICY-TRANSPARENCY", detail))
            } else {
                Ok(listed(report.logs.iter()))
            };
            self.add("the signature is in a transparency log", found);
        }
        if rule.timestamp == Demand::Required {
            let found = if report.timestamp_authorities.is_empty() {
                let detail = "no timestamp authority that is trusted saw the signature";
                Err(Violation::new("E-POLICY-TIMESTAMP", detail))
            } else {
                Ok(listed(report.timestamp_authorities.iter()))
            };
            self.add("a timestamp authority saw the signature", found);
        }
        if let Some(longest) = rule.max_age {
            let found = young(&report.signed_at, longest, self.facts.now);
            self.add(format!("the model was signed at most {longest} ago"), found);
        }
    }

    fn digests(&mut self, rule: &Rule) {
        let Some(allowed) = &rule.digests else { return };
        let names = |digests: &[DigestAlgorithm]| {
            let name = |digest: &DigestAlgorithm| {
                DigestAlgorithm::ALL.iter().find(|(_, known)| known == digest).map(|(name, _)| *name)
            };
            digests.iter().filter_map(name).collect::<Vec<_>>().join(", ")
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
        self.add(format!("every file is signed by one of: {}", names(&wanted)), found);
    }

    fn keys(&mut self, rule: &Rule) {
        let Some(allowed) = &rule.key_algorithms else { return };
        let words = allowed.iter().map(|algorithm| algorithm.as_str()).collect::<Vec<_>>().join(", ");
        let other = self.facts.signers.iter().find(|signer| !allowed.contains(&signer.algorithm()));
        let found = match other {
            None => Ok(listed(self.facts.signers.iter().map(|signer| signer.algorithm().as_str()))),
            Some(signer) => {
                let detail = format!("the key {} is of {}", signer.key(), signer.algorithm());
                Err(Violation::new("E-POLICY-KEY-ALGORITHM", detail))
            }
        };
        self.add(format!("keys are of one of: {words}"), found);
    }

    #[cfg(feature = "release")]
    fn release(&mut self, rule: &Rule, presented: &[Presented]) -> Option<Permit> {
        let demands = rule.release.as_ref()?;
        let words = format!("the channel {} lets it run here", demands.channel);
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
        let permit = demands.judge(channel, wanted, asker, (&required, &presented), &mut violations);
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

/// Whether something proves that it was signed at most so long ago.
pub(super) fn young(signed_at: &SignedAt, longest: Age, now: SystemTime) -> Result<String, Violation> {
    let refused = |detail: String| Err(Violation::new("E-POLICY-AGE", detail));
    let SignedAt::Proven(text) = signed_at else {
        return refused("nothing that is trusted proves when it was signed".to_owned());
    };
    let Ok(signed) = text.parse::<jiff::Timestamp>() else {
        return refused("the time at which it was signed cannot be read".to_owned());
    };
    let age = now.duration_since(SystemTime::from(signed)).unwrap_or_default();
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

/// Names of somebody else's choice, safe for a terminal.
fn listed<'a, T: AsRef<str> + ?Sized + 'a>(names: impl Iterator<Item = &'a T>) -> String {
    names.map(|name| escape(name.as_ref())).collect::<Vec<_>>().join(", ")
}
