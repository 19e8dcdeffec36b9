//! The model that a program will run on: its claim, what may run, and its bytes.

use lacre_release::{Contents, Wanted};
use lacre_verify::{
    Hold, LoadOptions, MemoryLimit, Model, Passed, Refused, Report, SealedFiles, Step, Strict, Unverified,
    Verified,
};

use super::{ExecArgs, Form, watch};
use crate::cmd::verify::report_lines;
use crate::decision::Facts;
use crate::error::CliError;
use crate::follow::permit_row;
use crate::gate::{Asked, Gate, judgement_rows, tell_decision};
use crate::keys::KeyRing;
use crate::printer::Line;
use crate::session::Session;
use crate::user_cache;

/// A model that may run here.
pub(super) struct Proven<'a> {
    pub(super) model: Verified<Model, Strict>,
    /// Its files, unless they are wanted on a disk.
    pub(super) sealed: Option<SealedFiles>,
    pub(super) options: LoadOptions,
    /// What is told.
    pub(super) lines: Vec<Line>,
    /// The channel that lets it run, and what it was asked.
    pub(super) asked: Option<(Asked<'a>, Contents)>,
    /// The policy, and the bundles beside the model, for asking again.
    pub(super) gate: Option<(Gate, Vec<Vec<u8>>)>,
}

/// Proves it; what is found out on the way is told to `facts`, whatever comes of it.
pub(super) fn prove<'a>(
    args: &'a ExecArgs,
    session: &'a Session,
    facts: &mut Facts,
) -> Result<Proven<'a>, CliError> {
    let mut options = LoadOptions::new();
    if let Some(limit) = args.memory_limit {
        options = options.memory_limit(MemoryLimit::bytes(limit as u64));
    }
    match args.demands.policy(args.following(), session)? {
        Some(gate) => governed(args, gate, options, session, facts),
        None => by_keys(args, options, session, facts),
    }
}

fn open(args: &ExecArgs, requirements: &lacre_verify::Requirements) -> Result<Unverified<Model>, CliError> {
    Ok(Unverified::open(&args.model, args.signature.as_deref(), args.links.into(), requirements)?)
}

fn by_keys<'a>(
    args: &'a ExecArgs,
    options: LoadOptions,
    session: &'a Session,
    facts: &mut Facts,
) -> Result<Proven<'a>, CliError> {
    let (requirements, ring) = args.demands.read(session)?;
    let claimed = open(args, &requirements)?.claim(&requirements)?;
    let claim = claimed.claim().claim();
    let asked = match args.following().channel {
        None => {
            watch::check(args, None)?;
            None
        }
        Some(place) => {
            let asked = Asked::at(place, args.following(), session)?;
            facts.remembered(asked.follower());
            let contents = contents(claim)?;
            let permit = asked.permit(Wanted::Contents(contents))?;
            Some((asked, contents, permit))
        }
    };
    let meter = session.meter("proving");
    let (model, sealed) = match args.form {
        Form::Sealed => {
            let (model, sealed) = claimed.seal(&requirements, &options, &meter)?;
            (model, Some(sealed))
        }
        Form::Snapshot => (claimed.prove(&requirements, &Hold::Nothing, &meter)?, None),
    };
    drop(meter);
    user_cache::keep_chunk_lists(model.chunk_lists());
    let report = model.report().clone();
    facts.report(&report);
    let mut lines = report_lines("proven", &report, &ring, session);
    let asked = match asked {
        None => None,
        Some((asked, contents, permit)) => {
            facts.permit(asked.channel().document(), &permit);
            asked.accept(&permit)?;
            facts.remembered(asked.follower());
            lines.push(permit_row(asked.channel().document(), &permit));
            Some((asked, contents))
        }
    };
    Ok(Proven { model, sealed, options, lines, asked, gate: None })
}

fn governed<'a>(
    args: &'a ExecArgs,
    gate: Gate,
    options: LoadOptions,
    session: &'a Session,
    facts: &mut Facts,
) -> Result<Proven<'a>, CliError> {
    let base = args.demands.beside_policy(session);
    let candidate = gate.policy().candidate(open(args, &base)?, &base)?;
    let claim = candidate.claim().claim();
    let asked = Asked::of(args.following(), candidate.rule(), claim.name(), session)?;
    watch::check(args, asked.as_ref())?;
    let asked = match asked {
        None => None,
        Some(asked) => {
            facts.remembered(asked.follower());
            Some((asked, contents(claim)?))
        }
    };
    let own = match (&asked, candidate.rule().release()) {
        (Some((asked, contents)), None) => Some(asked.permit(Wanted::Contents(*contents))?),
        _ => None,
    };
    let beside = candidate.beside().to_vec();
    let known = candidate.facts();
    let judgement = match &asked {
        Some((asked, contents)) => candidate.judge(&asked.tell(known, Wanted::Contents(*contents))),
        None => candidate.judge(&known),
    };
    // A program runs on what meets every rule, or not at all: gigabytes are not read to find that out.
    let refuse = |report: &Report, error| -> CliError {
        let failure = report.clone().refuse(Step::Policy, error);
        Box::new(Refused { failure, judgement: None }).into()
    };
    if let Err(error) = judgement.refusal_unless_strict() {
        tell_decision(&gate, &judgement, facts);
        return Err(refuse(candidate.claim().report(), error));
    }
    let meter = session.meter("proving");
    let passed = match args.form {
        Form::Sealed => {
            candidate.seal(judgement, &options, &meter).map(|(passed, files)| (passed, Some(files)))
        }
        Form::Snapshot => candidate.admit(judgement, &Hold::Nothing, &meter).map(|passed| (passed, None)),
    };
    drop(meter);
    let (Passed { model, judgement }, sealed) = passed.inspect_err(|refused| {
        if let Some(judgement) = &refused.judgement {
            tell_decision(&gate, judgement, facts);
        }
    })?;
    tell_decision(&gate, &judgement, facts);
    facts.report(model.report());
    let report = model.report().clone();
    // What the content says is known only now.
    judgement.refusal_unless_strict().map_err(|error| refuse(&report, error))?;
    let model =
        model.strict().map_err(|_| CliError::Bug { detail: "a waiver without a failure".to_owned() })?;
    user_cache::keep_chunk_lists(model.chunk_lists());
    let mut lines = report_lines("proven", &report, &KeyRing::default(), session);
    lines.extend(judgement_rows(&gate, &judgement, session));
    if let (Some((asked, _)), Some(permit)) = (&asked, judgement.permit().or(own.as_ref())) {
        facts.permit(asked.channel().document(), permit);
        asked.accept(permit)?;
        facts.remembered(asked.follower());
        lines.push(permit_row(asked.channel().document(), permit));
    }
    Ok(Proven { model, sealed, options, lines, asked, gate: Some((gate, beside)) })
}

fn contents(claim: &lacre_verify::ModelClaim) -> Result<Contents, CliError> {
    lacre_deliver::contents(claim, claim.manifest())
        .ok_or_else(|| CliError::usage("the signature lists no sizes: a channel cannot know the model by it"))
}
