//! Tar archives of any shape: what a careless or hostile packer could write. Each header's checksum is right unless the
//! test says otherwise; everything else is as the test says.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A tar archive in the making.
#[derive(Debug, Clone, Default)]
pub struct Archive {
    bytes: Vec<u8>,
}

impl Archive {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A regular file, in the ustar form that Go's `archive/tar` writes; a name above 100 bytes gets a pax record.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        let named = if name.len() > 100 { self.records(&record("path", name)) } else { self };
        named.head(name, b'0', content.len() as u64).padded(content)
    }

    /// A folder.
    pub fn folder(self, name: &str) -> Self {
        self.head(name, b'5', 0)
    }

    /// A member of another kind, without content: `1` a hard link, `2` a symbolic link, `3` a device, …
    pub fn special(self, name: &str, kind: u8) -> Self {
        self.head(name, kind, 0)
    }

    /// An extended header with this content.
    pub fn records(self, records: &str) -> Self {
        self.head("PaxHeaders.0/x", b'x', records.len() as u64).padded(records.as_bytes())
    }

    /// A name as GNU tar writes it when it is long.
    pub fn long_name(self, name: &str) -> Self {
        let name = format!("{name}\0");
        self.head("././@LongLink", b'L', name.len() as u64).padded(name.as_bytes())
    }

    /// A header alone, that says what it likes.
    pub fn head(mut self, name: &str, kind: u8, size: u64) -> Self {
        let mut block = [0_u8; 512];
        let name = &name.as_bytes()[..name.len().min(100)];
        block[..name.len()].copy_from_slice(name);
        block[100..108].copy_from_slice(b"0000644\0");
        block[108..116].copy_from_slice(b"0001750\0");
        block[116..124].copy_from_slice(b"0000000\0");
        block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        block[136..148].copy_from_slice(b"14000000000\0");
        block[148..156].copy_from_slice(b"        ");
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.bytes.extend(block);
        self
    }

    /// Any bytes at all.
    pub fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.bytes.extend(bytes.as_ref());
        self
    }

    /// The archive with its end.
    pub fn finish(self) -> Vec<u8> {
        self.raw([0; 1024]).bytes
    }

    /// The archive as far as it was written.
    pub fn unfinished(self) -> Vec<u8> {
        self.bytes
    }

    fn padded(self, content: &[u8]) -> Self {
        let padding = content.len().next_multiple_of(512) - content.len();
        self.raw(content).raw(vec![0; padding])
    }
}

/// A record of an extended header.
pub fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let length = (rest..rest + 20).find(|length| length - rest == length.to_string().len()).unwrap();
    format!("{length} {key}={value}\n")
}

/// Compresses as gzip does.
pub fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}
