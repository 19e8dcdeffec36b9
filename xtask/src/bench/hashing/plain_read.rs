//! What no hasher can be quicker than: reading the same bytes with all cores, and nothing else.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::bench::machine;
use crate::failure::{Context, Outcome};

/// What one `read` asks for.
const PIECE: u64 = 1 << 20;
/// What a thread takes at once, so that all of them share a single file too.
const STRETCH: u64 = 64 * PIECE;

/// Part of a file.
struct Stretch<'a> {
    path: &'a Path,
    offset: u64,
    length: u64,
}

/// Seconds to open and read all `files` with a thread for each core, 1 MiB at a time.
pub(super) fn seconds(files: &[PathBuf]) -> Outcome<f64> {
    let stretches = stretches(files).during(|| "cannot ask for the size of a file".to_owned())?;
    let begin = Instant::now();
    read_all(&stretches).during(|| "cannot read a file".to_owned())?;
    Ok(begin.elapsed().as_secs_f64())
}

fn stretches(files: &[PathBuf]) -> io::Result<Vec<Stretch<'_>>> {
    let mut all = Vec::new();
    for path in files {
        let size = path.metadata()?.len();
        let mut offset = 0;
        while offset < size {
            let length = STRETCH.min(size - offset);
            all.push(Stretch { path, offset, length });
            offset += length;
        }
    }
    Ok(all)
}

/// Reads the stretches and gives the bytes that were read.
fn read_all(stretches: &[Stretch<'_>]) -> io::Result<u64> {
    let next = AtomicUsize::new(0);
    let work = || -> io::Result<u64> {
        let mut buffer = vec![0; usize::try_from(PIECE).map_err(io::Error::other)?];
        let mut total = 0;
        while let Some(stretch) = stretches.get(next.fetch_add(1, Ordering::Relaxed)) {
            total += read(stretch, &mut buffer)?;
        }
        Ok(total)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..machine::cores()).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked"))))
            .sum()
    })
}

fn read(stretch: &Stretch<'_>, buffer: &mut [u8]) -> io::Result<u64> {
    let file = File::open(stretch.path)?;
    let mut done = 0;
    while done < stretch.length {
        let wanted = usize::try_from(stretch.length - done).unwrap_or(usize::MAX).min(buffer.len());
        match file.read_at(&mut buffer[..wanted], stretch.offset + done)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            got => done += got as u64,
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_every_file_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let sizes = [0, 1, PIECE + 1, STRETCH, 2 * STRETCH + 5];
        let files: Vec<PathBuf> = sizes
            .iter()
            .enumerate()
            .map(|(index, size)| {
                let path = folder.path().join(index.to_string());
                File::create(&path).unwrap().set_len(*size).unwrap();
                path
            })
            .collect();
        let stretches = stretches(&files).unwrap();
        assert_eq!(stretches.len(), 1 + 1 + 1 + 3);
        assert_eq!(read_all(&stretches).unwrap(), sizes.iter().sum::<u64>());
        // A file that was cut short is an error, not a quick read.
        File::create(&files[4]).unwrap();
        assert_eq!(read_all(&stretches).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
