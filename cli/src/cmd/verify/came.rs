//! How far a verification came: what a decision and a report tell of it, whatever comes of it in the end.

use lacre_deliver::Offer;
use lacre_release::{ChannelDocument, Permit};
use lacre_verify::decision::Action;
use lacre_verify::{Admitted, Judgement, Report};

use super::VerifyArgs;
use crate::decision::Facts;
use crate::error::CliError;
use crate::follow::Follower;
use crate::gate::{Gate, tell_decision};
use crate::hints;
use crate::keys::KeyRing;
use crate::printer::Done;
use crate::report::{Asked, Found, Governed};
use crate::session::Session;
use crate::text;

/// How far it came.
pub(super) struct Came {
    facts: Facts,
    channel: Option<Asked>,
    policy: Option<Governed>,
    ring: Option<KeyRing>,
    model: Option<Admitted>,
    /// Of what is in a store, whose content is not read.
    report: Option<Report>,
}

impl Came {
    /// Nowhere yet.
    pub(super) fn new(facts: Facts) -> Self {
        Self { facts, channel: None, policy: None, ring: None, model: None, report: None }
    }

    /// The channel at `place` is asked.
    pub(super) fn asking(&mut self, place: &str) {
        self.channel = Some(Asked::at(place));
    }

    /// What is remembered of the channel, before it is asked or after it.
    pub(super) fn remembered(&mut self, follower: &Follower<'_>) {
        self.facts.remembered(follower);
    }

    /// The channel is believed.
    pub(super) fn believed(&mut self, document: &ChannelDocument) {
        if let Some(asked) = &mut self.channel {
            asked.believe(document);
        }
    }

    /// The channel permits the model.
    pub(super) fn permitted(&mut self, document: &ChannelDocument, permit: &Permit) {
        self.facts.permit(document, permit);
        if let Some(asked) = &mut self.channel {
            asked.permit(document, permit);
        }
    }

    /// A policy judged.
    pub(super) fn judged(&mut self, gate: &Gate, judgement: &Judgement) {
        tell_decision(gate, judgement, &mut self.facts);
        self.policy = Some(Governed::new(gate, judgement));
    }

    /// Which keys there are.
    pub(super) fn ring(&mut self, ring: KeyRing) -> &KeyRing {
        self.ring.insert(ring)
    }

    /// The model is proven.
    pub(super) fn proven(&mut self, model: Admitted) -> &Admitted {
        self.facts.report(model.report());
        self.model.insert(model)
    }

    /// Its claim is, and it is in a store.
    pub(super) fn offered(&mut self, offer: &Offer<'_>) {
        self.facts.report(offer.claim().report());
        self.facts.manifest(offer.manifest().digest);
        self.report = Some(offer.claim().report().clone());
    }

    /// What the decision says of it.
    pub(super) fn take_facts(&mut self) -> Facts {
        std::mem::replace(&mut self.facts, Facts::new(Action::Verify, String::new()))
    }

    /// Writes the reports that are wanted. That of a success is a promise, so that one which cannot be written is the
    /// failure; that of a failure must not hide it.
    pub(super) fn write_reports(
        self,
        args: &VerifyArgs,
        outcome: Result<Done, CliError>,
        session: &Session,
    ) -> Result<Done, CliError> {
        let remedy = |error| hints::remedy_in("verify", &text::path(&args.model), error);
        let found = Found {
            argv: &session.argv,
            model: &args.model,
            refused: outcome.as_ref().err().map(|error| (error, remedy(error))),
            report: self.model.as_ref().map(Admitted::report).or(self.report.as_ref()),
            manifest: self.model.as_ref().map(Admitted::manifest),
            ring: self.ring.as_ref(),
            channel: self.channel,
            policy: self.policy,
            warnings: &session.warnings(),
        };
        let document = args.written.render(found, session);
        match outcome {
            Ok(done) => Ok(Done { data: document?, ..done }),
            Err(error) => {
                let told = document.and_then(|text| text.map_or(Ok(()), |text| session.printer.data(&text)));
                if let Err(trouble) = told {
                    session.warn(format!("no report: {trouble}"));
                }
                Err(error)
            }
        }
    }
}
