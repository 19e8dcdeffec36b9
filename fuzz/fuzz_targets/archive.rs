//! Archives of somebody else: only paths inside of the model, every file with exactly its bytes, limits, no panic.

#![no_main]

use lacre_registry_client::{ArchiveFault, ArchiveReader, CODES, Compression};
use libfuzzer_sys::fuzz_target;

/// Files that are wanted.
const FILES: usize = 4;

fuzz_target!(|input: &[u8]| {
    let Some((&how, archive)) = input.split_first() else { return };
    let compression = if how & 1 == 0 { Compression::None } else { Compression::Gzip };
    let beneath = (how & 2 != 0).then_some("models");
    // Read to its end, and passed over: both find the same files.
    let read = files(archive, compression, beneath, true);
    let passed = files(archive, compression, beneath, false);
    assert_eq!(read.as_ref().ok(), passed.as_ref().ok());
    if let Err(error) = read {
        assert!(CODES.contains(&error.code()), "{error:?}");
    }
});

fn files(
    mut archive: &[u8],
    compression: Compression,
    beneath: Option<&'static str>,
    take: bool,
) -> Result<Vec<(String, u64)>, ArchiveFault> {
    let whole = archive;
    let mut reader = ArchiveReader::new(&mut archive, compression, beneath, FILES);
    let mut files = Vec::new();
    while let Some(found) = reader.next_file()? {
        assert!(found.path.components().all(|part| !matches!(part, "" | "." | "..")));
        assert_eq!(found.at.is_some(), compression == Compression::None);
        if take && found.size <= whole.len() as u64 {
            let mut content = vec![0; usize::try_from(found.size).expect("not above the input")];
            reader.content(&mut content)?;
            if let Some(at) = found.at {
                let at = usize::try_from(at).expect("inside of the input");
                assert_eq!(content, whole[at..at + content.len()]);
            }
        }
        files.push((found.path.as_str().to_owned(), found.size));
    }
    Ok(files)
}
