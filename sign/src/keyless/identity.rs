//! The identity that becomes public.

use sigstore_sign::crypto::{FulcioCiClaims, parse_certificate_info};
use sigstore_sign::types::DerCertificate;

use lacre_manifest::escape;

use super::{Token, TrustConfig};
use crate::SignError;

/// What a signature will say in public, for ever, about who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// Who: an e-mail address, or the URI of a workflow or workload. What verifiers are told to expect.
    pub subject: String,
    /// Who vouches for that: the address of the token's issuer.
    pub issuer: String,
    /// What else is published, by name: repository, commit, workflow and the like.
    pub details: Vec<(String, String)>,
    /// Where this was read.
    pub stated_by: StatedBy,
    /// Where it is published: the addresses of the certificate authority and of the log.
    pub places: Vec<String>,
}

/// Where an identity was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatedBy {
    /// In the token. What Fulcio makes of it is an expectation.
    Token,
    /// In the certificate that Fulcio issued. Nothing is signed with it yet.
    Certificate,
}

/// The answer to whether an identity may become public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Sign,
    /// Stop, with `E-DECLINED`.
    Decline,
}

/// Claims that Fulcio's issuers turn into public parts of a certificate.
const PUBLISHED: [&str; 24] = [
    "repository",
    "repository_owner",
    "repository_visibility",
    "ref",
    "sha",
    "workflow",
    "workflow_ref",
    "job_workflow_ref",
    "event_name",
    "environment",
    "runner_environment",
    "run_id",
    "project_path",
    "namespace_path",
    "project_visibility",
    "pipeline_source",
    "pipeline_id",
    "ci_config_ref_uri",
    "job_id",
    "organization_slug",
    "pipeline_slug",
    "build_commit",
    "build_branch",
    "build_number",
];

impl Identity {
    /// What Fulcio is expected to certify for this token, by the rules for the issuers that it knows.
    pub(super) fn of_token(token: &Token, config: &TrustConfig) -> Self {
        let details = PUBLISHED
            .iter()
            .filter_map(|name| token.text_of(name).map(|value| ((*name).to_owned(), value.to_owned())))
            .collect();
        Self {
            subject: expected_subject(token),
            issuer: token.issuer().to_owned(),
            details,
            stated_by: StatedBy::Token,
            places: config.public_places().map(str::to_owned).to_vec(),
        }
    }

    /// What the certificate says.
    pub(super) fn of_certificate(der: &[u8], config: &TrustConfig) -> Result<Self, SignError> {
        let refuse =
            |what: String| SignError::Issued { detail: format!("the certificate authority issued {what}") };
        let info = parse_certificate_info(&DerCertificate::from_bytes(der)).map_err(|error| {
            refuse(format!("a certificate that cannot be read: {}", escape(&error.to_string())))
        })?;
        let (Some(subject), Some(issuer)) = (info.identity, info.issuer) else {
            return Err(refuse("a certificate that names no identity or no issuer".to_owned()));
        };
        Ok(Self {
            subject: subject.as_str().to_owned(),
            issuer,
            details: details_of(&info.ci_claims),
            stated_by: StatedBy::Certificate,
            places: config.public_places().map(str::to_owned).to_vec(),
        })
    }

    /// Whether it is the same person or workload, by the same issuer.
    pub(super) fn is_that_of(&self, other: &Self) -> bool {
        self.subject == other.subject && self.issuer == other.issuer
    }
}

/// Fulcio's rules: `pkg/identity` of its sources.
fn expected_subject(token: &Token) -> String {
    let text = |claim: &str| token.text_of(claim);
    if let Some(email) = token.email() {
        return email.to_owned();
    }
    if let Some(workflow) = text("job_workflow_ref") {
        return format!("https://github.com/{workflow}");
    }
    if let Some(configuration) = text("ci_config_ref_uri") {
        return format!("https://{configuration}");
    }
    if let (Some(organization), Some(pipeline)) = (text("organization_slug"), text("pipeline_slug")) {
        return format!("https://buildkite.com/{organization}/{pipeline}");
    }
    token.subject().to_owned()
}

fn details_of(claims: &FulcioCiClaims) -> Vec<(String, String)> {
    [
        ("build signer", &claims.build_signer_uri),
        ("build configuration", &claims.build_config_uri),
        ("build trigger", &claims.build_trigger),
        ("repository", &claims.source_repository_uri),
        ("repository owner", &claims.source_repository_owner_uri),
        ("repository visibility", &claims.source_repository_visibility_at_signing),
        ("commit", &claims.source_repository_digest),
        ("ref", &claims.source_repository_ref),
        ("runner", &claims.runner_environment),
        ("run", &claims.run_invocation_uri),
        ("environment", &claims.deployment_environment),
        ("token subject", &claims.token_subject),
    ]
    .into_iter()
    .filter_map(|(name, value)| value.as_ref().map(|value| (name.to_owned(), value.clone())))
    .collect()
}

#[cfg(test)]
mod tests {
    use lacre_testkit::Issuer;
    use serde_json::{Value, json};

    use super::*;

    /// The subjects that Fulcio's own tests expect of tokens of these issuers.
    #[test]
    fn the_expected_subject_is_that_of_fulcio() {
        let issuer = Issuer::start();
        let subject = |more: Value| {
            let text = issuer.token_with("", |claims| {
                claims["sub"] = "subject".into();
                claims["email"] = Value::Null;
                for (name, value) in more.as_object().unwrap() {
                    claims[name] = value.clone();
                }
            });
            expected_subject(&Token::parse(&text).unwrap())
        };
        assert_eq!(subject(json!({})), "subject");
        assert_eq!(subject(json!({"email": "a@b.test"})), "a@b.test");
        assert_eq!(
            subject(json!({"job_workflow_ref": "o/r/.github/workflows/w.yml@refs/tags/v1"})),
            "https://github.com/o/r/.github/workflows/w.yml@refs/tags/v1"
        );
        assert_eq!(
            subject(json!({"ci_config_ref_uri": "gitlab.com/o/r//.gitlab-ci.yml@refs/heads/main"})),
            "https://gitlab.com/o/r//.gitlab-ci.yml@refs/heads/main"
        );
        assert_eq!(
            subject(json!({"organization_slug": "acme", "pipeline_slug": "pipe"})),
            "https://buildkite.com/acme/pipe"
        );
    }
}
