//! Memory that is mapped, filled and sealed here: the one room of this crate whose code is `unsafe`.
//!
//! What leaves it is safe to use in every way that its types allow. Nothing here ever maps a file that another process
//! could change: anonymous memory, and descriptors whose seals say that nobody can write to them any more.

#![allow(unsafe_code, reason = "mmap, mprotect and munmap, and slices of what they map")]

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{SealFlags, fcntl_get_seals};
use rustix::mm::{
    Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, munmap,
};

/// Bytes of a part of [`Parts`]: what one thread fills at a time, and the group of a BLAKE3 tree.
pub(crate) const PART: u64 = lacre_hash::GROUP;

/// The seals after which a descriptor's bytes stay as they are.
pub(crate) const SEALS: SealFlags =
    SealFlags::WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::SEAL);

/// A range of addresses that is mapped, and that nobody but its owner knows; none for no bytes.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the addresses belong to this value alone, as those of a `Box<[u8]>` do, and are not bound to a thread.
unsafe impl Send for Mapping {}
// SAFETY: a shared reference gives nothing but the two fields; what is done with them is up to `Parts` and `Frozen`.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Memory of this process alone, all zeros, which takes room only where it is touched.
    fn anonymous(length: u64) -> io::Result<Self> {
        Self::of(length, |length| {
            let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
            // SAFETY: with no address given, the kernel takes one that is free; nothing that exists is touched.
            unsafe { mmap_anonymous(null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, flags) }
        })
    }

    fn of(
        length: u64,
        map: impl FnOnce(usize) -> rustix::io::Result<*mut core::ffi::c_void>,
    ) -> io::Result<Self> {
        let length = usize::try_from(length).ok().filter(|&length| isize::try_from(length).is_ok());
        let length = length.ok_or(io::ErrorKind::OutOfMemory)?;
        // The kernel maps no empty range.
        let start = if length == 0 { None } else { NonNull::new(map(length)?.cast()) };
        Ok(Self { start: start.unwrap_or(NonNull::dangling()), length })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.length > 0 {
            // SAFETY: the range is what was mapped, and it is unmapped once. References into it borrow from the owner of
            // this value, so none is left. That it fails would leave the memory mapped, which harms nobody.
            let _ = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
        }
    }
}

/// Private memory that is filled part by part, in any order and from several threads, and read where it is filled.
///
/// A part that is done is never written to again; one that is not done is never read.
#[derive(Debug)]
pub(crate) struct Parts {
    mapping: Mapping,
    parts: Box<[Part]>,
}

/// Whoever writes to a part holds its lock, and found it not done while holding it.
#[derive(Debug, Default)]
struct Part {
    lock: Mutex<()>,
    is_done: AtomicBool,
}

impl Parts {
    /// Room for so many bytes. It takes memory only where it is filled.
    ///
    /// # Errors
    /// `OutOfMemory` and what else the kernel says when there are no addresses for it.
    pub(crate) fn new(length: u64) -> io::Result<Self> {
        let mapping = Mapping::anonymous(length)?;
        let parts = (0..length.div_ceil(PART)).map(|_| Part::default()).collect();
        Ok(Self { mapping, parts })
    }

    /// The number of bytes.
    pub(crate) fn size(&self) -> u64 {
        self.mapping.length as u64
    }

    /// The bytes that are the part `index`; empty behind the end.
    pub(crate) fn place(&self, index: u64) -> Range<u64> {
        let length = self.mapping.length as u64;
        let start = index.saturating_mul(PART).min(length);
        start..start.saturating_add(PART).min(length)
    }

    /// Has `fill` write the part `index`, all of it, unless it is done; another thread that wants the same part waits. A
    /// part that `fill` fails on is not done. Nothing where there is no such part.
    pub(crate) fn fill<E>(&self, index: u64, fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<(), E> {
        let Some(part) = usize::try_from(index).ok().and_then(|index| self.parts.get(index)) else {
            return Ok(());
        };
        let filled = self.write(part, &self.place(index), |bytes, is_done| {
            fill(bytes)?;
            is_done.store(true, Ordering::Release);
            Ok(())
        });
        filled.unwrap_or(Ok(()))
    }

    /// Lends the bytes of `place`, which lie in one part, to `write`. Nothing where there is no such place, or where its part
    /// is done.
    pub(crate) fn lend(&self, place: &Range<u64>, write: impl FnOnce(&mut [u8])) -> Option<()> {
        let index = place.start / PART;
        let part = self.place(index);
        if place.start >= place.end || place.end > part.end {
            return None;
        }
        let part = self.parts.get(usize::try_from(index).ok()?)?;
        self.write(part, place, |bytes, _| write(bytes))
    }

    /// Writes `bytes` at `offset`. Nothing where there is no room for them, or a part is done.
    pub(crate) fn put(&self, mut offset: u64, mut bytes: &[u8]) -> Option<()> {
        if offset.checked_add(bytes.len() as u64)? > self.mapping.length as u64 {
            return None;
        }
        while !bytes.is_empty() {
            let room = self.place(offset / PART).end - offset;
            let (now, later) = bytes.split_at(usize::try_from(room).ok()?.min(bytes.len()));
            let end = offset + now.len() as u64;
            self.lend(&(offset..end), |place| place.copy_from_slice(now))?;
            (offset, bytes) = (end, later);
        }
        Some(())
    }

    /// Lends `place`, which lies in `part` and is not empty, to `write`, if that part is not done.
    fn write<R>(
        &self,
        part: &Part,
        place: &Range<u64>,
        write: impl FnOnce(&mut [u8], &AtomicBool) -> R,
    ) -> Option<R> {
        // A panic while it was written to left a part that is not done, which may be written to anew.
        let _alone = part.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if part.is_done.load(Ordering::Acquire) {
            return None;
        }
        #[allow(clippy::cast_possible_truncation, reason = "both are at most the length, which is a usize")]
        let (start, length) = (place.start as usize, (place.end - place.start) as usize);
        if length > self.mapping.length || start > self.mapping.length - length {
            return None;
        }
        // SAFETY: the place lies within the mapping, which is writable and initialised (with zeros).
        let start = unsafe { self.mapping.start.add(start) };
        // One fault for each page costs more than the copying does. That it fails (kernels before 5.14) costs only time. Large
        // pages would be fewer; but where memory is in pieces, the kernel spends up to five times as long on finding them.
        // SAFETY: the range is mapped by this value and may be written to; populating it changes no byte.
        let _ = unsafe { madvise(start.as_ptr().cast(), length, Advice::LinuxPopulateWrite) };
        // SAFETY: as above, and no other reference to any of these bytes exists or comes to be while this one lives: they are
        // of a part whose lock is held and that is not done, `get` gives only parts that are done, and whoever else writes
        // holds the lock.
        let bytes = unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), length) };
        Some(write(bytes, &part.is_done))
    }

    /// The bytes of `range`, if every part that they lie in is done.
    pub(crate) fn get(&self, range: Range<u64>) -> Option<&[u8]> {
        if range.start > range.end || range.end > self.mapping.length as u64 {
            return None;
        }
        if range.start == range.end {
            return Some(&[]);
        }
        let first = usize::try_from(range.start / PART).ok()?;
        let last = usize::try_from((range.end - 1) / PART).ok()?;
        let parts = self.parts.get(first..=last)?;
        if !parts.iter().all(|part| part.is_done.load(Ordering::Acquire)) {
            return None;
        }
        let start = usize::try_from(range.start).ok()?;
        let length = usize::try_from(range.end - range.start).ok()?;
        // SAFETY: the range lies within the mapping, which lives as long as `self`. Each of its parts is done: nobody writes
        // to it any more, and the load above sees all that was written before (release and acquire).
        Some(unsafe { std::slice::from_raw_parts(self.mapping.start.add(start).as_ptr(), length) })
    }

    /// Makes all of it read-only, whatever was filled; the rest are zeros.
    pub(crate) fn freeze(self) -> io::Result<Frozen> {
        let Self { mapping, .. } = self;
        if mapping.length > 0 {
            // SAFETY: the range is this mapping, and nobody else refers to it: `self` was given by value.
            unsafe { mprotect(mapping.start.as_ptr().cast(), mapping.length, MprotectFlags::READ)? };
        }
        Ok(Frozen(mapping))
    }
}

/// Mapped bytes that can only be read: a write to them by this process, however it came to be, is a fault.
#[derive(Debug)]
pub(crate) struct Frozen(Mapping);

impl Frozen {
    /// The bytes of a descriptor that nobody can change any more.
    ///
    /// # Errors
    /// `PermissionDenied` when it lacks one of [`SEALS`]: what others can write to is never mapped.
    pub(crate) fn of_sealed(file: &File) -> io::Result<Self> {
        if !fcntl_get_seals(file)?.contains(SEALS) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mapping = Mapping::of(file.metadata()?.len(), |length| {
            // SAFETY: with no address given, the kernel takes one that is free. By its seals, which cannot be taken away,
            // the file has this length for ever.
            unsafe { mmap(null_mut(), length, ProtFlags::READ, MapFlags::SHARED, file, 0) }
        })?;
        Ok(Self(mapping))
    }
}

impl Deref for Frozen {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping is readable and lives as long as `self`. Nobody writes to it: it is either private memory whose
        // only owner is this value, or a file that is sealed against writing.
        unsafe { std::slice::from_raw_parts(self.0.start.as_ptr(), self.0.length) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// What the kernel says of the mapping that `address` lies in: its length and its permissions.
    fn mapped(address: *const u8) -> Option<(u64, String)> {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().find_map(|line| {
            let mut words = line.split(' ');
            let (start, end) = words.next()?.split_once('-')?;
            let number = |text| u64::from_str_radix(text, 16).unwrap();
            let range = number(start)..number(end);
            let permissions = words.next()?.to_owned();
            range.contains(&(address as u64)).then_some((range.end - range.start, permissions))
        })
    }

    /// Fills a part with this byte.
    fn with(byte: u8) -> impl FnOnce(&mut [u8]) -> Result<(), ()> {
        move |bytes| {
            bytes.fill(byte);
            Ok(())
        }
    }

    fn filled(size: u64) -> Parts {
        let parts = Parts::new(size).unwrap();
        for index in 0..size.div_ceil(PART) {
            let byte = u8::try_from(index + 1).unwrap();
            parts.fill(index, with(byte)).unwrap();
        }
        parts
    }

    #[test]
    fn all_sizes_are_filled_frozen_and_let_go() {
        for size in [0, 1, 4095, 4096, 4097, PART - 1, PART, PART + 1, 3 * PART + 7] {
            let frozen = filled(size).freeze().unwrap();
            let expected: Vec<u8> = (0..size).map(|at| u8::try_from(at / PART + 1).unwrap()).collect();
            assert!(*frozen == *expected, "{size}");
        }
    }

    #[test]
    fn what_is_frozen_cannot_be_written_to_and_ends_with_its_owner() {
        // A size that no other mapping of this process has.
        let size = 41 * PART + 4096;
        let parts = filled(size);
        let address = parts.get(0..1).unwrap().as_ptr();
        assert!(mapped(address).unwrap().1.starts_with("rw"));
        let frozen = parts.freeze().unwrap();
        assert_eq!(mapped(frozen.as_ptr()), Some((size, "r--p".to_owned())));
        drop(frozen);
        assert!(mapped(address).is_none_or(|(length, _)| length != size));
    }

    #[test]
    fn only_parts_that_are_done_are_given_out() {
        let parts = Parts::new(3 * PART).unwrap();
        parts.fill(1, with(7)).unwrap();
        assert!(*parts.get(PART..2 * PART).unwrap() == *vec![7; 1 << 20]);
        assert_eq!(parts.get(PART + 3..PART + 5).unwrap(), [7; 2]);
        for range in
            [0..1, PART - 1..PART + 1, 2 * PART - 1..2 * PART + 1, 0..3 * PART, 3 * PART..3 * PART + 1]
        {
            assert_eq!(parts.get(range.clone()), None, "{range:?}");
        }
        let backwards = std::ops::Range { start: 2 * PART, end: PART };
        for range in [backwards, 0..u64::MAX, u64::MAX..u64::MAX] {
            assert_eq!(parts.get(range), None);
        }
        for empty in [0, PART, 3 * PART] {
            assert_eq!(parts.get(empty..empty), Some(&[][..]));
        }
    }

    #[test]
    fn a_part_that_is_done_is_never_written_to_again() {
        let parts = filled(2 * PART);
        let held = parts.get(0..2 * PART).unwrap();
        let before = held.to_vec();
        parts.fill(0, |_| -> Result<(), ()> { unreachable!("it is done") }).unwrap();
        assert_eq!(parts.put(0, b"x"), None);
        assert_eq!(parts.put(PART - 1, b"xy"), None);
        assert_eq!(parts.lend(&(PART..PART + 1), |_| unreachable!("it is done")), None);
        assert!(*held == *before);
    }

    #[test]
    fn a_part_that_failed_is_not_done_whatever_it_left() {
        let parts = Parts::new(PART).unwrap();
        assert_eq!(
            parts.fill(0, |bytes| {
                bytes.fill(9);
                Err("no")
            }),
            Err("no")
        );
        assert_eq!(parts.get(0..1), None);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _ = parts.fill(0, |_| -> Result<(), ()> { panic!("half way") });
        }));
        assert!(panicked.is_err());
        assert_eq!(parts.get(0..1), None);
        parts.fill(0, with(1)).unwrap();
        assert_eq!(parts.get(0..2), Some(&[1, 1][..]));
    }

    #[test]
    fn places_outside_are_neither_lent_nor_written_to() {
        let size = 2 * PART + 5;
        let parts = Parts::new(size).unwrap();
        let lent = |start, end| {
            let mut length = 0;
            parts.lend(&std::ops::Range { start, end }, |bytes| length = bytes.len()).map(|()| length)
        };
        assert_eq!(lent(0, PART), Some(1 << 20));
        assert_eq!(lent(2 * PART + 4, size), Some(1));
        for (start, end) in [
            (size, size + 1),
            (2 * PART, size + 1),
            (PART - 1, PART + 1),
            (3, 3),
            (5, 4),
            (u64::MAX, u64::MAX),
            (u64::MAX - 1, u64::MAX),
            (0, u64::MAX),
        ] {
            assert_eq!(lent(start, end), None, "{start}..{end}");
        }
        for (offset, length) in [(size, 1), (size - 1, 2), (u64::MAX, 1), (0, 2 * PART + 6)] {
            assert_eq!(parts.put(offset, &vec![1; usize::try_from(length).unwrap()]), None, "{offset}");
        }
        parts.put(PART - 1, b"abc").unwrap();
        parts.put(size, b"").unwrap();
        let frozen = parts.freeze().unwrap();
        assert_eq!(&frozen[(1 << 20) - 2..(1 << 20) + 3], b"\0abc\0");
    }

    #[test]
    fn threads_fill_each_part_once() {
        let parts = Parts::new(16 * PART).unwrap();
        let fills = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for first in 0..4 {
                let (parts, fills) = (&parts, &fills);
                scope.spawn(move || {
                    for index in (0..16).map(|index| (index * 5 + first * 3) % 16) {
                        let fill = |bytes: &mut [u8]| {
                            fills.fetch_add(1, Ordering::Relaxed);
                            bytes.fill(u8::try_from(index).unwrap());
                            Ok::<_, ()>(())
                        };
                        parts.fill(index, fill).unwrap();
                        let bytes = parts.get(parts.place(index)).unwrap();
                        assert!(bytes.iter().all(|byte| u64::from(*byte) == index));
                    }
                });
            }
        });
        assert_eq!(fills.into_inner(), 16);
    }

    #[test]
    fn more_than_there_are_addresses_for_is_an_error() {
        for size in [1 << 60, i64::MAX as u64, u64::MAX] {
            assert_eq!(Mapping::anonymous(size).unwrap_err().kind(), io::ErrorKind::OutOfMemory, "{size}");
        }
    }
}
