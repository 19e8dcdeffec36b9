//! A channel that is asked again while a program runs.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use lacre_deliver::Memory;
use lacre_release::{Contents, Wanted};
use lacre_verify::Facts;
use rustix::process::Signal;

use super::ExecArgs;
use super::proven::Proven;
use super::supervise::Event;
use crate::error::CliError;
use crate::gate::Asked;
use crate::session::Session;

/// How long a program may take to stop, if nobody says otherwise.
const GRACE: Duration = Duration::from_secs(10);

/// What is to be asked again must be there to be asked: found out before anything is read.
pub(super) fn check(args: &ExecArgs, asked: Option<&Asked<'_>>) -> Result<(), CliError> {
    if args.watch.is_some() && asked.is_none() {
        return Err(CliError::Usage {
            message: "--watch asks a channel again, and none is named".to_owned(),
            tip: Some("name it: --channel CH, or `at` under [policy.release]".to_owned()),
        });
    }
    Ok(())
}

/// A channel that is asked again and again.
pub(super) struct Watching<'a> {
    asked: &'a Asked<'a>,
    contents: Contents,
    proven: &'a Proven<'a>,
    every: Duration,
    signal: Signal,
    grace: Option<Duration>,
    /// Whether it was said that the channel gives no answer.
    is_silent: AtomicBool,
}

impl<'a> Watching<'a> {
    /// As the command line wants it; nothing where it wants none, or where there is no channel ([`check`]).
    pub(super) fn new(args: &ExecArgs, proven: &'a Proven<'a>) -> Option<Self> {
        let (every, (asked, contents)) = (args.watch?, proven.asked.as_ref()?);
        let signal = args.stop_signal.unwrap_or(Signal::TERM);
        // Who is only told may take their time, unless a time is said.
        let only_told = [Signal::USR1, Signal::USR2].contains(&signal);
        let grace = args.grace.or((!only_told).then_some(GRACE));
        Some(Self {
            asked,
            contents: *contents,
            proven,
            every,
            signal,
            grace,
            is_silent: AtomicBool::new(false),
        })
    }

    pub(super) fn signal(&self) -> Signal {
        self.signal
    }

    pub(super) fn grace(&self) -> Option<Duration> {
        self.grace
    }

    /// Asks until the program has `ended`, and tells when it may not run any more.
    pub(super) fn watch(&self, ended: &Receiver<()>, tell: &Sender<Event>, session: &Session) {
        while ended.recv_timeout(self.every) == Err(RecvTimeoutError::Timeout) {
            // Nobody watches after a panic: the program ends with it.
            let looked = panic::catch_unwind(AssertUnwindSafe(|| self.look(session)));
            let looked =
                looked.unwrap_or_else(|_| Err(CliError::Bug { detail: "asking the channel".to_owned() }));
            if let Err(refused) = looked {
                // Whoever would be told has ended otherwise.
                let _ = tell.send(Event::Refused(refused));
                return;
            }
        }
    }

    /// Asks the channel, and the policy that wants it. A channel that gives no answer is believed as it was kept, until that
    /// expires; where nothing is kept, nothing is believed.
    fn look(&self, session: &Session) -> Result<(), CliError> {
        let follower = self.asked.follower();
        let channel = match follower.refresh() {
            Ok(channel) => {
                self.is_silent.store(false, Ordering::Relaxed);
                channel
            }
            Err(error) if matches!(follower.memory(), Memory::None { .. }) => return Err(error),
            Err(error) => {
                // Once, and not each time.
                if !self.is_silent.swap(true, Ordering::Relaxed) {
                    session.warn(format!(
                        "the channel cannot be asked ({error}): what is kept of it counts until it expires"
                    ));
                }
                follower.kept()?
            }
        };
        let wanted = Wanted::Contents(self.contents);
        let model = &self.proven.model;
        // A signature of model-signing 0.2 names nothing.
        let name = if model.claim().is_legacy() { "" } else { model.claim().name() };
        let rule = match &self.proven.gate {
            None => None,
            Some((gate, beside)) => {
                let rule = gate.policy().rule_for(None, name).map_err(CliError::Trust)?;
                rule.release().map(|_| (rule, beside))
            }
        };
        let Some((rule, beside)) = rule else {
            return follower.decide(&channel, wanted).map(drop);
        };
        let demands = follower.demands();
        let facts = Facts::of_content(model).attestations(beside).channel(
            &channel,
            wanted,
            demands.instance.as_deref(),
            demands.floor,
        );
        rule.still_stands(&facts).map_err(CliError::Trust)
    }
}
