//! What is packed is read back, whatever the names; what is altered is refused or is what it says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use lacre_manifest::EntryPath;
use lacre_registry_client::{
    ArchiveFault, ArchiveReader, CODES, Compression, Pack, Packable, PackedLayer, RegistryError, Resized,
};
use lacre_testkit::{Archive, gzip, noise};

type Files = BTreeMap<String, Vec<u8>>;

/// An archive of these files, below `models` if that is wanted.
fn packed(files: &Files, beneath: Option<&'static str>) -> Vec<u8> {
    let packable = |(path, bytes): (&String, &Vec<u8>)| Packable {
        path: EntryPath::parse(path).unwrap(),
        size: bytes.len() as u64,
        mode: 0o644,
    };
    let list = files.iter().map(packable).collect();
    let pack = match beneath {
        Some(beneath) => Pack::beneath(beneath, list, Vec::new()),
        None => Pack::of_files(list),
    };
    let open =
        |path: &EntryPath| Ok(Box::new(Cursor::new(files[path.as_str()].clone())) as Box<dyn Read + 'static>);
    let mut bytes = Vec::new();
    pack.stream(&open).read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, pack.size());
    bytes
}

/// All files of an archive, each read to its end if `take` says so of its path, else passed over.
fn read(
    archive: &[u8],
    compression: Compression,
    beneath: Option<&'static str>,
    take: impl Fn(&str) -> bool,
) -> Result<Files, ArchiveFault> {
    let mut reader = ArchiveReader::new(archive, compression, beneath, 8);
    let mut files = Files::new();
    while let Some(found) = reader.next_file()? {
        let mut content = Vec::new();
        if take(found.path.as_str()) && found.size <= 1 << 20 {
            content.resize(usize::try_from(found.size).unwrap(), 0);
            reader.content(&mut content)?;
        }
        files.insert(found.path.as_str().to_owned(), content);
    }
    Ok(files)
}

fn varied() -> Files {
    let long = format!("{}/{}", "d".repeat(150), "f".repeat(250));
    let names =
        ["a", "-rf", "größe/日本語", "with space", "new\nline", "x/y", "x.json", &"n".repeat(100), &long];
    let sizes = [0, 1, 511, 512, 513, 1024, 70_000, 3, 5];
    names
        .iter()
        .zip(sizes)
        .zip(0..)
        .map(|((name, size), seed)| ((*name).to_owned(), noise(seed, size)))
        .collect()
}

#[test]
fn what_was_packed_is_read() {
    let files = varied();
    for beneath in [None, Some("models")] {
        let archive = packed(&files, beneath);
        assert_eq!(read(&archive, Compression::None, beneath, |_| true).unwrap(), files);
        assert_eq!(read(&gzip(&archive), Compression::Gzip, beneath, |_| true).unwrap(), files);
        // Some are passed over, in either form.
        let some = read(&archive, Compression::None, beneath, |path| path.contains('x')).unwrap();
        let passed_over =
            read(&gzip(&archive), Compression::Gzip, beneath, |path| path.contains('x')).unwrap();
        assert_eq!(some, passed_over);
        assert_eq!((some["x/y"].len(), some["with space"].len()), (1024, 0));
    }
}

#[test]
fn a_file_gives_no_more_than_its_bytes() {
    let archive = Archive::new().file("a", "abc").file("b", "d").finish();
    let mut reader = ArchiveReader::new(archive.as_slice(), Compression::None, None, 2);
    let first = reader.next_file().unwrap().unwrap();
    assert_eq!((first.path.as_str(), first.size, first.at), ("a", 3, Some(512)));
    let (mut part, mut more) = ([0; 2], [0; 2]);
    reader.content(&mut part).unwrap();
    assert_eq!(&part, b"ab");
    assert!(matches!(reader.content(&mut more), Err(ArchiveFault::Truncated)));
    let second = reader.next_file().unwrap().unwrap();
    assert_eq!((second.path.as_str(), second.at), ("b", Some(1536)), "what was not read is passed over");
    assert!(reader.next_file().unwrap().is_none());
}

#[test]
fn every_refusal_has_a_code() {
    let faults = [
        Archive::new().special("l", b'2').finish(),
        Archive::new().file("../x", "").finish(),
        Archive::new().file("a", "").unfinished(),
        Archive::new().head("a", b'0', 1 << 30).finish(),
    ];
    let codes = ["E-ARCHIVE-MEMBER", "E-PATH", "E-ARCHIVE", "E-ARCHIVE"];
    for (archive, code) in faults.iter().zip(codes) {
        let fault = read(archive, Compression::None, None, |_| false).unwrap_err();
        assert_eq!(fault.code(), code);
        assert!(CODES.contains(&fault.code()));
    }
    let outside = Archive::new().file("modelsx/a", "").finish();
    let fault = read(&outside, Compression::None, Some("models"), |_| true).unwrap_err();
    assert_eq!((fault.code(), fault.to_string().as_str()), ("E-PATH", "modelsx/a does not lie in models/"));
}

/// The reasons of a source come through as they are.
#[test]
fn a_source_that_breaks_is_not_a_broken_archive() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
    impl lacre_registry_client::Skip for Broken {
        fn skip(&mut self, _: u64) -> std::io::Result<()> {
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
    for compression in [Compression::None, Compression::Gzip] {
        let fault = ArchiveReader::new(Broken, compression, None, 1).next_file().unwrap_err();
        let ArchiveFault::Read(source) = &fault else { panic!("{fault:?}") };
        assert_eq!((source.kind(), fault.code()), (std::io::ErrorKind::ConnectionReset, "E-UNREADABLE"));
        let descriptor = lacre_registry_client::Descriptor::of("x", b"x");
        let layer = PackedLayer { descriptor, position: 0, compression, beneath: None };
        assert!(matches!(layer.blame(fault), RegistryError::Content { .. }));
        assert_eq!(layer.blame(ArchiveFault::Trailing).code(), "E-ARCHIVE");
    }
    let resized = Resized { path: EntryPath::parse("a").unwrap() };
    assert_eq!(resized.to_string(), "a is of another size than before");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_make_it_panic_or_leave_the_folder(at: proptest::sample::Index, byte: u8, cut: proptest::sample::Index) {
        let whole = packed(&varied(), None);
        let mut changed = whole.clone();
        let at = at.index(changed.len());
        changed[at] = byte;
        let changed = &changed[..changed.len() - cut.index(2) * cut.index(changed.len())];
        match read(changed, Compression::None, None, |_| true) {
            // A head is what it was; contents, and the records of long names, are the signature's to judge.
            Ok(files) => proptest::prop_assert_eq!(files.len(), varied().len()),
            Err(fault) => proptest::prop_assert!(CODES.contains(&fault.code())),
        }
    }

    #[test]
    fn any_names_come_back(names in proptest::collection::btree_set("[a-zé./\\n ]{1,130}", 1..6)) {
        let files: Files = names.into_iter().filter(|name| EntryPath::parse(name).is_ok()).map(|name| (name, vec![1])).collect();
        let archive = packed(&files, None);
        proptest::prop_assert_eq!(read(&archive, Compression::None, None, |_| true).unwrap(), files);
    }
}
