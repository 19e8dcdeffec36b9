//! What a channel answered, for a report.

use lacre_release::{ChannelDocument, Permit};

use super::shown::Shown;
use super::summary::{Check, Fact, Group, State};
use crate::error::CliError;
use crate::follow;

/// A channel that was asked, as far as it answered.
#[derive(Debug)]
pub(crate) struct Asked {
    place: String,
    believed: Option<String>,
    permitted: Option<Vec<Fact>>,
}

impl Asked {
    /// The channel at `place`, of which nothing is known yet.
    pub(crate) fn at(place: &str) -> Self {
        Self { place: place.to_owned(), believed: None, permitted: None }
    }

    /// Its document was found good.
    pub(crate) fn believe(&mut self, document: &ChannelDocument) {
        self.believed = Some(format!("{}, {}", document.id(), document.position()));
    }

    /// The model may run.
    pub(crate) fn permit(&mut self, document: &ChannelDocument, permit: &Permit) {
        let facts = follow::permit_facts(document, permit);
        self.permitted = Some(facts.into_iter().map(|(label, value)| Fact::new(label, value)).collect());
    }

    /// For a report. `refused` is why the channel was the end, if it was.
    pub(super) fn group(self, refused: Option<&CliError>) -> Group {
        let skipped = || (State::Skipped, Shown::from("something before it failed"));
        let failed = |error: &CliError| (State::Failed, Shown::from(error.to_string()));
        let document = match (&self.believed, refused) {
            (Some(detail), _) => (State::Passed, Shown::of(detail)),
            (None, Some(error)) => failed(error),
            (None, None) => skipped(),
        };
        let release = match (&self.permitted, &self.believed, refused) {
            (Some(_), _, _) => (State::Passed, Shown::from("it may run here")),
            (None, Some(_), Some(error)) => failed(error),
            _ => skipped(),
        };
        let check = |name: &str, title: &str, (state, detail)| Check {
            name: Shown::of(name),
            title: Shown::of(title),
            state,
            detail,
        };
        Group {
            name: "channel",
            title: "Release channel",
            facts: self.permitted.unwrap_or_else(|| vec![Fact::new("Place", self.place)]),
            checks: vec![
                check("channel", "The channel is authentic and current", document),
                check("release", "The channel permits this release here", release),
            ],
        }
    }

    /// Whether a refusal that is none of the verification's own is this channel's: it is asked before anything is read, and
    /// again once the content is proven.
    pub(super) fn is_the_end(&self, proven: bool) -> bool {
        match (&self.believed, &self.permitted) {
            (None, _) => true,
            (Some(_), None) => proven,
            (Some(_), Some(_)) => false,
        }
    }
}
