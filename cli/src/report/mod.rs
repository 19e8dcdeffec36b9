//! What a verification found, written down for those who were not there: a page for people, and formats for pipelines.
//!
//! ```text
//! Found (report, failure, channel, command line) ─► Summary of Shown texts ─► page.html   --report FILE
//!                                                                         └─► junit, sarif, markdown   --format
//! ```
//!
//! Names, paths, identities and messages are an attacker's words. They become [`Shown`](shown::Shown) on their way into a
//! summary, as on their way to a terminal, and each format escapes what means something in it: the templates HTML and XML,
//! `serde_json` JSON, [`markdown`] by code spans. A new section is one more [`Group`](summary::Group).

mod asked;
mod gather;
mod governed;
mod junit;
mod markdown;
mod page;
mod sarif;
mod shown;
mod summary;

use std::fs;
use std::path::{Path, PathBuf};

use askama::Template;
use clap::{Args, ValueEnum};

pub(crate) use asked::Asked;
pub(crate) use gather::Found;
pub(crate) use governed::Governed;

use crate::error::CliError;
use crate::save;
use crate::session::Session;

/// Which reports are wanted.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Write a page about it, also if it fails
    #[arg(long, value_name = "FILE.html", hide_short_help = true, conflicts_with = "every")]
    report: Option<PathBuf>,
    /// Print junit, sarif or markdown instead of text
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        hide_short_help = true,
        hide_possible_values = true,
        conflicts_with_all = ["every", "json"]
    )]
    format: Option<Format>,
}

/// What pipelines read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Junit,
    Markdown,
    Sarif,
}

impl ReportArgs {
    /// Refuses before the work what could not be written after it. `model` is what the report is about.
    pub(crate) fn check(&self, model: &Path, session: &Session) -> Result<(), CliError> {
        let Some(file) = &self.report else { return Ok(()) };
        if file == Path::new("-") {
            return Err(CliError::usage("--report wants a file; --format is for standard output"));
        }
        if is_in(file, model) {
            return Err(CliError::usage("--report must not lie in the model: nothing would prove it there"));
        }
        save::check(file, session.existing())
    }

    /// Writes and gives what is wanted: the bytes are for stdout.
    pub(crate) fn render(&self, found: Found<'_>, session: &Session) -> Result<Option<Vec<u8>>, CliError> {
        if self.report.is_none() && self.format.is_none() {
            return Ok(None);
        }
        let summary = found.summary();
        if let Some(file) = &self.report {
            if session.globals.dry_run {
                session.printer.aside(&format!("would write {}", crate::text::path(file)));
            } else {
                save::write(file, page::render(&summary)?.as_bytes(), session.existing())?;
            }
        }
        let text = match self.format {
            None => return Ok(None),
            Some(Format::Junit) => junit::render(&summary)?,
            Some(Format::Markdown) => markdown::render(&summary),
            Some(Format::Sarif) => sarif::render(&summary)?,
        };
        Ok(Some(text.into_bytes()))
    }
}

/// Whether a file would lie in a folder, whatever both are called.
fn is_in(file: &Path, folder: &Path) -> bool {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (fs::canonicalize(parent), fs::canonicalize(folder)) {
        (Ok(parent), Ok(folder)) => parent.starts_with(folder),
        _ => false,
    }
}

/// A template, filled.
fn filled(template: &impl Template) -> Result<String, CliError> {
    let mut text = template.render().map_err(bug)?;
    text.push('\n');
    Ok(text)
}

/// What cannot happen: it is all written to a string.
fn bug(error: impl std::fmt::Display) -> CliError {
    CliError::Bug { detail: format!("a report could not be written: {error}") }
}
