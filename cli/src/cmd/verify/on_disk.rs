//! A model on a disk, to its last byte: by keys, or through a policy.

use lacre_release::Wanted;
use lacre_verify::{Admitted, Hold, Paced, Progress};

use super::VerifyArgs;
use super::came::Came;
use super::words::{report_json, report_lines};
use crate::error::CliError;
use crate::follow::{Follower, permit_json, permit_row};
use crate::gate::{Asked, Gate, judgement_json, judgement_rows, tell_waived};
use crate::keys::KeyRing;
use crate::printer::Done;
use crate::progress::Meter;
use crate::session::Session;
use crate::user_cache;

/// Verifies once: keys, policy, signature and model are opened anew.
pub(super) fn verify(args: &VerifyArgs, session: &Session, came: &mut Came) -> Result<Done, CliError> {
    match args.demands.policy(args.following(), session)? {
        Some(gate) => governed(args, &gate, session, came),
        None => by_keys(args, session, came),
    }
}

fn by_keys(args: &VerifyArgs, session: &Session, came: &mut Came) -> Result<Done, CliError> {
    // Before the work: what is not believed needs no hashing.
    let channel = match &args.channel {
        Some(place) => {
            came.asking(place);
            let both = (&args.follow, &args.channel_demands);
            let follower = Follower::new(place, None, both, &args.registry, session)?;
            came.remembered(&follower);
            let channel = follower.refresh()?;
            came.remembered(&follower);
            came.believed(channel.document());
            Some((follower, channel))
        }
        None => None,
    };
    let (requirements, ring) = args.demands.read(session)?;
    let requirements = args.with_options(requirements);
    let ring = came.ring(ring).clone();
    let model = args.open(&requirements)?;
    let meter = session.meter("verifying");
    let verified = paced(args, &meter, |progress| model.verify(&requirements, &Hold::Nothing, progress))?;
    user_cache::keep_chunk_lists(verified.chunk_lists());
    let contents = lacre_deliver::contents(verified.claim(), verified.manifest());
    let report = came.proven(Admitted::Strict(verified)).report();
    let mut done =
        Done::new(report_json(report, &ring, session), report_lines("verified", report, &ring, session));
    if let Some((follower, channel)) = channel {
        let contents =
            contents.ok_or_else(|| CliError::Bug { detail: "a proven model has no identity".to_owned() })?;
        let permit = follower.permit(&channel, Wanted::Contents(contents))?;
        came.permitted(channel.document(), &permit);
        follower.accept(&permit)?;
        came.remembered(&follower);
        done.result["channel"] = permit_json(channel.document(), &permit);
        done.lines.push(permit_row(channel.document(), &permit));
    }
    Ok(done)
}

fn governed(args: &VerifyArgs, gate: &Gate, session: &Session, came: &mut Came) -> Result<Done, CliError> {
    let base = args.with_options(args.demands.beside_policy(session));
    let model = args.open(&base)?;
    let candidate = gate.policy().candidate(model, &base)?;
    let claim = candidate.claim().claim();
    let following = args.following();
    if let Some(place) = following.place(candidate.rule()) {
        came.asking(place);
    }
    let asked = Asked::of(following, candidate.rule(), claim.name(), session)?;
    if let Some(asked) = &asked {
        came.remembered(asked.follower());
        came.believed(asked.channel().document());
    }
    let contents = lacre_deliver::contents(claim, claim.manifest());
    // Before the work: what may not run needs no hashing.
    let own = match (&asked, contents, candidate.rule().release()) {
        // No rule asks the channel; the command line does.
        (Some(asked), Some(contents), None) => Some(asked.permit(Wanted::Contents(contents))?),
        (Some(_), None, None) => {
            return Err(CliError::usage(
                "the signature lists no sizes: a channel cannot know the model by it",
            ));
        }
        _ => None,
    };
    let facts = candidate.facts();
    let judgement = match (&asked, contents) {
        (Some(asked), Some(contents)) => candidate.judge(&asked.tell(facts, Wanted::Contents(contents))),
        // Without signed sizes there is no identity yet by which a channel could list it.
        _ => candidate.judge(&facts),
    };
    let meter = session.meter("verifying");
    let passed = paced(args, &meter, |progress| candidate.admit(judgement, &Hold::Nothing, progress));
    let passed = match passed {
        Ok(passed) => passed,
        Err(refused) => {
            if let Some(judgement) = &refused.judgement {
                came.judged(gate, judgement);
            }
            return Err(refused.into());
        }
    };
    let (model, judgement) = (passed.model, passed.judgement);
    user_cache::keep_chunk_lists(model.chunk_lists());
    came.judged(gate, &judgement);
    tell_waived(&judgement, session);
    let words = match &model {
        Admitted::Strict(_) => "verified",
        Admitted::Waived(_) => "let through",
    };
    let ring = KeyRing::default();
    let report = came.proven(model).report();
    let mut done =
        Done::new(report_json(report, &ring, session), report_lines(words, report, &ring, session));
    done.result["policy"] = judgement_json(gate, &judgement);
    done.lines.extend(judgement_rows(gate, &judgement, session));
    if let (Some(asked), Some(permit)) = (&asked, judgement.permit().or(own.as_ref())) {
        came.permitted(asked.channel().document(), permit);
        asked.conclude(permit, &mut done)?;
        came.remembered(asked.follower());
    }
    Ok(done)
}

/// Does the work as quickly as was said.
fn paced<T>(args: &VerifyArgs, meter: &Meter<'_>, work: impl FnOnce(&dyn Progress) -> T) -> T {
    match args.max_rate {
        Some(rate) => work(&Paced::new(meter, rate)),
        None => work(meter),
    }
}
