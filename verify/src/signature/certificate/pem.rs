//! Texts of PEM blocks (RFC 7468), as files of certificates and revocation lists hold them.

use x509_cert::der::pem::decode_vec;

/// The longest text that is read, in bytes: revocation lists of large authorities have megabytes.
const LIMIT: usize = 64 * 1024 * 1024;

const BEGIN: &str = "-----BEGIN ";

/// Every block of `text`, in its order; each has the label that is wanted. Text between blocks is skipped, as tools
/// print descriptions there.
pub(super) fn blocks(text: &str, wanted: &str) -> Result<Vec<Vec<u8>>, String> {
    if text.len() > LIMIT {
        return Err(format!("{} bytes, more than the limit of {LIMIT}", text.len()));
    }
    let end = format!("-----END {wanted}-----");
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        rest = &rest[start..];
        let length = rest.find(&end).map(|at| at + end.len());
        let length = length.ok_or_else(|| format!("a PEM block that is not a whole {wanted}"))?;
        let (label, der) = decode_vec(&rest.as_bytes()[..length])
            .map_err(|error| format!("a damaged PEM block ({error})"))?;
        if label != wanted {
            return Err(format!("a PEM block of another kind than {wanted}"));
        }
        found.push(der);
        rest = &rest[length..];
    }
    if found.is_empty() { Err(format!("no PEM block of {wanted}")) } else { Ok(found) }
}

/// The certificates of a PEM text.
pub(crate) fn certificates(text: &str) -> Result<Vec<Vec<u8>>, String> {
    blocks(text, "CERTIFICATE")
}
