//! The answers to a registry's challenges, and the tokens that were given for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

use super::challenge::Challenge;
use super::credentials::Found;
use super::realm::Realm;
use super::secret::{Credential, basic_header, bearer_header};
use super::token::{Granted, Token};
use super::{AuthProblem, AuthRealm, Credentials, Origin, Scope, TokenAnswer, TokenRequest};
use crate::RegistryError;

/// The most tokens that are kept. More than these are scopes of a long-lived process.
const TOKENS: usize = 64;

/// Sends a request to a token service. Redirects are not followed, and nothing is sent along.
pub(crate) type Fetch<'a> = &'a dyn Fn(&TokenRequest) -> Result<TokenAnswer, RegistryError>;

/// Who may what at one registry: its credentials and tokens. It is shared by all threads that speak to the registry; one
/// of them asks a token service while the others wait for what it gets.
pub(crate) struct Authority {
    /// As the user writes it: `HOST` or `HOST:PORT`.
    registry: String,
    origin: Origin,
    credentials: Arc<Credentials>,
    realms: Vec<AuthRealm>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What the places of credentials hold, by repository.
    found: BTreeMap<String, Found>,
    /// Repositories whose requests carry the credential itself.
    direct: BTreeMap<String, HeaderValue>,
    tokens: Vec<Kept>,
}

/// A token, and all that is needed to get the next one.
#[derive(Clone)]
struct Kept {
    scope: Scope,
    service: TokenService,
    token: Token,
}

/// Where tokens come from, and what is asked for there.
#[derive(Clone)]
struct TokenService {
    realm: Realm,
    service: Option<String>,
    asked: Vec<String>,
}

/// One attempt of a request: the header it carries, and at most one answer to a challenge. An attempt that is made again
/// after the registry was overloaded or lost begins anew.
pub(crate) struct Session<'a> {
    authority: &'a Authority,
    scope: &'a Scope,
    sent: Option<HeaderValue>,
    challenges: usize,
}

impl Authority {
    /// The authority of `registry` at `origin`. A token service gets credentials only if it belongs to the registry, or is
    /// one of `realms`.
    pub(crate) fn new(
        registry: &str,
        origin: Origin,
        credentials: Arc<Credentials>,
        realms: Vec<AuthRealm>,
    ) -> Self {
        Self { registry: registry.to_owned(), origin, credentials, realms, state: Mutex::default() }
    }

    /// Begins an attempt that needs `scope`.
    pub(crate) fn begin<'a>(&'a self, scope: &'a Scope) -> Session<'a> {
        Session { authority: self, scope, sent: None, challenges: 0 }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, problem: AuthProblem) -> RegistryError {
        RegistryError::Auth { registry: self.registry.clone(), problem }
    }

    /// What is kept for the repository of `scope`; looked up once.
    fn found(&self, state: &mut State, scope: &Scope) -> Result<Found, RegistryError> {
        if let Some(found) = state.found.get(scope.repository()) {
            return Ok(found.clone());
        }
        let found = self
            .credentials
            .find(&self.registry, scope.repository())
            .map_err(|problem| self.error(problem))?;
        state.found.insert(scope.repository().to_owned(), found.clone());
        Ok(found)
    }

    /// Looks again for a credential that is refused: a helper may have a fresh one by now. Nothing if it is the same.
    fn found_anew(
        &self,
        state: &mut State,
        scope: &Scope,
        old: &Found,
    ) -> Result<Option<Found>, RegistryError> {
        state.found.remove(scope.repository());
        let found = self.found(state, scope)?;
        let same = match (&found, old) {
            (Found::Credential { credential: new, .. }, Found::Credential { credential: old, .. }) => {
                new == old
            }
            _ => found == *old,
        };
        Ok((!same).then_some(found))
    }

    /// Why what was `found` does not do.
    fn refused(&self, found: &Found, scope: &Scope) -> RegistryError {
        self.error(match found {
            Found::Credential { place, .. } => {
                AuthProblem::Refused { place: place.clone(), scope: scope.to_string() }
            }
            Found::Nothing { looked } => AuthProblem::NoCredentials { looked: looked.clone() },
        })
    }

    /// A token for `scope`, kept for the next requests.
    fn fetch(
        &self,
        state: &mut State,
        scope: &Scope,
        service: TokenService,
        now: SystemTime,
        fetch: Fetch<'_>,
    ) -> Result<HeaderValue, RegistryError> {
        let mut found = self.found(state, scope)?;
        let token = match self.ask(&service, &found, scope, now, fetch)? {
            Granted::Token(token) => token,
            Granted::Refused => {
                let refused = self.refused(&found, scope);
                found = self.found_anew(state, scope, &found)?.ok_or(refused)?;
                match self.ask(&service, &found, scope, now, fetch)? {
                    Granted::Token(token) => token,
                    Granted::Refused => return Err(self.refused(&found, scope)),
                }
            }
        };
        if let (Found::Credential { credential: old @ Credential::IdentityToken(_), place }, Some(next)) =
            (&found, token.successor.clone())
        {
            let credential = Credential::identity_token(next).unwrap_or_else(|_| old.clone());
            let place = place.clone();
            state.found.insert(scope.repository().to_owned(), Found::Credential { credential, place });
        }
        let header = token.header.clone();
        // What the new one covers is replaced by it; so is the oldest of too many.
        state.tokens.retain(|kept| !scope.covers(&kept.scope));
        if state.tokens.len() >= TOKENS {
            state.tokens.remove(0);
        }
        state.tokens.push(Kept { scope: scope.clone(), service, token });
        Ok(header)
    }

    fn ask(
        &self,
        service: &TokenService,
        found: &Found,
        scope: &Scope,
        now: SystemTime,
        fetch: Fetch<'_>,
    ) -> Result<Granted, RegistryError> {
        let credential = match found {
            Found::Credential { credential, .. } => Some(credential),
            Found::Nothing { .. } => None,
        };
        if credential.is_some() && !service.realm.may_have_secret(&self.origin, &self.realms) {
            return Err(self.error(service.realm.foreign()));
        }
        let request =
            TokenRequest::new(&service.realm, service.service.as_deref(), &service.asked, credential)
                .ok_or_else(|| self.refused(found, scope))?;
        fetch(&request)?.granted(&service.realm, now).map_err(|problem| self.error(problem))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Basic,
    Bearer,
}

impl Session<'_> {
    /// The `Authorization` header to begin with: what is known to be good for this scope. A token that is about to end is
    /// replaced before the request, whose body might be long.
    pub(crate) fn header(
        &mut self,
        now: SystemTime,
        fetch: Fetch<'_>,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let mut state = self.authority.state();
        let known = state.tokens.iter().rev().filter(|kept| kept.scope.covers(self.scope));
        let known: Vec<_> = known.cloned().collect();
        self.sent = if let Some(kept) = known.iter().find(|kept| kept.token.expires > now) {
            Some(kept.token.header.clone())
        } else if let Some(Kept { scope, service, .. }) = known.into_iter().next() {
            Some(self.authority.fetch(&mut state, &scope, service, now, fetch)?)
        } else {
            state.direct.get(self.scope.repository()).cloned()
        };
        Ok(self.sent.clone())
    }

    /// The answer to status 401 with these headers, for the same request once more.
    ///
    /// Only an answer from the registry's own origin may be given here, not one that a redirect led to.
    ///
    /// `E-AUTH`: there is nothing to answer with, or it was answered already. `E-AUTH-REALM`: the token service must not
    /// have the credentials. `E-CHALLENGE`, `E-UNSUPPORTED`: it is not understood what is wanted. `E-CREDENTIALS`,
    /// `E-CREDENTIAL-HELPER`: the credentials cannot be read. `E-SERVICE`: the token service is out of order; and the
    /// codes of `fetch`.
    pub(crate) fn challenged(
        &mut self,
        headers: &HeaderMap,
        now: SystemTime,
        fetch: Fetch<'_>,
    ) -> Result<HeaderValue, RegistryError> {
        let authority = self.authority;
        let mut state = authority.state();
        if self.challenges > 0 {
            // What was refused once by a registry is not kept for the next request.
            state.forget(self.sent.as_ref());
            let found = authority.found(&mut state, self.scope)?;
            return Err(authority.refused(&found, self.scope));
        }
        self.challenges += 1;
        let values = headers.get_all(WWW_AUTHENTICATE).iter().map(HeaderValue::as_bytes);
        let challenges = Challenge::parse_all(values).map_err(|problem| authority.error(problem))?;
        let header = match chosen(challenges).map_err(|problem| authority.error(problem))? {
            Challenge::Bearer { realm, service, scope } => {
                let realm =
                    Realm::parse(&realm, &authority.origin).map_err(|problem| authority.error(problem))?;
                let asked = self.scope.asked(scope.as_deref());
                self.token(&mut state, TokenService { realm, service, asked }, now, fetch)?
            }
            Challenge::Basic | Challenge::Other(_) => self.itself(&mut state, Scheme::Basic)?,
        };
        self.sent = Some(header.clone());
        Ok(header)
    }

    fn token(
        &self,
        state: &mut State,
        service: TokenService,
        now: SystemTime,
        fetch: Fetch<'_>,
    ) -> Result<HeaderValue, RegistryError> {
        // Another thread may have been given a token while this one waited for its refusal.
        let newer = state.tokens.iter().rev().find(|kept| {
            kept.scope.covers(self.scope)
                && kept.token.expires > now
                && self.sent.as_ref() != Some(&kept.token.header)
        });
        if let Some(kept) = newer {
            return Ok(kept.token.header.clone());
        }
        state.forget(self.sent.as_ref());
        let found = self.authority.found(state, self.scope)?;
        if direct(&found, Scheme::Bearer).is_some() {
            return self.itself(state, Scheme::Bearer);
        }
        self.authority.fetch(state, self.scope, service, now, fetch)
    }

    /// The credential as it is.
    fn itself(&self, state: &mut State, scheme: Scheme) -> Result<HeaderValue, RegistryError> {
        let authority = self.authority;
        let mut found = authority.found(state, self.scope)?;
        let mut header = direct(&found, scheme);
        if header.is_some() && header == self.sent {
            let refused = authority.refused(&found, self.scope);
            state.forget(self.sent.as_ref());
            found = authority.found_anew(state, self.scope, &found)?.ok_or(refused)?;
            header = direct(&found, scheme);
        }
        let header = header.ok_or_else(|| authority.refused(&found, self.scope))?;
        state.direct.insert(self.scope.repository().to_owned(), header.clone());
        Ok(header)
    }
}

impl State {
    /// Forgets what the registry did not take.
    fn forget(&mut self, sent: Option<&HeaderValue>) {
        let Some(sent) = sent else { return };
        self.tokens.retain(|kept| kept.token.header != *sent);
        self.direct.retain(|_, header| header != sent);
    }
}

/// The credential as a header of its own; nothing for one that only a token service takes.
fn direct(found: &Found, scheme: Scheme) -> Option<HeaderValue> {
    let Found::Credential { credential, .. } = found else { return None };
    match (credential, scheme) {
        (Credential::Basic { username, password }, Scheme::Basic) => basic_header(username, password),
        // A token that the user has for the registry needs no service, whichever scheme is named.
        (Credential::Bearer(token), _) => bearer_header(token),
        _ => None,
    }
}

/// The challenge that is answered: Bearer before Basic, because a token opens less than a password.
fn chosen(challenges: Vec<Challenge>) -> Result<Challenge, AuthProblem> {
    let (mut basic, mut others) = (None, Vec::new());
    for challenge in challenges {
        match challenge {
            Challenge::Bearer { .. } => return Ok(challenge),
            Challenge::Basic => basic = Some(challenge),
            Challenge::Other(scheme) => others.push(scheme),
        }
    }
    basic.ok_or(AuthProblem::Scheme { schemes: others })
}

#[cfg(test)]
mod tests;
