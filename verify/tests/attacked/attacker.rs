//! The attacker: another process that may write to the model and to the folders above its files.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lacre_testkit::tamper;

/// Tells this program that it is the attacker: the model, a folder for its own things, and its seed.
const ORDER: &str = "LACRE_ATTACKER_ORDER";
/// Where it counts, in its own folder.
const COUNT: &str = "count";

/// The attacker's process. It is ended with this value.
pub(crate) struct Attacker {
    child: Child,
    own: PathBuf,
}

impl Attacker {
    /// Starts it, and returns when it has attacked for the first time.
    pub(crate) fn start(model: &Path, own: &Path, seed: u64) -> Self {
        fs::create_dir(own).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "attacker::the_attacker_itself"])
            .env(ORDER, format!("{}\n{}\n{seed}", model.display(), own.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut attacker = Self { child, own: own.to_path_buf() };
        while attacker.attacks() == 0 {
            assert!(attacker.child.try_wait().unwrap().is_none(), "the attacker is dead");
            std::thread::yield_now();
        }
        attacker
    }

    /// The attacks so far.
    pub(crate) fn attacks(&self) -> u64 {
        let mut count = [0; 8];
        match File::open(self.own.join(COUNT)).and_then(|file| file.read_exact_at(&mut count, 0)) {
            Ok(()) => u64::from_le_bytes(count),
            Err(_) => 0,
        }
    }

    /// Has it put everything right, and waits for its end.
    pub(crate) fn stop(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success(), "the attacker failed");
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        // Does nothing to one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What happens in the attacker's own process; in any other, nothing.
#[test]
fn the_attacker_itself() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let words: Vec<&str> = order.lines().collect();
    let (model, own) = (Path::new(words[0]), Path::new(words[1]));
    let mut dice = Dice(words[2].parse().unwrap());
    let is_over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_over);
    // Its input ends when it is to stop, or when whoever started it has died.
    std::thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        told.store(true, Ordering::Relaxed);
    });
    let targets: Vec<Target> =
        crate::scene::FILES.iter().map(|name| Target::new(model.join(name), own)).collect();
    let count = File::create(own.join(COUNT)).unwrap();
    for attacks in 1_u64.. {
        let target = &targets[usize::try_from(dice.below(targets.len() as u64)).unwrap()];
        target.attack(&mut dice);
        count.write_all_at(&attacks.to_le_bytes(), 0).unwrap();
        dice.wait(1500);
        target.restore(&mut dice);
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        dice.wait(15_000);
    }
}

/// A file that is attacked.
struct Target {
    path: PathBuf,
    honest: Vec<u8>,
    hostile: Vec<u8>,
    /// A file outside of the model with hostile bytes of the right size.
    decoy: PathBuf,
    /// A name outside of the model.
    aside: PathBuf,
}

impl Target {
    fn new(path: PathBuf, own: &Path) -> Self {
        let honest = fs::read(&path).unwrap();
        let hostile: Vec<u8> = honest.iter().map(|byte| !byte).collect();
        let name = path.to_str().unwrap().replace('/', "_");
        let (decoy, aside) = (own.join(format!("{name}.decoy")), own.join(name));
        fs::write(&decoy, &hostile).unwrap();
        Self { path, honest, hostile, decoy, aside }
    }

    fn attack(&self, dice: &mut Dice) {
        let size = self.honest.len() as u64;
        let open = || File::options().write(true).open(&self.path).unwrap();
        match dice.below(11) {
            0 => open().write_all_at(&self.hostile, 0).unwrap(),
            1 => {
                let at = dice.below(size);
                let byte = self.hostile[usize::try_from(at).unwrap()];
                open().write_all_at(&[byte], at).unwrap();
            }
            2 => open().set_len(dice.below(size)).unwrap(),
            3 => open().set_len(size + 1 + dice.below(1 << 20)).unwrap(),
            4 => {
                fs::write(&self.aside, &self.hostile).unwrap();
                fs::rename(&self.aside, &self.path).unwrap();
            }
            5 => tamper::replace_by_link(&self.path, &self.decoy),
            6 => {
                tamper::remove(&self.path);
                fs::hard_link(&self.decoy, &self.path).unwrap();
            }
            7 => tamper::remove(&self.path),
            8 => tamper::replace_by_folder(&self.path),
            9 => tamper::replace_by_fifo(&self.path),
            _ => self.attack_folder(&open()),
        }
    }

    /// The folder above, if it is not the model itself, becomes a link to one with a hostile file; else the file goes back and
    /// forth, as quickly as can be.
    fn attack_folder(&self, file: &File) {
        if let Some(folder) = self.folder() {
            let away = self.aside.with_extension("folder");
            fs::rename(&folder, &away).unwrap();
            symlink(&away, &folder).unwrap();
            file.write_all_at(&self.hostile, 0).unwrap();
        } else {
            for bytes in [&self.hostile, &self.honest, &self.hostile, &self.honest] {
                file.write_all_at(bytes, 0).unwrap();
            }
        }
    }

    /// The folder that the file lies in, if it is not the model.
    fn folder(&self) -> Option<PathBuf> {
        let folder = self.path.parent()?;
        folder.ends_with("part").then(|| folder.to_path_buf())
    }

    fn restore(&self, dice: &mut Dice) {
        if let Some(folder) = self.folder()
            && folder.is_symlink()
        {
            fs::remove_file(&folder).unwrap();
            fs::rename(self.aside.with_extension("folder"), &folder).unwrap();
        }
        let is_own = fs::symlink_metadata(&self.path).is_ok_and(|found| found.is_file())
            && !is_same(&self.path, &self.decoy);
        if is_own && dice.below(2) == 0 {
            // In place: whoever holds it open sees it change back.
            let file = File::options().write(true).open(&self.path).unwrap();
            file.write_all_at(&self.honest, 0).unwrap();
            file.set_len(self.honest.len() as u64).unwrap();
            return;
        }
        if self.path.is_dir() && !self.path.is_symlink() {
            fs::remove_dir(&self.path).unwrap();
        }
        fs::write(&self.aside, &self.honest).unwrap();
        fs::rename(&self.aside, &self.path).unwrap();
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let inode = |path: &Path| fs::symlink_metadata(path).map(|found| found.ino()).ok();
    inode(one) == inode(other)
}

/// `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % end
    }

    /// Lets things stand for up to so many microseconds: an attacker who never rests lets no load succeed.
    fn wait(&mut self, microseconds: u64) {
        let until = Instant::now() + Duration::from_micros(self.below(microseconds));
        while Instant::now() < until {
            std::thread::yield_now();
        }
    }
}
