//! `lacre verify REF`: what the signatures of a model in a store prove, without fetching a byte of its content.

use lacre_deliver::{Offer, examine, examine_under};
use lacre_manifest::escape;
use lacre_registry_client::Reference;
use lacre_release::Wanted;
use lacre_verify::{Refused, Step};
use serde_json::json;

use super::VerifyArgs;
use super::came::Came;
use super::words::{report_json, report_lines};
use crate::error::CliError;
use crate::follow::{Follower, permit_json, permit_row};
use crate::gate::{Asked, Gate, judgement_json, judgement_rows, tell_waived};
use crate::keys::KeyRing;
use crate::place;
use crate::printer::{Done, Line};
use crate::session::Session;

/// Verifies what a store holds: signature, signers, the layers one by one against the signed files, policy, channel.
pub(super) fn verify(
    args: &VerifyArgs,
    reference: &Reference,
    session: &Session,
    came: &mut Came,
) -> Result<Done, CliError> {
    if let Some(gate) = args.demands.policy(args.following(), session)? {
        return governed(args, &gate, reference, session, came);
    }
    let (requirements, ring) = args.demands.read(session)?;
    let ring = came.ring(ring).clone();
    let store = args.registry.open(reference, session)?;
    let offer = examine(store.as_ref(), reference.target(), &requirements, &session.limits())?;
    came.offered(&offer);
    let mut done = told("verified", reference, &offer, &ring, session);
    if let Some(place) = &args.channel {
        came.asking(place);
        let both = (&args.follow, &args.channel_demands);
        let follower = Follower::new(place, None, both, &args.registry, session)?;
        let channel = follower.refresh()?;
        came.remembered(&follower);
        came.believed(channel.document());
        let permit = follower.permit(&channel, Wanted::Manifest(offer.manifest().digest))?;
        lacre_deliver::check_release(permit.release(), offer.manifest(), offer.claim().claim())?;
        came.permitted(channel.document(), &permit);
        done.result["channel"] = permit_json(channel.document(), &permit);
        done.lines.push(permit_row(channel.document(), &permit));
    }
    Ok(done)
}

fn governed(
    args: &VerifyArgs,
    gate: &Gate,
    reference: &Reference,
    session: &Session,
    came: &mut Came,
) -> Result<Done, CliError> {
    let store = args.registry.open(reference, session)?;
    let base = args.demands.beside_policy(session);
    let (repository, target, limits) = (place::repository(reference), reference.target(), session.limits());
    let found = examine_under(store.as_ref(), &repository, target, gate.policy(), &base, &limits)?;
    let (manifest, claim) = (found.offer.manifest(), found.offer.claim());
    came.offered(&found.offer);
    let following = args.following();
    if let Some(place) = following.place(found.rule) {
        came.asking(place);
    }
    let asked = Asked::of(following, found.rule, claim.claim().name(), session)?;
    let facts = found.facts().limits(limits);
    let facts = match &asked {
        Some(asked) => {
            came.remembered(asked.follower());
            came.believed(asked.channel().document());
            asked.tell(facts, Wanted::Manifest(manifest.digest))
        }
        None => facts,
    };
    let judgement = gate.policy().judge(found.rule, &facts);
    came.judged(gate, &judgement);
    if let Err(error) = judgement.refusal() {
        let failure = claim.report().clone().refuse(Step::Policy, error);
        return Err(Box::new(Refused { failure, judgement: Some(Box::new(judgement)) }).into());
    }
    let own = match (&asked, found.rule.release()) {
        (Some(asked), None) => Some(asked.permit(Wanted::Manifest(manifest.digest))?),
        _ => None,
    };
    let permit = judgement.permit().or(own.as_ref());
    if let Some(permit) = permit {
        lacre_deliver::check_release(permit.release(), manifest, claim.claim())?;
    }
    tell_waived(&judgement, session);
    let words = if judgement.violations().next().is_none() { "verified" } else { "let through" };
    let mut done = told(words, reference, &found.offer, &KeyRing::default(), session);
    done.result["policy"] = judgement_json(gate, &judgement);
    done.lines.extend(judgement_rows(gate, &judgement, session));
    if let (Some(asked), Some(permit)) = (&asked, permit) {
        came.permitted(asked.channel().document(), permit);
        asked.say(permit, &mut done);
    }
    Ok(done)
}

fn told(words: &str, reference: &Reference, offer: &Offer<'_>, ring: &KeyRing, session: &Session) -> Done {
    let report = offer.claim().report();
    let digest = format!("sha256:{}", offer.manifest().digest);
    let mut result = report_json(report, ring, session);
    result["content"] = json!("not-read");
    result["manifest"] = json!(digest);
    result["reference"] = json!(reference.to_string());
    let mut lines = report_lines(words, report, ring, session);
    lines.push(Line::row("from", format!("{}, manifest {digest}", escape(&reference.to_string()))));
    lines.push(Line::row("content", "not read: the layers are the signed files by their digests"));
    Done::new(result, lines)
}
