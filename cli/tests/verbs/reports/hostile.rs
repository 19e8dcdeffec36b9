//! Names that attack whoever reads a report: a terminal, a browser, an XML parser, a renderer of Markdown, a template.

use crate::bench::{Bench, Said};

/// A name that can be signed: it holds no control character.
pub(super) const NAME: &str = "org/</title><script>alert(1)</script>\"'><img src=x onerror=alert(2)>]]>&amp;&#60;{{7*7}}{% raw %}\
    \u{202e}gpj\u{2066}\u{200b}\u{feff}`b`[x](https://e.test)@org/team https://e.test |c|\u{ffff}";

/// Paths of files, with all that a file system takes.
pub(super) const FILES: [&str; 9] = [
    "<script>alert(3)</script>.bin",
    "\"onmouseover=\"alert(4)",
    "a\u{202e}gpj.exe",
    "b\u{1b}]0;owned\u{7}\u{1b}[2Jc",
    "d\n## e\n<testcase\r/f",
    "]]><failure",
    "{{ summary }}{% include x %}",
    "`x`](ftp:e.test)|y",
    "\u{fffe}\u{ffff}\u{9b}31mz",
];

/// The folder of the model, and the key's file.
pub(super) const MODEL: &str = "<i>M'\u{2067}";
pub(super) const KEY: &str = "k<b>&\".pub";

/// What stands in a report in place of each name, written down by hand.
pub(super) const SHOWN: [&str; 11] = [
    r#"org/</title><script>alert(1)</script>"'><img src=x onerror=alert(2)>]]>&amp;&#60;{{7*7}}{% raw %}\u{202e}gpj\u{2066}\u{200b}\u{feff}`b`[x](https://e.test)@org/team https://e.test |c|\u{ffff}"#,
    r"<script>alert(3)</script>.bin",
    r#""onmouseover="alert(4)"#,
    r"a\u{202e}gpj.exe",
    r"b\u{1b}]0;owned\u{7}\u{1b}[2Jc",
    r"d\n## e\n<testcase\r/f",
    r"]]><failure",
    r"{{ summary }}{% include x %}",
    r"`x`](ftp:e.test)|y",
    r"\u{fffe}\u{ffff}\u{9b}31mz",
    r#"k<b>&".pub"#,
];

/// A bench with a model of such names, signed under such a name.
pub(super) fn signed() -> Bench {
    bench(NAME, MODEL, KEY, &FILES)
}

/// The same with names that mean nothing to anybody.
pub(super) fn harmless() -> Bench {
    bench("org/m", "M", "k.pub", &["0", "1", "2", "3", "4", "5", "6", "7", "8"])
}

fn bench(name: &str, model: &str, key: &str, files: &[&str]) -> Bench {
    let bench = Bench::new();
    bench.key("k");
    std::fs::rename(bench.path("k.pub"), bench.path(key)).unwrap();
    for file in files {
        bench.write(format!("{model}/{file}"), file.as_bytes());
    }
    let said = bench.args(["sign", model, "--key", "k.key", "--name", name, "--version", "1"]);
    assert_eq!(said.exit, Some(0), "{said:?}");
    bench
}

/// Verifies the model of [`signed`].
pub(super) fn verify(bench: &Bench, more: &[&str]) -> Said {
    bench.args(["verify", MODEL, "--key", KEY].iter().chain(more))
}

/// Changes every file, so that a report has to name each of them.
pub(super) fn spoil(bench: &Bench, model: &str, files: &[&str]) {
    for file in files {
        bench.write(format!("{model}/{file}"), b"other");
    }
}

/// Asserts that `text` holds no character that a reader would obey without seeing it. The characters are written down anew
/// here, from Unicode's list of bidirectional controls and the general categories Cc and Cf of the names above.
pub(super) fn is_visible(text: &str) {
    let hidden = |c: char| {
        (c.is_control() && c != '\n')
            || "\u{61c}\u{200b}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}"
                .contains(c)
            || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    let found: Vec<_> = text.chars().filter(|c| hidden(*c)).collect();
    assert!(found.is_empty(), "{found:?} in {text}");
}

#[test]
fn the_terminal_sees_nothing_hidden_either() {
    let bench = signed();
    let said = verify(&bench, &["-v"]);
    assert_eq!(said.exit, Some(0), "{said:?}");
    is_visible(&said.stdout);
    assert!(said.stdout.contains(SHOWN[0]), "{said:?}");
    spoil(&bench, MODEL, &FILES);
    let said = verify(&bench, &["-v"]);
    assert_eq!(said.exit, Some(1), "{said:?}");
    is_visible(&said.stderr);
}
