//! Identity providers: where a login begins and where its code becomes a token (`OpenID` Connect Discovery 1.0).

use std::time::Duration;

use lacre_manifest::escape;
use reqwest::Url;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::SignError;
use crate::keyless::token::bad;
use crate::problem::told;
use crate::service::{Answer, Channel, Service};

/// The longest answer, in bytes.
const ANSWER_LIMIT: usize = 64 * 1024;
const DEPTH: usize = 8;
const METHOD: &str = "S256";

/// A provider, as it describes itself.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) issuer: String,
    authorization: Service,
    token: Service,
}

#[derive(Deserialize)]
struct Description {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    code_challenge_methods_supported: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Granted {
    id_token: String,
}

/// RFC 6749, section 5.2.
#[derive(Deserialize)]
struct Refused {
    error: String,
    error_description: Option<String>,
}

impl Provider {
    /// Asks the issuer at `issuer` where its endpoints are.
    pub(super) fn discover(issuer: &str, patience: Duration) -> Result<Self, SignError> {
        let service = Service::new("identity provider", issuer, Channel::Secret)?
            .patience(patience)
            .at(".well-known/openid-configuration")?;
        let answer = service.get(&[("accept", "application/json")], ANSWER_LIMIT)?;
        if !answer.is_success() {
            return Err(service.odd(answer.summary()));
        }
        let described: Description = read(&service, &answer)?;
        // Section 4.3: else one provider could pass for another.
        if described.issuer != issuer {
            return Err(service.odd(format!("says that it is {}", escape(&described.issuer))));
        }
        if described
            .code_challenge_methods_supported
            .is_some_and(|known| !known.iter().any(|it| it == METHOD))
        {
            return Err(service.odd("knows no proof of possession for codes (PKCE with S256)"));
        }
        let at = |url: &str| {
            Service::new("identity provider", url, Channel::Secret).map(|service| service.patience(patience))
        };
        Ok(Self {
            issuer: described.issuer,
            authorization: at(&described.authorization_endpoint)?,
            token: at(&described.token_endpoint)?,
        })
    }

    /// Where a person goes.
    pub(super) fn authorization_url(&self, parameters: &[(&str, &str)]) -> String {
        self.authorization.clone().with_query(parameters).url().to_owned()
    }

    /// Exchanges a code for the text of a token.
    pub(super) fn redeem(&self, parameters: &[(&str, &str)]) -> Result<Zeroizing<String>, SignError> {
        let answer = self.token.post("application/x-www-form-urlencoded", form(parameters)?, ANSWER_LIMIT)?;
        match answer.status {
            200 => Ok(Zeroizing::new(read::<Granted>(&self.token, &answer)?.id_token)),
            400 | 401 => match read::<Refused>(&self.token, &answer) {
                Ok(refused) => Err(refusal(&refused.error, refused.error_description.as_deref())),
                Err(_) => Err(self.token.odd(answer.summary())),
            },
            _ => Err(self.token.odd(answer.summary())),
        }
    }
}

/// The error of a login that the provider refused.
pub(super) fn refusal(error: &str, description: Option<&str>) -> SignError {
    let description = description.map(|text| format!(": {}", told(text))).unwrap_or_default();
    bad(format!("was not given: the identity provider says {}{description}", told(error)))
}

fn read<T: serde::de::DeserializeOwned>(service: &Service, answer: &Answer) -> Result<T, SignError> {
    lacre_json::from_slice(&answer.body, lacre_json::Limits::new(ANSWER_LIMIT, DEPTH)).map_err(|error| {
        match answer.content_type.as_str() {
            "text/html" => service.odd(answer.summary()),
            _ => service
                .odd(format!("answered with something that makes no sense: {}", told(&error.to_string()))),
        }
    })
}

fn form(parameters: &[(&str, &str)]) -> Result<Vec<u8>, SignError> {
    let url = Url::parse_with_params("http://form/", parameters)
        .map_err(|error| SignError::bug(format!("writing a form: {error}")))?;
    Ok(url.query().unwrap_or_default().as_bytes().to_vec())
}
