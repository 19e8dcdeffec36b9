//! The certificates that paths must lead to.

use super::pem;
use super::x509::Certificate;
use crate::VerifyError;

/// At most this many anchors.
const LIMIT: usize = 256;

/// The certificates that are trusted by themselves: roots, or intermediates that stand for themselves. There is no
/// default, and never the web's.
#[derive(Debug, Clone)]
pub struct Anchors {
    certificates: Vec<Certificate>,
}

impl Anchors {
    /// Reads every certificate of a PEM text.
    ///
    /// # Errors
    /// `E-ANCHOR` when the text holds none, holds something else, or a certificate is malformed.
    pub fn from_pem(text: &str) -> Result<Self, VerifyError> {
        Self::from_der(pem::certificates(text).map_err(refused)?)
    }

    /// Takes certificates in DER.
    ///
    /// # Errors
    /// `E-ANCHOR` when there are none, or one is malformed.
    pub fn from_der(certificates: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Self, VerifyError> {
        let mut read: Vec<Certificate> = Vec::new();
        for der in certificates {
            let certificate =
                Certificate::parse(der.as_ref()).map_err(|problem| refused(problem.to_string()))?;
            if !read.iter().any(|known| known.der == certificate.der) {
                read.push(certificate);
            }
            if read.len() > LIMIT {
                return Err(refused(format!("more than {LIMIT} certificates")));
            }
        }
        if read.is_empty() {
            Err(refused("no certificate".to_owned()))
        } else {
            Ok(Self { certificates: read })
        }
    }

    /// These and those.
    pub fn and(mut self, others: Self) -> Self {
        for other in others.certificates {
            if !self.certificates.iter().any(|known| known.der == other.der) {
                self.certificates.push(other);
            }
        }
        self
    }

    pub(super) fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }
}

fn refused(detail: String) -> VerifyError {
    VerifyError::Anchor { what: "trust anchor", detail }
}
