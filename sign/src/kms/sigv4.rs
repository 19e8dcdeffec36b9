//! Signature version 4 of AWS, for the one shape of request that Lacre makes.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use lacre_hash::Sha256Digest;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::credentials::Credentials;

/// The type of every body.
pub(super) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
const SERVICE: &str = "kms";

/// A request that is sent by POST to the path `/`.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) host: &'a str,
    pub(super) region: &'a str,
    /// `TrentService.OPERATION`.
    pub(super) target: &'a str,
    /// When it is signed: `20260304T050607Z`.
    pub(super) date: &'a str,
    pub(super) body: &'a [u8],
}

impl Request<'_> {
    /// The header `Authorization`.
    pub(super) fn authorization(&self, credentials: &Credentials) -> String {
        let mut headers =
            vec![("content-type", CONTENT_TYPE), ("host", self.host), ("x-amz-date", self.date)];
        headers.extend(credentials.token().map(|token| ("x-amz-security-token", token)));
        headers.push(("x-amz-target", self.target));
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let mut canonical = String::from("POST\n/\n\n");
        for (name, value) in headers {
            // Writing to a string cannot fail.
            let _ = writeln!(canonical, "{name}:{}", value.trim());
        }
        let _ = write!(canonical, "\n{names}\n{}", Sha256Digest::of(self.body));

        let day = self.date.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/{SERVICE}/aws4_request", self.region);
        let text =
            format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", self.date, Sha256Digest::of(canonical.as_bytes()));
        let secret = Zeroizing::new(format!("AWS4{}", credentials.secret()));
        let mut key = Zeroizing::new(secret.as_bytes().to_vec());
        for part in [day, self.region, SERVICE, "aws4_request"] {
            key = mac(&key, part);
        }
        let signature = mac(&key, &text).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            credentials.id()
        )
    }
}

fn mac(key: &[u8], text: &str) -> Zeroizing<Vec<u8>> {
    // HMAC takes a key of any length (RFC 2104), so that there is always one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Zeroizing::new(Vec::new()) };
    mac.update(text.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorization(token: Option<&str>) -> String {
        let request = Request {
            host: "kms.eu-central-1.amazonaws.com",
            region: "eu-central-1",
            target: "TrentService.GetPublicKey",
            date: "20260304T050607Z",
            body: b"{\"KeyId\":\"alias/release\"}",
        };
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        request.authorization(&Credentials::new("AKIDEXAMPLE", secret, token))
    }

    // Made by botocore 1.44.5, AWS's own client for Python.
    #[test]
    fn requests_are_signed_as_aws_signs_them() {
        assert_eq!(
            authorization(None),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260304/eu-central-1/kms/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
             Signature=9f1b0bd61182da64adad0875cd5d99e48819eb3a5ef07120bad466950f5195dc"
        );
        assert_eq!(
            authorization(Some("session+token/=")),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260304/eu-central-1/kms/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, \
             Signature=31617411fc03e96a2e1f4062d7f93e3433cb58f30cd9c961cdb13c5cd6e93424"
        );
    }
}
