//! SEC1 keys (`ECPrivateKey`, RFC 5915, section 3): what PKCS#8 holds of an EC key, without the frame around it.

use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::asn1::{AnyRef, ContextSpecific, OctetStringRef};
use pkcs8::der::{Decode as _, Reader as _, TagNumber};
use pkcs8::spki::AlgorithmIdentifierRef;

use super::{KeyFault, malformed};
use crate::FileKey;
use crate::file_key::EC_OID;

/// Reads a key that names its curve.
pub(super) fn read(der: &[u8]) -> Result<FileKey, KeyFault> {
    let not_sec1 = |error: pkcs8::der::Error| malformed(format!("it is not SEC1 ({error})"));
    let parameters = AnyRef::from_der(der)
        .and_then(|outer| {
            outer.sequence(|reader| {
                let _version: u8 = reader.decode()?;
                let _scalar: &OctetStringRef = reader.decode()?;
                let parameters = ContextSpecific::<AnyRef<'_>>::decode_explicit(reader, TagNumber(0))?;
                let _public: Option<AnyRef<'_>> = reader.decode()?;
                Ok::<_, pkcs8::der::Error>(parameters.map(|field| field.value))
            })
        })
        .map_err(not_sec1)?;
    // From here on it is read as the same key in PKCS#8 is, with the same checks.
    let info = PrivateKeyInfoRef::new(
        AlgorithmIdentifierRef { oid: EC_OID, parameters },
        OctetStringRef::new(der).map_err(not_sec1)?,
    );
    FileKey::from_pkcs8(info)
}
