//! What it costs to load a model, in one process: each way of loading, and the same without any check.
//!
//! ```text
//! cargo run --release --package lacre-verify --example load_cost -- MODEL model.sig release.pub LISTS WAY
//! ```
//!
//! WAY is one of:
//!
//! | way | what is done |
//! |---|---|
//! | `plain-copy` | every file is read into memory, with a thread for each core; no check |
//! | `copy` | the whole model is verified and held in memory, in one pass |
//! | `plain-memfd` | every file is written into a descriptor of memory, with a thread for each core; no check |
//! | `sealed` | the whole model is verified and sealed, in one pass |
//! | `slice` | the first 64 MiB of the first file, proven, from nothing but the folder |
//! | `eighth` | one eighth of each tensor-sized stretch of each file, as a worker of eight wants it |
//! | `verdict` | signature, signer and name, and no content |
//!
//! Prints one line of JSON: seconds on the clock and on the processors, the bytes that were loaded and those that were
//! proven. The folder LISTS keeps chunk lists; `slice` and `eighth` want them there, as verifying leaves them.

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use lacre_verify::{
    ChunkStore, Claim, Hold, Lazy, Limits, Links, LoadOptions, Model, NoProgress, ProvenFile, PublicKey,
    Requirements, Trust, Unverified, Verified,
};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::time::{ClockId, clock_gettime};

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// What one read asks for, as a loader that does not check would.
const PIECE: usize = 1 << 20;
/// A first slice.
const SLICE: u64 = 64 << 20;
/// The matrices that eight workers share; what remains of a file is one more.
const MATRIX: u64 = 128 << 20;

/// What was done.
struct Bytes {
    loaded: u64,
    proven: u64,
}

fn main() -> Done {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [model, signature, key, lists, way] = words.as_slice() else {
        return Err("load_cost MODEL SIGNATURE PUBLIC-KEY LISTS WAY".into());
    };
    let key = PublicKey::from_pem(&std::fs::read_to_string(key)?)?;
    let job = Job {
        model: model.into(),
        signature: signature.into(),
        requirements: Requirements::new(Trust::keys([key])?),
        lists: ChunkStore::at(lists.into()),
        options: LoadOptions::new(),
    };
    let (begin, processors) = (Instant::now(), processors());
    let bytes = match way.as_str() {
        "plain-copy" => job.plain_copy()?,
        "plain-memfd" => job.plain_memfd()?,
        "sealed" => job.sealed()?,
        "copy" => job.copy()?,
        "slice" => job.slice()?,
        "eighth" => job.eighth()?,
        "verdict" => job.verdict()?,
        _ => return Err(format!("no such way: {way}").into()),
    };
    let (wall, cpu) = (begin.elapsed().as_secs_f64(), self::processors() - processors);
    let Bytes { loaded, proven } = bytes;
    writeln!(
        io::stdout(),
        "{{\"wall_seconds\":{wall:.6},\"cpu_seconds\":{cpu:.6},\"loaded_bytes\":{loaded},\"proven_bytes\":{proven}}}"
    )?;
    Ok(())
}

/// Seconds that this process had of the processors.
fn processors() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "it has run for seconds")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    seconds
}

struct Job {
    model: PathBuf,
    signature: PathBuf,
    requirements: Requirements,
    lists: ChunkStore,
    options: LoadOptions,
}

impl Job {
    fn opened(&self) -> Done<Unverified<Model>> {
        Ok(Unverified::open(&self.model, Some(&self.signature), Links::Refuse, &self.requirements)?)
    }

    fn lazily(&self) -> Done<Verified<Lazy>> {
        Ok(self.opened()?.verify_lazily(&self.requirements, Some(self.lists.clone()), &self.options)?)
    }

    fn files(&self) -> Done<Vec<PathBuf>> {
        let entries = std::fs::read_dir(&self.model)?.collect::<io::Result<Vec<_>>>()?;
        let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        files.sort();
        Ok(files)
    }

    /// Names, sizes and the signature, and then every file in one pass.
    fn sealed(&self) -> Done<Bytes> {
        let (model, sealed) = self.lazily()?.seal(&self.options)?;
        black_box(model);
        let loaded = sealed.values().map(ProvenFile::size).sum();
        Ok(Bytes { loaded, proven: loaded })
    }

    fn copy(&self) -> Done<Bytes> {
        let model = self.opened()?.verify(&self.requirements, &Hold::Everything, &NoProgress)?;
        let loaded = model.manifest().total_size().unwrap_or(0);
        for (root, list) in model.chunk_lists() {
            self.lists.put(root, list)?;
        }
        Ok(Bytes { loaded, proven: loaded })
    }

    fn slice(&self) -> Done<Bytes> {
        let model = self.lazily()?;
        let first = model.claim().manifest().entries().first().ok_or("no files")?;
        let file = model.file(first.path.as_str())?;
        let bytes = file.bytes(0..SLICE.min(file.size()))?;
        Ok(Bytes { loaded: black_box(bytes).len() as u64, proven: file.proven_bytes() })
    }

    fn eighth(&self) -> Done<Bytes> {
        let model = self.lazily()?;
        let (mut loaded, mut proven) = (0, 0);
        for entry in model.claim().manifest().entries() {
            let file = model.file(entry.path.as_str())?;
            let mut matrix = 0;
            while matrix < file.size() {
                let end = file.size().min(matrix + MATRIX);
                let part = (end - matrix) / 8;
                let start = matrix + 3 * part;
                loaded += black_box(file.bytes(start..start + part)?).len() as u64;
                matrix = end;
            }
            proven += file.proven_bytes();
        }
        Ok(Bytes { loaded, proven })
    }

    fn verdict(&self) -> Done<Bytes> {
        let bundle = std::fs::read(&self.signature)?;
        let claim = Unverified::<Claim>::parse(&bundle, &Limits::default())?.verify(&self.requirements)?;
        black_box(claim.claim().name());
        Ok(Bytes { loaded: 0, proven: 0 })
    }

    fn plain_copy(&self) -> Done<Bytes> {
        let read = |path: &Path| -> io::Result<Vec<u8>> { std::fs::read(path) };
        let copies = on_all_cores(&self.files()?, read)?;
        let loaded = copies.iter().map(|copy| copy.len() as u64).sum();
        black_box(&copies);
        Ok(Bytes { loaded, proven: 0 })
    }

    fn plain_memfd(&self) -> Done<Bytes> {
        let write = |path: &Path| -> io::Result<(File, u64)> {
            let (source, into) = (File::open(path)?, File::from(memfd_create("plain", MemfdFlags::CLOEXEC)?));
            let (mut buffer, mut offset) = (vec![0; PIECE], 0);
            loop {
                let read = source.read_at(&mut buffer, offset)?;
                if read == 0 {
                    return Ok((into, offset));
                }
                into.write_all_at(&buffer[..read], offset)?;
                offset += read as u64;
            }
        };
        let made = on_all_cores(&self.files()?, write)?;
        Ok(Bytes { loaded: made.iter().map(|(_, size)| size).sum(), proven: 0 })
    }
}

/// Does the same with each of the files, on a thread for each core.
fn on_all_cores<T: Send>(
    files: &[PathBuf],
    work: impl Fn(&Path) -> io::Result<T> + Sync,
) -> io::Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let some = || -> io::Result<Vec<T>> {
        let mut made = Vec::new();
        while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            made.push(work(path)?);
        }
        Ok(made)
    };
    let threads = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(some)).collect();
        let mut made = some()?;
        for other in others {
            made.extend(other.join().map_err(|_| io::Error::other("a thread panicked"))??);
        }
        Ok(made)
    })
}
