//! Bundles that were made to cost: what it takes to refuse each.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use super::Stand;
use crate::bench::measure::{self, Ending, Sample};
use crate::cache;
use crate::failure::{Context, Failure, Outcome};
use crate::say;

/// Entries of a log, and a megabyte of brackets.
const ENTRIES: usize = 100_000;
const NESTED: usize = 1_000_000;
const BLANKS: usize = 200_000_000;
const GIGABYTE: u64 = 1_000_000_000;

/// What a bundle cost before it was refused.
pub(super) struct Row {
    pub(super) title: &'static str,
    /// Bytes of the file.
    pub(super) bytes: u64,
    pub(super) code: String,
    pub(super) cost: Sample,
}

type Maker = fn(&Stand, &mut dyn Write) -> Outcome;

const BUNDLES: [(&str, Maker); 7] = [
    ("10⁵ log entries, each a copy of the good one", |stand, out| {
        let bundle = fs::read_to_string(&stand.signature).during(reading)?;
        let (before, entry, after) = entry_in(&bundle)
            .ok_or_else(|| Failure::new("the bundle has no log entry that could be repeated"))?;
        write_all(out, before.as_bytes())?;
        for number in 0..ENTRIES {
            write_all(out, if number == 0 { b"" } else { b"," })?;
            write_all(out, entry.as_bytes())?;
        }
        write_all(out, after.as_bytes())
    }),
    ("10⁵ log entries `{}` in the good bundle", |stand, out| {
        let bundle = fs::read_to_string(&stand.signature).during(reading)?;
        let (before, _, after) = entry_in(&bundle)
            .ok_or_else(|| Failure::new("the bundle has no log entry that could be replaced"))?;
        write_all(out, format!("{before}{}{after}", vec!["{}"; ENTRIES].join(",")).as_bytes())
    }),
    ("200 MB of white space in an object", |_, out| {
        write_all(out, b"{")?;
        repeat(out, b' ', BLANKS)?;
        write_all(out, b"}")
    }),
    ("200 MB of white space behind the good bundle", |stand, out| {
        let bundle = fs::read(&stand.signature).during(reading)?;
        write_all(out, &bundle)?;
        repeat(out, b' ', BLANKS)
    }),
    ("10⁶ arrays in each other", |_, out| {
        repeat(out, b'[', NESTED)?;
        repeat(out, b']', NESTED)
    }),
    ("10⁶ arrays in each other, as a member of the good bundle", |stand, out| {
        let bundle = fs::read_to_string(&stand.signature).during(reading)?;
        let rest = bundle.strip_prefix('{').ok_or_else(|| Failure::new("the bundle is no object"))?;
        write_all(out, b"{\"a\":")?;
        repeat(out, b'[', NESTED)?;
        repeat(out, b']', NESTED)?;
        write_all(out, format!(",{rest}").as_bytes())
    }),
    ("a string of 1 GB", |_, out| {
        write_all(out, b"{\"mediaType\":\"")?;
        for _ in 0..GIGABYTE / 1_000_000 {
            repeat(out, b'x', 1_000_000)?;
        }
        write_all(out, b"\"}")
    }),
];

/// Each bundle, refused `runs` times.
pub(super) fn rows(stand: &Stand, runs: usize) -> Outcome<Vec<Row>> {
    let folder = stand.scratch.join("hostile");
    cache::empty(&folder)?;
    BUNDLES.iter().map(|(title, maker)| row(stand, &folder.join("bundle.sig"), title, *maker, runs)).collect()
}

fn row(stand: &Stand, path: &Path, title: &'static str, maker: Maker, runs: usize) -> Outcome<Row> {
    say::note(format!("refusing {title}"));
    let writing = || format!("cannot write {}", path.display());
    let mut out = BufWriter::new(File::create(path).during(writing)?);
    maker(stand, &mut out)?;
    out.flush().during(writing)?;
    drop(out);
    let bytes = fs::metadata(path).during(writing)?.len();
    let words = stand.verify_by(path);
    let mut samples = Vec::new();
    let mut refused_with = None;
    for round in 0..=runs {
        match measure::attempt(&stand.scratch, &words)? {
            Ending::Done(_) => return Err(Failure::new(format!("{title} was accepted"))),
            Ending::Refused { code, sample, .. } => {
                refused_with = Some(code);
                // The first warms up.
                if round > 0 {
                    samples.push(sample);
                }
            }
        }
    }
    fs::remove_file(path).during(writing)?;
    Ok(Row { title, bytes, code: refused_with.unwrap_or_default(), cost: measure::typical(&samples) })
}

/// The bundle before its one log entry, the entry, and the rest. Lacre writes no white space.
fn entry_in(bundle: &str) -> Option<(&str, &str, &str)> {
    let (_, rest) = bundle.split_once("\"tlogEntries\":[")?;
    let begin = bundle.len() - rest.len();
    let mut depth = 0_usize;
    let end = rest.find(|letter| {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth == 0
    })?;
    let end = begin + end + 1;
    Some((&bundle[..begin], &bundle[begin..end], &bundle[end..]))
}

fn reading() -> String {
    "cannot read the good bundle".to_owned()
}

fn write_all(out: &mut dyn Write, bytes: &[u8]) -> Outcome {
    out.write_all(bytes).during(|| "cannot write a hostile bundle".to_owned())
}

fn repeat(out: &mut dyn Write, byte: u8, times: usize) -> Outcome {
    let block = vec![byte; times.min(1 << 20)];
    let mut left = times;
    while left > 0 {
        let part = left.min(block.len());
        write_all(out, &block[..part])?;
        left -= part;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_is_cut_out_whole() {
        let bundle = r#"{"m":{"tlogEntries":[{"a":{"b":"c"},"d":[]}],"x":1}}"#;
        let (before, entry, after) = entry_in(bundle).unwrap();
        assert_eq!(entry, r#"{"a":{"b":"c"},"d":[]}"#);
        assert_eq!(format!("{before}{entry}{after}"), bundle);
        assert_eq!(entry_in("{}"), None);
    }
}
