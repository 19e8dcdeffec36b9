//! `lacre verify --policy`: a model on a disk through a policy.

use lacre_release::Wanted;
use lacre_verify::{Admitted, Hold, Paced, Progress, Refused};

use super::verify::{VerifyArgs, report_json, report_lines};
use crate::error::CliError;
use crate::gate::{Asked, Gate, judgement_json, judgement_rows, tell_waived};
use crate::keys::KeyRing;
use crate::printer::Done;
use crate::session::Session;
use crate::user_cache;

/// Verifies a model on a disk by what a policy says of it.
pub(super) fn on_disk(args: &VerifyArgs, gate: &Gate, session: &Session) -> Result<Done, CliError> {
    let base = args.with_options(args.demands.beside_policy(session));
    let model = args.open(&base)?;
    let candidate = gate.policy().candidate(model, &base)?;
    let claim = candidate.claim().claim();
    let asked = Asked::of(args.following(), candidate.rule(), claim.name(), session)?;
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
    let judgement = {
        let facts = candidate.facts();
        match (&asked, contents) {
            (Some(asked), Some(contents)) => candidate.judge(&asked.tell(facts, Wanted::Contents(contents))),
            // Without signed sizes there is no identity yet by which a channel could list it.
            _ => candidate.judge(&facts),
        }
    };
    let meter = session.meter("verifying");
    let rate = args.max_rate.map(|rate| Paced::new(&meter, rate));
    let progress: &dyn Progress = match &rate {
        Some(paced) => paced,
        None => &meter,
    };
    let passed = candidate.admit(judgement, &Hold::Nothing, progress)?;
    let report = match &passed.model {
        Admitted::Strict(model) => {
            user_cache::keep_chunk_lists(model.chunk_lists());
            model.report()
        }
        Admitted::Waived(model) => {
            user_cache::keep_chunk_lists(model.chunk_lists());
            model.report()
        }
    };
    let judgement = &passed.judgement;
    tell_waived(judgement, session);
    let ring = KeyRing::default();
    let words = match &passed.model {
        Admitted::Strict(_) => "verified",
        Admitted::Waived(_) => "let through",
    };
    let mut done =
        Done::new(report_json(report, &ring, session), report_lines(words, report, &ring, session));
    done.result["policy"] = judgement_json(gate, judgement);
    done.lines.extend(judgement_rows(gate, judgement, session));
    if let Some(asked) = asked {
        asked.conclude(judgement.permit().or(own.as_ref()), &mut done)?;
    }
    Ok(done)
}

impl From<Box<Refused>> for CliError {
    fn from(refused: Box<Refused>) -> Self {
        Self::Refused(refused)
    }
}
