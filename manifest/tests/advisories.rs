//! Known failures of other tools, each by its name: the same attack on names of files. docs/ADVISORIES.md lists all.

#![allow(clippy::unwrap_used, reason = "a broken test must fail")]

use lacre_manifest::EntryPath;

/// A name has one spelling: what would have to be normalised is refused, so that no two spellings are one file.
#[test]
fn cve_2021_41087_names_have_one_spelling() {
    for good in ["foo", "foo/bar", "foo.bar", "...", "foo/..bar", " foo"] {
        assert_eq!(EntryPath::parse(good).unwrap().as_str(), good);
    }
    for other in [
        "./foo",
        "foo/",
        "foo//bar",
        "foo/.",
        "foo/./bar",
        "foo/../foo",
        "../foo",
        "/foo",
        "//foo",
        "",
        ".",
        "..",
        "foo\\bar",
        "foo\0",
    ] {
        assert_eq!(EntryPath::parse(other).unwrap_err().code(), "E-PATH", "{other:?}");
    }
    // Names that differ are different, whatever a file system makes of them.
    assert_ne!(EntryPath::parse("foo").unwrap(), EntryPath::parse("FOO").unwrap());
}
