//! A channel that is asked again while a program runs.

use std::time::Duration;

use lacre_release::{Contents, Wanted};
use lacre_verify::Facts;
use rustix::process::Signal;

use super::ExecArgs;
use super::proven::Proven;
use crate::error::CliError;
use crate::gate::Asked;
use crate::session::Session;

/// How long a program may take to stop, if nobody says otherwise.
const GRACE: Duration = Duration::from_secs(10);

/// A channel that is asked again and again.
pub(super) struct Watching<'a> {
    asked: &'a Asked<'a>,
    contents: Contents,
    proven: &'a Proven<'a>,
    every: Duration,
    signal: Signal,
    grace: Option<Duration>,
}

impl<'a> Watching<'a> {
    pub(super) fn new(args: &ExecArgs, proven: &'a Proven<'a>, every: Duration) -> Result<Self, CliError> {
        let Some((asked, contents)) = &proven.asked else {
            return Err(CliError::Usage {
                message: "--watch asks a channel again, and none is named".to_owned(),
                tip: Some("name it: --channel CH, or `at` under [policy.release]".to_owned()),
            });
        };
        let signal = args.stop_signal.unwrap_or(Signal::TERM);
        // Who is only told may take their time, unless a time is said.
        let only_told = [Signal::USR1, Signal::USR2].contains(&signal);
        let grace = args.grace.or((!only_told).then_some(GRACE));
        Ok(Self { asked, contents: *contents, proven, every, signal, grace })
    }

    pub(super) fn every(&self) -> Duration {
        self.every
    }

    pub(super) fn signal(&self) -> Signal {
        self.signal
    }

    pub(super) fn grace(&self) -> Option<Duration> {
        self.grace
    }

    /// Asks the channel, and the policy that wants it. A channel that cannot be reached is believed as it was kept, until that
    /// expires.
    pub(super) fn look(&self, session: &Session) -> Result<(), CliError> {
        let channel = match self.asked.follower().refresh() {
            Ok(channel) => channel,
            Err(error) => {
                let kept = self.asked.follower().kept();
                // Whoever keeps the network away must not keep the truth away: what is kept has an end.
                let kept = kept.map_err(|_| error)?;
                session.warn("the channel cannot be reached: what is kept of it counts until it expires");
                kept
            }
        };
        let wanted = Wanted::Contents(self.contents);
        let model = &self.proven.model;
        let rule = match &self.proven.gate {
            None => None,
            Some((gate, beside)) => {
                let rule = gate.policy().rule_for(None, model.claim().name()).map_err(CliError::Trust)?;
                rule.release().map(|_| (rule, beside))
            }
        };
        let Some((rule, beside)) = rule else {
            return self.asked.follower().permit(&channel, wanted).map(drop);
        };
        let demands = self.asked.follower().demands();
        let facts = Facts::of_content(model).attestations(beside).channel(
            &channel,
            wanted,
            demands.instance.as_deref(),
            demands.floor,
        );
        rule.still_stands(&facts).map_err(CliError::Trust)
    }
}
