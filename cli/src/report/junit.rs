//! `JUnit`'s XML: a test case for each check.
//!
//! There is no standard. What is written here is what Jenkins, GitLab and GitHub's readers agree on: `testsuites`,
//! `testsuite` with its counts, `testcase` with `failure`, `error` or `skipped`. A check that failed because nothing could be
//! decided is an `error`, any other one a `failure`.

use askama::Template;

use super::shown::Shown;
use super::summary::{Group, State, Summary, Verdict};
use crate::error::CliError;

#[derive(Template)]
#[template(path = "junit.xml")]
struct Junit<'a> {
    summary: &'a Summary,
    failures: usize,
    errors: usize,
    /// `failure` or `error`.
    element: &'static str,
    code: &'static str,
    /// What stands in it: the message, causes, differences, and the remedy.
    told: Vec<Shown>,
}

impl Junit<'_> {
    fn failures_of(&self, group: &Group) -> usize {
        if self.element == "failure" { group.count(State::Failed) } else { 0 }
    }

    fn errors_of(&self, group: &Group) -> usize {
        group.count(State::Failed) - self.failures_of(group)
    }
}

/// The document.
pub(super) fn render(summary: &Summary) -> Result<String, CliError> {
    let failed = summary.count(State::Failed);
    let (element, failures, errors) = match summary.verdict {
        Verdict::Undecided => ("error", 0, failed),
        Verdict::Refused | Verdict::Verified => ("failure", failed, 0),
    };
    let mut told = Vec::new();
    if let Some(refusal) = &summary.refusal {
        told.push(Shown::from(format!("{}: {}", refusal.code, refusal.message)));
        told.extend(refusal.causes.iter().map(|cause| Shown::from(format!("cause: {cause}"))));
        let differences = summary.differences.items.iter();
        told.extend(differences.map(|it| Shown::from(format!("{}: {}", it.path, it.what))));
        if summary.differences.more > 0 {
            told.push(Shown::from(format!("and {} more", summary.differences.more)));
        }
        told.extend(refusal.hint.iter().map(|hint| Shown::from(format!("hint: {hint}"))));
    }
    let code = summary.refusal.as_ref().map_or("", |refusal| refusal.code);
    super::filled(&Junit { summary, failures, errors, element, code, told })
}
