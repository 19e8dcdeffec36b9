//! What one machine tells another of a channel's state, signed: a DSSE envelope (DSSE protocol v1.0.2) around the exported
//! state.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_attest::{PublicKey, pae};
use lacre_json::Limits;
use lacre_release::ExportedState;
use serde::{Deserialize, Serialize};

use crate::DeliverError;

/// The type of the payload.
const PAYLOAD_TYPE: &str = "application/vnd.lacre.channel-state.v1+json";
/// The longest envelope, in bytes: a state has less than a tenth of it.
const LONGEST: usize = 1 << 20;
/// The most signatures that are tried.
const MOST_SIGNATURES: usize = 16;

/// A state on its way, with a signature that nobody has checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CarriedState {
    payload: String,
    payload_type: String,
    signatures: Vec<CarriedSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CarriedSignature {
    sig: String,
}

impl CarriedState {
    /// What is to be signed of a state.
    pub fn to_be_signed(state: &ExportedState) -> Vec<u8> {
        pae(PAYLOAD_TYPE, &state.to_bytes())
    }

    /// A state with its signature over [`to_be_signed`](Self::to_be_signed).
    pub fn new(state: &ExportedState, signature: &[u8]) -> Self {
        Self {
            payload: STANDARD.encode(state.to_bytes()),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![CarriedSignature { sig: STANDARD.encode(signature) }],
        }
    }

    /// As JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        lacre_json::to_vec(self)
    }

    /// Reads an envelope of at most 1 MiB.
    ///
    /// # Errors
    /// `E-ENVELOPE` when it is none, or holds something else; the codes of [`lacre_json`].
    pub fn parse(bytes: &[u8]) -> Result<Self, DeliverError> {
        let read: Self =
            lacre_json::from_slice(bytes, Limits::new(LONGEST, 4)).map_err(DeliverError::Carried)?;
        if read.payload_type != PAYLOAD_TYPE || !(1..=MOST_SIGNATURES).contains(&read.signatures.len()) {
            return Err(DeliverError::NotCarried);
        }
        Ok(read)
    }

    /// The state, if one of `keys` signed it.
    ///
    /// # Errors
    /// `E-SIGNATURE-INVALID` when none did; the codes of [`ExportedState::parse`].
    pub fn verify(&self, keys: &[PublicKey]) -> Result<ExportedState, DeliverError> {
        let payload = STANDARD.decode(&self.payload).map_err(|_| DeliverError::NotCarried)?;
        let signed = pae(PAYLOAD_TYPE, &payload);
        let signatures = self.signatures.iter().filter_map(|one| STANDARD.decode(&one.sig).ok());
        let by_one = |signature: Vec<u8>| keys.iter().any(|key| key.verify(&signed, &signature).is_ok());
        if !signatures.into_iter().any(by_one) {
            return Err(DeliverError::CarriedBySomebody);
        }
        Ok(ExportedState::parse(&payload)?)
    }
}
