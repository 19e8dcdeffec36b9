//! A store that answers badly, and remembers what it was asked.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use lacre_hash::{Progress, Sha256Digest};
use lacre_registry_client::{
    BlobContent, BlobReader, Descriptor, Layout, Presence, Put, RegistryError, Store, Tag, Target,
};
use lacre_testkit::Sealed;

/// What is wrong with the answer to a question for a part of a large blob.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    None,
    /// It breaks off after so many bytes.
    CutOff {
        after: u64,
    },
    /// The byte at this place of the blob is another one.
    Flip {
        at: u64,
    },
}

/// A layout that answers badly. Blobs of less than 1 MiB are answered well.
pub(crate) struct Faulty {
    layout: Layout,
    next: Mutex<VecDeque<Fault>>,
    always: Mutex<Fault>,
    asked: Mutex<Vec<Asked>>,
}

/// A part of a blob that was asked for, and the bytes of the answer that were read.
type Asked = (Sha256Digest, Range<u64>, Arc<Mutex<u64>>);

impl Faulty {
    pub(crate) fn new(layout: Layout) -> Self {
        let (next, asked) = (Mutex::default(), Mutex::default());
        Self { layout, next, always: Mutex::new(Fault::None), asked }
    }

    /// A fault of one answer, after those that were ordered before.
    pub(crate) fn next(&self, fault: Fault) {
        self.next.lock().unwrap().push_back(fault);
    }

    /// The fault of all other answers.
    pub(crate) fn always(&self, fault: Fault) {
        *self.always.lock().unwrap() = fault;
    }

    /// The parts of a file that were asked for.
    pub(crate) fn asked(&self, name: &str, sealed: &Sealed) -> Vec<Range<u64>> {
        let digest = Sha256Digest::of(&sealed.model().read(name));
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(of, ..)| *of == digest).map(|(_, range, _)| range.clone()).collect()
    }

    /// The bytes of a file that were read from answers.
    pub(crate) fn given(&self, name: &str, sealed: &Sealed) -> u64 {
        let digest = Sha256Digest::of(&sealed.model().read(name));
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(of, ..)| *of == digest).map(|(.., given)| *given.lock().unwrap()).sum()
    }
}

struct Answer {
    source: BlobReader,
    at: u64,
    fault: Fault,
    left: u64,
    given: Arc<Mutex<u64>>,
}

impl Read for Answer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let got = self.source.read(&mut buffer[..wanted])?;
        if let Fault::Flip { at } = self.fault
            && (self.at..self.at + got as u64).contains(&at)
        {
            buffer[usize::try_from(at - self.at).unwrap()] ^= 1;
        }
        self.at += got as u64;
        self.left -= got as u64;
        *self.given.lock().unwrap() += got as u64;
        Ok(got)
    }
}

impl Store for Faulty {
    fn resolve(&self, target: &Target) -> Result<Descriptor, RegistryError> {
        self.layout.resolve(target)
    }

    fn tags(&self) -> Result<Vec<(Tag, Descriptor)>, RegistryError> {
        self.layout.tags()
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<BlobReader, RegistryError> {
        self.layout.blob(descriptor)
    }

    fn blob_range(&self, descriptor: &Descriptor, range: Range<u64>) -> Result<BlobReader, RegistryError> {
        let source = self.layout.blob_range(descriptor, range.clone())?;
        let fault = if descriptor.size < 1 << 20 {
            Fault::None
        } else {
            self.next.lock().unwrap().pop_front().unwrap_or(*self.always.lock().unwrap())
        };
        let given = Arc::default();
        self.asked.lock().unwrap().push((descriptor.digest, range.clone(), Arc::clone(&given)));
        let left = if let Fault::CutOff { after } = fault { after } else { u64::MAX };
        let size = range.end - range.start;
        Ok(BlobReader::from_stream(Box::new(Answer { source, at: range.start, fault, left, given }), size))
    }

    fn has_blob(&self, descriptor: &Descriptor) -> Result<Presence, RegistryError> {
        self.layout.has_blob(descriptor)
    }

    fn put_blob(
        &self,
        descriptor: &Descriptor,
        content: &dyn BlobContent,
        progress: &dyn Progress,
    ) -> Result<Put, RegistryError> {
        self.layout.put_blob(descriptor, content, progress)
    }

    fn put_manifest(
        &self,
        media_type: &str,
        bytes: &[u8],
        tag: Option<&Tag>,
    ) -> Result<Descriptor, RegistryError> {
        self.layout.put_manifest(media_type, bytes, tag)
    }

    fn tag(&self, descriptor: &Descriptor, tag: &Tag) -> Result<(), RegistryError> {
        self.layout.tag(descriptor, tag)
    }

    fn referrers(
        &self,
        subject: &Sha256Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        self.layout.referrers(subject, artifact_type)
    }
}
