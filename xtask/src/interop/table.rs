//! The table: from lines of results, from a document, and back into one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::failure::{Context, Failure, Outcome};

/// In the order of the columns.
const DIRECTIONS: [&str; 2] = ["from-lacre", "to-lacre"];
const HEAD: &str = "| with | signed by | Lacre signs, it verifies | it signs, Lacre verifies |";
/// Nothing was tried.
const NOTHING: &str = "–";

/// What was found, by peer and way to sign.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    rows: BTreeMap<(String, String), [Option<Cell>; 2]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cell {
    yes: bool,
    note: Option<String>,
}

impl Table {
    /// Reads the lines that tests have written.
    pub(super) fn of_lines(lines: &str) -> Outcome<Self> {
        let mut table = Self::default();
        for line in lines.lines() {
            let odd = || Failure::new(format!("not a result of a test: {line}"));
            let value: Value = serde_json::from_str(line).during(|| "a result is no JSON".to_owned())?;
            let text = |name: &str| value[name].as_str().map(str::to_owned);
            let (Some(peer), Some(way), Some(direction)) = (text("peer"), text("way"), text("direction"))
            else {
                return Err(odd());
            };
            let at = DIRECTIONS.iter().position(|known| *known == direction).ok_or_else(odd)?;
            let yes = match text("result").as_deref() {
                Some("yes") => true,
                Some("no") => false,
                _ => return Err(odd()),
            };
            let cell = Cell { yes, note: text("note") };
            let place = &mut table.rows.entry((peer, way)).or_default()[at];
            match place {
                Some(known) if *known != cell => {
                    return Err(Failure::new(format!("two tests disagree: {line}")));
                }
                _ => *place = Some(cell),
            }
        }
        Ok(table)
    }

    /// Reads the rows of a document, without their notes. Other text is passed over.
    pub(super) fn of_document(text: &str) -> Self {
        let mut table = Self::default();
        let rows = text.lines().skip_while(|line| *line != HEAD).skip(2);
        for line in rows.take_while(|line| line.starts_with('|')) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [peer, way, from, to] = cells[..] else { continue };
            let cell = |text: &str| match text.split('[').next().map(str::trim) {
                Some("yes") => Some(Cell { yes: true, note: None }),
                Some("no") => Some(Cell { yes: false, note: None }),
                _ => None,
            };
            table.rows.insert((peer.to_owned(), way.to_owned()), [cell(from), cell(to)]);
        }
        table
    }

    /// The cells that `found` does not bear out: missing there, or yes here and no there.
    pub(super) fn not_in(&self, found: &Self) -> Vec<String> {
        let mut lost = Vec::new();
        for ((peer, way), cells) in &self.rows {
            let now = found.rows.get(&(peer.clone(), way.clone()));
            for (at, direction) in DIRECTIONS.iter().enumerate() {
                let said = cells[at].as_ref().map(|cell| cell.yes);
                let is = now.and_then(|cells| cells[at].as_ref()).map(|cell| cell.yes);
                let why = match (said, is) {
                    (Some(_), None) => "no test has found it",
                    (Some(true), Some(false)) => "it is refused now",
                    _ => continue,
                };
                lost.push(format!("{peer}, {way}, {direction}: {why}"));
            }
        }
        lost
    }

    /// The whole document.
    pub(super) fn document(&self, versions: &[[String; 3]]) -> String {
        let mut text = format!("{INTRODUCTION}\n{HEAD}\n|---|---|---|---|\n");
        let mut notes: Vec<&str> = Vec::new();
        for ((peer, way), cells) in &self.rows {
            let _ = write!(text, "| {peer} | {way} |");
            for cell in cells {
                let _ = match cell {
                    None => write!(text, " {NOTHING} |"),
                    Some(Cell { yes, note }) => {
                        let word = if *yes { "yes" } else { "no" };
                        let number = note.as_deref().map(|note| number_of(note, &mut notes));
                        let number =
                            number.map(|number| format!(" [{number}](#{number})")).unwrap_or_default();
                        write!(text, " {word}{number} |")
                    }
                };
            }
            text.push('\n');
        }
        text.push('\n');
        for (at, note) in notes.iter().enumerate() {
            let number = at + 1;
            let _ = writeln!(text, "{number}. <a id=\"{number}\"></a>{note}");
        }
        let _ = write!(text, "{SUITES}{VERSIONS}");
        for [name, version, origin] in versions {
            let _ = writeln!(text, "| {name} | {version} | {origin} |");
        }
        text
    }
}

/// The number of a note, which is the same wherever the same is said.
fn number_of<'a>(note: &'a str, notes: &mut Vec<&'a str>) -> usize {
    let known = notes.iter().position(|known| *known == note);
    known.unwrap_or_else(|| {
        notes.push(note);
        notes.len() - 1
    }) + 1
}

const INTRODUCTION: &str = "\
# Who reads whose signatures

`cargo xtask test` and `cargo xtask interop` write this file: each cell is what a test has just seen, with the programs
named below, against a Sigstore on the same machine. A change that makes a cell untrue fails the run.

**yes**: what one side signed, both accepted; then the content was changed, and both refused it. **no**: it was refused, and
the note says why. –: nothing was tried.

`model_signing` compares files. The others know statements and digests: they were asked whether the signed statement is
about the root digest of the model as it lies there (`lacre sign --dry-run` prints it). \"Message\" is a signature over a
plain file, which is nothing that Lacre makes or takes for a model: the unpublished `sigstore-conformance` speaks for its
Sigstore layer.
";

const SUITES: &str = "
## The Update Framework

What channels are made of. python-tuf and Lacre read what the other wrote, with all keys changed on the way; what they must
refuse afterwards they refuse.

| suite | asked of | passed |
|---|---|---|
| tuf-conformance 2.4.0 | `conformance/src/bin/tuf_conformance.rs` | 113 of 113 |

The suite is no package, so no run fetches it, and this row alone is not written by one: `conformance/src/tuf.rs` says how to
run it. What every run has is a test for each of its classes, in `release/tests/tuf/conformance`.
";

const VERSIONS: &str = "
## What was met

| program | version | from |
|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"{"peer":"p","way":"key","direction":"to-lacre","result":"no","note":"because"}
{"peer":"p","way":"key","direction":"from-lacre","result":"yes","note":null}
{"peer":"a","way":"x","direction":"from-lacre","result":"no","note":"because"}
"#;

    #[test]
    fn a_document_is_read_as_it_was_written() {
        let found = Table::of_lines(LINES).unwrap();
        let text = found.document(&[["p".to_owned(), "1".to_owned(), "here".to_owned()]]);
        assert!(
            text.contains(
                "\n| a | x | no [1](#1) | – |\n| p | key | yes | no [1](#1) |\n\n1. <a id=\"1\"></a>because\n"
            ),
            "{text}"
        );
        assert!(text.ends_with("\n| p | 1 | here |\n"), "{text}");
        let read = Table::of_document(&text);
        assert_eq!(read.rows.len(), 2);
        assert_eq!(read.not_in(&found), Vec::<String>::new());
        assert_eq!(found.document(&[]), Table::of_lines(LINES).unwrap().document(&[]));
    }

    #[test]
    fn what_was_said_must_still_be_so_and_more_may() {
        let said = Table::of_document(&Table::of_lines(LINES).unwrap().document(&[]));
        let lost = |lines: &str| said.not_in(&Table::of_lines(lines).unwrap());
        let worse = LINES.replacen("\"yes\"", "\"no\"", 1);
        assert_eq!(lost(&worse), ["p, key, from-lacre: it is refused now"]);
        let (_, fewer) = LINES.split_once('\n').unwrap();
        assert_eq!(lost(fewer), ["p, key, to-lacre: no test has found it"]);
        let better = LINES.replacen("\"no\"", "\"yes\"", 1);
        assert!(lost(&better).is_empty());
        let more = format!("{LINES}{}", LINES.replace("\"p\"", "\"q\"").replace("\"a\"", "\"b\""));
        assert!(lost(&more).is_empty());
    }

    #[test]
    fn what_is_no_result_is_not_taken_for_one() {
        for bad in ["{}", "no", r#"{"peer":"p","way":"w","direction":"up","result":"yes"}"#] {
            assert!(Table::of_lines(bad).is_err(), "{bad}");
        }
        let both = format!("{LINES}{}", LINES.replace("because", "otherwise"));
        assert!(Table::of_lines(&both).is_err());
        assert!(Table::of_lines(&LINES.repeat(2)).is_ok());
    }
}
