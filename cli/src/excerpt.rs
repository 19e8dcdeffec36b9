//! What stands in a policy where it goes wrong, with the lines around it. All of it is somebody else's text.

use std::fmt;

use lacre_verify::{PolicyFault, Spot};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};

/// Lines that are shown before and behind the place.
const AROUND: usize = 2;
/// Characters that are shown of a line; of a longer one, so many before the place.
const WIDEST: usize = 90;
const BEFORE: usize = 40;
/// Stands for a character that would move a cursor, turn the line or be unseen.
const HIDDEN: char = '\u{fffd}';

/// The lines, if it is known where it goes wrong.
pub(crate) fn lines(fault: &PolicyFault) -> Vec<String> {
    let Some(spot) = &fault.spot else { return Vec::new() };
    let excerpt = Excerpt::of(&fault.path, spot);
    let mut text = String::new();
    let handler =
        GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(2 * WIDEST);
    if handler.with_context_lines(AROUND).render_report(&mut text, &excerpt).is_err() {
        return Vec::new();
    }
    // What is wrong is said already.
    let shown = text.lines().skip_while(|line| !line.contains('╭'));
    shown.map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// A few lines of a text, harmless, and the place in them.
#[derive(Debug)]
struct Excerpt {
    name: String,
    text: String,
    /// Where it goes wrong, in bytes of the excerpt.
    place: SourceSpan,
    /// The line of the first one, from 0.
    first: usize,
    spot: (usize, usize),
}

impl Excerpt {
    fn of(name: &str, spot: &Spot) -> Self {
        let (line, column) = (spot.line.saturating_sub(1), spot.column.saturating_sub(1));
        let first = line.saturating_sub(AROUND);
        let length = spot
            .text
            .get(spot.bytes.clone())
            .map_or(0, |text| text.lines().next().unwrap_or_default().chars().count());
        let mut excerpt = String::new();
        let mut place = SourceSpan::from((0, 0));
        for (number, text) in spot.text.lines().enumerate().skip(first).take(2 * AROUND + 1) {
            let skipped = if number == line { column.saturating_sub(BEFORE) } else { 0 };
            if skipped > 0 {
                excerpt.push('…');
            }
            let begin = excerpt.len();
            let mut rest = text.chars().skip(skipped);
            let shown: String = rest.by_ref().take(WIDEST).map(harmless).collect();
            if number == line {
                let bytes =
                    |characters: usize| shown.chars().take(characters).map(char::len_utf8).sum::<usize>();
                let (from, to) = (bytes(column - skipped), bytes(column - skipped + length));
                place = SourceSpan::from((begin + from, to - from));
            }
            excerpt.push_str(&shown);
            if rest.next().is_some() {
                excerpt.push('…');
            }
            excerpt.push('\n');
        }
        Self { name: name.to_owned(), text: excerpt, place, first, spot: (line, column) }
    }
}

fn harmless(character: char) -> char {
    match character {
        '\t' => ' ',
        '\\' => '\\',
        // What is escaped is longer than it was.
        character if lacre_manifest::escape(character.encode_utf8(&mut [0; 4])).chars().count() > 1 => HIDDEN,
        character => character,
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

impl std::error::Error for Excerpt {}

impl Diagnostic for Excerpt {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(None, self.place))))
    }
}

impl SourceCode for Excerpt {
    /// All of it, whatever is asked for: it is as long as it should be.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        behind: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let bytes = self.text.as_bytes();
        let (span, (line, column)) = match (before, behind) {
            // The place alone: for the headline, which counts from the beginning of the whole text.
            (0, 0) => (*span, self.spot),
            _ => (SourceSpan::from((0, bytes.len())), (self.first, 0)),
        };
        let data = bytes.get(span.offset()..span.offset() + span.len()).ok_or(MietteError::OutOfBounds)?;
        let lines = self.text.lines().count();
        let name = self.name.clone();
        Ok(Box::new(MietteSpanContents::new_named(name, data, span, line, column, lines)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use lacre_verify::{Policy, VerifyError};

    use super::*;

    fn shown(text: &str) -> String {
        let error = Policy::parse(text, Path::new("p.toml")).unwrap_err();
        let VerifyError::PolicyFile(fault) = error else { panic!("{error}") };
        lines(&fault).join("\n")
    }

    #[test]
    fn the_place_is_underlined_with_what_stands_around_it() {
        let shown = shown(
            "version = 1\n[[policy]]\nname = \"x\"\nmdoe = \"warn\"\n[policy.trust]\nx = 1\nlast = 2\n",
        );
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[0].contains("p.toml:4:1"), "{shown}");
        assert!(lines[1].contains("2 │ [[policy]]"), "{shown}");
        let at = lines.iter().position(|line| line.contains("4 │ mdoe")).unwrap();
        assert_eq!(lines[at + 1].trim_start_matches([' ', '·']).chars().next(), Some('─'), "{shown}");
        assert!(!shown.contains("last"), "{shown}");
    }

    #[test]
    fn what_moves_a_cursor_is_not_shown() {
        let shown = shown(
            "version = 1\n# \u{202e}\u{9b}2J\u{200b}\n[[policy]]\nname = \"\u{202e}x\"\n[policy.trust]\n",
        );
        assert!(!shown.contains(['\u{202e}', '\u{9b}', '\u{200b}', '\u{1b}']), "{shown:?}");
        assert!(shown.contains("name = \"\u{fffd}x\""), "{shown}");
    }

    #[test]
    fn of_a_long_line_the_place_is_shown() {
        let long = "y".repeat(4_000);
        let shown =
            shown(&format!("version = 1\npolicy = [{{ name = \"n\", model = [\"{long}\"], oops = 1 }}]\n"));
        assert!(shown.lines().all(|line| line.chars().count() < 2 * WIDEST), "{shown}");
        assert!(shown.contains('…') && shown.contains("], oops = 1 }"), "{shown}");
    }
}
