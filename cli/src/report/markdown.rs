//! Markdown for the summary of a CI step (GitHub Flavored Markdown 0.29).
//!
//! Whatever came from outside stands in code spans. Nothing in one has a meaning: no link, no mention, no picture, no HTML, no
//! emphasis. A table would give the bar one, in code spans too, so there are lists and no tables.

use std::fmt::Write as _;

use super::shown::Shown;
use super::summary::{Bounded, State, Summary, Verdict};

/// The most lines of one list: a summary has a limit (GitHub: 1 MiB for all of them), and a reader, too.
const MOST: usize = 50;

/// The document.
pub(super) fn render(summary: &Summary) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(summary, &mut out);
    out
}

fn write_all(summary: &Summary, out: &mut String) -> std::fmt::Result {
    let sign = match summary.verdict {
        Verdict::Verified => "✅",
        Verdict::Refused => "❌",
        Verdict::Undecided => "⚠️",
    };
    writeln!(out, "## {sign} {}: {}\n", summary.verdict.word(), code(&summary.title()))?;
    if let Some(refusal) = &summary.refusal {
        writeln!(
            out,
            "**{}** (exit code {}, {}): {}\n",
            refusal.code,
            refusal.exit,
            refusal.meaning,
            code(&refusal.message)
        )?;
        for cause in &refusal.causes {
            writeln!(out, "- Cause: {}", code(cause))?;
        }
        for hint in &refusal.hint {
            writeln!(out, "- What to do: {}", code(hint))?;
        }
        out.push('\n');
    }
    for signer in &summary.signers {
        writeln!(out, "- Signed by: {}", code(&signer.who))?;
        for fact in &signer.facts {
            writeln!(out, "  - {}: {}", fact.label, code(&fact.value))?;
        }
    }
    if let Some(model) = &summary.model {
        writeln!(out, "- Files: {}", code(&model.files))?;
        if let Some(identity) = &model.identity {
            writeln!(out, "- Identity: {}", code(identity))?;
        }
    }
    list(out, "What differs", &summary.differences, |it| format!("{}: {}", code(&it.path), code(&it.what)))?;
    for group in &summary.groups {
        writeln!(out, "\n### {}\n", group.title)?;
        for check in &group.checks {
            let sign = match check.state {
                State::Passed => "✅",
                State::Failed => "❌",
                State::Skipped => "⬜",
            };
            let (name, state) = (code(&check.name), check.state.word());
            writeln!(out, "- {sign} {name} {state}: {}", code(&check.detail))?;
        }
        for fact in &group.facts {
            writeln!(out, "- {}: {}", fact.label, code(&fact.value))?;
        }
    }
    list(out, "Beside the proven files", &summary.unproven, |it| {
        format!("{}: {}", code(&it.path), code(&it.what))
    })?;
    let warnings = Bounded::new(MOST).and(&summary.warnings, |warning| warning);
    list(out, "Warnings", &warnings, |warning| code(warning))?;
    writeln!(out, "\nAgain: {}\n", code(&summary.command))?;
    writeln!(out, "{} by `lacre {}`", code(&summary.at), env!("CARGO_PKG_VERSION"))
}

fn list<T>(
    out: &mut String,
    title: &str,
    list: &Bounded<T>,
    line: impl Fn(&T) -> String,
) -> std::fmt::Result {
    if list.total() == 0 {
        return Ok(());
    }
    writeln!(out, "\n### {title}\n")?;
    for item in list.items.iter().take(MOST) {
        writeln!(out, "- {}", line(item))?;
    }
    let more = list.total() - list.items.len().min(MOST);
    if more > 0 { writeln!(out, "- and {more} more") } else { Ok(()) }
}

/// A code span (`CommonMark` 0.31, section 6.1): between more backticks than stand together inside.
fn code(text: &Shown) -> String {
    let text = text.as_str();
    if text.is_empty() {
        return "(nothing)".to_owned();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // One space on both sides is taken off again, and needed where a backtick would join the fence.
    let at_the_ends = |c| text.starts_with(c) || text.ends_with(c);
    // Nothing is taken off where there are only spaces.
    let spaces = at_the_ends(' ') && !text.trim_matches(' ').is_empty();
    let pad = if at_the_ends('`') || spaces { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Event, Options, Parser};

    use super::*;

    /// What a reader of Markdown makes of a span in the middle of a line: that text, and nothing else.
    #[test]
    fn a_code_span_holds_any_text() {
        for text in [
            "plain",
            "`",
            "``",
            "a`b``c",
            "`x",
            "x`",
            " ",
            "  ",
            " x",
            "x ",
            " x ",
            "a|b",
            r"\",
            r"\|",
            r"`\`",
            "[a](https://e.test)",
            "<b>",
            "&amp;",
            "@org/team",
            "https://e.test",
            "![x](y)",
            "$x$",
            "---",
            "# x",
            "- x",
            "| a | b |",
            "</code>",
            "<!-- -->",
            "😀:x:",
        ] {
            let line = format!("- x {} y", code(&Shown::of(text)));
            let events: Vec<_> = Parser::new_ext(&line, Options::all()).collect();
            let codes: Vec<_> = events
                .iter()
                .filter_map(|event| if let Event::Code(code) = event { Some(code.as_ref()) } else { None })
                .collect();
            assert_eq!(codes, [text], "{line}");
            let others: String = events
                .iter()
                .filter_map(|event| if let Event::Text(text) = event { Some(text.as_ref()) } else { None })
                .collect();
            assert_eq!(others, "x  y", "{line}: {events:?}");
        }
        assert_eq!(code(&Shown::of("")), "(nothing)");
    }
}
