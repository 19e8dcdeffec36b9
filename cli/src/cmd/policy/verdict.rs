//! The whole way of a model through a policy, of which nothing is remembered: what would come of it, and why.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lacre_deliver::{DeliverError, examine_under};
use lacre_manifest::Links;
use lacre_registry_client::Reference;
use lacre_release::Wanted;
use lacre_verify::{Facts, Hold, Judgement, Model, Requirements, Rule, Unverified};

use super::claimed;
use crate::error::CliError;
use crate::gate::{Asked, Following, Gate};
use crate::place;
use crate::session::Session;

/// What is held against a policy.
#[derive(Debug, Clone)]
pub(super) enum Subject {
    /// A folder or a file, and its signature if that is not at the usual place.
    OnDisk(PathBuf, Option<PathBuf>),
    /// An artifact in a store, whose content is not fetched.
    InStore(Reference),
}

/// A policy, and what is held against it.
#[derive(Clone, Copy)]
pub(super) struct Trial<'a> {
    pub(super) gate: &'a Gate,
    pub(super) subject: &'a Subject,
    pub(super) base: &'a Requirements,
    pub(super) following: Following<'a>,
    /// Another time than the current one.
    pub(super) now: Option<SystemTime>,
    pub(super) session: &'a Session,
}

/// What came of it.
pub(super) struct Examined<'a> {
    /// The names that signatures call it by, whoever made them.
    pub(super) names: Vec<String>,
    /// The repository that it is out of.
    pub(super) repository: Option<String>,
    /// The rule that is about it.
    pub(super) rule: Option<&'a Rule>,
    /// Whether signature, signers and threshold are as the rule demands.
    pub(super) signed: bool,
    /// What the rule found, if it came to that.
    pub(super) judgement: Option<Judgement>,
    /// Why it may not be loaded, if it may not.
    pub(super) refusal: Option<CliError>,
}

/// What that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// It may be loaded.
    Allow,
    /// It may, although not every demand is met.
    Waived,
    /// It may not.
    Deny,
}

impl Verdict {
    /// As it is written.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Waived => "waived",
            Self::Deny => "deny",
        }
    }
}

impl Examined<'_> {
    /// What would come of it.
    pub(super) fn verdict(&self) -> Verdict {
        let violated =
            self.judgement.as_ref().is_some_and(|judgement| judgement.violations().next().is_some());
        match (&self.refusal, violated) {
            (Some(_), _) => Verdict::Deny,
            (None, true) => Verdict::Waived,
            (None, false) => Verdict::Allow,
        }
    }

    /// The codes that say why: of the refusal, or of all that is waived.
    pub(super) fn codes(&self) -> Vec<&'static str> {
        match (&self.refusal, &self.judgement) {
            (Some(error), _) => vec![error.code()],
            (None, Some(judgement)) => judgement.violations().map(|violation| violation.code).collect(),
            (None, None) => Vec::new(),
        }
    }
}

/// Goes the way.
///
/// # Errors
/// When it was interrupted. All else is an answer.
pub(super) fn examine(trial: Trial<'_>) -> Result<Examined<'_>, CliError> {
    let mut examined = Examined {
        names: Vec::new(),
        repository: None,
        rule: None,
        signed: false,
        judgement: None,
        refusal: None,
    };
    let went = match trial.subject {
        Subject::OnDisk(path, signature) => trial.on_disk(path, signature.as_deref(), &mut examined),
        Subject::InStore(reference) => trial.in_store(reference, &mut examined),
    };
    match went {
        Err(error) if ["E-INTERRUPTED", "E-BUG"].contains(&error.code()) => return Err(error),
        Err(error) => examined.refusal = Some(error),
        Ok(()) => {}
    }
    Ok(examined)
}

impl<'a> Trial<'a> {
    fn on_disk(
        self,
        path: &Path,
        signature: Option<&Path>,
        examined: &mut Examined<'a>,
    ) -> Result<(), CliError> {
        let model = Unverified::<Model>::open(path, signature, Links::Refuse, self.base)?;
        self.name(model.claimed_names(self.base), None, examined);
        let candidate = self.gate.policy().candidate(model, self.base)?;
        examined.signed = true;
        let claim = candidate.claim().claim();
        let asked = Asked::of(self.following, candidate.rule(), claim.name(), self.session)?;
        let wanted = lacre_deliver::contents(claim, claim.manifest()).map(Wanted::Contents);
        let facts = self.facts(candidate.facts(), asked.as_ref().zip(wanted.clone()));
        let judgement = candidate.judge(&facts);
        own(asked.as_ref(), candidate.rule(), wanted)?;
        let meter = self.session.meter("verifying");
        match candidate.admit(judgement, &Hold::Nothing, &meter) {
            Ok(passed) => {
                examined.judgement = Some(passed.judgement);
                Ok(())
            }
            Err(mut refused) => {
                examined.judgement = refused.judgement.take().map(|judgement| *judgement);
                Err(refused.into())
            }
        }
    }

    fn in_store(self, reference: &Reference, examined: &mut Examined<'a>) -> Result<(), CliError> {
        let repository = place::repository(reference);
        let (registry, session) = (self.following.registry, self.session);
        let claims = claimed::of_reference(reference, registry, session)?;
        let mut names: Vec<String> = Vec::new();
        for model in claims.iter().filter_map(|claims| claims.model()) {
            if !names.iter().any(|name| name == model.name()) {
                names.push(model.name().to_owned());
            }
        }
        self.name(names, Some(repository.clone()), examined);
        let store = registry.open(reference, session)?;
        let (policy, limits) = (self.gate.policy(), session.limits());
        let found =
            examine_under(store.as_ref(), &repository, reference.target(), policy, self.base, &limits)
                .map_err(|error| match error {
                    DeliverError::Refused(failure) => CliError::from(failure),
                    other => other.into(),
                })?;
        examined.signed = true;
        let claim = found.offer.claim().claim();
        let asked = Asked::of(self.following, found.rule, claim.name(), session)?;
        let manifest = found.offer.manifest();
        let wanted = Wanted::Manifest(manifest.digest);
        let facts =
            self.facts(found.facts().limits(limits), asked.as_ref().map(|asked| (asked, wanted.clone())));
        let judgement = policy.judge(found.rule, &facts);
        let refusal = judgement.refusal();
        let permit = judgement.permit().map(|permit| permit.release().clone());
        examined.judgement = Some(judgement);
        refusal.map_err(CliError::Trust)?;
        let own = own(asked.as_ref(), found.rule, Some(wanted))?;
        match permit.or(own) {
            Some(release) => Ok(lacre_deliver::check_release(&release, manifest, claim)?),
            None => Ok(()),
        }
    }

    /// Notes what it is called, and the rule that is found by that.
    fn name(self, names: Vec<String>, repository: Option<String>, examined: &mut Examined<'a>) {
        let nameless = [String::new()];
        let terms = self.gate.policy().terms(
            repository.as_deref(),
            if names.is_empty() { &nameless } else { &names },
            self.base,
        );
        examined.rule = terms.ok().map(|(rule, _)| rule);
        (examined.names, examined.repository) = (names, repository);
    }

    fn facts<'f>(self, facts: Facts<'f>, asked: Option<(&'f Asked<'_>, Wanted)>) -> Facts<'f> {
        let facts = match self.now {
            Some(now) => facts.assume_now_danger(now),
            None => facts,
        };
        match asked {
            Some((asked, wanted)) => asked.tell(facts, wanted),
            None => facts,
        }
    }
}

/// What a channel says that the command line names, and no rule wants.
fn own(
    asked: Option<&Asked<'_>>,
    rule: &Rule,
    wanted: Option<Wanted>,
) -> Result<Option<lacre_release::Release>, CliError> {
    match (asked, rule.release(), wanted) {
        (Some(asked), None, Some(wanted)) => Ok(Some(asked.permit(wanted)?.release().clone())),
        (Some(_), None, None) => {
            Err(CliError::usage("the signature lists no sizes: a channel cannot know the model by it"))
        }
        _ => Ok(None),
    }
}
