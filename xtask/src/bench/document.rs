//! `docs/BENCHMARKS.md`: six parts, each rewritten by its own command and by nothing else.

use std::fs;
use std::path::Path;

use crate::failure::{Context, Failure, Outcome};
use crate::say;

/// A part of the document.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    MainJob,
    Hashing,
    Keyless,
    Registry,
    Channel,
    Loading,
}

impl Part {
    /// The comments that it stands between.
    fn markers(self) -> [&'static str; 2] {
        match self {
            Self::MainJob => ["<!-- begin: cargo xtask bench -->", "<!-- end: cargo xtask bench -->"],
            Self::Hashing => {
                ["<!-- begin: cargo xtask bench hash -->", "<!-- end: cargo xtask bench hash -->"]
            }
            Self::Keyless => {
                ["<!-- begin: cargo xtask bench keyless -->", "<!-- end: cargo xtask bench keyless -->"]
            }
            Self::Registry => {
                ["<!-- begin: cargo xtask bench registry -->", "<!-- end: cargo xtask bench registry -->"]
            }
            Self::Channel => {
                ["<!-- begin: cargo xtask bench channel -->", "<!-- end: cargo xtask bench channel -->"]
            }
            Self::Loading => {
                ["<!-- begin: cargo xtask bench load -->", "<!-- end: cargo xtask bench load -->"]
            }
        }
    }
}

/// Puts `text` into its part of the document of this checkout.
pub(crate) fn write(checkout: &Path, part: Part, text: &str) -> Outcome {
    let path = checkout.join("docs/BENCHMARKS.md");
    let whole = fs::read_to_string(&path).during(|| format!("cannot read {}", path.display()))?;
    let whole = replaced(&whole, part, text)?;
    fs::write(&path, whole).during(|| format!("cannot write {}", path.display()))?;
    say::note("written to docs/BENCHMARKS.md");
    Ok(())
}

/// The document with `text` as this part; all else is as it was.
fn replaced(whole: &str, part: Part, text: &str) -> Outcome<String> {
    let [begin, end] = part.markers();
    let lost = || {
        Failure::new(format!(
            "docs/BENCHMARKS.md must hold the lines `{begin}` and `{end}`, once, in this order"
        ))
    };
    // Whole lines: a text that speaks of a marker is not one.
    let place = |marker: &str| {
        let line = format!("{marker}\n");
        let mut found = whole
            .match_indices(&line)
            .map(|(at, _)| at)
            .filter(|&at| at == 0 || whole.as_bytes()[at - 1] == b'\n');
        let at = found.next().ok_or_else(lost)?;
        if found.next().is_none() { Ok(at..at + line.len()) } else { Err(lost()) }
    };
    let (begin, end) = (place(begin)?, place(end)?);
    if begin.end > end.start {
        return Err(lost());
    }
    Ok(format!("{}\n{}\n\n{}", &whole[..begin.end], text.trim(), &whole[end.start..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache;

    const WHOLE: &str = "# B\n\n<!-- begin: cargo xtask bench -->\n\nold\n\n<!-- end: cargo xtask bench -->\n\
                         between\n<!-- begin: cargo xtask bench hash -->\n<!-- end: cargo xtask bench hash -->\nlast\n";

    #[test]
    fn a_part_is_replaced_and_all_else_stays() {
        let first = replaced(WHOLE, Part::MainJob, "## new\n").unwrap();
        assert_eq!(first, WHOLE.replace("old", "## new"));
        let second = replaced(&first, Part::Hashing, "## hash").unwrap();
        assert!(
            second.contains("-->\n\n## hash\n\n<!-- end: cargo xtask bench hash -->\nlast\n"),
            "{second}"
        );
        assert!(second.contains("-->\n\n## new\n\n<!-- end: cargo xtask bench -->\nbetween\n"), "{second}");
        // Writing it anew changes nothing more.
        assert_eq!(replaced(&second, Part::Hashing, "## hash").unwrap(), second);
    }

    #[test]
    fn a_document_without_its_markers_is_left_alone() {
        let [begin, end] = Part::MainJob.markers();
        let twice = format!("{WHOLE}{begin}\n");
        let turned = format!("{end}\n{begin}\n");
        let spoken = format!("between `{begin}\n` and `{end}\n`");
        for broken in ["# B\n", &WHOLE.replace(end, ""), &twice, &turned, &spoken] {
            let failure = replaced(broken, Part::MainJob, "new").unwrap_err().to_string();
            assert!(failure.contains(begin) && failure.contains(end), "{failure}");
        }
    }

    #[test]
    fn the_document_of_this_checkout_has_all_parts() {
        let whole = fs::read_to_string(cache::checkout().unwrap().join("docs/BENCHMARKS.md")).unwrap();
        for part in
            [Part::MainJob, Part::Hashing, Part::Keyless, Part::Registry, Part::Channel, Part::Loading]
        {
            assert!(replaced(&whole, part, "new").unwrap().contains("\nnew\n"));
        }
    }
}
