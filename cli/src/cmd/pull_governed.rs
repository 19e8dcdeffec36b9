//! `lacre pull --policy`: a model out of a store through a policy.

use lacre_deliver::{DeliverError, Offer, examine_under};
use lacre_registry_client::{Reference, Store};
use lacre_release::{Permit, Wanted};
use lacre_verify::{Judgement, Refused, Rule, Step, Verified};

use super::pull::PullArgs;
use super::pull_allowed::{Allowed, refuse_without_channel};
use crate::decision::Facts;
use crate::error::CliError;
use crate::gate::{Asked, Following, Gate, judgement_json, judgement_rows, tell_decision, tell_waived};
use crate::place;
use crate::printer::Done;
use crate::session::Session;

/// A policy at work: the rule that decides, and what it found until now.
pub(super) struct Governing<'g> {
    gate: &'g Gate,
    rule: &'g Rule,
    judgement: Option<Judgement>,
    asked: Option<Asked<'g>>,
}

impl<'g> Governing<'g> {
    /// Finds the model, and holds the rule that is about it against all that is known before its content is read.
    pub(super) fn examine<'s>(
        (args, gate): (&'g PullArgs, &'g Gate),
        (store, reference): (&'s dyn Store, &Reference),
        allowed: Option<&Allowed<'_>>,
        decided: &mut Facts,
        session: &'g Session,
    ) -> Result<(Offer<'s>, Self), CliError> {
        if args.decrypt_with.is_some() {
            return Err(CliError::Usage {
                message: "a policy is about models, and says nothing of who may encrypt one".to_owned(),
                tip: Some("name who stands for the encrypted model: --key PUB or --trust FILE".to_owned()),
            });
        }
        let base = args.demands.beside_policy(session);
        let repository = place::repository(reference);
        let found =
            examine_under(store, &repository, reference.target(), gate.policy(), &base, &session.limits())?;
        let (manifest, claim) = (found.offer.manifest(), found.offer.claim());
        let wanted = Wanted::Manifest(manifest.digest);
        let facts = found.facts().limits(session.limits());
        let name = claim.claim().name();
        // The channel that was named has been asked already.
        let following = Following { channel: None, ..args.following() };
        let asked = match allowed {
            Some(_) => None,
            None => Asked::of(following, found.rule, name, session)?,
        };
        if allowed.is_none() && asked.is_none() {
            refuse_without_channel(args)?;
        }
        let facts = match (allowed, &asked) {
            (Some(allowed), _) => allowed.tell(facts, wanted),
            (None, Some(asked)) => asked.tell(facts, wanted),
            (None, None) => facts,
        };
        let judgement = gate.policy().judge(found.rule, &facts);
        if let Some(asked) = &asked {
            decided.remembered(asked.follower());
            if let Some(permit) = judgement.permit() {
                decided.permit(asked.channel().document(), permit);
            }
        }
        if let Err(error) = judgement.refusal() {
            tell_decision(gate, &judgement, decided);
            let failure = claim.report().clone().refuse(Step::Policy, error);
            return Err(Box::new(Refused { failure, judgement: Some(Box::new(judgement)) }).into());
        }
        if let Some(permit) = judgement.permit() {
            lacre_deliver::check_release(permit.release(), manifest, claim.claim())?;
        }
        let rule = found.rule;
        Ok((found.offer, Self { gate, rule, judgement: Some(judgement), asked }))
    }

    /// Looks at the content, before the model appears.
    pub(super) fn allow<T: lacre_verify::Extent>(
        &mut self,
        model: &Verified<T>,
        decided: &mut Facts,
    ) -> Result<(), DeliverError> {
        let Some(judgement) = self.judgement.take() else { return Ok(()) };
        let refuse = |error| DeliverError::Refused(model.report().clone().refuse(Step::Policy, error));
        let judgement = judgement.with_content(self.rule, model).map_err(refuse)?;
        tell_decision(self.gate, &judgement, decided);
        judgement.refusal().map_err(refuse)?;
        self.judgement = Some(judgement);
        Ok(())
    }

    /// Says what the policy found, and remembers what its channel permits; of a part nothing is remembered.
    pub(super) fn conclude(
        &self,
        args: &PullArgs,
        done: &mut Done,
        session: &Session,
    ) -> Result<(), CliError> {
        let Some(judgement) = &self.judgement else { return Ok(()) };
        tell_waived(judgement, session);
        done.result["policy"] = judgement_json(self.gate, judgement);
        done.lines.extend(judgement_rows(self.gate, judgement, session));
        let permit: Option<&Permit> = judgement.permit();
        match (&self.asked, permit) {
            (Some(asked), Some(permit)) if args.files.is_empty() => asked.conclude(permit, done),
            (Some(asked), Some(permit)) => {
                asked.say(permit, done);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
