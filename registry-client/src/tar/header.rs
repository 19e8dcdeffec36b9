//! One header: 512 bytes of fields at fixed places (POSIX.1-2001 `pax`, "ustar Interchange Format").

use std::ops::Range;

use super::ArchiveFault;

pub(super) type Block = [u8; 512];

/// Nothing but zeros: two of them are an archive's end.
pub(super) const EMPTY: Block = [0; 512];

const NAME: Range<usize> = 0..100;
const MODE: Range<usize> = 100..108;
const UID: Range<usize> = 108..116;
const GID: Range<usize> = 116..124;
const SIZE: Range<usize> = 124..136;
const MTIME: Range<usize> = 136..148;
const CHECKSUM: Range<usize> = 148..156;
const TYPE: usize = 156;
const MAGIC: Range<usize> = 257..265;
const PREFIX: Range<usize> = 345..500;

const POSIX: &[u8; 8] = b"ustar\x0000";
const GNU: &[u8; 8] = b"ustar  \0";

/// Largest size that fits the field: eleven octal digits.
pub(super) const LARGEST: u64 = 0o777_7777_7777;
/// Longest name that fits the field, in bytes.
pub(super) const LONGEST: usize = 100;

/// What a header announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// Records about the next member.
    Pax,
    /// The name of the next member, as GNU tar writes it.
    LongName,
    /// Nothing that is taken.
    Other(&'static str),
}

/// A header as it was read.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// Bytes of the name, not yet looked at.
    pub(super) name: Vec<u8>,
    pub(super) size: u64,
}

/// Reads the header at `at`.
pub(super) fn parse(block: &Block, at: u64) -> Result<Header, ArchiveFault> {
    let fault = |detail| ArchiveFault::Header { at, detail };
    if number(&block[CHECKSUM]) != Some(checksum(block)) {
        return Err(ArchiveFault::Checksum { at });
    }
    let posix = match &block[MAGIC] {
        magic if magic == POSIX => true,
        magic if magic == GNU => false,
        _ => return Err(fault("neither of the kind ustar nor of GNU's")),
    };
    let size = number(&block[SIZE]).ok_or_else(|| fault("its size is no number"))?;
    let mut name = text(&block[NAME]).to_vec();
    // GNU keeps other things in this place.
    if posix && block[PREFIX.start] != 0 {
        name = [text(&block[PREFIX]), b"/", &name].concat();
    }
    let kind = match block[TYPE] {
        b'0' | 0 => Kind::File,
        b'5' => Kind::Folder,
        b'x' => Kind::Pax,
        b'L' => Kind::LongName,
        b'1' => Kind::Other("hard link"),
        b'2' => Kind::Other("symbolic link"),
        b'3' => Kind::Other("character device"),
        b'4' => Kind::Other("block device"),
        b'6' => Kind::Other("pipe"),
        b'7' => Kind::Other("contiguous file"),
        b'S' => Kind::Other("file with holes"),
        b'g' => Kind::Other("header for all that follows"),
        b'K' => Kind::Other("link with a long target"),
        _ => Kind::Other("member of an unknown kind"),
    };
    Ok(Header { kind, name, size })
}

/// Writes a header without times and owners. What does not fit its field is left out: pax records say it.
pub(super) fn write(name: &str, kind: u8, mode: u32, size: u64) -> Block {
    let mut block = EMPTY;
    let name = &name.as_bytes()[..name.len().min(LONGEST)];
    block[..name.len()].copy_from_slice(name);
    let size = if size > LARGEST { 0 } else { size };
    for (field, number) in [(MODE, u64::from(mode)), (UID, 0), (GID, 0), (SIZE, size), (MTIME, 0)] {
        octal(&mut block[field], number);
    }
    block[TYPE] = kind;
    block[MAGIC].copy_from_slice(POSIX);
    let sum = checksum(&block);
    octal(&mut block[CHECKSUM.start..CHECKSUM.end - 1], sum);
    block[CHECKSUM.end - 1] = b' ';
    block
}

/// The sum of all bytes, those of the checksum itself taken for spaces.
fn checksum(block: &Block) -> u64 {
    let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>();
    sum(block) - sum(&block[CHECKSUM]) + u64::from(b' ') * CHECKSUM.len() as u64
}

/// Fills a field with octal digits and a NUL.
fn octal(field: &mut [u8], number: u64) {
    let width = field.len() - 1;
    field[..width].copy_from_slice(format!("{number:0width$o}").as_bytes());
    field[width] = 0;
}

/// A number: octal digits between spaces and NULs, or big-endian behind a first byte of 0x80. At most 2^63 - 1.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((0x80, rest)) = field.split_first() {
        let (high, low) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
        let number = u64::from_be_bytes(low.try_into().ok()?);
        return (high.iter().all(|&byte| byte == 0) && i64::try_from(number).is_ok()).then_some(number);
    }
    let field = field.trim_ascii_start();
    let end = field.iter().position(|byte| matches!(byte, b' ' | 0)).unwrap_or(field.len());
    let (digits, rest) = field.split_at(end);
    if digits.is_empty() || !rest.iter().all(|byte| matches!(byte, b' ' | 0)) {
        return None;
    }
    // Eleven digits are 33 bits: no overflow.
    digits.iter().try_fold(0_u64, |number, digit| match digit {
        b'0'..=b'7' => Some(number << 3 | u64::from(digit - b'0')),
        _ => None,
    })
}

/// A text up to its NUL.
fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    &field[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        for size in [0, 1, LARGEST] {
            let header = parse(&write("a/b.bin", b'0', 0o644, size), 0).unwrap();
            assert_eq!(
                (header.kind, header.name.as_slice(), header.size),
                (Kind::File, b"a/b.bin".as_slice(), size)
            );
        }
        let long = "x".repeat(200);
        let header = parse(&write(&long, b'5', 0o755, LARGEST + 1), 0).unwrap();
        assert_eq!((header.kind, header.name.len(), header.size), (Kind::Folder, LONGEST, 0));
    }

    #[test]
    fn a_changed_header_is_refused() {
        let good = write("name", b'0', 0o644, 7);
        for at in [0, 103, 130, TYPE, 258, 400] {
            let mut block = good;
            block[at] ^= 1;
            assert!(matches!(parse(&block, 3), Err(ArchiveFault::Checksum { at: 3 })), "{at}");
        }
    }

    #[test]
    fn numbers_are_read_exactly() {
        assert_eq!(number(b"00000000017\0"), Some(15));
        assert_eq!(number(b"     17 \0"), Some(15));
        assert_eq!(number(b"17"), Some(15));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x02\0\0\0\0"), Some(1 << 33));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\0\0\0\0\x07"), Some(7));
        for wrong in [
            b"\0\0\0".as_slice(),
            b"",
            b"-1",
            b"0x1",
            b"8",
            b"1 1",
            b"1\x001",
            b"\x81\0\0\0\0\0\0\0\0\0\0\0",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x80\0\0\0\xff\0\0\0\0\0\0\0",
        ] {
            assert_eq!(number(wrong), None, "{wrong:?}");
        }
    }
}
