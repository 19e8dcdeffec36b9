//! Stamps as bytes.
//!
//! ```text
//! "lacre stamps v1\n"                                              16 bytes
//! BLAKE3-derive-key("lacre 2026 machine id v1", machine id)        32
//! u64le(number of files)                                            8
//! for each file, in the order of the manifest:                     40
//!     u64le(device) ‖ u64le(inode) ‖ i64le(mtime, s) ‖ i64le(ctime, s) ‖ u32le(mtime, ns) ‖ u32le(ctime, ns)
//!     or 40 zeros: no stamp
//! BLAKE3-derive-key("lacre 2026 stamps v1", model identity in hexadecimal ‖ all of the above)   32
//! ```
//!
//! The identity binds the names and their order, so they need not be written again.

use lacre_hash::Blake3Digest;

use crate::entry::ModelIdentity;
use crate::stamps::{Stamp, Stamps, StampsError, is_fine};

const FAMILY: &[u8; 14] = b"lacre stamps v";
const MAGIC: &[u8; 16] = b"lacre stamps v1\n";
const HEADER: usize = 16 + 32 + 8;
const RECORD: usize = 40;
const CHECKSUM: usize = 32;

const CHECKSUM_CONTEXT: &str = "lacre 2026 stamps v1";
const BOOT_CONTEXT: &str = "lacre 2026 boot id v1";
const MACHINE_CONTEXT: &str = "lacre 2026 machine id v1";

/// Which machine device and inode numbers are of. It does not reveal `/etc/machine-id`, which is meant to stay on the
/// machine (machine-id(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineId(Blake3Digest);

impl MachineId {
    /// This machine: by its `/etc/machine-id`, or, where it has none (many containers), by the kernel's id of its last start;
    /// then nothing is remembered over the next. Nothing when it has neither.
    pub fn here() -> Option<Self> {
        let read = |path| std::fs::read_to_string(path).ok();
        let boot = || Self::of_boot(&read("/proc/sys/kernel/random/boot_id")?);
        read("/etc/machine-id").and_then(|text| Self::parse(&text)).or_else(boot)
    }

    /// Reads the text of a kernel's `boot_id`: a UUID (random(4)).
    fn of_boot(text: &str) -> Option<Self> {
        let id = text.trim_ascii_end();
        let is_id = id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        is_id.then(|| Self(Blake3Digest::derive(BOOT_CONTEXT, [id.as_bytes()])))
    }

    /// Reads the text of a `/etc/machine-id`: 32 hexadecimal digits. Anything else names no machine.
    pub fn parse(text: &str) -> Option<Self> {
        let id = text.trim_ascii_end();
        let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| Self(Blake3Digest::derive(MACHINE_CONTEXT, [id.as_bytes()])))
    }
}

impl Stamps {
    /// The size in bytes of what [`to_bytes`](Self::to_bytes) makes of the stamps of so many files.
    pub(crate) const fn written_len(files: usize) -> usize {
        files.saturating_mul(RECORD).saturating_add(HEADER + CHECKSUM)
    }

    /// As bytes, for the files of the model `identity` on this machine.
    pub fn to_bytes(&self, identity: &ModelIdentity, machine: &MachineId) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::written_len(self.len()));
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(machine.0.as_bytes());
        bytes.extend_from_slice(&(self.len() as u64).to_le_bytes());
        for stamp in &self.0 {
            bytes.extend_from_slice(&stamp.as_ref().map_or([0; RECORD], Stamp::record));
        }
        let checksum = checksum(identity, &bytes);
        bytes.extend_from_slice(checksum.as_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote for the same model on the same machine.
    ///
    /// # Errors
    /// [`StampsError::Corrupt`], [`StampsError::OtherVersion`] or [`StampsError::OtherMachine`].
    pub fn parse(bytes: &[u8], identity: &ModelIdentity, machine: &MachineId) -> Result<Self, StampsError> {
        match bytes.first_chunk() {
            Some(MAGIC) => {}
            Some(other) if other.starts_with(FAMILY) => return Err(StampsError::OtherVersion),
            Some(_) => return Err(StampsError::Corrupt("they do not begin like stamps")),
            None => return Err(StampsError::Corrupt("they are cut short")),
        }
        let (body, written) = bytes
            .split_last_chunk::<CHECKSUM>()
            .filter(|(body, _)| body.len() >= HEADER)
            .ok_or(StampsError::Corrupt("they are cut short"))?;
        let (header, records) = body.split_at(HEADER);
        let (of_machine, count) = header[MAGIC.len()..].split_at(32);
        let count = count.try_into().map_or(u64::MAX, u64::from_le_bytes);
        let (records, rest) = records.as_chunks::<RECORD>();
        if !rest.is_empty() || records.len() as u64 != count {
            return Err(StampsError::Corrupt("their number is not the one that is claimed"));
        }
        if checksum(identity, body).as_bytes() != written {
            return Err(StampsError::Corrupt("their checksum is another"));
        }
        if of_machine != machine.0.as_bytes() {
            return Err(StampsError::OtherMachine);
        }
        records.iter().map(Stamp::parse).collect::<Result<_, _>>().map(Self)
    }
}

fn checksum(identity: &ModelIdentity, body: &[u8]) -> Blake3Digest {
    Blake3Digest::derive(CHECKSUM_CONTEXT, [identity.to_string().as_bytes(), body])
}

impl Stamp {
    fn record(&self) -> [u8; RECORD] {
        let mut record = [0; RECORD];
        let mut rest = record.as_mut_slice();
        let mut put = |bytes: &[u8]| {
            let (here, behind) = std::mem::take(&mut rest).split_at_mut(bytes.len());
            here.copy_from_slice(bytes);
            rest = behind;
        };
        put(&self.device.to_le_bytes());
        put(&self.inode.to_le_bytes());
        put(&self.modified.to_le_bytes());
        put(&self.changed.to_le_bytes());
        put(&self.modified_nanos.to_le_bytes());
        put(&self.changed_nanos.get().to_le_bytes());
        record
    }

    /// Reads a record that the checksum covers. One that we do not write is refused all the same: each stamp has one
    /// form.
    fn parse(record: &[u8; RECORD]) -> Result<Option<Self>, StampsError> {
        if record == &[0; RECORD] {
            return Ok(None);
        }
        let (words, nanos) = record.split_at(32);
        let (words, _) = words.as_chunks::<8>();
        let (nanos, _) = nanos.as_chunks::<4>();
        let (&[device, inode, modified, changed], &[modified_nanos, changed_nanos]) = (words, nanos) else {
            return Err(StampsError::Corrupt("a record has another length"));
        };
        let impossible = StampsError::Corrupt("a time is one that no stamp has");
        let modified_nanos = u32::from_le_bytes(modified_nanos);
        let Some(changed_nanos) = is_fine(u32::from_le_bytes(changed_nanos)) else { return Err(impossible) };
        if modified_nanos >= 1_000_000_000 {
            return Err(impossible);
        }
        Ok(Some(Self {
            device: u64::from_le_bytes(device),
            inode: u64::from_le_bytes(inode),
            modified: i64::from_le_bytes(modified),
            changed: i64::from_le_bytes(changed),
            modified_nanos,
            changed_nanos,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn machine() -> MachineId {
        MachineId::parse("0123456789abcdef0123456789abcdef\n").unwrap()
    }

    fn identity() -> ModelIdentity {
        ModelIdentity::from_hex(&"5a".repeat(32)).unwrap()
    }

    fn stamps() -> Stamps {
        let stamp = Stamp {
            device: 0x0102_0304_0506_0708,
            inode: 9,
            modified: -1,
            changed: 1_700_000_000,
            modified_nanos: 999_999_999,
            changed_nanos: NonZeroU32::new(1).unwrap(),
        };
        Stamps(vec![Some(stamp), None, Some(Stamp { inode: u64::MAX, ..stamp })])
    }

    fn parse(bytes: &[u8]) -> Result<Stamps, StampsError> {
        Stamps::parse(bytes, &identity(), &machine())
    }

    /// A body with the checksum that belongs to it.
    fn checked(body: &[u8]) -> Vec<u8> {
        let mut bytes = body.to_vec();
        bytes.extend_from_slice(checksum(&identity(), body).as_bytes());
        bytes
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let bytes = stamps().to_bytes(&identity(), &machine());
        assert_eq!(bytes.len(), Stamps::written_len(3));
        assert_eq!(parse(&bytes).unwrap(), stamps());
        for (index, _) in bytes.iter().enumerate() {
            let mut flipped = bytes.clone();
            flipped[index] ^= 1;
            match (index, parse(&flipped)) {
                (14 | 15, Err(StampsError::OtherVersion)) => {}
                (14 | 15, other) => panic!("{index}: {other:?}"),
                (_, Err(StampsError::Corrupt(_))) => {}
                (_, other) => panic!("{index}: {other:?}"),
            }
            assert!(matches!(parse(&bytes[..index]), Err(StampsError::Corrupt(_))), "cut at {index}");
        }
        let longer = [bytes.as_slice(), &[0; RECORD]].concat();
        for length in bytes.len() + 1..=longer.len() {
            assert!(matches!(parse(&longer[..length]), Err(StampsError::Corrupt(_))), "{length}");
        }
    }

    #[test]
    fn stamps_are_of_one_machine_and_one_model() {
        let bytes = stamps().to_bytes(&identity(), &machine());
        let other = MachineId::parse("0123456789abcdef0123456789abcdee").unwrap();
        assert!(matches!(Stamps::parse(&bytes, &identity(), &other), Err(StampsError::OtherMachine)));
        let other = ModelIdentity::from_hex(&"5b".repeat(32)).unwrap();
        assert!(matches!(Stamps::parse(&bytes, &other, &machine()), Err(StampsError::Corrupt(_))));
    }

    #[test]
    fn records_that_are_never_written_are_refused_under_a_good_checksum() {
        let bytes = stamps().to_bytes(&identity(), &machine());
        let body = &bytes[..bytes.len() - CHECKSUM];
        assert_eq!(parse(&checked(body)).unwrap(), stamps());
        let (modified_nanos, changed_nanos) = (HEADER + 32, HEADER + 36);
        for (at, nanos) in [
            (modified_nanos, 1_000_000_000_u32),
            (changed_nanos, 1_000_000_000),
            (changed_nanos, 0),
            (changed_nanos, 5_000_000),
        ] {
            let mut body = body.to_vec();
            body[at..at + 4].copy_from_slice(&nanos.to_le_bytes());
            assert!(matches!(parse(&checked(&body)), Err(StampsError::Corrupt(_))), "{at} {nanos}");
        }
        for count in [2_u64, 4, u64::MAX] {
            let mut body = body.to_vec();
            body[HEADER - 8..HEADER].copy_from_slice(&count.to_le_bytes());
            assert!(matches!(parse(&checked(&body)), Err(StampsError::Corrupt(_))), "{count}");
        }
    }

    #[test]
    fn only_a_machine_id_names_a_machine() {
        for text in ["", "\n", "uninitialized\n", "0123456789abcdef0123456789abcde", &"0".repeat(33)] {
            assert_eq!(MachineId::parse(text), None, "{text:?}");
            assert_eq!(MachineId::of_boot(text), None, "{text:?}");
        }
        let boot = "01234567-89ab-cdef-0123-456789abcdef";
        assert!(MachineId::of_boot(&format!("{boot}\n")).is_some() && MachineId::parse(boot).is_none());
    }
}
