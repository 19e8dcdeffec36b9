//! What every format of a report says: built once, and shown by each in its own way.

use super::shown::Shown;

/// One verification, as far as it came.
#[derive(Debug)]
pub(crate) struct Summary {
    /// What came of it.
    pub(crate) verdict: Verdict,
    /// The model, as the command line names it.
    pub(crate) subject: Shown,
    /// The folder that paths of files start in; nothing, where the command was run.
    pub(crate) folder: Shown,
    /// What to type for the same again.
    pub(crate) command: Shown,
    /// When it ended (RFC 3339).
    pub(crate) at: Shown,
    /// Why it was refused, or could not be decided.
    pub(crate) refusal: Option<Refusal>,
    /// What was signed, once the claim was read.
    pub(crate) model: Option<ModelFacts>,
    /// Who signed it, once the signature was found good.
    pub(crate) signers: Vec<SignerFacts>,
    /// Everything that was checked, by what asked for it.
    pub(crate) groups: Vec<Group>,
    /// How the files differ from what was signed.
    pub(crate) differences: Bounded<Difference>,
    /// The files that were proven.
    pub(crate) files: Bounded<FileFacts>,
    /// What lies there and is proven by nothing, and why that is no failure.
    pub(crate) unproven: Bounded<Difference>,
    /// What a careful reader should know although nothing failed.
    pub(crate) warnings: Vec<Shown>,
}

/// What came of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything that was asked for holds.
    Verified,
    /// Something does not.
    Refused,
    /// It could not be told. A gate treats it as a refusal.
    Undecided,
}

impl Verdict {
    /// As an exit code tells it: from 10 on, nothing could be decided.
    pub(crate) fn of_exit(exit: u8) -> Self {
        match exit {
            0 => Self::Verified,
            // Wrong usage decides nothing either.
            2 | 10.. => Self::Undecided,
            _ => Self::Refused,
        }
    }

    /// For people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Verified => "Verified",
            Self::Refused => "Refused",
            Self::Undecided => "Not decided",
        }
    }

    /// For programs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Refused => "refused",
            Self::Undecided => "undecided",
        }
    }
}

/// Why something was refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The stable code.
    pub(crate) code: &'static str,
    /// What the process ends with.
    pub(crate) exit: u8,
    /// What that exit code tells.
    pub(crate) meaning: &'static str,
    /// What is wrong.
    pub(crate) message: Shown,
    /// What stands behind it, the nearest first.
    pub(crate) causes: Vec<Shown>,
    /// The remedy, a line each.
    pub(crate) hint: Vec<Shown>,
}

/// What a claim says about a model.
#[derive(Debug)]
pub(crate) struct ModelFacts {
    /// The signed name, if there is one.
    pub(crate) name: Option<Shown>,
    /// The signed version.
    pub(crate) version: Option<Shown>,
    /// The identity (hexadecimal).
    pub(crate) identity: Option<Shown>,
    /// The OMS root digest (hexadecimal).
    pub(crate) root: Shown,
    /// How many files there are, and how large they are.
    pub(crate) files: Shown,
}

impl ModelFacts {
    /// `org/mini-lm 1.0.0`.
    pub(crate) fn title(&self) -> Shown {
        let name = self.name.as_ref().map_or("a model without a signed name", Shown::as_str);
        let version = self.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        Shown::from(format!("{name}{version}"))
    }
}

/// Who signed.
#[derive(Debug)]
pub(crate) struct SignerFacts {
    /// A name that a certificate proves, or the file of the key, or the key.
    pub(crate) who: Shown,
    /// What else is known.
    pub(crate) facts: Vec<Fact>,
}

/// Something that is known, with what it is.
#[derive(Debug)]
pub(crate) struct Fact {
    /// What it is.
    pub(crate) label: &'static str,
    /// The value.
    pub(crate) value: Shown,
}

impl Fact {
    pub(crate) fn new(label: &'static str, value: impl Into<Shown>) -> Self {
        Self { label, value: value.into() }
    }
}

/// The checks that belong together: those of the signature and the content, and those of whoever else was asked.
#[derive(Debug)]
pub(crate) struct Group {
    /// For programs.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: &'static str,
    /// What it went by.
    pub(crate) facts: Vec<Fact>,
    /// In the order in which they are made.
    pub(crate) checks: Vec<Check>,
}

impl Group {
    /// How many of its checks ended like this.
    pub(crate) fn count(&self, state: State) -> usize {
        self.checks.iter().filter(|check| check.state == state).count()
    }
}

/// One check, with its evidence.
#[derive(Debug)]
pub(crate) struct Check {
    /// For programs.
    pub(crate) name: Shown,
    /// What holds if it passes.
    pub(crate) title: Shown,
    /// How it ended.
    pub(crate) state: State,
    /// What was found.
    pub(crate) detail: Shown,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It was not made, because something before it failed.
    Skipped,
}

impl State {
    /// For people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "not reached",
        }
    }

    /// For programs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// What several checks say together: one that failed decides, and nothing is proven by none.
    pub(crate) fn together(states: impl IntoIterator<Item = Self>) -> Self {
        let states: Vec<_> = states.into_iter().collect();
        if states.contains(&Self::Failed) {
            Self::Failed
        } else if states.is_empty() || states.contains(&Self::Skipped) {
            Self::Skipped
        } else {
            Self::Passed
        }
    }
}

/// A path, and what is to be said of it.
#[derive(Debug)]
pub(crate) struct Difference {
    /// Which file or folder.
    pub(crate) path: Shown,
    /// What.
    pub(crate) what: Shown,
}

/// A file that was proven.
#[derive(Debug)]
pub(crate) struct FileFacts {
    /// Its signed path.
    pub(crate) path: Shown,
    /// Its size.
    pub(crate) size: Shown,
    /// A digest that is signed for it.
    pub(crate) digest: Shown,
}

/// The beginning of a list, and how much longer it is.
#[derive(Debug)]
pub(crate) struct Bounded<T> {
    /// What is shown.
    pub(crate) items: Vec<T>,
    /// How many more there are.
    pub(crate) more: usize,
    most: usize,
}

impl<T> Bounded<T> {
    /// Nothing yet, and never more than `most`.
    pub(crate) fn new(most: usize) -> Self {
        Self { items: Vec::new(), more: 0, most }
    }

    /// The list with `items` behind it. What is not shown is only counted: there may be a million of them.
    pub(crate) fn and<A>(mut self, items: impl IntoIterator<Item = A>, show: impl Fn(A) -> T) -> Self {
        let mut items = items.into_iter();
        let room = self.most - self.items.len();
        self.items.extend(items.by_ref().take(room).map(show));
        self.more += items.count();
        self
    }

    /// How many there are.
    pub(crate) fn total(&self) -> usize {
        self.items.len() + self.more
    }
}

impl Summary {
    /// Every check, with the group that it is in.
    pub(crate) fn checks(&self) -> impl Iterator<Item = (&Group, &Check)> {
        self.groups.iter().flat_map(|group| group.checks.iter().map(move |check| (group, check)))
    }

    /// How many checks ended like this.
    pub(crate) fn count(&self, state: State) -> usize {
        self.groups.iter().map(|group| group.count(state)).sum()
    }

    /// The model, by its signed name if one was read.
    pub(crate) fn title(&self) -> Shown {
        self.model.as_ref().map_or_else(|| self.subject.clone(), ModelFacts::title)
    }

    /// `verified org/mini-lm 1.0.0`, for whoever reads one line.
    pub(crate) fn headline(&self) -> Shown {
        Shown::from(format!("{}: {}", self.verdict.word(), self.title()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zero_is_verified_and_what_could_not_be_decided_is_told_apart() {
        assert_eq!(Verdict::of_exit(0), Verdict::Verified);
        for exit in [1, 3, 4, 5, 6, 7, 8] {
            assert_eq!(Verdict::of_exit(exit), Verdict::Refused, "{exit}");
        }
        for exit in [2, 10, 11, 12, 13, 70, 130] {
            assert_eq!(Verdict::of_exit(exit), Verdict::Undecided, "{exit}");
        }
    }

    #[test]
    fn checks_together_are_as_good_as_the_worst() {
        use State::{Failed, Passed, Skipped};
        assert_eq!(State::together([]), Skipped);
        assert_eq!(State::together([Passed, Passed]), Passed);
        assert_eq!(State::together([Passed, Skipped]), Skipped);
        assert_eq!(State::together([Skipped, Failed, Passed]), Failed);
    }

    #[test]
    fn a_list_says_how_much_longer_it_is() {
        let list = Bounded::new(3).and(0..2, |it| it).and(0..10, |it| it * 10);
        assert_eq!((list.items.as_slice(), list.more, list.total()), (&[0, 1, 0][..], 9, 12));
        assert_eq!(Bounded::new(3).and(0..3, |it| it).more, 0);
        let shown = std::cell::Cell::new(0);
        drop(Bounded::new(2).and(0..9, |_| shown.set(shown.get() + 1)));
        assert_eq!(shown.get(), 2, "what is not shown is not made either");
    }
}
