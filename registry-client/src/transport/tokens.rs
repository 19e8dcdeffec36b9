//! Token services, as the transport asks them.

use lacre_hash::Progress;
use reqwest::Client;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use zeroize::Zeroizing;

use super::{Answer, Attempts, Failed, Home, How, Payload, Told, Transport, client, pause};
use crate::RegistryError;
use crate::auth::{TokenAnswer, TokenRequest};

/// Most bytes of a token service's answer.
const ANSWER: u64 = 1024 * 1024;

impl Transport {
    /// Asks a token service. It is asked again like the registry, and nobody is followed from there.
    pub(super) fn fetch_token(
        &self,
        home: &Home,
        token: &TokenRequest,
        progress: &dyn Progress,
    ) -> Result<TokenAnswer, RegistryError> {
        let ours = home.origin.may_have_secret(&token.url);
        let client = if ours { &home.client } else { self.elsewhere(&token.url)? };
        let request = format!("token from {}", client::shown(&token.url));
        let told = Told { registry: self.name.to_string(), request };
        let mut attempts = Attempts::new(self.options.retry);
        loop {
            let wait = match self.ask_for_token(client, token, &told) {
                Ok(answer) if !answer.is_passing() => {
                    let status = answer.status();
                    let body = Zeroizing::new(answer.small(ANSWER)?);
                    return Ok(TokenAnswer { status, body });
                }
                Ok(answer) => match attempts.next(answer.asks_to_wait()) {
                    Some(wait) => wait,
                    None => return Err(answer.refusal()),
                },
                Err(Failed { how: How::Lasting, error }) => return Err(error),
                Err(Failed { error, .. }) => match attempts.next(None) {
                    Some(wait) => wait,
                    None => return Err(error),
                },
            };
            pause(wait, progress)?;
        }
    }

    fn ask_for_token(&self, client: &Client, token: &TokenRequest, told: &Told) -> Result<Answer, Failed> {
        let mut outgoing = match &token.form {
            Some(_) => {
                client.post(token.url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            }
            None => client.get(token.url.clone()),
        };
        if let Some(value) = &token.authorization {
            outgoing = outgoing.header(AUTHORIZATION, value.clone());
        }
        let form = token.form.as_ref().map_or(Payload::Empty, |form| Payload::Bytes(form.as_bytes()));
        self.answered(client, outgoing, form, &token.url, told)
    }
}
