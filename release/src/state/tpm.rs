//! A counter in a TPM 2.0: an NV index of the type counter, with an index' own authorization.
//!
//! TPM 2.0 Library, part 1, section 37: such an index only rises, whoever asks. Deleted and defined again, it goes on above
//! the highest value that any counter of the TPM ever had; only clearing the TPM ends that, and then the seals end too, whose
//! key comes from the seed of the owner's hierarchy. The key is made anew for each seal and never leaves the TPM.
//!
//! Each operation opens the device for itself and closes it: a TPM without a resource manager serves one client at a time.
//! The standard error belongs to `libtss2` when something fails; the variable `TSS2_LOG` quiets it.

use std::fmt;
use std::str::FromStr as _;

use lacre_hash::Sha256Digest;
use tss_esapi::attributes::{NvIndexAttributesBuilder, ObjectAttributesBuilder};
use tss_esapi::constants::{CapabilityType, NvIndexType};
use tss_esapi::handles::{NvIndexHandle, NvIndexTpmHandle, TpmHandle};
use tss_esapi::interface_types::algorithm::{HashingAlgorithm, PublicAlgorithm};
use tss_esapi::interface_types::resource_handles::{Hierarchy, NvAuth, Provision};
use tss_esapi::structures::{
    Auth, CapabilityData, Digest, KeyedHashScheme, MaxBuffer, NvPublic, NvPublicBuilder, Public,
    PublicBuilder, PublicKeyedHashParameters,
};
use tss_esapi::tcti_ldr::TctiNameConf;
use tss_esapi::{Context, Error};

use super::{CounterError, MonotonicCounter};
use crate::ChannelId;

/// What the TCG's registry of handles leaves to the owner.
const FIRST: u32 = 0x0180_0000;
const LAST: u32 = 0x01bf_ffff;
/// How many indices are tried for a free one.
const TRIES: u32 = 64;
/// The size of a counter.
const SIZE: u16 = 8;
/// The longest authorization value: that of a name with SHA-256.
const LONGEST_AUTH: usize = 32;

/// A counter in a TPM.
pub struct TpmCounter {
    device: TctiNameConf,
    auth: Vec<u8>,
    index: u32,
}

impl TpmCounter {
    /// Defines a new counter for the state of a channel, in the TPM that `tcti` names (`device:/dev/tpmrm0`,
    /// `swtpm:host=localhost,port=2321`). Who uses it must know `auth`, which has up to 32 bytes, or none. Its index is free,
    /// in the owner's range, and found from the channel's name; the owner must have no password.
    pub fn define(tcti: &str, auth: &[u8], id: &ChannelId) -> Result<Self, CounterError> {
        let device = device(tcti)?;
        let mut index = first_choice(id);
        for _ in 0..TRIES {
            let counter = Self::new(device.clone(), auth, index)?;
            if counter.define_here()? {
                // It says nothing before it has counted once.
                counter.increment()?;
                return Ok(counter);
            }
            index = if index == LAST { FIRST } else { index + 1 };
        }
        Err(refused("define a counter", "too many of the owner's indices are used"))
    }

    /// The counter at `index`, which must be there.
    pub fn open(tcti: &str, auth: &[u8], index: u32) -> Result<Self, CounterError> {
        let counter = Self::new(device(tcti)?, auth, index)?;
        counter.value()?;
        Ok(counter)
    }

    fn new(device: TctiNameConf, auth: &[u8], index: u32) -> Result<Self, CounterError> {
        if !(FIRST..=LAST).contains(&index) {
            return Err(CounterError::Missing { index });
        }
        if auth.len() > LONGEST_AUTH {
            return Err(refused("use the authorization value", "it is longer than 32 bytes"));
        }
        Ok(Self { device, auth: auth.to_vec(), index })
    }

    /// False if something has the index already.
    fn define_here(&self) -> Result<bool, CounterError> {
        let failed = failed("define a counter");
        let mut context = self.connect()?;
        if self.is_taken(&mut context)? {
            return Ok(false);
        }
        let public = self.public().map_err(&failed)?;
        let auth = self.auth().map_err(&failed)?;
        context
            .execute_with_nullauth_session(|context| {
                context.nv_define_space(Provision::Owner, Some(auth), public).map(|_| true)
            })
            .map_err(failed)
    }

    fn public(&self) -> Result<NvPublic, Error> {
        let attributes = NvIndexAttributesBuilder::new()
            .with_nv_index_type(NvIndexType::Counter)
            .with_auth_read(true)
            .with_auth_write(true)
            // A wrong authorization must not lock out the other users of the TPM.
            .with_no_da(true)
            .build()?;
        NvPublicBuilder::new()
            .with_nv_index(NvIndexTpmHandle::new(self.index)?)
            .with_index_name_algorithm(HashingAlgorithm::Sha256)
            .with_index_attributes(attributes)
            .with_data_area_size(usize::from(SIZE))
            .build()
    }

    fn connect(&self) -> Result<Context, CounterError> {
        Context::new(self.device.clone()).map_err(failed("open the TPM"))
    }

    fn auth(&self) -> Result<Auth, Error> {
        Auth::try_from(self.auth.clone())
    }

    fn is_taken(&self, context: &mut Context) -> Result<bool, CounterError> {
        let found = context.get_capability(CapabilityType::Handles, self.index, 1);
        let (found, _) = found.map_err(failed("list the TPM's indices"))?;
        let CapabilityData::Handles(handles) = found else { return Ok(false) };
        Ok(handles.into_inner().into_iter().any(|handle| u32::from(handle) == self.index))
    }

    /// Calls `act` with the index, which is proven to be a counter first.
    fn with_index<T>(
        &self,
        action: &'static str,
        act: impl FnOnce(&mut Context, NvIndexHandle) -> Result<T, Error>,
    ) -> Result<T, CounterError> {
        let failed = failed(action);
        let mut context = self.connect()?;
        if !self.is_taken(&mut context)? {
            return Err(CounterError::Missing { index: self.index });
        }
        let here = NvIndexTpmHandle::new(self.index).map_err(&failed)?;
        let object = context.tr_from_tpm_public(TpmHandle::NvIndex(here)).map_err(&failed)?;
        let index = NvIndexHandle::from(object);
        let (public, _) = context.nv_read_public(index).map_err(&failed)?;
        let kind = public.attributes().index_type().map_err(&failed)?;
        if kind != NvIndexType::Counter {
            return Err(refused(action, "the index is no counter"));
        }
        let auth = self.auth().map_err(&failed)?;
        context.tr_set_auth(object, auth).map_err(&failed)?;
        context.execute_with_nullauth_session(|context| act(context, index)).map_err(failed)
    }

    /// The template of the key that seals. The TPM makes the same key from it each time; who does not know the
    /// authorization value cannot name the template.
    fn key(&self) -> Result<Public, Error> {
        let attributes = ObjectAttributesBuilder::new()
            .with_fixed_tpm(true)
            .with_fixed_parent(true)
            .with_sensitive_data_origin(true)
            .with_user_with_auth(true)
            .with_sign_encrypt(true)
            .build()?;
        let mut unique = b"lacre channel state\0".to_vec();
        unique.extend(&self.auth);
        PublicBuilder::new()
            .with_public_algorithm(PublicAlgorithm::KeyedHash)
            .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
            .with_object_attributes(attributes)
            .with_keyed_hash_parameters(PublicKeyedHashParameters::new(KeyedHashScheme::HMAC_SHA_256))
            .with_keyed_hash_unique_identifier(Digest::try_from(
                Sha256Digest::of(&unique).as_bytes().to_vec(),
            )?)
            .build()
    }

    fn hmac(&self, message: &Sha256Digest) -> Result<Digest, CounterError> {
        let failed = failed("seal");
        let mut context = self.connect()?;
        let key = self.key().map_err(&failed)?;
        let message = MaxBuffer::try_from(message.as_bytes().to_vec()).map_err(&failed)?;
        context
            .execute_with_nullauth_session(|context| {
                let key = context.create_primary(Hierarchy::Owner, key, None, None, None, None)?.key_handle;
                let sealed = context.hmac(key.into(), message, HashingAlgorithm::Sha256);
                // Flushed even when the seal failed: a TPM without a resource manager has room for three.
                context.execute_without_session(|context| context.flush_context(key.into()))?;
                sealed
            })
            .map_err(failed)
    }
}

impl MonotonicCounter for TpmCounter {
    fn index(&self) -> u32 {
        self.index
    }

    fn value(&self) -> Result<u64, CounterError> {
        let bytes = self.with_index("read the counter", |context, index| {
            context.nv_read(NvAuth::NvIndex(index), index, SIZE, 0)
        })?;
        let bytes = <[u8; SIZE as usize]>::try_from(bytes.as_slice());
        bytes.map(u64::from_be_bytes).map_err(|_| refused("read the counter", "it has another size"))
    }

    fn increment(&self) -> Result<u64, CounterError> {
        self.with_index("count", |context, index| context.nv_increment(NvAuth::NvIndex(index), index))?;
        self.value()
    }

    fn seal(&self, message: &Sha256Digest) -> Result<Sha256Digest, CounterError> {
        let seal = <[u8; Sha256Digest::LEN]>::try_from(self.hmac(message)?.as_slice());
        seal.map(Sha256Digest::from_bytes).map_err(|_| refused("seal", "the seal has another size"))
    }
}

/// Without the authorization value.
impl fmt::Debug for TpmCounter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, index, .. } = self;
        formatter
            .debug_struct("TpmCounter")
            .field("device", device)
            .field("index", index)
            .finish_non_exhaustive()
    }
}

fn device(tcti: &str) -> Result<TctiNameConf, CounterError> {
    TctiNameConf::from_str(tcti).map_err(failed("read the TPM's name"))
}

/// The first index to try, the same for everyone: only that two channels rarely want the same one.
fn first_choice(id: &ChannelId) -> u32 {
    let digest = Sha256Digest::of(id.to_string().as_bytes());
    let [first, second, third, ..] = *digest.as_bytes();
    FIRST + (u32::from_be_bytes([0, first, second, third]) & (LAST - FIRST))
}

fn failed(action: &'static str) -> impl Fn(Error) -> CounterError {
    move |error| CounterError::Device { action, reason: error.to_string() }
}

fn refused(action: &'static str, reason: &str) -> CounterError {
    CounterError::Device { action, reason: reason.to_owned() }
}
